import { describe, expect, it } from "vitest";
import { joinTransactions } from "./transaction-id.ts";
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
    ["105@0/1", false],
    ["109@F/1", true],
    ["99999999999999", false],
  ])("of transaction %s is %s", (xid, seen) => {
    expect(visibility.sees(xid)).toBe(seen);
    expect(Visibility.ofToken(visibility.token).sees(xid)).toBe(seen);
  });

  it("orders ids by number, not by text", () => {
    expect(Visibility.parse("1000:1000:").sees("999")).toBe(true);
    expect(Visibility.parse("4294967300:4294967300:").sees("5")).toBe(true);
  });

  it("on a standby goes by the log that was replayed before, and by nothing above xmin else", () => {
    const standby = Visibility.ofStandby("100:110:", 0x2000);
    const ids = ["99", "100", "105", "105@0/1FFF", "105@0/2000", "99@0/3000"];
    const seen = [true, false, false, true, false, true];
    expect(ids.map((id) => standby.sees(id))).toEqual(seen);
    const kept = Visibility.ofToken(standby.token);
    expect(ids.map((id) => kept.sees(id))).toEqual(seen);
  });

  it("sees many that are remembered as one only where it sees each of them", () => {
    const both = joinTransactions("104@0/2000", "101@0/2100");
    expect(both).toBe("<=104@0/2100");
    // A primary's commits become visible in any order: only that none up to there runs any more proves all of them.
    expect(Visibility.parse("104:110:104").sees(both)).toBe(false);
    expect(Visibility.parse("105:110:").sees(both)).toBe(true);
    expect(Visibility.ofStandby("100:100:", 0x2100).sees(both)).toBe(false);
    expect(Visibility.ofStandby("100:100:", 0x2101).sees(both)).toBe(true);
    expect(joinTransactions(both, "107@0/2200")).toBe("<=107@0/2200");
  });

  it("refuses what is no snapshot", () => {
    expect(() => Visibility.parse("")).toThrow("MR_BUG");
    expect(() => Visibility.ofToken(7)).toThrow("MR_BUG");
  });
});
