/** Tables that somebody at the source has locked: put off, while everything else goes on. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type PipelineEvent } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

let source: SharedPostgres;
let target: SharedPostgres;
beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  await source.query(`
    CREATE TABLE shut (id int PRIMARY KEY, v text);
    CREATE TABLE plain (id int, v text);
    ALTER TABLE plain REPLICA IDENTITY FULL;
    CREATE TABLE open (id int PRIMARY KEY, v text);
    INSERT INTO shut SELECT g, 's' || g FROM generate_series(1, 300) g;
    INSERT INTO plain SELECT g, 'p' || g FROM generate_series(1, 300) g`);
});
afterAll(async () => {
  await dropSlots(source);
  await Promise.all([source.release(), target.release()]);
});

const contents = (table: string) =>
  `SELECT count(*)::int AS n, md5(string_agg(id || v, ',' ORDER BY id, v)) AS hash FROM ${table}`;

describe("a table that is locked for longer than lock.timeout", () => {
  it("is loaded when it is free, with and without a key; the log and the others do not wait, and nothing begins anew", async () => {
    const pipeline = await loadPipeline(
      pipelineBetween(source, target, {
        name: source.database,
        tables: String.raw`public.\.*`,
        source: { "lock.timeout": "300ms" },
      }),
    );
    const events: PipelineEvent[] = [];
    void (async () => {
      for await (const event of pipeline.events()) events.push(event);
    })();
    const noticed = (table: string) =>
      events.some(
        (event) =>
          event.type === "notice" && event.table === table && /put off/.test(event.message),
      );
    await pipeline.start();
    await pipeline.caughtUp();
    const holder = new pg.Client({ connectionString: source.url });
    await holder.connect();
    await holder.query("BEGIN; LOCK TABLE shut, plain IN ACCESS EXCLUSIVE MODE");
    await Promise.all([pipeline.resync("public.shut"), pipeline.resync("public.plain")]);
    await expect
      .poll(() => [noticed("public.shut"), noticed("public.plain")], { timeout: 60_000 })
      .toEqual([true, true]);
    const waiting = pipeline.status().waits.filter(({ what }) => what === "table");
    expect(waiting.map(({ table, reason }) => `${table} ${reason}`).toSorted()).toEqual([
      "public.plain MR_SOURCE_LOCKED",
      "public.shut MR_SOURCE_LOCKED",
    ]);
    // In the words of what was told.
    for (const { table, why } of waiting)
      expect(events).toContainEqual(
        expect.objectContaining({ type: "notice", table, message: why }),
      );
    await source.query("INSERT INTO open SELECT g, 'o' FROM generate_series(1, 50) g");
    await expect
      .poll(() => target.query("SELECT count(*)::int AS n FROM open"), { timeout: 60_000 })
      .toEqual([{ n: 50 }]);
    await holder.query(
      "UPDATE shut SET v = 'x' WHERE id < 10; DELETE FROM plain WHERE id < 10; COMMIT",
    );
    await holder.end();
    await pipeline.caughtUp();
    expect(pipeline.status().waits).toEqual([]);
    for (const table of ["shut", "plain", "open"])
      expect(await target.query(contents(table))).toEqual(await source.query(contents(table)));
    const began = events.filter((event) => event.type === "retry").map((event) => event.message);
    await pipeline.stop();
    expect(began).toEqual([]);
  });
});
