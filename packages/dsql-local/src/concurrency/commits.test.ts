import { describe, expect, it } from "vitest";
import { Commits } from "./commits.ts";

describe("what a snapshot sees of COMMITs", () => {
  it("is all of them up to the first that is not answered, whichever is answered first", () => {
    const commits = new Commits();
    expect(commits.seen).toBe(0);
    const [first, second] = [commits.ask(), commits.ask()];
    expect([first, second, commits.seen]).toEqual([1, 2, 0]);
    commits.answered(second);
    expect(commits.seen).toBe(0);
    commits.answered(first);
    expect([commits.seen, commits.last]).toEqual([2, 2]);
    expect([commits.ask(), commits.whole()]).toEqual([3, 4]);
    expect([commits.seen, commits.last]).toEqual([2, 4]);
  });
});
