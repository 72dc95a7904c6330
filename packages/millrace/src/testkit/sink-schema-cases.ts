import assert from "node:assert/strict";
import type { SinkCapabilities } from "../model/sink.ts";
import type { TableId, TableShape, TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { expectRejection } from "./expect-rejection.ts";
import type { SinkBench, SinkCase } from "./sink-bench.ts";
import { column, freshName, plainShape, printed, put } from "./sink-kit.ts";

/** Target tables: made, checked and changed idempotently, as barriers need it. */
export function schemaCases({ lastWriteWins }: SinkCapabilities): readonly SinkCase[] {
  return [
    ["a target that is missing is made once, or is an error", makesOnce],
    ["a column is added, also by a second attempt", addsColumn],
    ...(lastWriteWins
      ? ([
          ["a column is renamed and keeps its values, also by a second attempt", renamesColumn],
          ["a column is dropped, and one of its name can come again", dropsColumn],
          ["what was put away goes with the end of its barrier", finishesChange],
          ["keys are read in pages, each once, with nothing left out", readsKeys],
        ] as const)
      : []),
    ["a target is dropped, also by a second attempt", dropsTable],
    ["which table a target is stays, also when it is altered, until it is made anew", identifies],
  ];
}

async function makesOnce(bench: SinkBench): Promise<void> {
  const { sink } = await bench.task();
  const { schema, name, ...shape } = plainShape(freshName("t"));
  const table = sink.mapTable({ ...shape, schema, name }, { schema, name });
  await expectRejection(sink.checkTable(table, "never"), "schema");
  assert.equal((await sink.checkTable(table, "if-missing")).created, true);
  assert.equal((await sink.checkTable(table, "if-missing")).created, false);
  assert.equal((await sink.checkTable(table, "never")).created, false);
}

type Changed = readonly [Awaited<ReturnType<SinkBench["task"]>>, TableShape, TargetTable];

async function filled(bench: SinkBench): Promise<Changed> {
  const task = await bench.task();
  const shape = plainShape(freshName("t"));
  const table = await bench.table(task, shape);
  await task.commit([put(bench.capabilities, table, [["1", "a", "10"]])]);
  return [task, shape, table];
}

const alteration = { kind: "alter", renames: [], drops: [], replaces: [] } as const;

async function addsColumn(bench: SinkBench): Promise<void> {
  const [task, shape] = await filled(bench);
  const added = column("x", 4, true, { kind: "text", maxChars: null }, "text");
  const table = task.sink.mapTable({ ...shape, columns: [...shape.columns, added] }, shape);
  for (const tag of ["first", "first"]) await task.sink.applyChange({ ...alteration, table, tag });
  await task.commit([put(bench.capabilities, table, [["2", "b", "20", "new"]])]);
  await expectRows(bench, table, [
    ["1", "a", "10", null],
    ["2", "b", "20", "new"],
  ]);
}

async function renamesColumn(bench: SinkBench): Promise<void> {
  const [task, shape] = await filled(bench);
  const columns = shape.columns.map((old) => (old.name === "v" ? { ...old, name: "text" } : old));
  const table = task.sink.mapTable({ ...shape, columns }, shape);
  const change = { ...alteration, table, renames: [{ from: "v", to: "text" }], tag: "r" };
  await task.sink.applyChange(change);
  await task.sink.applyChange(change);
  await task.commit([put(bench.capabilities, table, [["2", "b", "20"]])]);
  await expectRows(bench, table, [
    ["1", "a", "10"],
    ["2", "b", "20"],
  ]);
}

async function dropsColumn(bench: SinkBench): Promise<void> {
  const [task, shape, whole] = await filled(bench);
  const columns = shape.columns.filter(({ name }) => name !== "v");
  const table = task.sink.mapTable({ ...shape, columns }, shape);
  const change = { ...alteration, table, drops: ["v"], tag: "d1" };
  await task.sink.applyChange(change);
  await task.sink.applyChange(change);
  await task.commit([put(bench.capabilities, table, [["2", "20"]])]);
  await expectRows(bench, table, [
    ["1", "10"],
    ["2", "20"],
  ]);
  await task.sink.applyChange({ ...alteration, table: whole, tag: "d2" });
  await task.commit([put(bench.capabilities, whole, [["3", "c", "30"]])]);
  await expectRows(bench, whole, [
    ["1", null, "10"],
    ["2", null, "20"],
    ["3", "c", "30"],
  ]);
}

/** A column of the old name that came meanwhile is another one. */
async function finishesChange(bench: SinkBench): Promise<void> {
  const [task, shape, whole] = await filled(bench);
  const columns = shape.columns.filter(({ name }) => name !== "v");
  const table = task.sink.mapTable({ ...shape, columns }, shape);
  const change = { ...alteration, table, drops: ["v"], tag: "f1" };
  await task.sink.applyChange(change);
  await task.sink.applyChange({ ...alteration, table: whole, tag: "f2" });
  await task.commit([put(bench.capabilities, whole, [["3", "c", "30"]])]);
  await task.sink.finishChange?.(change);
  await task.sink.finishChange?.(change);
  await expectRows(bench, whole, [
    ["1", null, "10"],
    ["3", "c", "30"],
  ]);
}

async function readsKeys(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  const table = await bench.table(task, plainShape(freshName("t"), [1, 0]));
  const rows = Array.from({ length: 25 }, (_, n): Row => [String(n), `k${n % 4}`, null]);
  await task.commit([put(bench.capabilities, table, rows)]);
  if (task.sink.readKeys === undefined) return;
  const found: Row[] = [];
  for (let after: Row | null = null, done = false; !done;) {
    const page = await task.sink.readKeys(table, after, 7);
    assert.ok(page.keys.length <= 7, "a page has more keys than it was asked for");
    found.push(...page.keys);
    after = page.keys.at(-1) ?? after;
    ({ done } = page);
  }
  const keysOf = (all: readonly Row[]): readonly string[] =>
    printed(all.map((row) => [row[1] ?? null, row[0] ?? null]));
  assert.deepEqual(keysOf(found), keysOf(rows));
}

async function dropsTable(bench: SinkBench): Promise<void> {
  const [task, , table] = await filled(bench);
  await task.sink.applyChange({ kind: "drop", table, tag: "gone" });
  await task.sink.applyChange({ kind: "drop", table, tag: "gone" });
  assert.equal((await task.sink.checkTable(table, "if-missing")).created, true);
  await expectRows(bench, table, []);
}

const NONE: ReadonlySet<TableId> = new Set();

/** The pipeline loads a table again whose target is not the one that it has written (I8). */
async function identifies(bench: SinkBench): Promise<void> {
  const [task, shape, table] = await filled(bench);
  const { sink } = task;
  if (sink.identifyTargets === undefined) return;
  const added = column("x", 4, true, { kind: "text", maxChars: null }, "text");
  const wider = sink.mapTable({ ...shape, columns: [...shape.columns, added] }, shape);
  const first = await sink.identifyTargets([table], NONE);
  await sink.applyChange({ ...alteration, table: wider, tag: "wider" });
  const altered = await sink.identifyTargets([wider], NONE);
  assert.ok(first.ids.has(table.id), "a target that is there has no identity");
  assert.deepEqual(
    [altered.home, altered.ids.get(table.id)],
    [first.home, first.ids.get(table.id)],
  );
  await sink.applyChange({ kind: "drop", table, tag: "gone" });
  assert.equal((await sink.identifyTargets([table], NONE)).ids.has(table.id), false);
  await sink.checkTable(table, "if-missing");
  const { home, ids } = await sink.identifyTargets([table], NONE);
  assert.equal(home, first.home);
  assert.notEqual(ids.get(table.id), first.ids.get(table.id));
}

async function expectRows(
  bench: SinkBench,
  table: TargetTable,
  rows: readonly Row[],
): Promise<void> {
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed(rows));
}
