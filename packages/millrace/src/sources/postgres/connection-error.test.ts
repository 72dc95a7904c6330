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
