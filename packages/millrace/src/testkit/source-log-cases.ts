import assert from "node:assert/strict";
import type { LogItem } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import { expectRejection } from "./expect-rejection.ts";
import type { LogReading, SourceBench, SourceCase } from "./source-bench.ts";
import { row } from "./source-bench.ts";
import type { SourceKit } from "./source-kit.ts";

/** What a log must do: order, resumption and acknowledgement (I1–I4, I8). */
export function logCases(kit: SourceKit): readonly SourceCase[] {
  return [
    ["positions grow strictly, and a batch's position is not before its items", positionsGrow],
    ["a log that is read again from any position goes on right behind it", resumesAnywhere],
    ["only ends of transactions are offered for acknowledgement", acknowledgesEnds],
    ["changes of one transaction share it, in the order of its statements", sharesTransaction],
    ["what was rolled back never appears", hidesRollbacks],
    ["the log's end is not before any committed change", logEndIsLate],
    ["close() ends a next() that waits", closeEndsNext],
    ...(kit.loseLog === undefined
      ? []
      : [
          ["a log that is gone is a loss, and is made anew when that is wanted", losesLog] as const,
        ]),
    ...(kit.truncate === undefined
      ? []
      : [["a truncate stands in order with the rows", truncates] as const]),
    ...(kit.addColumn === undefined
      ? []
      : [["a new shape comes before the first row that has it", reshapes] as const]),
  ];
}

/** Some transactions of every kind, one of them larger than a batch is likely to be. */
async function writeSome(bench: SourceBench): Promise<void> {
  const { table } = bench;
  await bench.insert(row(1), row(2), row(3));
  await bench.write(async (transaction) => {
    await transaction.update(table, 1, { v: "changed" });
    await transaction.update(table, 2, { id: 20 });
    await transaction.remove(table, 3);
    await transaction.insert(table, [row(3, "again")]);
  });
  const many = Array.from({ length: 3000 }, (_, index) => row(100 + index));
  await bench.insert(...many);
  await bench.write((transaction) => transaction.remove(table, 20));
}

/** Every position in order; a key change has two. */
function positionsOf(items: readonly LogItem[]): readonly Position[] {
  return items.flatMap((item) =>
    item.kind === "change"
      ? [item.movedFrom, item.position].filter((position) => position !== null)
      : [item.position],
  );
}

function printedItems(bench: SourceBench, items: readonly LogItem[]): readonly string[] {
  return items.map((item) => {
    if (item.kind !== "change") return `${item.kind} ${bench.source.positionText(item.position)}`;
    const { op, position, movedFrom, transaction } = item;
    const texts = [movedFrom, position].map((p) =>
      p === null ? "-" : bench.source.positionText(p),
    );
    const values = JSON.stringify([item.before, item.after].map((side) => side?.map(String)));
    return `${op} ${texts.join(" ")} ${transaction?.id ?? "-"} ${values}`;
  });
}

/** `from` is where the log was opened; a half of a key change may lie at or before it. */
function assertOrdered(
  bench: SourceBench,
  { batches, items }: LogReading,
  from: Position | null = null,
): void {
  const { source } = bench;
  const isOld = (position: Position): boolean =>
    from !== null && source.comparePositions(from, position) >= 0;
  const positions = positionsOf(items);
  for (const [index, position] of positions.entries()) {
    const before = positions[index - 1];
    if (before === undefined) continue;
    assert.ok(source.comparePositions(before, position) < 0, `position ${index} does not grow`);
    assert.notEqual(source.positionText(before), source.positionText(position));
  }
  let last: Position | null = null;
  for (const batch of batches) {
    for (const position of positionsOf(batch.items)) {
      assert.ok(source.comparePositions(batch.position, position) >= 0, "an item after its batch");
      assert.ok(
        last === null || isOld(position) || source.comparePositions(last, position) < 0,
        "an item before its batch",
      );
    }
    assert.ok(
      last === null || source.comparePositions(last, batch.position) <= 0,
      "a batch went back",
    );
    last = batch.position;
  }
}

async function positionsGrow(bench: SourceBench): Promise<void> {
  await writeSome(bench);
  const reading = await bench.read();
  assert.equal(reading.changes.length, 3 + 4 + 3000 + 1);
  assertOrdered(bench, reading);
}

async function resumesAnywhere(bench: SourceBench): Promise<void> {
  const { source } = bench;
  await writeSome(bench);
  const whole = await bench.read();
  const positions = positionsOf(whole.items);
  const batchPositions = whole.batches.map(({ position }) => position);
  const chosen = [0, 1, 2, 3, 4, 5, 6, 7, 1500, positions.length - 2, positions.length - 1]
    .map((index) => positions[index])
    .concat(batchPositions.slice(0, 3))
    .filter((position) => position !== undefined)
    // A log that is opened at a position knows that everything before it is durable, and may say so.
    .toSorted((a, b) => source.comparePositions(a, b));
  for (const from of chosen) {
    const again = await bench.read(jsonRoundTrip(from));
    const isLater = (item: LogItem): boolean =>
      item.position === null || source.comparePositions(from, item.position) < 0;
    assert.deepEqual(
      printedItems(bench, again.items),
      printedItems(bench, whole.items.filter(isLater)),
      `read again from ${source.positionText(from)}`,
    );
    assertOrdered(bench, again, from);
  }
}

/** Positions are kept as JSON. */
function jsonRoundTrip(position: Position): Position {
  return JSON.parse(JSON.stringify(position)) as Position;
}

async function acknowledgesEnds(bench: SourceBench): Promise<void> {
  const { source } = bench;
  await writeSome(bench);
  const { batches, changes } = await bench.read();
  const offered = batches.flatMap(({ acknowledge }) => (acknowledge === null ? [] : [acknowledge]));
  assert.ok(offered.length > 0, "nothing was offered for acknowledgement");
  const ranges = new Map<string, readonly [first: Position, last: Position]>();
  for (const { transaction, movedFrom, position } of changes) {
    if (transaction === null || position === null) continue;
    const [first] = ranges.get(transaction.id) ?? [movedFrom ?? position];
    ranges.set(transaction.id, [first, position]);
  }
  for (const end of offered) {
    for (const [first, last] of ranges.values()) {
      const isInside =
        source.comparePositions(end, first) >= 0 && source.comparePositions(end, last) < 0;
      assert.ok(!isInside, "an acknowledgement inside a transaction");
    }
  }
  const last = batches.at(-1)?.position;
  const lastOffered = offered.at(-1);
  assert.ok(last !== undefined && lastOffered !== undefined);
  assert.ok(
    source.comparePositions(last, lastOffered) >= 0,
    "an acknowledgement after what was read",
  );
  await acknowledgeOn(bench, lastOffered);
  const rest = await bench.read(lastOffered);
  assert.deepEqual(printedItems(bench, rest.changes), []);
}

/** Acknowledges a position on a log that has read it. */
async function acknowledgeOn(bench: SourceBench, position: Position): Promise<void> {
  const log = await bench.openLog(null);
  try {
    for (;;) {
      const batch = await log.next();
      if (bench.source.comparePositions(batch.position, position) >= 0) break;
    }
    log.acknowledge(position);
  } finally {
    await log.close();
  }
}

async function sharesTransaction(bench: SourceBench): Promise<void> {
  await bench.write(async (transaction) => {
    await transaction.insert(bench.table, [row(1)]);
    await transaction.insert(bench.table, [row(2)]);
    await transaction.update(bench.table, 1, { v: "x" });
    await transaction.remove(bench.table, 2);
  });
  await bench.insert(row(3));
  const { changes } = await bench.read();
  assert.deepEqual(
    changes.map(({ op }) => op),
    ["c", "c", "u", "d", "c"],
  );
  const ids = changes.map(({ transaction }) => transaction?.id);
  assert.equal(new Set(ids.slice(0, 4)).size, 1);
  assert.notEqual(ids[3], ids[4]);
  const times = changes.map(({ transaction }) => transaction?.commitTimeMs ?? 0);
  assert.ok(times.every((time) => Math.abs(time - Date.now()) < 3_600_000));
}

async function hidesRollbacks(bench: SourceBench): Promise<void> {
  const transaction = await bench.kit.begin();
  await transaction.insert(bench.table, [row(1)]);
  await bench.insert(row(2));
  await transaction.rollback();
  await bench.insert(row(3));
  const { changes } = await bench.read();
  assert.deepEqual(
    changes.map(({ after }) => bench.valueOf(after, "id")),
    ["2", "3"],
  );
}

async function logEndIsLate(bench: SourceBench): Promise<void> {
  for (let id = 0; id < 5; id += 1) {
    await bench.insert(row(id));
    const end = await bench.source.logEnd();
    const last = (await bench.read()).changes.at(-1)?.position;
    assert.ok(last && bench.source.comparePositions(end, last) >= 0);
  }
}

async function losesLog(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  const last = (await bench.read()).batches.at(-1)?.position ?? null;
  await bench.kit.loseLog?.(bench.pipeline);
  const shapes = [...bench.shapes.values()];
  await expectRejection(bench.source.prepare(shapes, last), "loss");
  const again = await bench.source.prepare(shapes, last, { recreate: true });
  assert.equal(again.created, true);
  await bench.insert(row(2));
  const { changes } = await bench.read(again.start);
  assert.deepEqual(
    changes.map(({ after }) => bench.valueOf(after, "id")),
    ["2"],
  );
}

async function closeEndsNext(bench: SourceBench): Promise<void> {
  const log = await bench.openLog(null);
  const pending = (async () => {
    for (;;) await log.next();
  })();
  await Promise.all([assert.rejects(pending), log.close()]);
  await assert.rejects(log.next());
}

async function truncates(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  await bench.kit.truncate?.(bench.table);
  await bench.insert(row(2));
  const reading = await bench.read();
  assert.deepEqual(
    reading.items.map(({ kind }) => kind),
    ["change", "truncate", "change"],
  );
  assertOrdered(bench, reading);
}

async function reshapes(bench: SourceBench): Promise<void> {
  await bench.insert(row(1));
  await bench.kit.addColumn?.(bench.table);
  await bench.insert(row(2));
  const reading = await bench.read();
  assert.deepEqual(
    reading.items.map(({ kind }) => kind),
    ["change", "shape", "change"],
  );
  assertOrdered(bench, reading);
  const [first, shape, second] = reading.items;
  assert.ok(first?.kind === "change" && second?.kind === "change" && shape?.kind === "shape");
  const names = (item: { shape: SourceBench["shape"] }): readonly string[] =>
    item.shape.columns.map(({ name }) => name);
  assert.ok(!names(first).includes("x"));
  assert.ok(names(shape).includes("x"));
  assert.deepEqual(names(second), names(shape));
  assert.equal(second.after?.length, shape.shape.columns.length);
}
