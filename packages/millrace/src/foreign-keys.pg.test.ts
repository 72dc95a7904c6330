import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";

/** Children's names come first, so that nothing is right by chance. */
const TABLES = `CREATE TABLE z_parents (id int PRIMARY KEY, v text);
  CREATE TABLE a_children (id int PRIMARY KEY, parent int REFERENCES z_parents DEFERRABLE, v text);
  CREATE TABLE b_leaves (id int PRIMARY KEY, child int REFERENCES a_children);
  CREATE TABLE m_tree (id int PRIMARY KEY, up int REFERENCES m_tree DEFERRABLE, v text)`;

const NAMES = ["z_parents", "a_children", "b_leaves", "m_tree"];

describe("targets with foreign keys among themselves", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;
  let pipeline: Pipeline;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query(`${TABLES};
      INSERT INTO z_parents SELECT n, 'p' FROM generate_series(1, 3000) n;
      INSERT INTO a_children SELECT n, 1 + n % 3000, 'c' FROM generate_series(1, 6000) n;
      CREATE TABLE c_bag (parent int REFERENCES z_parents, v text); ALTER TABLE c_bag REPLICA IDENTITY FULL;
      INSERT INTO c_bag SELECT 2000 + n % 3, 'b' FROM generate_series(1, 300) n;
      INSERT INTO b_leaves SELECT n, n FROM generate_series(500, 600) n;
      INSERT INTO m_tree SELECT n, CASE WHEN n < 20 THEN 20 + n WHEN n > 20 THEN n / 2 + 10 END, 't'
        FROM generate_series(1, 500) n`);
    await target.query(`${TABLES};
      CREATE TABLE c_bag (_millrace_key text PRIMARY KEY, parent int REFERENCES z_parents, v text)`);
    pipeline = await loadPipeline(
      pipelineBetween(source, target, {
        name: source.database.slice(0, 40),
        tables: "public.\\.*",
        pipeline: { parallelism: 3 },
      }),
    );
    await pipeline.start();
  });
  afterAll(async () => {
    await pipeline.stop();
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  async function expectEqual(): Promise<void> {
    await pipeline.caughtUp();
    for (const { id, state, deadLetters } of pipeline.status().tables)
      expect({ id, state, deadLetters }).toEqual({ id, state: "SYNC", deadLetters: 0 });
    for (const name of NAMES) {
      const all = `SELECT * FROM ${name} ORDER BY id`;
      expect(await target.query(all)).toEqual(await source.query(all));
    }
    const bag =
      "SELECT parent, v, count(*)::int AS n FROM c_bag GROUP BY parent, v ORDER BY parent, v";
    expect(await target.query(bag)).toEqual(await source.query(bag));
  }

  it("are loaded parents first, also those without key, rows that point at later ones put off", async () => {
    await expectEqual();
  });

  it("take parents and children that come and go together", async () => {
    for (let i = 0; i < 30; i++) {
      const id = 10_000 + i;
      await source.query(`BEGIN; INSERT INTO z_parents VALUES (${id}, 'new');
        INSERT INTO a_children VALUES (${id}, ${id}, 'new'), (${id + 100}, ${id}, 'new'); COMMIT`);
      await source.query(`BEGIN; UPDATE a_children SET parent = ${id} WHERE parent = ${i + 1};
        DELETE FROM z_parents WHERE id = ${i + 1}; COMMIT`);
      if (i % 3 === 0)
        await source.query(`BEGIN; DELETE FROM a_children WHERE parent = ${id};
          DELETE FROM z_parents WHERE id = ${id}; COMMIT`);
    }
    await expectEqual();
  });

  it("take parents that go before their children have let go of them", async () => {
    // Beside a load the delete would be put off, and read again behind it.
    await expectEqual();
    await source.query(`BEGIN; SET CONSTRAINTS ALL DEFERRED; DELETE FROM z_parents WHERE id = 550;
      UPDATE a_children SET parent = 551 WHERE parent = 550; COMMIT`);
    await expectEqual();
  });

  it("take a child to a parent that is made behind a schema change of its table", async () => {
    await source.query("ALTER TABLE z_parents ADD COLUMN more text");
    // The log tells of the column with the first row that has it: between the two.
    await source.query(`BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE a_children SET parent = 20001 WHERE id = 700;
      INSERT INTO z_parents VALUES (20001, 'late', 'more'); COMMIT`);
    await expectEqual();
  });

  it("take a child of a parent that has just got its key, and a large value that stays as it is", async () => {
    await source.query(`INSERT INTO z_parents
      SELECT 20002, string_agg(md5(n::text), '') FROM generate_series(1, 3000) n`);
    await source.query(`BEGIN; UPDATE z_parents SET id = 20003 WHERE id = 20002;
      INSERT INTO a_children VALUES (20003, 20003, 'new'); COMMIT`);
    await expectEqual();
  });

  it("take rows that point at later ones of their transaction", async () => {
    await source.query(`BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO m_tree VALUES (9001, 9002, 'a');
      UPDATE m_tree SET up = 9003 WHERE id = 1; INSERT INTO m_tree VALUES (9002, 9003, 'b');
      INSERT INTO m_tree VALUES (9003, NULL, 'c'); COMMIT`);
    await source.query("DELETE FROM m_tree WHERE id BETWEEN 300 AND 400");
    await source.query("UPDATE z_parents SET v = 'other' WHERE id BETWEEN 1000 AND 2000");
    await expectEqual();
  });
});
