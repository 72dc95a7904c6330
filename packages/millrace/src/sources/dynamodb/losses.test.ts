import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Position } from "../../model/position.ts";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import { comparePositions, parseStanding } from "./position.ts";
import {
  HOUR_MS,
  initSync,
  openReading,
  type Reading,
  TABLE,
  TestTable,
} from "./source.fixture.ts";

const MINUTE_MS = 60_000;

/** A table of which one row was read, and where that reading stands; nobody reads on. */
async function readOnce(table: TestTable): Promise<Position> {
  const source = table.source();
  const reading = await openReading(source);
  await table.put("first");
  await reading.count(1);
  const position = await table.settle(source, reading);
  await reading.log.close();
  return position;
}

async function lossOf(work: Promise<unknown>): Promise<string> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof MillraceError)) throw new Error("nothing was lost", { cause: thrown });
  expect([thrown.code, thrown.class]).toEqual(["MR_SOURCE_LOSS", "loss"]);
  return thrown.detail;
}

async function ended(reading: Reading): Promise<never> {
  for (;;) await reading.next();
}

/** Lets the service's time pass while changes come now and then. */
async function pass(
  table: TestTable,
  hours: number,
  changes: Readonly<Record<number, string>>,
): Promise<void> {
  let at = 0;
  for (const [hour, key] of Object.entries(changes)) {
    table.control.shiftClock((Number(hour) - at) * HOUR_MS);
    at = Number(hour);
    await table.put(key);
  }
  table.control.shiftClock((hours - at) * HOUR_MS);
}

describe("a pipeline that was down", () => {
  it("for less than 20 hours finds everything that came meanwhile, over all rotations", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    await pass(table, 19, { 1: "a", 5: "b", 9: "c", 13: "d", 18: "e" });
    const reading = await openReading(table.source(), known);
    expect(await reading.count(5)).toEqual(["c a", "c b", "c c", "c d", "c e"]);
  });

  it("for more than 20 hours has lost something, though nothing was trimmed yet", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    await pass(table, 21, { 20: "a" });
    const detail = await lossOf(openReading(table.source(), known));
    expect(detail).toBe(
      "table orders was not read for 21 hours, and is safe for 20: what its stream has lost since nobody can tell",
    );
  });

  // Defect 2 of the ancestor: the change at 2 h is trimmed, the one at 28 h is young, and nothing notices.
  it("for 30 hours with one change that is trimmed and one that is young has lost something", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    await pass(table, 30, { 2: "trimmed", 28: "young" });
    await expect(lossOf(openReading(table.source(), known))).resolves.toMatch(/30 hours/);
  });

  it("is safe on a table without changes, as long as it looks", async () => {
    await using table = await TestTable.start();
    let known = await readOnce(table);
    for (let day = 0; day < 3; day++) {
      table.control.shiftClock(15 * HOUR_MS);
      const source = table.source();
      const reading = await openReading(source, known);
      known = await table.settle(source, reading);
      await reading.log.close();
    }
    await table.put("last");
    const reading = await openReading(table.source(), known);
    expect(await reading.count(1)).toEqual(["c last"]);
  });

  it("for 19 hours while the table is being loaded begins to load it anew", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    const began = initSync(table.control.nowMs());
    table.control.shiftClock(19 * HOUR_MS);
    const loading = await openReading(table.source(), known, { initSync: began });
    await expect(lossOf(ended(loading))).resolves.toMatch(/safe for 19/);
    const followed = initSync(began.startMs, { endMs: began.startMs + MINUTE_MS });
    const following = await openReading(table.source(), known, { initSync: followed });
    await table.put("a");
    expect(await following.count(1)).toEqual(["c a"]);
  });
});

describe("a stream that is not the one any more", () => {
  // Defect 4 of the ancestor.
  it("was disabled and enabled again: changes in between are lost", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    const { dynamodb } = table.local;
    await dynamodb.updateTable({
      TableName: TABLE,
      StreamSpecification: { StreamEnabled: false },
    });
    await expect(lossOf(openReading(table.source(), known))).resolves.toMatch(/no stream any more/);
    await table.put("between");
    await dynamodb.updateTable({
      TableName: TABLE,
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
    });
    await expect(lossOf(openReading(table.source(), known))).resolves.toMatch(/enabled again/);
  });

  it("is of a table that was made anew under its name", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    const { dynamodb } = table.local;
    await dynamodb.deleteTable({ TableName: TABLE });
    await expect(lossOf(openReadingOf(table, known))).resolves.toMatch(/is gone/);
    await makeTable(dynamodb, TABLE);
    await expect(lossOf(openReading(table.source(), known))).resolves.toMatch(/made anew/);
  });

  it("is disabled while it is read: what it has is given, then the loss", async () => {
    await using table = await TestTable.start();
    const reading = await openReading(table.source());
    await table.put("a");
    await reading.count(1);
    await table.put("b");
    await table.local.dynamodb.updateTable({
      TableName: TABLE,
      StreamSpecification: { StreamEnabled: false },
    });
    await expect(lossOf(ended(reading))).resolves.toMatch(/disabled/);
    expect(reading.seen).toEqual(["c a", "c b"]);
  });

  it("a resync begins at the oldest record of the new stream, later than all of the old one", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    const { dynamodb } = table.local;
    for (const StreamSpecification of [
      { StreamEnabled: false },
      { StreamEnabled: true, StreamViewType: "NEW_IMAGE" as const },
    ])
      await dynamodb.updateTable({ TableName: TABLE, StreamSpecification });
    await table.put("b");
    const source = table.source();
    const [found] = await source.discover();
    const { start } = await source.prepare(found === undefined ? [] : [found.shape], null, {
      recreate: true,
    });
    expect(comparePositions(start, known)).toBe(1);
    const reading = await openReading(source);
    expect(await reading.count(1)).toEqual(["c b"]);
  });
});

describe("records that are trimmed under a reader", () => {
  it("are no loss where they are older than all that is said to be read", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    const standing = parseStanding(known);
    await table.put("a");
    table.control.shiftClock(25 * HOUR_MS);
    // As if it had looked an hour ago at a shard of which it had read nothing since.
    const lied = { ...standing, timeMs: table.control.nowMs() - 19 * HOUR_MS };
    const reading = await openReading(table.source(), lied);
    await table.put("b");
    // What was trimmed is older than all that it says to have read: nothing is lost.
    expect(await reading.count(1)).toEqual(["c b"]);
  });

  it.each([
    { hours: 21, changes: { 20: "young" }, says: /was not read for 21 hours/ },
    { hours: 26, changes: { 3: "left", 25: "young" }, says: /trimmed/ },
    { hours: 30, changes: { 2: "trimmed", 28: "young" }, says: /no shard/ },
  ])(
    "are a loss in a process that slept for $hours hours: $says",
    async ({ hours, changes, says }) => {
      await using table = await TestTable.start();
      const reading = await openReading(table.source());
      await table.put("a");
      await reading.count(1);
      const awake = await asleep(table);
      await pass(table, hours, changes);
      awake();
      await expect(lossOf(ended(reading))).resolves.toMatch(says);
    },
  );
});

/** Nothing is answered until it is awake again: whoever reads meets all that passed meanwhile at once. */
async function asleep({ control }: TestTable): Promise<() => void> {
  const inject = (action: string): number =>
    control.inject({ kind: "error", code: "ThrottlingException", action, times: 0 });
  inject("DescribeStream");
  const reads = inject("GetRecords");
  const struck = (): number => control.faults().find(({ id }) => id === reads)?.struck ?? 0;
  // What was asked before is answered.
  await expect.poll(struck, { timeout: 30_000, interval: 20 }).toBeGreaterThan(1);
  return () => control.clearFaults();
}

describe("on-loss: continue", () => {
  it("goes on with what there is, and says for ever that something is missing", async () => {
    await using table = await TestTable.start();
    const known = await readOnce(table);
    await pass(table, 30, { 2: "trimmed", 28: "young" });
    const source = table.source({ options: { onLoss: "continue" } });
    const reading = await openReading(source, known);
    expect(await reading.count(1)).toEqual(["c young"]);
    expect(comparePositions(reading.position, known)).toBe(1);
    expect(source.waits().map(({ reason }) => reason)).toEqual(["gap"]);
    const later = table.source({ options: { onLoss: "continue" } });
    const again = await openReading(
      later,
      JSON.parse(JSON.stringify(reading.position)) as Position,
    );
    await table.put("a");
    expect(await again.count(1)).toEqual(["c a"]);
    expect(later.waits()[0]?.why).toMatch(
      /missing at the sink: the table was not read for 30 hours/,
    );
  });

  it("passes by a loss that a log meets when the next one begins", async () => {
    await using table = await TestTable.start();
    const source = table.source({ options: { onLoss: "continue" } });
    const reading = await openReading(source);
    await table.put("a");
    await reading.count(1);
    await pass(table, 30, { 2: "trimmed", 28: "young" });
    await expect(ended(reading)).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    const next = await openReading(source, reading.position);
    expect(await next.count(1)).toEqual(["c young"]);
    expect(source.waits()[0]?.reason).toBe("gap");
  });

  it(
    "passes by a loss that only a log can meet: a shard that was not listed while its child was read",
    { timeout: 120_000 },
    async () => {
      await using table = await TestTable.start({ shards: 1 });
      await table.put("in parent");
      table.control.rotate({ table: TABLE });
      await table.put("in child");
      const hidden = {
        kind: "stale",
        how: "orphaned",
        action: "DescribeStream",
        times: 0,
      } as const;
      table.control.inject(hidden);
      const source = table.source({ options: { onLoss: "continue" } });
      const reading = await openReading(source);
      expect(await reading.count(1)).toEqual(["c in child"]);
      table.control.clearFaults();
      const parentsGiven = reading.until(({ seen }) => seen.length > 1);
      await expect(parentsGiven).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
      const next = await openReading(source, reading.position);
      expect(await next.count(1)).toEqual(["c in parent"]);
      expect(source.waits()[0]?.why).toMatch(/not listed while its children were read/);
    },
  );
});

/** The table's shape is known from before: nobody can discover it now. */
async function openReadingOf(table: TestTable, known: Position): Promise<unknown> {
  return table.source().prepare([], known);
}
