import { describe, expect, it } from "vitest";
import { parseArguments, USAGE, UsageError, wantsHelp } from "./arguments.ts";

describe("the demo's arguments", () => {
  it("have defaults, and a usage that fits 80 columns", () => {
    expect(parseArguments([])).toEqual({
      forSeconds: null,
      rows: 20_000,
      rate: 200,
      listen: "127.0.0.1:8083",
      json: false,
      source: "postgres",
      sink: "dsql",
    });
    expect(Math.max(...USAGE.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("ask for help in either spelling", () => {
    expect([["--help"], ["--for", "3", "-h"], ["--for", "3"]].map(wantsHelp)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it.each([
    [["--nope"]],
    [["--for"]],
    [["--rows", "many"]],
    [["--for=0"]],
    [["--source", "oracle"]],
    [["--sink", "files"]],
  ])("that mean nothing are refused with the reason on one line: %s", (argv) => {
    expect(() => parseArguments(argv)).toThrow(UsageError);
    expect(() => parseArguments(argv)).toThrow(/^[^\n]+ \(npm start -- --help says more\)$/);
  });

  it("that npm took the flag from are given back with it", () => {
    expect(() => parseArguments(["10"])).toThrow(
      '"10" came without its flag, which npm keeps for itself: write `npm start -- --for 10`.',
    );
  });
});
