import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pipeline } from "./pipeline-handle.ts";
import type { SharedPostgres } from "../../../test/support/postgres.ts";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

/** What the source keeps by itself, and the target by constraints. */
const PARENTS = "CREATE TABLE parents (id int PRIMARY KEY)";
const SOURCE = `${PARENTS};
  CREATE TABLE seats (id int PRIMARY KEY, name text, parent int REFERENCES parents) PARTITION BY RANGE (id);
  CREATE TABLE seats_1 PARTITION OF seats FOR VALUES FROM (0) TO (100);
  CREATE TABLE seats_2 PARTITION OF seats FOR VALUES FROM (100) TO (200);
  INSERT INTO parents SELECT generate_series(1, 20);
  INSERT INTO seats SELECT n, 'n' || n, n FROM generate_series(1, 10) n`;
const TARGET = `${PARENTS};
  CREATE TABLE seats (id int PRIMARY KEY, name text UNIQUE, parent int REFERENCES parents)`;

async function all(server: SharedPostgres): Promise<string> {
  const of = (name: string) => server.query(`SELECT * FROM ${name} ORDER BY id`);
  return JSON.stringify([await of("seats"), await of("parents")]);
}

describe("rows that have left the source with a partition, and stand at the target still", () => {
  let between: TablesBetween;
  let pipeline: Pipeline;

  beforeAll(async () => {
    between = await tablesBetween();
    await between.source.query(SOURCE);
    await between.target.query(TARGET);
    pipeline = await between.run(between.file({ tables: "public.(seats|parents)" }));
    await pipeline.caughtUp();
  });
  afterAll(() => between.release());

  /** No log tells of partitions: a look finds them, seconds later. */
  async function followed(): Promise<unknown> {
    await soon(async () => (await all(between.source)) === (await all(between.target)), 120_000);
    await pipeline.caughtUp();
    return ["public.seats", "public.parents"].map((id) => {
      const { state, deadLetters } = tableOf(pipeline, id);
      return { state, deadLetters };
    });
  }
  const FOLLOWED = [1, 2].map(() => ({ state: "SYNC", deadLetters: 0 }));

  it("refuse their unique value to nobody, and their parents may go", async () => {
    await between.source.query(`BEGIN; ALTER TABLE seats DETACH PARTITION seats_1; COMMIT;
      BEGIN; INSERT INTO seats SELECT 100 + n, 'n' || n, 10 + n FROM generate_series(1, 5) n; COMMIT;
      BEGIN; ALTER TABLE seats_1 DROP CONSTRAINT seats_parent_fkey; DELETE FROM parents WHERE id <= 10; COMMIT`);
    expect(await followed()).toEqual(FOLLOWED);
  });

  it("come back with their parents", async () => {
    await between.source
      .query(`BEGIN; UPDATE seats_1 SET name = 'again ' || id; INSERT INTO parents SELECT generate_series(1, 10);
      ALTER TABLE seats ATTACH PARTITION seats_1 FOR VALUES FROM (0) TO (100); COMMIT`);
    expect(await followed()).toEqual(FOLLOWED);
  });
});
