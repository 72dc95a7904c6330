/** Each table of DynamoDB is a task of its own: what one of them loads gives way to changes of another one. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { soon, tableOf } from "./tables-between.fixture.ts";

const ITEMS = 600;
const SESSIONS = 2;
const LOADED = "public.loaded";

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
  for (const table of ["followed", "loaded"]) await makeTable(between.dynamodb, table);
  for (let n = 0; n < ITEMS; n += 20)
    await Promise.all(Array.from({ length: 20 }, (_, i) => put("loaded", n + i)));
});
afterAll(() => between.release());

function put(table: string, n: number): Promise<unknown> {
  const text = { S: "x".repeat(1_000) };
  const Item = { id: { S: `key ${n % ITEMS}` }, n: { N: `${n}` }, text };
  return between.dynamodb.putItem({ TableName: table, Item });
}

/** Changes items of `followed`, one by one and without a pause, until the signal aborts. */
async function write(signal: AbortSignal, session: number): Promise<void> {
  for (let n = session; !signal.aborted; n += SESSIONS) await put("followed", n);
}

describe("a load from DynamoDB beside changes of another table", () => {
  it("gives way to them, goes on, and ends", async () => {
    const pipeline = await between.run(
      between.file("gives_way", { "dynamodb.table.whitelist": "followed,loaded" }),
    );
    await pipeline.caughtUp();
    const writing = new AbortController();
    const written = Promise.all(
      Array.from({ length: SESSIONS }, (_, session) => write(writing.signal, session)),
    );
    await soon(() => tableOf(pipeline, "public.followed").changes > 100, 60_000);
    let gaveWay = false;
    await pipeline.resync(LOADED);
    await soon(() => {
      gaveWay ||= pipeline.status().load.givesWay;
      return tableOf(pipeline, LOADED).state === "SYNC";
    }, 120_000);
    writing.abort();
    await written;
    expect(gaveWay).toBe(true);
    await pipeline.caughtUp();
    const [count] = await between.target.query("SELECT count(*)::int AS n FROM loaded");
    expect(count).toEqual({ n: ITEMS });
  });
});
