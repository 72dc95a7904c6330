import { describe, expect, it } from "vitest";
import {
  branchedAt,
  historyJson,
  keptHistory,
  type LogHistory,
  parseHistory,
} from "./log-history.ts";

const history = (
  timeline: number,
  left: LogHistory["left"],
  started = `${timeline}`,
): LogHistory => ({
  timeline,
  left,
  started: `${started} ${JSON.stringify(left)}`,
});

describe("the history of a log", () => {
  const first = history(1, []);

  it.each([
    ["the same server", first, first, null],
    ["the same timeline, another start", first, history(1, [], "later"), null],
    ["a standby of it was promoted", first, history(2, [[1, 500]]), 500],
    [
      "promoted twice since",
      first,
      history(3, [
        [1, 500],
        [2, 700],
      ]),
      500,
    ],
    [
      "promoted once more",
      history(2, [[1, 500]]),
      history(3, [
        [1, 500],
        [2, 700],
      ]),
      700,
    ],
    [
      "another standby was promoted, as timeline 2 too",
      history(2, [[1, 500]]),
      history(2, [[1, 400]]),
      400,
    ],
    ["the old primary is back", history(2, [[1, 500]]), history(1, [], "back"), 500],
    ["another timeline from the same place", history(2, [[1, 500]]), history(3, [[1, 500]]), 500],
  ])("parts where %s", (_, known, now, lsn) => {
    expect(branchedAt(known, now)).toBe(lsn);
    expect(branchedAt(keptHistory(historyJson(known)), now)).toBe(lsn);
  });

  it("does not part from what the server itself has sent, also where it was promoted meanwhile", () => {
    const before = { timeline: 1, left: [], started: "now" };
    const after = { timeline: 2, left: [[1, 500] as const], started: "now" };
    expect(branchedAt(before, after)).toBeNull();
  });

  it("is unknown where nothing was kept", () => {
    expect(branchedAt(keptHistory(null), first)).toBeNull();
    expect(branchedAt(keptHistory(undefined), first)).toBeNull();
    expect(() => keptHistory("2")).toThrow("MR_BUG");
  });

  it("is read from the server's file", () => {
    const text = "1\t0/3000148\tno recovery target specified\n\n2\t1/0\tbefore 2026-11-21\n";
    expect(parseHistory(text)).toEqual([
      [1, 0x3000148],
      [2, 2 ** 32],
    ]);
    expect(parseHistory("")).toEqual([]);
  });
});
