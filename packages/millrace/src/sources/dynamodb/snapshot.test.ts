import { describe, expect, it } from "vitest";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { ChunkBatch, ChunkRange } from "../../model/source.ts";
import type { DynamoApi } from "./api.ts";
import { chunkKey, parseChunkKey } from "./chunks.ts";
import { parseStanding } from "./position.ts";
import { openReading, OPTIONS, TABLE, TestTable } from "./source.fixture.ts";
import type { DynamoSource } from "./source.ts";

const READ = { maxValueBytes: 1_000_000, batchBytes: 262_144 };

/** Writes items of some size, 25 at once. */
async function fill(table: TestTable, items: number, bytes = 100): Promise<string[]> {
  const keys = Array.from({ length: items }, (_, n) => `k${n}`);
  for (let at = 0; at < items; at += 25) {
    const puts = keys.slice(at, at + 25).map((id) => ({
      PutRequest: { Item: { id: { S: id }, value: { S: "x".repeat(bytes) } } },
    }));
    await table.local.dynamodb.batchWriteItem({ RequestItems: { [TABLE]: puts } });
  }
  return keys.toSorted();
}

async function shapeOf(source: DynamoSource) {
  const [found] = await source.discover();
  if (found === undefined) throw new Error("the table was not discovered");
  return found.shape;
}

function keysOf(batches: readonly ChunkBatch[]): string[] {
  return batches.flatMap(({ rows }) => rows.map(({ after }) => String(after?.[0]))).toSorted();
}

/** All batches of a range, or the first few of them. */
async function read(
  source: DynamoSource,
  range: ChunkRange,
  most = Infinity,
): Promise<ChunkBatch[]> {
  const snapshot = await source.openSnapshot();
  const batches: ChunkBatch[] = [];
  for await (const batch of snapshot.readChunk(await shapeOf(source), range, READ)) {
    batches.push(batch);
    if (batches.length >= most) break;
  }
  await snapshot.close();
  return batches;
}

/** The chunks of a table, as the loader plans them. */
async function plan(source: DynamoSource): Promise<ChunkRange[]> {
  const shape = await shapeOf(source);
  const ranges: ChunkRange[] = [];
  for (let from: ChunkKey | null = null; ;) {
    const range = await source.planChunk(shape, from);
    ranges.push(range);
    if (range.to === null) return ranges;
    from = range.to;
  }
}

describe("a table's scan", () => {
  it("has every item once, over all of its segments", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 100);
    const source = table.source({ options: { scan: { ...OPTIONS.scan, segments: 3 } } });
    const ranges = await plan(source);
    expect(ranges).toHaveLength(3);
    const batches = [];
    for (const range of ranges) batches.push(...(await read(source, range)));
    expect(keysOf(batches)).toEqual(keys);
    expect(batches.every(({ rows }) => rows.every(({ op }) => op === "r"))).toBe(true);
  });

  it("goes on behind every batch, within a page too: a snapshot that ends there got further", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 60, 50_000);
    const [range] = await plan(table.source());
    if (range === undefined) throw new Error("there is one segment");
    const whole = await read(table.source(), range);
    // A page of a megabyte is given in several batches.
    expect(whole.length).toBeGreaterThan(8);
    expect(whole.slice(0, -1).every(({ lastKey }) => lastKey !== null)).toBe(true);
    const batches: ChunkBatch[] = [];
    for (let { from } = range; ;) {
      const [batch] = await read(table.source(), { from, to: null }, 1);
      if (batch === undefined || batches.length > whole.length + 1)
        throw new Error("the scan does not end");
      batches.push(batch);
      if (batch.lastKey === null) break;
      from = JSON.parse(JSON.stringify(batch.lastKey)) as ChunkKey;
      expect(parseChunkKey(from)).toMatchObject({ segment: 0, of: 1 });
    }
    expect(keysOf(batches)).toEqual(keys);
  });

  it("of an empty table ends", async () => {
    await using table = await TestTable.start();
    const source = table.source();
    const [range] = await plan(source);
    if (range === undefined) throw new Error("there is one segment");
    const batches = await read(source, range);
    expect(keysOf(batches)).toEqual([]);
    expect(batches.at(-1)?.lastKey ?? null).toBeNull();
  });

  it("asks for no more items at once than the load's rate lets through, and says what is in hand", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 25, 3_000);
    const source = table.source();
    const [range] = await plan(source);
    if (range === undefined) throw new Error("there is one segment");
    const snapshot = await source.openSnapshot();
    const shape = await shapeOf(source);
    const batches: ChunkBatch[] = [];
    const options = { ...READ, batchBytes: 5_000, pageRows: 7 };
    for await (const batch of snapshot.readChunk(shape, range, options)) batches.push(batch);
    await snapshot.close();
    expect(keysOf(batches)).toEqual(keys);
    const scans = table.control.calls().filter(({ action }) => action === "Scan");
    expect(scans).toHaveLength(4);
    const pages = batches
      .map(({ rows, inHand }) => `${rows.length}${inHand === "last" ? ";" : ""}`)
      .join(" ")
      .split("; ");
    expect(pages).toEqual(["2 2 2 1", "2 2 2 1", "2 2 2 1", "2 2 0;"]);
  });

  it("asks for consistent reads, or for others where the file says so", async () => {
    await using table = await TestTable.start();
    await fill(table, 5, 3_000);
    const asked: boolean[] = [];
    const { api } = table.local;
    const watched: DynamoApi = {
      describeTable: (...told) => api.describeTable(...told),
      scan: (request, signal) => {
        asked.push(request.consistent);
        return api.scan(request, signal);
      },
      getItems: (...told) => api.getItems(...told),
      describeStream: (...told) => api.describeStream(...told),
      shardIterator: (...told) => api.shardIterator(...told),
      records: (...told) => api.records(...told),
      taggedTables: (...told) => api.taggedTables(...told),
      account: (...told) => api.account(...told),
      close: () => api.close(),
    };
    for (const consistent of [true, false]) {
      const source = table.source({
        api: watched,
        options: { scan: { ...OPTIONS.scan, consistent } },
      });
      const [range] = await plan(source);
      if (range !== undefined) await read(source, range);
    }
    expect(asked).toEqual([true, false]);
  });

  it("that is throttled goes slower, says so, and comes to its end", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 30);
    const source = table.source();
    const [range] = await plan(source);
    table.control.inject({
      kind: "error",
      code: "ProvisionedThroughputExceededException",
      action: "Scan",
      times: 2,
    });
    if (range === undefined) throw new Error("there is one segment");
    expect(keysOf(await read(source, range))).toEqual(keys);
    expect(source.waits().map(({ what, reason }) => `${what} ${reason}`)).toEqual([
      "load throttled",
    ]);
  });

  it("ends at a time that its pages cannot have seen beyond", async () => {
    await using table = await TestTable.start();
    await fill(table, 3);
    const source = table.source();
    const [range] = await plan(source);
    const snapshot = await source.openSnapshot();
    const before = parseStanding(snapshot.logEnd).timeMs;
    table.control.shiftClock(60_000);
    if (range === undefined) throw new Error("there is one segment");
    for await (const _batch of snapshot.readChunk(await shapeOf(source), range, READ)) continue;
    expect(parseStanding(snapshot.logEnd).timeMs).toBeGreaterThan(before + 50_000);
    expect(parseStanding(snapshot.logEnd).timeMs).toBeGreaterThan(table.control.nowMs() - 1_000);
  });

  it("sees every record that the stream has given", async () => {
    await using table = await TestTable.start();
    const source = table.source();
    const reading = await openReading(source);
    await table.put("a", "1");
    await reading.count(1);
    const [range] = await plan(source);
    if (range === undefined) throw new Error("there is one segment");
    expect(keysOf(await read(source, range))).toEqual(["a"]);
    expect(source.sees()).toBe(true);
    expect(await source.unseen()).toEqual([]);
  });
});

describe("a table that is made anew with another key", () => {
  it.each(["rows by their keys", "a scan from within"])(
    "has changed, and refuses nothing: %s",
    async (how) => {
      await using table = await TestTable.start();
      const [first = ""] = await fill(table, 2);
      const source = table.source();
      const shape = await shapeOf(source);
      const [range] = await plan(source);
      if (range === undefined) throw new Error("there is one segment");
      const snapshot = await source.openSnapshot();
      await table.local.dynamodb.deleteTable({ TableName: TABLE });
      await makeTable(table.local.dynamodb, TABLE, {
        AttributeDefinitions: [{ AttributeName: "other", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "other", KeyType: "HASH" }],
      });
      const from = chunkKey({ segment: 0, of: 1, key: { id: { S: first } } });
      const asked =
        how === "a scan from within"
          ? snapshot
              .readChunk(shape, { ...range, from }, READ)
              [Symbol.asyncIterator]()
              .next()
          : snapshot.readRows(
              shape,
              [shape.columns.map((_, at) => (at === 0 ? first : null))],
              READ,
            );
      await expect(asked).rejects.toMatchObject({ code: "MR_SOURCE_TABLE_CHANGED" });
    },
  );
});

describe("rows by their keys", () => {
  it("of which the service leaves some over are read slower, as a scan that is throttled", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 30);
    const source = table.source();
    const shape = await shapeOf(source);
    table.control.inject({ kind: "unprocessed", count: 3 });
    const snapshot = await source.openSnapshot();
    const wanted = keys.map((key) => shape.columns.map((_, at) => (at === 0 ? key : null)));
    const rows = await snapshot.readRows(shape, wanted, { maxValueBytes: 1_000_000 });
    expect(rows.size).toBe(30);
    expect(source.waits().map(({ what, reason }) => `${what} ${reason}`)).toEqual([
      "load throttled",
    ]);
  });

  it("of which an answer holds no more are read no slower", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 5, 300_000);
    const source = table.source();
    const shape = await shapeOf(source);
    table.control.inject({ kind: "unprocessed", count: 1 });
    const snapshot = await source.openSnapshot();
    const wanted = keys.map((key) => shape.columns.map((_, at) => (at === 0 ? key : null)));
    const rows = await snapshot.readRows(shape, wanted, { maxValueBytes: 1_000_000 });
    expect(rows.size).toBe(5);
    expect(source.waits()).toEqual([]);
  });

  it("are paid as pages are: the next hundred waits for it", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 130);
    let ms = 0;
    const clock = {
      now: () => ms,
      monotonic: () => ms,
      sleep: (pauseMs: number) => {
        ms += pauseMs;
        return Promise.resolve();
      },
    };
    const source = table.source({ clock, options: { scan: { ...OPTIONS.scan, maxUnits: 10 } } });
    const shape = await shapeOf(source);
    const snapshot = await source.openSnapshot();
    const wanted = keys.map((key) => shape.columns.map((_, at) => (at === 0 ? key : null)));
    const before = ms;
    await snapshot.readRows(shape, wanted, { maxValueBytes: 1_000_000 });
    // A hundred units at ten a second.
    expect(ms - before).toBeGreaterThanOrEqual(9_000);
  });

  it("are read consistently, more than a hundred at once; missing ones are absent", async () => {
    await using table = await TestTable.start();
    const keys = await fill(table, 130);
    const source = table.source();
    const shape = await shapeOf(source);
    const wanted = [...keys, "nobody"].map((key) =>
      shape.columns.map((_, at) => (at === 0 ? key : null)),
    );
    const snapshot = await source.openSnapshot();
    const rows = await snapshot.readRows(shape, wanted, { maxValueBytes: 1_000_000 });
    expect([...rows.values()].map(([key]) => String(key)).toSorted()).toEqual(keys);
    const only = await snapshot.readRows(shape, wanted, {
      maxValueBytes: 1_000_000,
      keysOnly: true,
    });
    expect([...only.keys()].toSorted()).toEqual([...rows.keys()].toSorted());
    expect(only.get(source.keyText(shape, wanted[0] ?? []))).toEqual(wanted[0]);
  });

  it("may be numbers and binary values", async () => {
    await using table = await TestTable.start(
      {},
      {
        AttributeDefinitions: [
          { AttributeName: "n", AttributeType: "N" },
          { AttributeName: "b", AttributeType: "B" },
        ],
        KeySchema: [
          { AttributeName: "n", KeyType: "HASH" },
          { AttributeName: "b", KeyType: "RANGE" },
        ],
      },
    );
    const n = "1.2345678901234567890123456789012345678";
    const b = Uint8Array.of(0, 255, 7);
    await table.local.dynamodb.putItem({ TableName: TABLE, Item: { n: { N: n }, b: { B: b } } });
    const source = table.source();
    const [range] = await plan(source);
    if (range === undefined) throw new Error("there is one segment");
    const [batch] = await read(source, range);
    const row = batch?.rows[0]?.after ?? [];
    expect([row[0], [...((row[1] as Uint8Array | undefined) ?? [])]]).toEqual([n, [...b]]);
    const shape = await shapeOf(source);
    const snapshot = await source.openSnapshot();
    const found = await snapshot.readRows(shape, [row], { maxValueBytes: 1_000_000 });
    expect(found.get(source.keyText(shape, row))).toEqual(row);
  });
});
