import { describe, expect, it } from "vitest";
import { Visibility } from "./visibility.ts";

describe("Visibility", () => {
  const visibility = Visibility.parse("100:110:102,105");

  it.each([
    ["99", true],
    ["100", true],
    ["102", false],
    ["105", false],
    ["109", true],
    ["110", false],
    ["99999999999999", false],
  ])("of transaction %s is %s", (xid, seen) => {
    expect(visibility.sees(xid)).toBe(seen);
    expect(Visibility.ofToken(visibility.token).sees(xid)).toBe(seen);
  });

  it("orders ids by number, not by text", () => {
    expect(Visibility.parse("1000:1000:").sees("999")).toBe(true);
    expect(Visibility.parse("4294967300:4294967300:").sees("5")).toBe(true);
  });

  it("proves nothing above xmin on a standby", () => {
    const standby = Visibility.parse("100:110:", true);
    expect([standby.sees("99"), standby.sees("100"), standby.sees("105")]).toEqual([
      true,
      false,
      false,
    ]);
    expect(Visibility.ofToken(standby.token).sees("105")).toBe(false);
  });

  it("refuses what is no snapshot", () => {
    expect(() => Visibility.parse("")).toThrow("MR_BUG");
    expect(() => Visibility.ofToken(7)).toThrow("MR_BUG");
  });
});
