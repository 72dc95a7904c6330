import { describe, expect, it } from "vitest";
import { connectionFailure, placedFailure } from "./connection-failure.ts";
import { MillraceError } from "./millrace-error.ts";

const attempt = {
  host: "db.internal",
  port: 5432,
  user: "mill",
  database: "shop",
  hasPassword: true,
  sslMode: "verify-full",
  hasCa: false,
  names: { host: "hostname", database: "tables" },
};
const failed = (code: string, message = "") => Object.assign(new Error(message), { code });

describe("a failure to connect", () => {
  it.each([
    [failed("ENOTFOUND"), "hostname", "there is no host of the name db.internal"],
    [failed("ECONNREFUSED"), "port", "nothing listens at db.internal:5432"],
    [new Error("timeout expired"), "hostname", "db.internal:5432 does not answer"],
    [failed("28P01"), "password", "the password is wrong, or there is no such role"],
    [failed("28000", 'role "mill" does not exist'), "username", "the server has no role mill"],
    [failed("3D000"), "tables", "the server has no database shop"],
    [failed("SELF_SIGNED_CERT_IN_CHAIN"), "ssl-ca", "is not given, and no authority"],
    [failed("ERR_TLS_CERT_ALTNAME_INVALID"), "hostname", "is not for the name db.internal"],
    [new Error("The server does not support SSL connections"), "ssl-mode", "speaks no TLS"],
    [
      failed("28000", 'no pg_hba.conf entry for host "1", no encryption'),
      "username",
      "without TLS",
    ],
  ])("has its own words, and the option that is at fault: %s", (error, option, words) => {
    expect(connectionFailure(error, attempt)).toMatchObject({
      option,
      wrong: expect.stringContaining(words) as string,
    });
  });

  it("tells a missing password from a wrong one, and a wrong authority from a missing one", () => {
    const without = { ...attempt, hasPassword: false, hasCa: true };
    expect([
      connectionFailure(failed("28P01"), without)?.wrong,
      connectionFailure(failed("DEPTH_ZERO_SELF_SIGNED_CERT"), without)?.wrong,
    ]).toEqual([
      "the server wants a password for role mill, and none is given",
      "the authorities in this file have not signed the server's certificate",
    ]);
  });

  it("that nobody can mend by the file is left to others", () => {
    expect(connectionFailure(failed("57P03", "starting up"), attempt)).toBeNull();
  });

  it("becomes an error of its side: retried where it may pass, refused where it will not", () => {
    const other = new MillraceError("MR_SINK_LOST_CONNECTION", "x", { facts: { sqlState: null } });
    const errorOf = (code: string) => {
      const failure = connectionFailure(failed(code), attempt);
      return failure === null ? null : placedFailure("sink", failure, other);
    };
    expect([errorOf("ECONNREFUSED")?.class, errorOf("28P01")?.class]).toEqual([
      "transient",
      "config",
    ]);
    expect(errorOf("28P01")).toMatchObject({
      code: "MR_SINK_REFUSED",
      facts: { option: "sink.password", sqlState: null },
      remedy: expect.stringContaining("Correct password, or username") as string,
    });
  });
});
