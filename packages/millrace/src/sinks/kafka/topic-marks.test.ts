import { describe, expect, it } from "vitest";
import { takeoverRecords, type StateRecord } from "./state-records.ts";
import { claimRecord, TopicMarkReader } from "./topic-marks.ts";

const mark = { process: "p", fence: 1 };
const claim = (pipeline: string, task = "0"): StateRecord => claimRecord({ pipeline, task }, mark);
const taken = (pipeline: string): readonly StateRecord[] =>
  takeoverRecords({ pipeline, task: "0" }, mark, []);

/** Reads records by their places, in this order. */
function read(records: readonly (readonly [offset: number, record: StateRecord])[]) {
  const reader = new TopicMarkReader();
  for (const [offset, { key, value }] of records)
    reader.take(
      Buffer.from(JSON.stringify(key)),
      value === null ? null : Buffer.from(JSON.stringify(value)),
      offset,
    );
  return reader;
}

describe("a state topic of which several pipelines claim that it is theirs", () => {
  it("is the one's whose claim stands first, in whatever order they are decided", () => {
    const marks = read([
      [7, claim("late")],
      [3, claim("early")],
    ]);
    expect(marks.foreign("early")).toBeNull();
    expect(marks.foreign("late")).toMatchObject({ pipeline: "early", isClaim: true });
  });

  it("is the one's that has taken a task over, whatever stands before", () => {
    const marks = read([
      [1, claim("other")],
      ...taken("ours").map((record) => [4, record] as const),
    ]);
    expect(marks.foreign("ours")).toBeNull();
    expect(marks.foreign("other")).toMatchObject({ pipeline: "ours", isClaim: false });
    expect(marks.isNamed("ours")).toBe(true);
  });

  it("is free again where the claim was taken back", () => {
    const marks = read([
      [1, claim("one")],
      [2, claim("one", "1")],
      [3, claimRecord({ pipeline: "one", task: "0" }, null)],
    ]);
    expect([marks.isClaimed("one", "0"), marks.isClaimed("one", "1")]).toEqual([false, true]);
    expect(marks.foreign("two")).toMatchObject({ pipeline: "one" });
  });
});
