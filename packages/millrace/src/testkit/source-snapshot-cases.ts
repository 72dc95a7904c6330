import assert from "node:assert/strict";
import type { Change } from "../model/change.ts";
import type { ChunkKey } from "../model/position.ts";
import type { ChunkRange, SourceSnapshot } from "../model/source.ts";
import { Skimmed } from "../model/value.ts";
import type { SourceBench, SourceCase } from "./source-bench.ts";
import { row } from "./source-bench.ts";

/** What snapshots and chunks must do (I7). */
export function snapshotCases(): readonly SourceCase[] {
  return [
    ["a snapshot sees what was committed before it and nothing else", sees],
    ["a snapshot's token answers as the snapshot does, after it is closed", tokens],
    ["the log's end of a snapshot is not before what it sees", logEnd],
    ["chunks cover the table without gap or overlap, in key order", chunksPartition],
    ["a chunk that is read again after one of its keys goes on behind it", chunkResumes],
    ["a row's key has the same text in a chunk and in the log", keyTexts],
    ["a row has the same values in a chunk and in the log", sameValues],
    ["rows are read by key, and those that are gone are absent", readsRows],
    ["a value that is too large is skimmed in a chunk too", skims],
    ["transactions that no snapshot sees yet are told", unseen],
    ["preparing again changes nothing", preparesAgain],
  ];
}

const options = { maxValueBytes: 1 << 20, batchBytes: 1 << 14 };

async function withSnapshot<T>(
  bench: SourceBench,
  run: (snapshot: SourceSnapshot) => Promise<T>,
): Promise<T> {
  const snapshot = await bench.source.openSnapshot();
  try {
    return await run(snapshot);
  } finally {
    await snapshot.close();
  }
}

async function rowsOf(
  bench: SourceBench,
  snapshot: SourceSnapshot,
  range: ChunkRange,
): Promise<Change[]> {
  const rows: Change[] = [];
  for await (const batch of snapshot.readChunk(bench.shape, range, options))
    rows.push(...batch.rows);
  return rows;
}

const everything: ChunkRange = { from: null, to: null };

async function sees(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  const open = await bench.kit.begin();
  await open.insert(bench.table, [row(2)]);
  const seen = await withSnapshot(bench, async (snapshot) => {
    await open.commit();
    await bench.insert(row(3));
    const { changes } = await bench.read();
    const ids = (await rowsOf(bench, snapshot, everything)).map(({ after }) =>
      bench.valueOf(after, "id"),
    );
    assert.deepEqual(ids, ["1"]);
    return changes.map((change) => [
      bench.valueOf(change.after, "id"),
      snapshot.sees(change.transaction?.id ?? ""),
    ]);
  });
  assert.deepEqual(seen, [
    ["1", true],
    ["2", false],
    ["3", false],
  ]);
}

async function tokens(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  const token = await withSnapshot(bench, async (snapshot) => snapshot.token);
  await bench.insert(row(2));
  const { changes } = await bench.read();
  const kept = JSON.parse(JSON.stringify(token)) as typeof token;
  assert.deepEqual(
    changes.map(({ transaction }) => bench.source.sees(kept, transaction?.id ?? "")),
    [true, false],
  );
}

async function logEnd(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  const end = await withSnapshot(bench, async (snapshot) => snapshot.logEnd);
  const [change] = (await bench.read()).changes;
  assert.ok(change?.position && bench.source.comparePositions(change.position, end) <= 0);
}

async function fill(bench: SourceBench, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => ((index * 7919) % 10_007) - 5000);
  await bench.insert(...ids.map((id) => row(id)));
}

async function chunksPartition(bench: SourceBench): Promise<void> {
  await fill(bench, 1000);
  const ranges: ChunkRange[] = [];
  for (let from: ChunkKey | null = null; ;) {
    const range = await bench.source.planChunk(bench.shape, from, 150);
    assert.deepEqual(range.from, from);
    ranges.push(range);
    if (range.to === null) break;
    from = range.to;
    assert.ok(ranges.length < 100, "planning does not end");
  }
  assert.ok(ranges.length >= 4 && ranges.length <= 20, `${ranges.length} chunks for 1000 rows`);
  const ids = await withSnapshot(bench, async (snapshot) => {
    const all: string[] = [];
    for (const range of ranges) {
      for (const { after } of await rowsOf(bench, snapshot, range)) {
        all.push(String(bench.valueOf(after, "id")));
      }
    }
    return all;
  });
  assert.equal(ids.length, 1000);
  assert.equal(new Set(ids).size, 1000);
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => Number(a) - Number(b)),
  );
}

async function chunkResumes(bench: SourceBench): Promise<void> {
  await fill(bench, 500);
  await withSnapshot(bench, async (snapshot) => {
    const whole = await rowsOf(bench, snapshot, everything);
    let read = 0;
    for await (const batch of snapshot.readChunk(bench.shape, everything, options)) {
      read += batch.rows.length;
      const rest = await withSnapshot(bench, (other) =>
        rowsOf(bench, other, { from: batch.lastKey, to: null }),
      );
      const idOf = ({ after }: Change): unknown => bench.valueOf(after, "id");
      assert.deepEqual(rest.map(idOf), whole.slice(read).map(idOf));
      if (read > 300) break;
    }
    assert.ok(read > 0);
  });
}

async function keyTexts(bench: SourceBench): Promise<void> {
  await bench.insert(row(1), row(-2), row(30));
  const { source, shape } = bench;
  const fromLog = (await bench.read()).changes.map(({ after }) =>
    source.keyText(shape, after ?? []),
  );
  const fromChunk = await withSnapshot(bench, async (snapshot) =>
    (await rowsOf(bench, snapshot, everything)).map(({ after }) =>
      source.keyText(shape, after ?? []),
    ),
  );
  assert.deepEqual(fromLog.toSorted(), fromChunk.toSorted());
  assert.equal(new Set(fromLog).size, 3);
}

async function sameValues(bench: SourceBench): Promise<void> {
  const texts = ["", "plain", "tab\tnew\nline\\N \\", "é漢🚀", "x".repeat(20_000), null];
  await bench.insert(...texts.map((text, id) => row(id, text, text)));
  const print = ({ after }: Change): string => JSON.stringify(after);
  const fromLog = (await bench.read()).changes.map(print);
  const fromChunk = await withSnapshot(bench, async (snapshot) =>
    (await rowsOf(bench, snapshot, everything)).map(print),
  );
  assert.deepEqual(fromLog, fromChunk);
}

async function skims(bench: SourceBench): Promise<void> {
  await bench.insert(row(1, "small", "x".repeat(5000)));
  const limit = { ...options, maxValueBytes: 1000 };
  await withSnapshot(bench, async (snapshot) => {
    for await (const { rows } of snapshot.readChunk(bench.shape, everything, limit)) {
      const [{ after } = { after: null }] = rows;
      const large = bench.valueOf(after, "large");
      assert.ok(large instanceof Skimmed && large.bytes === 5000);
      assert.equal(bench.valueOf(after, "id"), "1");
      assert.equal(bench.valueOf(after, "v"), "small");
    }
  });
}

async function readsRows(bench: SourceBench): Promise<void> {
  await bench.insert(row(1, "one"), row(2, "two"));
  const { source, shape } = bench;
  const at = shape.columns.findIndex(({ name }) => name === "id");
  const keys = ["1", "2", "99"].map((id) =>
    shape.columns.map((_, index) => (index === at ? id : null)),
  );
  const found = await withSnapshot(bench, (snapshot) =>
    snapshot.readRows(shape, keys, { maxValueBytes: 1 << 20 }),
  );
  const values = keys.map((key) => {
    const full = found.get(source.keyText(shape, key));
    return full === undefined ? null : bench.valueOf(full, "v");
  });
  assert.deepEqual(values, ["one", "two", null]);
}

async function unseen(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  const [change] = (await bench.read()).changes;
  const id = change?.transaction?.id ?? "";
  assert.deepEqual(await bench.source.unseen([id]), []);
  assert.deepEqual(await bench.source.unseen([]), []);
}

async function preparesAgain(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  const { changes } = await bench.read();
  const last = changes.at(-1)?.position ?? null;
  const shapes = [...bench.shapes.values()];
  const again = await bench.source.prepare(shapes, last);
  assert.equal(again.created, false);
  assert.deepEqual(again.joined, []);
  assert.equal((await bench.read()).changes.length, 1);
  assert.deepEqual(await bench.source.identity(), await bench.source.identity());
}
