import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

/** With a column that may be too long for its row, and without one: the server has no table of long values for that. */
const TABLES = ["public.seats", "public.pairs"] as const;

let between: TablesBetween;
let pipeline: Pipeline;

beforeEach(async () => {
  between = await tablesBetween();
  const { source } = between;
  await source.query(`CREATE TABLE seats (id int PRIMARY KEY, name text);
    CREATE TABLE pairs (id int PRIMARY KEY, name int);
    INSERT INTO seats SELECT n, n::text FROM generate_series(1, 10) n;
    INSERT INTO pairs SELECT n, n FROM generate_series(1, 10) n;
    CREATE PUBLICATION "${source.database}" FOR ALL TABLES
      WITH (publish_via_partition_root = true, publish_generated_columns = stored)`);
  await begin();
});
afterEach(() => between.release());

async function begin(): Promise<void> {
  pipeline = await between.run(between.file({ source: { "publication.create": "never" } }));
  await pipeline.caughtUp();
}

async function same(): Promise<boolean> {
  const [sources, targets] = await Promise.all([rowsOf("source"), rowsOf("target")]);
  return JSON.stringify(sources) === JSON.stringify(targets);
}

function rowsOf(side: "source" | "target") {
  return Promise.all(
    TABLES.map((table) => between[side].query(`SELECT * FROM ${table} ORDER BY id`)),
  );
}

/** The file that the pipeline knows the table's rows in. */
async function fileOf(table: string): Promise<unknown> {
  const [row] = await between.target.query(
    `SELECT value FROM millrace.state WHERE key = 'parts/${table}'`,
  );
  return row?.["value"];
}

describe.each(TABLES)("%s of a publication FOR ALL TABLES", (table) => {
  it("brings what was written to it while it was unlogged by a load", async () => {
    await between.source.query(`ALTER TABLE ${table} SET UNLOGGED;
      UPDATE ${table} SET name = '22' WHERE id = 2; DELETE FROM ${table} WHERE id = 3;
      INSERT INTO ${table} VALUES (11, '11'); ALTER TABLE ${table} SET LOGGED`);
    await soon(same, 60_000);
    await between.follow(pipeline, `UPDATE ${table} SET name = '99' WHERE id > 8`);
    expect(await same()).toBe(true);
  });

  it("loses rows that were deleted while it was unlogged, where none are left", async () => {
    await between.source.query(`ALTER TABLE ${table} SET UNLOGGED; DELETE FROM ${table};
      ALTER TABLE ${table} SET LOGGED`);
    await soon(same, 60_000);
    expect(await rowsOf("target")).toEqual(await rowsOf("source"));
  });

  it("ends the pipeline where it is unlogged while that runs, and is loaded again once it is logged", async () => {
    await between.source.query(
      `ALTER TABLE ${table} SET UNLOGGED; DELETE FROM ${table} WHERE id = 1`,
    );
    await soon(() => pipeline.status().state === "failed", 60_000);
    expect(JSON.stringify(pipeline.status())).toContain("unlogged");
    await between.stop();
    await between.source.query(`ALTER TABLE ${table} SET LOGGED`);
    await begin();
    await soon(same, 60_000);
    expect(await rowsOf("target")).toEqual(await rowsOf("source"));
  });

  it("brings what was written to it while it was unlogged and nothing ran", async () => {
    await between.stop();
    await between.source.query(`ALTER TABLE ${table} SET UNLOGGED;
      UPDATE ${table} SET name = '22' WHERE id = 2; DELETE FROM ${table} WHERE id = 3;
      ALTER TABLE ${table} SET LOGGED`);
    await between.source.query(`VACUUM FULL ${table}`);
    await begin();
    await soon(same, 60_000);
    expect(await rowsOf("target")).toEqual(await rowsOf("source"));
  });

  it("is not loaded again behind a TRUNCATE that the log tells", async () => {
    const before = await fileOf(table);
    await between.source.query(`TRUNCATE ${table}; INSERT INTO ${table} VALUES (1, '1')`);
    await soon(async () => (await fileOf(table)) !== before, 60_000);
    expect([tableOf(pipeline, table).rowsLoaded, await same()]).toEqual([10, true]);
  });
});
