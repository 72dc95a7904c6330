import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { connectionError } from "./connection-error.ts";

describe("an error of the source's server", () => {
  it("that quotes a row's value is told by its SQLSTATE alone, and not tried again for ever", () => {
    const server = Object.assign(
      new Error('invalid input syntax for type integer: "marked-value"'),
      { code: "22P02" },
    );
    const error = connectionError(server, "reading the log");
    expect(error.message).not.toContain("marked-value");
    expect(error.cause).toBeUndefined();
    expect([error.code, error.class, error.facts["sqlState"]]).toEqual([
      "MR_SOURCE_REFUSED",
      "config",
      "22P02",
    ]);
  });

  it("is quoted by its class: settings and storage are named, what functions raise and time zones of rows are not", () => {
    const said = (code: string, message: string) =>
      connectionError(Object.assign(new Error(message), { code }), "reading").message;
    expect(said("22023", 'time zone "marked-value" not recognized')).not.toContain("marked-value");
    expect(said("22023", 'invalid value for parameter "role"')).toContain('parameter "role"');
    expect(said("P0001", "marked-value")).not.toContain("marked-value");
    expect(said("ZZ123", "marked-value")).not.toContain("marked-value");
    expect(said("XX000", "bad marked-value")).not.toContain("marked-value");
    expect(said("XX000", "missing chunk number 0 for toast value 7")).toContain("toast value 7");
  });

  it("has a cause without DETAIL and CONTEXT, which may hold values", () => {
    const fields = {
      code: "42501",
      detail: "marked-value",
      where: "marked-value",
      internalQuery: "marked-value",
    };
    const error = connectionError(Object.assign(new Error("permission denied"), fields), "reading");
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("marked-value");
    expect(error.cause).toMatchObject({ message: "permission denied", code: "42501" });
  });

  it("about objects keeps the server's words", () => {
    const server = Object.assign(new Error('permission denied for table "t"'), { code: "42501" });
    expect(connectionError(server, "reading").message).toContain('permission denied for table "t"');
  });

  it("about a right that lacks says where to find what to grant", () => {
    const server = Object.assign(new Error('permission denied for table "t"'), { code: "42501" });
    expect(connectionError(server, "reading").message).toMatch(/validate FILE --connect.*GRANT/);
  });

  it("that nobody knows is transient", () => {
    expect(connectionError(new Error("socket hang up"), "reading").class).toBe("transient");
  });
});
