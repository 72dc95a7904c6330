import assert from "node:assert/strict";
import { Skimmed, UNCHANGED } from "../model/value.ts";
import type { SourceBench, SourceCase } from "./source-bench.ts";
import { row } from "./source-bench.ts";

/** What the changes of a log hold (I2, I9, I10). */
export function changeCases(): readonly SourceCase[] {
  return [
    [
      "a value that the change did not touch is UNCHANGED or itself, never null",
      unchangedIsNotNull,
    ],
    ["a key change has two ordered positions and the old key", keyChange],
    ["a delete has the key, an insert and an update the row", rowsOfChanges],
    ["a value that is too large is skimmed, its row's key and other values are kept", skims],
  ];
}

async function unchangedIsNotNull(bench: SourceBench): Promise<void> {
  const large = Array.from({ length: 3000 }, (_, index) => (index * 7919).toString(36)).join("");
  await bench.insert(row(1, "a", large), row(2, "b", null));
  await bench.write(async (transaction) => {
    await transaction.update(bench.table, 1, { v: "c" });
    await transaction.update(bench.table, 1, { id: 10 });
    await transaction.update(bench.table, 2, { v: "d" });
    await transaction.update(bench.table, 10, { large: null });
  });
  const { changes } = await bench.read();
  const seen = changes.map(({ after }) => bench.valueOf(after, "large"));
  const isKept = (value: unknown): boolean => value === UNCHANGED || value === large;
  assert.equal(seen[0], large);
  assert.ok(isKept(seen[2]), "an update that left the value alone lost it");
  assert.ok(isKept(seen[3]), "a key change that left the value alone lost it");
  assert.ok(
    seen[4] === null || seen[4] === UNCHANGED,
    "a null that was left alone became something",
  );
  assert.equal(seen[5], null, "a value that was set to null is not null");
}

async function keyChange(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  await bench.write((transaction) => transaction.update(bench.table, 1, { id: 2, v: "moved" }));
  await bench.write((transaction) => transaction.update(bench.table, 2, { v: "stays" }));
  const [, moved, stayed] = (await bench.read()).changes;
  assert.ok(moved?.movedFrom && moved.position, "a key change without a position for its delete");
  assert.ok(bench.source.comparePositions(moved.movedFrom, moved.position) < 0);
  assert.equal(moved.op, "u");
  assert.equal(bench.valueOf(moved.before, "id"), "1");
  assert.equal(bench.valueOf(moved.after, "id"), "2");
  assert.equal(stayed?.movedFrom, null);
}

async function rowsOfChanges(bench: SourceBench): Promise<void> {
  await bench.insert(row(1, "a"), row(2, null));
  await bench.write((transaction) => transaction.update(bench.table, 1, { v: "b" }));
  await bench.write((transaction) => transaction.remove(bench.table, 2));
  const [one, two, update, remove] = (await bench.read()).changes;
  assert.equal(bench.valueOf(one?.after ?? null, "v"), "a");
  assert.equal(bench.valueOf(two?.after ?? null, "v"), null);
  assert.equal(bench.valueOf(update?.after ?? null, "v"), "b");
  assert.equal(remove?.after, null);
  assert.equal(bench.valueOf(remove.before, "id"), "2");
}

async function skims(bench: SourceBench): Promise<void> {
  await bench.insert(row(1, "small", "x".repeat(5000)), row(2, "y".repeat(1000), "also small"));
  const [first, second] = (await bench.read(null, 1000)).changes;
  const large = bench.valueOf(first?.after ?? null, "large");
  assert.ok(large instanceof Skimmed, "a value over the limit was kept");
  assert.equal(large.bytes, 5000);
  assert.equal(bench.valueOf(first?.after ?? null, "id"), "1");
  assert.equal(bench.valueOf(first?.after ?? null, "v"), "small");
  assert.equal(bench.valueOf(second?.after ?? null, "v"), "y".repeat(1000));
}
