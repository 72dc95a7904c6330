import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import type { PipelineEvent } from "./pipeline-handle.ts";
import { tableOf } from "./tables-between.fixture.ts";

/*
 * Days of a pipeline, in the service's time: what is lost is told and made good, or told and left, as the file says; what is
 * not lost is there without a load.
 */

const HOUR_MS = 3_600_000;
const POLL = { timeout: 120_000, interval: 100 };
const TIMEOUT_MS = 600_000;

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
});
afterEach(() => between.stop());
afterAll(() => between.release());

const put = (TableName: string, id: string, n: number) =>
  between.dynamodb.putItem({ TableName, Item: { id: { S: id }, n: { N: String(n) } } });

const remove = (TableName: string, id: string) =>
  between.dynamodb.deleteItem({ TableName, Key: { id: { S: id } } });

const pass = (hours: number): void => between.local.control.shiftClock(hours * HOUR_MS);

async function rowsOf(table: string): Promise<Record<string, string>> {
  const rows = await between.target.query(
    `SELECT id, document->>'n' AS n FROM public."${table}" ORDER BY id`,
  );
  return Object.fromEntries(rows.map(({ id, n }) => [String(id), String(n)]));
}

async function itemsOf(table: string): Promise<Record<string, string>> {
  const { Items = [] } = await between.dynamodb.scan({ TableName: table, ConsistentRead: true });
  const items = Items.map(({ id, n }): [string, string] => [id?.S ?? "", n?.N ?? ""]);
  return Object.fromEntries(items.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function fileOf(table: string, onLoss: "resync" | "fail" | "continue") {
  const source = { "dynamodb.table.whitelist": table, "on-loss": onLoss };
  return between.file(table, { ...source, "columns.sample.items": 0 });
}

/** A table that was loaded and followed, whose pipeline then rests. */
async function followed(table: string, onLoss: "resync" | "fail" | "continue"): Promise<object> {
  await makeTable(between.dynamodb, table);
  for (const id of ["changed", "deleted", "kept"]) await put(table, id, 1);
  const file = fileOf(table, onLoss);
  const first = await between.run(file);
  await first.caughtUp();
  await put(table, "followed", 1);
  await expect.poll(() => rowsOf(table), POLL).toHaveProperty("followed", "1");
  await between.stop();
  return file;
}

/** What happens while it rests: the first records are trimmed, the last one is young. */
async function thirtyHours(table: string): Promise<void> {
  pass(1);
  await remove(table, "deleted");
  await put(table, "changed", 2);
  pass(27);
  await put(table, "young", 1);
  pass(2);
}

const noticesIn = (events: readonly PipelineEvent[]): string =>
  events.flatMap((event) => (event.type === "notice" ? [event.message] : [])).join("\n");

describe("a pipeline that was down for 30 hours", { timeout: TIMEOUT_MS }, () => {
  it("says so and loads the table again, and leaves no row that is gone meanwhile", async () => {
    const file = await followed("resynced", "resync");
    await thirtyHours("resynced");
    const events: PipelineEvent[] = [];
    const pipeline = await between.run(file, events);
    await expect
      .poll(() => rowsOf("resynced"), POLL)
      .toEqual({
        changed: "2",
        followed: "1",
        kept: "1",
        young: "1",
      });
    await expect.poll(() => tableOf(pipeline, "public.resynced").state, POLL).toBe("SYNC");
    expect(noticesIn(events)).toMatch(/resynced was not read for 30 hours.* loaded again/);
    expect(tableOf(pipeline, "public.resynced").rowsLoaded).toBe(4);
  });

  it("stops and changes nothing where the file says fail", async () => {
    const file = await followed("failed", "fail");
    const before = await rowsOf("failed");
    await thirtyHours("failed");
    await expect(between.run(file)).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
    expect(await rowsOf("failed")).toEqual(before);
  });

  it("goes on with what there is where the file says continue, and says for ever that something is missing", async () => {
    const file = await followed("continued", "continue");
    await thirtyHours("continued");
    const gap = { what: "log", reason: "gap" };
    for (const _ of ["first", "second"]) {
      const pipeline = await between.run(file);
      await expect.poll(() => rowsOf("continued"), POLL).toHaveProperty("young", "1");
      await expect
        .poll(() => pipeline.status().waits, POLL)
        .toContainEqual(expect.objectContaining(gap));
      await between.stop();
    }
    expect(await rowsOf("continued")).toMatchObject({ changed: "1", deleted: "1", kept: "1" });
  });
});

describe("a pipeline that was down for 19 hours", { timeout: TIMEOUT_MS }, () => {
  it("has lost nothing, and loads nothing", async () => {
    const file = await followed("rested", "resync");
    pass(1);
    await remove("rested", "deleted");
    between.local.control.split({ table: "rested" });
    await put("rested", "changed", 2);
    pass(17);
    await put("rested", "young", 1);
    pass(1);
    const events: PipelineEvent[] = [];
    const pipeline = await between.run(file, events);
    await expect.poll(() => rowsOf("rested"), POLL).toEqual(await itemsOf("rested"));
    expect(noticesIn(events)).not.toMatch(/was not read/);
    expect(tableOf(pipeline, "public.rested").rowsLoaded).toBe(3);
  });
});

describe("a pipeline that runs for two days", { timeout: TIMEOUT_MS }, () => {
  it("follows a table whose shards split, end and are trimmed, while nothing is loaded again", async () => {
    await makeTable(between.dynamodb, "lived");
    await put("lived", "0", 0);
    const pipeline = await between.run(fileOf("lived", "fail"));
    await pipeline.caughtUp();
    for (let hour = 1; hour <= 48; hour += 6) {
      for (let n = 0; n < 5; n++) await put("lived", String((hour * 7 + n) % 11), hour);
      await remove("lived", String(hour % 11));
      const { control } = between.local;
      if (hour % 4 === 1) control.split({ table: "lived" });
      const items = await itemsOf("lived");
      await expect.poll(() => rowsOf("lived"), POLL).toEqual(items);
      pass(6);
    }
    expect(pipeline.status()).toMatchObject({ error: null });
    expect(tableOf(pipeline, "public.lived")).toMatchObject({ state: "SYNC", rowsLoaded: 1 });
  });
});
