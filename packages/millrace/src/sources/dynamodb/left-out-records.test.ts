import { describe, expect, it } from "vitest";
import { LeftOutRecords } from "./left-out-records.ts";
import { BEGIN } from "./sequence.ts";

/** Records before second 100 are too old. */
const rules = { isLeftOut: ({ timeMs }: { readonly timeMs: number }) => timeMs < 100_000 };
const at = (second: number) => ({ timeMs: second * 1_000 });

describe("records that are left out by their age", () => {
  it("are the beginning of a shard, and none behind the first that counts, whatever their times say", () => {
    const records = new LeftOutRecords(rules);
    records.begin({ id: "s", parent: null, after: BEGIN });
    const left = [98, 99, 100, 99, 101].map((second) => records.has("s", at(second)));
    expect(left).toEqual([true, true, false, false, false]);
  });

  it("go on in the children of a shard that had nothing else, and in no other's", () => {
    const records = new LeftOutRecords(rules);
    for (const id of ["old", "counts"]) records.begin({ id, parent: null, after: BEGIN });
    records.has("old", at(98));
    records.has("counts", at(100));
    for (const parent of ["old", "counts"])
      records.begin({ id: `${parent}.0`, parent, after: BEGIN });
    expect([records.has("old.0", at(99)), records.has("counts.0", at(99))]).toEqual([true, false]);
  });

  it("are none of a shard that an earlier run has begun, nor of its children", () => {
    const records = new LeftOutRecords(rules);
    records.begin({ id: "s", parent: null, after: "100" });
    records.begin({ id: "s.0", parent: "s", after: BEGIN });
    records.begin({ id: "t.0", parent: "t", after: BEGIN });
    expect(["s", "s.0", "t.0"].map((id) => records.has(id, at(98)))).toEqual([false, false, false]);
  });
});
