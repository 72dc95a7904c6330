import assert from "node:assert/strict";
import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { UNCHANGED } from "../model/value.ts";
import { expectRejection } from "./expect-rejection.ts";
import { TYPE_SAMPLES } from "./sample-values.ts";
import type { SinkBench, SinkCase } from "./sink-bench.ts";
import { column, freshName, plainShape, printed, put, state } from "./sink-kit.ts";

/** Values as they arrive, whatever the sink. */
export function valueCases(): readonly SinkCase[] {
  return [
    ["every type's values come back as they were", roundTrips],
    ["a null comes back as a null, of every type", nulls],
    [
      "rows over the sink's limits are taken or refused as too large, never as something else",
      tooLarge,
    ],
  ];
}

/** What each kind of write does to a table: for sinks that hold rows (`lastWriteWins`). */
export function writeCases(): readonly SinkCase[] {
  return [
    ["an upsert writes new rows and replaces old ones", upserts],
    ["an update changes its columns and leaves the others", updates],
    ["an update or a move of a row that is not there says so and writes nothing", missingRows],
    ["a delete removes rows by key and does not mind those that are gone", deletes],
    ["a move gives a row its new key and takes UNCHANGED from the old one", moves],
    ["a move over a row that is there replaces it", movesOver],
    ["writes of one commit take effect in their order", inOrder],
    ["delete-some removes at most as many rows as it is told and says how many", deletesSome],
    ["rows without key are kept apart, and one equal row goes at a time", keyless],
    ["a refused row is told apart from a failed connection", refusedRow],
  ];
}

async function expectRows(
  bench: SinkBench,
  table: TargetTable,
  rows: readonly Row[],
): Promise<void> {
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed(rows));
}

const abc: readonly Row[] = [
  ["1", "a", "10"],
  ["2", "b", "20"],
  ["3", "c", null],
];

async function filled(
  bench: SinkBench,
): Promise<readonly [Awaited<ReturnType<SinkBench["task"]>>, TargetTable]> {
  const task = await bench.task();
  const table = await bench.table(task);
  await task.commit([{ kind: "upsert", table, rows: abc }]);
  return [task, table];
}

async function upserts(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  await expectRows(bench, table, abc);
  const rows: Row[] = [
    ["2", null, "21"],
    ["4", "", "-1"],
  ];
  await task.commit([{ kind: "upsert", table, rows }]);
  await expectRows(bench, table, [
    ["1", "a", "10"],
    ["2", null, "21"],
    ["3", "c", null],
    ["4", "", "-1"],
  ]);
}

async function updates(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  const rows: Row[] = [
    ["1", UNCHANGED, null],
    ["3", UNCHANGED, "30"],
  ];
  const result = await task.commit([{ kind: "update", table, columns: [2], rows }]);
  assert.equal(result.outcome, "done");
  await expectRows(bench, table, [
    ["1", "a", null],
    ["2", "b", "20"],
    ["3", "c", "30"],
  ]);
}

async function missingRows(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  const update = {
    kind: "update",
    table,
    columns: [1],
    rows: [
      ["1", "changed", UNCHANGED],
      ["99", "none", UNCHANGED],
    ],
  } as const;
  const result = await task.commit(
    [{ kind: "delete", table, keys: [["3", null, null]] }, update],
    state("a", 1),
  );
  assert.deepEqual(result, { outcome: "missing", rows: [{ write: 1, row: 1 }] });
  const move = {
    kind: "move",
    table,
    from: ["98", UNCHANGED, UNCHANGED],
    row: ["5", UNCHANGED, "1"],
  } as const;
  assert.equal((await task.commit([move], state("a", 1))).outcome, "missing");
  await expectRows(bench, table, abc);
  await task.commit([], state("b", 1));
  const { state: found } = (await bench.task()).takeover;
  assert.deepEqual([...found], [["b", 1]]);
}

async function deletes(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  const keys: Row[] = [
    ["1", UNCHANGED, UNCHANGED],
    ["77", UNCHANGED, UNCHANGED],
    ["3", null, null],
  ];
  assert.equal((await task.commit([{ kind: "delete", table, keys }])).outcome, "done");
  await expectRows(bench, table, [["2", "b", "20"]]);
}

async function moves(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  const move = {
    kind: "move",
    table,
    from: ["1", UNCHANGED, UNCHANGED],
    row: ["9", UNCHANGED, "11"],
  } as const;
  assert.equal((await task.commit([move], {}, [0, 1])).outcome, "done");
  await expectRows(bench, table, [
    ["9", "a", "11"],
    ["2", "b", "20"],
    ["3", "c", null],
  ]);
}

async function movesOver(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  const move = {
    kind: "move",
    table,
    from: ["1", UNCHANGED, UNCHANGED],
    row: ["2", UNCHANGED, "11"],
  } as const;
  assert.equal((await task.commit([move], {}, [0, 1])).outcome, "done");
  await expectRows(bench, table, [
    ["2", "a", "11"],
    ["3", "c", null],
  ]);
}

async function inOrder(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  await task.commit([
    { kind: "delete", table, keys: [["1", null, null]] },
    { kind: "upsert", table, rows: [["1", "again", null]] },
    { kind: "upsert", table, rows: [["5", "short-lived", null]] },
    {
      kind: "delete",
      table,
      keys: [
        ["5", null, null],
        ["2", null, null],
      ],
    },
  ]);
  await expectRows(bench, table, [
    ["1", "again", null],
    ["3", "c", null],
  ]);
}

async function deletesSome(bench: SinkBench): Promise<void> {
  const [task, table] = await filled(bench);
  const first = await task.commit([{ kind: "delete-some", table, maxRows: 2 }]);
  assert.deepEqual(first, { outcome: "done", deletedSome: 2 });
  assert.equal((await bench.kit.readTable(table)).length, 1);
  const second = await task.commit([{ kind: "delete-some", table, maxRows: 2 }]);
  assert.deepEqual(second, { outcome: "done", deletedSome: 1 });
  await expectRows(bench, table, []);
}

async function keyless(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  const table = await bench.table(task, plainShape(freshName("t"), []));
  assert.equal(table.keyless, true);
  const at = table.key[0] ?? 0;
  const row = (key: string, v: string | null): Row => ["7", v, "1"].toSpliced(at, 0, key);
  const valuesOf = (found: Row): Row => found.toSpliced(at, 1);
  await task.commit([
    { kind: "insert", table, rows: [row("p1", null), row("p2", null), row("p3", "x")] },
  ]);
  await task.commit([{ kind: "delete-equal", table, row: row("", null) }]);
  const left = (await bench.kit.readTable(table)).map(valuesOf);
  assert.deepEqual(
    printed(left),
    printed([
      ["7", null, "1"],
      ["7", "x", "1"],
    ]),
  );
  await task.commit([{ kind: "delete-equal", table, row: row("", "gone") }]);
  assert.equal((await bench.kit.readTable(table)).length, 2);
}

/** One row per value of the type that has most. */
async function typedTable(
  bench: SinkBench,
  rowsOf: (columns: number) => readonly Row[],
): Promise<void> {
  const task = await bench.task();
  const id = column("id", 1, false, { kind: "int", bits: 64 }, "bigint");
  const typed = TYPE_SAMPLES.map(({ column: name, type, sourceType }, index) =>
    column(name, index + 2, true, type, sourceType),
  );
  const shape = { ...plainShape(freshName("types")), columns: [id, ...typed] };
  const table = await bench.table(task, shape);
  const rows = rowsOf(shape.columns.length);
  await task.commit([put(bench.capabilities, table, rows)]);
  await expectRows(bench, table, rows);
}

async function roundTrips(bench: SinkBench): Promise<void> {
  const longest = Math.max(...TYPE_SAMPLES.map(({ values }) => values.length));
  await typedTable(bench, () =>
    Array.from({ length: longest }, (_, index) => [
      String(index),
      ...TYPE_SAMPLES.map(({ values }) => values[index % values.length] ?? null),
    ]),
  );
}

async function nulls(bench: SinkBench): Promise<void> {
  await typedTable(bench, (columns) => [["1", ...Array.from({ length: columns - 1 }, () => null)]]);
}

async function refusedRow(bench: SinkBench): Promise<void> {
  const row = bench.kit.refusedRow;
  if (row === undefined) return;
  const [task, table] = await filled(bench);
  const error = await expectRejection(task.commit([{ kind: "upsert", table, rows: [row] }]), "row");
  for (const value of row) {
    if (typeof value !== "string" || value.length < 3) continue;
    assert.ok(!error.message.includes(value), "the error's message holds a value of the row");
    assert.ok(
      !JSON.stringify(error.facts).includes(value),
      "the error's facts hold a value of the row",
    );
  }
}

async function tooLarge(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  const limit = bench.capabilities.maxRowsPerCommit;
  const table = await bench.table(task);
  const rows = Array.from({ length: limit + 10 }, (_, index): Row => [String(index), "x", null]);
  const all = put(bench.capabilities, table, rows);
  const commit = task.commit([all]);
  const [{ status }] = await Promise.allSettled([commit]);
  if (status === "fulfilled") return expectRows(bench, table, rows);
  await expectRejection(commit, "too-large");
  await expectRows(bench, table, []);
  const half = rows.slice(0, Math.floor(limit / 2));
  await task.commit([put(bench.capabilities, table, half)]);
  await expectRows(bench, table, half);
}
