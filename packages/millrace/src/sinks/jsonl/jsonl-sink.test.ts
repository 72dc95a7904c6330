import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Commit, TargetChangeEvent } from "../../model/sink.ts";
import type { TableShape, TargetTable } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import { UNCHANGED } from "../../model/value.ts";
import { JsonlSink } from "./jsonl-sink.ts";

const SHAPE: TableShape = {
  id: tableId("shop", "orders"),
  schema: "shop",
  name: "orders",
  identity: "1",
  columns: [
    {
      name: "id",
      type: { kind: "int", bits: 64 },
      sourceType: "bigint",
      nullable: false,
      ordinal: 1,
    },
    {
      name: "data",
      type: { kind: "bytes", maxBytes: null },
      sourceType: "bytea",
      nullable: true,
      ordinal: 2,
    },
  ],
  key: [0],
};

let folder: string;
const opened: JsonlSink[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "jsonl-"));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sink) => sink.close()));
  await rm(folder, { recursive: true });
});

async function openSink(): Promise<{ sink: JsonlSink; fence: number; table: TargetTable }> {
  const sink = new JsonlSink({ path: join(folder, "out"), statePath: join(folder, "state") });
  opened.push(sink);
  await sink.open();
  const { fence } = await sink.takeOver({ pipeline: "p/1", task: "0", lanes: 1 });
  return { sink, fence, table: sink.mapTable(SHAPE, { schema: "shop", name: "orders" }) };
}

function commitOf(
  fence: number,
  expectedSeq: number,
  changes: readonly TargetChangeEvent[],
): Commit {
  const state = [{ key: "at", value: expectedSeq }];
  return {
    fence,
    lanes: [{ lane: 0, expectedSeq }],
    writes: [{ kind: "changes", changes }],
    state,
    deadLetters: [],
    superseded: [],
  };
}

async function lines(): Promise<unknown[]> {
  const text = await readFile(join(folder, "out", "shop.orders.jsonl"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
}

describe("the jsonl sink", () => {
  it("writes every change of a key in order, and leaves out what the log left out", async () => {
    const { sink, fence, table } = await openSink();
    const change = { table, key: "1", transaction: null, source: SHAPE.id, counterpart: null };
    await sink.commit(
      commitOf(fence, 0, [
        { ...change, op: "c", before: null, after: ["1", Uint8Array.of(0, 255)], position: 7 },
        { ...change, op: "u", before: null, after: ["1", UNCHANGED], position: 8 },
        { ...change, op: "d", before: ["1", UNCHANGED], after: null, position: 9 },
      ]),
    );
    expect(await lines()).toEqual([
      { op: "c", table: "shop.orders", key: "1", after: { id: "1", data: "\\x00ff" }, position: 7 },
      { op: "u", table: "shop.orders", key: "1", after: { id: "1" }, position: 8 },
      { op: "d", table: "shop.orders", key: "1", before: { id: "1" }, position: 9 },
    ]);
  });

  it("says of the old row of a table without key what the log has, and no key of ours", async () => {
    const { sink, fence, table } = await openSink();
    const keyless = { ...table, keyless: true };
    const base = { key: "", transaction: null, source: SHAPE.id, counterpart: null };
    const change = { table: keyless, ...base, before: ["", null] as const };
    await sink.commit(
      commitOf(fence, 0, [
        { ...change, op: "u", after: ["9-1", null], position: 8 },
        { ...change, op: "d", after: null, position: 9 },
      ]),
    );
    const line = { table: "shop.orders", key: "", before: { data: null } };
    expect(await lines()).toEqual([
      { op: "u", ...line, after: { id: "9-1", data: null }, position: 8 },
      { op: "d", ...line, position: 9 },
    ]);
  });

  it("gives state and seq back to the next start, and cuts a line that a crash has torn", async () => {
    const first = await openSink();
    const event = {
      table: first.table,
      key: "1",
      transaction: null,
      source: SHAPE.id,
      counterpart: null,
      op: "c",
      before: null,
      after: ["1", null],
      position: 7,
    } as const;
    await first.sink.commit(commitOf(first.fence, 0, [event]));
    await appendFile(join(folder, "out", "shop.orders.jsonl"), '{"op":"c","ta');
    const second = new JsonlSink({ path: join(folder, "out"), statePath: join(folder, "state") });
    opened.push(second);
    const takeover = await second.takeOver({ pipeline: "p/1", task: "0", lanes: 1 });
    expect(takeover).toMatchObject({
      fence: 2,
      lanes: [{ lane: 0, seq: 1, fence: 2 }],
      state: new Map([["at", 0]]),
    });
    await second.commit(commitOf(2, 1, [event]));
    expect(await lines()).toHaveLength(2);
  });

  it("refuses a task that has been taken over", async () => {
    const first = await openSink();
    await openSink();
    await expect(first.sink.commit(commitOf(first.fence, 0, []))).rejects.toMatchObject({
      code: "MR_FENCED",
    });
  });

  it("refuses a seq that has passed", async () => {
    const { sink, fence } = await openSink();
    await sink.commit(commitOf(fence, 0, []));
    await expect(sink.commit(commitOf(fence, 0, []))).rejects.toMatchObject({
      code: "MR_SINK_LANE_MOVED",
    });
  });
});
