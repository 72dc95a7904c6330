import { describe, expect, it } from "vitest";
import { Holder, holderText, isHeld, takenOverText } from "./holder.ts";

const mine = (holder: Holder, fence: number) => ({ process: holder.process, fence });
const theirs = { process: "another", fence: 5 };

describe("a process that takes over", () => {
  it("leaves its name, by which who comes after it is told of it", () => {
    const who = { host: "db1", pid: 42, startedMs: Date.UTC(2026, 10, 21, 9, 30) };
    const mark = new Holder(Math.random, who).mark(7);
    expect(takenOverText(mark, 7)).toBe(
      "another process took over with fence 7: process 42 on db1, started 2026-11-21T09:30:00.000Z",
    );
    expect(takenOverText(new Holder(Math.random).mark(7), 7)).toBe(
      "another process took over with fence 7",
    );
    expect(holderText(null)).toBe("");
    expect(takenOverText(null, 8)).toMatch(
      /^no process has the pipeline now \(fence 8\): .*millrace cleanup --state/,
    );
  });

  it("has the task until it says that it stopped, or is known to be gone", () => {
    const who = { host: "db1", pid: 42, startedMs: 0 };
    const mark = new Holder(Math.random, who).mark(7);
    const there = () => true;
    expect(isHeld({ mark, releasedFence: null }, there)).toBe(true);
    expect(isHeld({ mark, releasedFence: 6 }, there)).toBe(true);
    expect(isHeld({ mark, releasedFence: 7 }, there)).toBe(false);
    expect(isHeld({ mark, releasedFence: 6 }, () => false)).toBe(false);
    expect(isHeld({ mark, releasedFence: 6 }, () => null)).toBe(null);
    expect(isHeld({ mark: null, releasedFence: null }, there)).toBe(false);
  });

  it("takes over from whomever it finds as long as it never did before", () => {
    const holder = new Holder(Math.random);
    expect(holder.isSuperseded(null, 0)).toBe(false);
    expect(holder.isSuperseded(theirs, 5)).toBe(false);
  });

  it("takes over again from itself, and from nobody else", () => {
    const holder = new Holder(Math.random);
    holder.took(null);
    expect(holder.isSuperseded(mine(holder, 1), 1)).toBe(false);
    expect(holder.isSuperseded(theirs, 5)).toBe(true);
  });

  it("takes a fence above its own for another's where that one left no mark", () => {
    const holder = new Holder(Math.random);
    holder.took(null);
    expect(holder.isSuperseded(mine(holder, 1), 2)).toBe(true);
    expect(holder.isSuperseded(null, 2)).toBe(true);
  });

  it("goes on after a takeover of unknown outcome whether it landed or not, but not over a third one", () => {
    const holder = new Holder(Math.random);
    holder.mayHaveTaken(theirs, 5);
    expect(holder.isSuperseded(theirs, 5)).toBe(false);
    expect(holder.isSuperseded(mine(holder, 6), 6)).toBe(false);
    expect(holder.isSuperseded({ process: "a third", fence: 6 }, 6)).toBe(true);
    expect(holder.isSuperseded({ ...theirs, fence: 7 }, 7)).toBe(true);
  });

  it("knows who had the task before, unless that is gone, or itself under another name", () => {
    const me = { host: "db1", pid: 42, startedMs: 0 };
    const other = { host: "db1", pid: 41, startedMs: 0 };
    const text = "process 41 on db1, started 1970-01-01T00:00:00.000Z";
    const found = (isThere: boolean | null, who = other) =>
      new Holder(Math.random, me, () => isThere).took({ ...theirs, who });
    expect(found(true)).toEqual({ text, stillRuns: true });
    expect(found(null)).toEqual({ text, stillRuns: null });
    expect(found(false)).toBeNull();
    expect(found(true, me)).toBeNull();
    const holder = new Holder(Math.random, me, () => true);
    expect(holder.took(holder.mark(3))).toBeNull();
    expect(holder.took(theirs)).toBeNull();
    expect(holder.took(null)).toBeNull();
  });

  it("knows who had the task before a takeover of unknown outcome that landed", () => {
    const who = { host: "db1", pid: 41, startedMs: 0 };
    const holder = new Holder(Math.random, { ...who, pid: 42 }, () => true);
    holder.mayHaveTaken({ ...theirs, who }, 5);
    holder.mayHaveTaken(holder.mark(6), 6);
    expect(holder.took(holder.mark(7))).toMatchObject({ stillRuns: true });
    expect(holder.took(holder.mark(8))).toBeNull();
  });

  it("has a name of its own", () => {
    expect(new Holder(Math.random).process).toMatch(/^[0-9a-f]{32}$/);
    expect(new Holder(Math.random).process).not.toBe(new Holder(Math.random).process);
  });
});
