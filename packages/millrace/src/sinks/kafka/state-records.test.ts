import { describe, expect, it } from "vitest";
import type { DeadLetter } from "../../model/dead-letter.ts";
import type { Commit } from "../../model/sink.ts";
import { tableId } from "../../model/table.ts";
import {
  commitRecords,
  forgetRecords,
  isEmpty,
  takeoverRecords,
  type StateRecord,
  TaskNameReader,
  TaskStateReader,
} from "./state-records.ts";
import { claimRecord } from "./topic-marks.ts";

const target = tableId("public", "t");
const letter: DeadLetter = {
  id: "a",
  table: target,
  target,
  key: '["1"]',
  keyColumns: { id: "1" },
  code: "MR_SINK_ROW_REFUSED",
  reason: "too large",
  column: null,
  op: "u",
  position: [1, 2],
  attempts: 1,
  parkedAtMs: 5,
  triedAtMs: 5,
};
const commit: Commit = {
  fence: 3,
  lanes: [{ lane: 0, expectedSeq: 7 }],
  writes: [],
  state: [
    { key: "frontier/log", value: { at: [1, null] } },
    { key: "gone", value: null },
  ],
  deadLetters: [letter],
  superseded: [{ target, key: '["2"]' }],
};
const holder = { process: "p", fence: 3, who: { host: "h", pid: 1, startedMs: 2 } };

/** As the topic holds them. */
const lines = (records: readonly StateRecord[]): string[] =>
  records.map(
    ({ key, value }) => `${JSON.stringify(key)} ${value === null ? "" : JSON.stringify(value)}`,
  );

function read(records: readonly StateRecord[], task = "main") {
  const reader = new TaskStateReader(task);
  for (const { key, value } of records)
    reader.take(
      Buffer.from(JSON.stringify(key)),
      value === null ? null : Buffer.from(JSON.stringify(value)),
    );
  return reader.result();
}

describe("records of the state topic", () => {
  it("are written as later programs will have to read them", async () => {
    const lane = { lane: 0, fence: 3, seq: 7 };
    const all = [
      claimRecord({ pipeline: "orders", task: "main" }, holder),
      ...takeoverRecords({ pipeline: "orders", task: "main" }, holder, [lane]),
      ...commitRecords("main", commit),
    ];
    await expect(`${lines(all).join("\n")}\n`).toMatchFileSnapshot("golden/state-records.txt");
  });

  it("add up to what a task keeps, the last of a key counting", () => {
    const before: StateRecord[] = [
      { key: ["state", "main", "gone"], value: 1 },
      { key: ["letter", "main", target, '["2"]'], value: { ...letter, key: '["2"]' } },
    ];
    const lane = { lane: 0, fence: 3, seq: 7 };
    const after = [
      ...takeoverRecords({ pipeline: "orders", task: "main" }, holder, [lane]),
      ...commitRecords("main", commit),
    ];
    const found = read([...before, ...after]);
    expect(found.holder).toEqual(holder);
    expect([...found.lanes.values()]).toEqual([{ lane: 0, fence: 3, seq: 8 }]);
    expect([...found.state]).toEqual([["frontier/log", { at: [1, null] }]]);
    expect(found.letters).toEqual([letter]);
  });

  it("of other tasks are passed by", () => {
    expect(isEmpty(read(commitRecords("other", commit)))).toBe(true);
  });

  it("tell which tasks keep anything", () => {
    const reader = new TaskNameReader();
    const records = [
      ...takeoverRecords({ pipeline: "orders", task: "a" }, holder, []),
      ...commitRecords("b", commit),
      ...takeoverRecords({ pipeline: "orders", task: "c" }, holder, []),
      ...forgetRecords(
        "a",
        read(takeoverRecords({ pipeline: "orders", task: "a" }, holder, []), "a"),
      ),
    ];
    for (const { key, value } of records)
      reader.take(
        Buffer.from(JSON.stringify(key)),
        value === null ? null : Buffer.from(JSON.stringify(value)),
      );
    expect(reader.result()).toEqual(["b", "c"]);
  });

  it("can all be taken away", () => {
    const all = [
      ...takeoverRecords({ pipeline: "orders", task: "main" }, holder, []),
      ...commitRecords("main", commit),
    ];
    const gone = forgetRecords("main", read(all));
    expect(isEmpty(read([...all, ...gone]))).toBe(true);
  });

  it("of a newer program are refused, and what is none of ours is told", () => {
    const newer = { key: ["holder", "main"], value: { version: 2 } };
    expect(() => read([newer])).toThrow(/newer program/);
    const reader = new TaskStateReader("main");
    expect(() => reader.take(Buffer.from("hello"), null)).toThrow(/not ours/);
  });
});
