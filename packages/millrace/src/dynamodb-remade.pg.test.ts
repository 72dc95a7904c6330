import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AttributeValue, makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { tableOf } from "./tables-between.fixture.ts";

/*
 * A table that is deleted and made under its name again, with another key: its rows are those of the new one, whatever the
 * pipeline did meanwhile, and nobody has to start anything.
 */

const POLL = { timeout: 120_000, interval: 100 };
const TIMEOUT_MS = 300_000;

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
});
afterEach(() => between.stop());
afterAll(() => between.release());

/** A table's key: the attributes and their types, the hash key first. */
type Key = readonly (readonly [name: string, type: "S" | "N"])[];

const KEYS: readonly (readonly [what: string, key: Key])[] = [
  ["another name", [["other", "S"]]],
  ["another type", [["id", "N"]]],
  [
    "a sort key",
    [
      ["id", "S"],
      ["at", "N"],
    ],
  ],
];

async function make(table: string, key: Key): Promise<void> {
  await makeTable(between.dynamodb, table, {
    AttributeDefinitions: key.map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    KeySchema: key.map(([AttributeName], at) => ({
      AttributeName,
      KeyType: at === 0 ? "HASH" : "RANGE",
    })),
  });
}

/** Three items of the new table, by the values of its key. */
async function remake(table: string, key: Key): Promise<void> {
  await between.dynamodb.deleteTable({ TableName: table });
  await make(table, key);
  for (const n of ["7", "8", "9"]) {
    const names = key.map(([name, type]): [string, AttributeValue] => [
      name,
      type === "S" ? { S: n } : { N: n },
    ]);
    await between.dynamodb.putItem({
      TableName: table,
      Item: { ...Object.fromEntries(names), n: { N: n } },
    });
  }
}

function rowsAnew(key: Key): readonly object[] {
  return ["7", "8", "9"].map((n) => ({
    ...Object.fromEntries(key.map(([name]) => [name, n])),
    n,
  }));
}

async function rowsOf(table: string, key: Key): Promise<readonly object[] | string> {
  const names = key.map(([name]) => `"${name}"::text`).join(", ");
  return between.target
    .query(`SELECT ${names}, document->>'n' AS n FROM public."${table}" ORDER BY 1`)
    .catch(String);
}

const fileOf = (table: string, source: object = {}) =>
  between.file(table, {
    "dynamodb.table.whitelist": table,
    "columns.sample.items": 0,
    ...source,
  });

async function fill(table: string, items: number): Promise<void> {
  for (let n = 0; n < items; n++)
    await between.dynamodb.putItem({
      TableName: table,
      Item: { id: { S: `old ${n}` }, n: { N: String(n) } },
    });
}

/** The new table is at the sink, and nothing had to be mended on the way. */
async function expectAnew(pipeline: Pipeline, table: string, key: Key): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const { error, tables } = pipeline.status();
    if (error !== null) throw new Error(`${error.code}: ${error.message}`);
    if (tables.every(({ state }) => state !== "SYNC")) return false;
    return JSON.stringify(await rowsOf(table, key)) === JSON.stringify(rowsAnew(key));
  };
  const untilMs = Date.now() + POLL.timeout;
  while (!(await isThere())) {
    if (Date.now() > untilMs) throw new Error(`it has ${JSON.stringify(await rowsOf(table, key))}`);
    await sleep(POLL.interval);
  }
}

describe.each(KEYS)("a table that is made anew with %s", { timeout: TIMEOUT_MS }, (what, key) => {
  const name = (when: string): string => `${when}_${what.replaceAll(" ", "_")}`;

  it("while nobody reads it is loaded at the next start", async () => {
    const table = name("down");
    await make(table, [["id", "S"]]);
    await fill(table, 2);
    const file = fileOf(table);
    await (await between.run(file)).caughtUp();
    await between.stop();
    await remake(table, key);
    const pipeline = await between.run(file);
    await expectAnew(pipeline, table, key);
  });

  it("while it is followed is loaded without a start", async () => {
    const table = name("live");
    await make(table, [["id", "S"]]);
    await fill(table, 2);
    const pipeline = await between.run(fileOf(table));
    await pipeline.caughtUp();
    await remake(table, key);
    await expectAnew(pipeline, table, key);
  });

  it("while it is being loaded is loaded as it is now", async () => {
    const table = name("loading");
    await make(table, [["id", "S"]]);
    await fill(table, 40);
    const pipeline = await between.run(fileOf(table, { "init.sync.max-read-units": 1 }));
    await expect
      .poll(() => tableOf(pipeline, `public.${table}`).rowsLoaded, POLL)
      .toBeGreaterThan(0);
    expect(tableOf(pipeline, `public.${table}`).state).toBe("INIT_SYNC");
    await remake(table, key);
    await expectAnew(pipeline, table, key);
  });
});
