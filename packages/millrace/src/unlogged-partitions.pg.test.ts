import { afterEach, beforeEach, expect, it } from "vitest";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

const ROWS = "SELECT * FROM seats ORDER BY id";

let between: TablesBetween;
let pipeline: Pipeline;

beforeEach(async () => {
  between = await tablesBetween();
  await between.source
    .query(`CREATE TABLE seats (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
    CREATE TABLE seats_1 PARTITION OF seats FOR VALUES FROM (0) TO (100);
    INSERT INTO seats SELECT n, 'n' || n FROM generate_series(1, 10) n`);
  pipeline = await between.run();
  await pipeline.caughtUp();
});
afterEach(() => between.release());

async function same(): Promise<boolean> {
  const [source, target] = await Promise.all([
    between.source.query(ROWS),
    between.target.query(ROWS),
  ]);
  return JSON.stringify(source) === JSON.stringify(target);
}

it("a partition that is unlogged while the pipeline runs ends it, with what helps, and is loaded again once it is logged", async () => {
  await between.source.query("ALTER TABLE seats_1 SET UNLOGGED; DELETE FROM seats WHERE id = 1");
  await soon(() => pipeline.status().state === "failed", 60_000);
  expect(JSON.stringify(pipeline.status())).toContain("ALTER TABLE public.seats_1 SET LOGGED");
  await between.stop();
  await between.source.query("ALTER TABLE seats_1 SET LOGGED");
  pipeline = await between.run();
  await soon(same, 60_000);
});

it("rows that were written to a partition while it was unlogged come by a load", async () => {
  await between.source
    .query(`ALTER TABLE seats_1 SET UNLOGGED; UPDATE seats SET name = 'unlogged' WHERE id = 2;
    ALTER TABLE seats_1 SET LOGGED`);
  expect(await comeByALoad()).toBe(true);
});

it("rows of a partition that was made unlogged come by a load", async () => {
  await between.source
    .query(`CREATE UNLOGGED TABLE seats_2 PARTITION OF seats FOR VALUES FROM (100) TO (200);
    INSERT INTO seats VALUES (100, 'early'); ALTER TABLE seats_2 SET LOGGED`);
  expect(await comeByALoad()).toBe(true);
});

/** Both sides are the same, also once more has come. */
async function comeByALoad(): Promise<boolean> {
  await soon(same, 60_000);
  await between.follow(pipeline, "UPDATE seats SET name = 'later' WHERE id > 8");
  return same();
}
