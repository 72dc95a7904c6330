import { describe, expect, it } from "vitest";
import { abortedForSure, accessDenied, classify, stalePlan } from "./errors.ts";
import { ExchangeError } from "./exchange.ts";

/** What pg throws: an Error with the server's fields. */
function serverError(code: string, message = "text", fields: Record<string, string> = {}): Error {
  return Object.assign(new Error(message), { code, severity: "ERROR", ...fields });
}

describe("classify", () => {
  it.each([
    ["40001", "change conflicts with another transaction (OC000)", "MR_SINK_CONFLICT", "conflict"],
    [
      "40001",
      "schema has been updated by another transaction (OC001)",
      "MR_SINK_CONFLICT",
      "conflict",
    ],
    ["40P01", "deadlock detected", "MR_SINK_CONFLICT", "conflict"],
    ["25P02", "current transaction is aborted", "MR_SINK_CONFLICT", "conflict"],
    ["40003", "statement completion unknown", "MR_SINK_UNKNOWN_COMMIT", "unknown-outcome"],
    ["54000", "transaction row limit exceeded", "MR_SINK_TOO_LARGE", "too-large"],
    ["54000", "transaction size limit 10mb exceeded", "MR_SINK_TOO_LARGE", "too-large"],
    ["54000", "Transaction age limit of 300s exceeded", "MR_SINK_TOO_LARGE", "too-large"],
    [
      "54000",
      "query requires more than allowed temp space of 131072 KB to execute",
      "MR_SINK_TOO_LARGE",
      "too-large",
    ],
    ["54000", "maximum row size exceeded", "MR_SINK_ROW_REFUSED", "row"],
    [
      "54000",
      "datatype limit greater than 1048576 bytes not supported for text",
      "MR_SINK_ROW_REFUSED",
      "row",
    ],
    ["54000", "key size too large", "MR_SINK_ROW_REFUSED", "row"],
    ["22P02", "invalid input syntax", "MR_SINK_ROW_REFUSED", "row"],
    ["22003", "value out of range", "MR_SINK_ROW_REFUSED", "row"],
    ["23505", "duplicate key value", "MR_SINK_CONSTRAINT", "row"],
    ["23502", "null value", "MR_SINK_ROW_REFUSED", "row"],
    ["P0001", "raised by a trigger", "MR_SINK_ROW_REFUSED", "row"],
    ["53100", "could not extend file", "MR_SINK_LOST_CONNECTION", "transient"],
    ["53300", "too many open connections", "MR_SINK_LOST_CONNECTION", "transient"],
    ["53400", "rate exceeded", "MR_SINK_LOST_CONNECTION", "transient"],
    ["57P01", "terminating connection", "MR_SINK_LOST_CONNECTION", "transient"],
    [
      "08006",
      "unable to accept connection, waking up cluster, please retry later",
      "MR_SINK_LOST_CONNECTION",
      "transient",
    ],
    ["XX000", "server unavailable", "MR_SINK_LOST_CONNECTION", "transient"],
    ["08006", "unable to accept connection, access denied", "MR_SINK_REFUSED", "config"],
    ["28P01", "password authentication failed", "MR_SINK_REFUSED", "config"],
    ["42501", "permission denied for table t", "MR_SINK_REFUSED", "config"],
    ["0A000", "unsupported statement: Truncate", "MR_SINK_REFUSED", "config"],
    ["42P01", "relation does not exist", "MR_SINK_SCHEMA", "schema"],
    ["42703", "column does not exist", "MR_SINK_SCHEMA", "schema"],
    ["42804", "wrong type", "MR_SINK_SCHEMA", "schema"],
    ["0A000", "cached plan must not change result type", "MR_SINK_CONFLICT", "conflict"],
    ["26000", 'prepared statement "mr_x" does not exist', "MR_SINK_CONFLICT", "conflict"],
  ])("%s %s is %s", (code, message, wanted, errorClass) => {
    const error = classify(serverError(code, message), { doing: "upsert t" });
    expect([error.code, error.class, error.facts["sqlState"]]).toEqual([wanted, errorClass, code]);
    expect(
      classify(new ExchangeError(2, serverError(code, message)), { doing: "upsert t" }).code,
    ).toBe(wanted);
  });

  it("says of a full disk what it is, and what helps", () => {
    const { message, remedy } = classify(serverError("53100"), { doing: "upsert t" });
    expect([message, remedy]).toEqual([
      expect.stringContaining("upsert t: the server's disk is full (SQLSTATE 53100)"),
      expect.stringContaining("Make room on the disk"),
    ]);
  });

  it.each([
    ["54000", "more than 10 schemas not allowed"],
    ["54000", "creating more than 1000 tables not allowed"],
    ["54000", "more than 24 indexes per table are not allowed"],
    ["54011", "tables can have at most 1600 columns"],
  ])("%s %s is a limit of the server where a statement changes the catalogue", (code, message) => {
    const error = classify(serverError(code, message), { doing: "creating t", ddl: true });
    expect([error.code, error.class]).toEqual(["MR_SINK_REFUSED", "config"]);
    expect(error.message).toContain(`creating t: a limit of the sink is reached: ${message}`);
  });

  it.each([
    "Connection terminated unexpectedly",
    "read ECONNRESET",
    "write EPIPE",
    "getaddrinfo ENOTFOUND x",
    "something new",
  ])("a socket's %s is transient", (message) => {
    const code = /E[A-Z]+/.exec(message)?.[0];
    const error = classify(Object.assign(new Error(message), { code }), { doing: "commit" });
    expect([error.code, error.class, error.facts["sqlState"]]).toEqual([
      "MR_SINK_LOST_CONNECTION",
      "transient",
      null,
    ]);
  });

  it("a certificate that does not fit is the operator's to mend", () => {
    const error = classify(new Error("self-signed certificate in certificate chain"), {
      doing: "connecting",
    });
    expect(error.class).toBe("config");
  });

  it("tells names, never values or the server's own words about them", () => {
    const error = classify(
      serverError("23505", "duplicate key value violates unique constraint", {
        detail: "Key (email)=(jane@example.org) already exists.",
        constraint: "users_email_key",
        where: "jane@example.org",
      }),
      { doing: "upsert public.users", facts: { write: 3 } },
    );
    expect(error.facts).toEqual({ write: 3, sqlState: "23505", constraint: "users_email_key" });
    expect(`${error.message} ${JSON.stringify(error.facts)} ${String(error.cause)}`).not.toMatch(
      /jane|duplicate key/,
    );
  });

  it("says why a token was refused", () => {
    const denied = "unable to accept connection, access denied";
    const hint = "Signature expired: 20260101T000000Z is now earlier than …";
    expect(
      classify(serverError("08006", denied, { hint }), { doing: "connecting" }).message,
    ).toContain("expired");
  });
});

describe("a refusal of data that is too large", () => {
  it.each([
    ["maximum row size exceeded", "the row as a whole is larger than the sink takes"],
    ["key size too large", "the row's key is larger than the sink takes"],
    [
      "datatype limit greater than 1048576 bytes not supported for text",
      "a value of type text is larger than the sink takes",
    ],
  ])("says which size is too large: %s", (message, said) => {
    expect(
      classify(Object.assign(new Error(message), { code: "54000" }), { doing: "write" }).detail,
    ).toContain(said);
  });
});

describe("abortedForSure", () => {
  it.each(["40001", "23505", "54000", "22P02", "25P02", "42P01", "0A000"])(
    "believes an ERROR of %s",
    (code) => {
      expect(abortedForSure(serverError(code))).toBe(true);
    },
  );

  it.each(["57P01", "08006", "XX000", "53200", "58030", "40003"])(
    "does not believe %s: a COMMIT may have landed",
    (code) => {
      expect(abortedForSure(serverError(code))).toBe(false);
    },
  );

  it("does not believe a session that ended", () => {
    expect(abortedForSure(serverError("22000", "x", { severity: "FATAL" }))).toBe(false);
    expect(abortedForSure(new Error("Connection terminated unexpectedly"))).toBe(false);
  });
});

describe("stalePlan", () => {
  it("knows that only a new session helps", () => {
    expect(
      stalePlan(
        new ExchangeError(1, serverError("0A000", "cached plan must not change result type")),
      ),
    ).toBe(true);
    expect(stalePlan(serverError("26000", 'prepared statement "x" does not exist'))).toBe(true);
    expect(stalePlan(serverError("0A000", "unsupported statement: Truncate"))).toBe(false);
  });
});

describe("accessDenied", () => {
  it("knows DSQL's and PostgreSQL's words", () => {
    expect(accessDenied(serverError("08006", "unable to accept connection, access denied"))).toBe(
      true,
    );
    expect(accessDenied(serverError("28P01", "password authentication failed"))).toBe(true);
    expect(accessDenied(serverError("53400", "unable to accept connection, rate exceeded."))).toBe(
      false,
    );
  });
});
