import pg from "pg";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it, vi } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";
import { SQL_TARGETS, type SqlTarget } from "./sql-target.fixture.ts";

const ROWS = 300;

describe.each(SQL_TARGETS)(
  "a $kind target with a unique index besides its key",
  ({ start, async }) => {
    let source: SharedPostgres;
    let target: SqlTarget;
    let running: Pipeline | null = null;
    let number = 0;

    beforeAll(async () => {
      [source, target] = await Promise.all([sharedPostgres(), start()]);
    });
    afterAll(async () => {
      await dropSlots(source);
      await source.release();
      await target.release();
    });
    beforeEach(async () => {
      number += 1;
      await write(`CREATE TABLE seats (id int PRIMARY KEY, name text UNIQUE DEFERRABLE, big text);
      ALTER TABLE seats ALTER big SET STORAGE EXTERNAL;
      INSERT INTO seats SELECT n, 'n' || n, repeat('x', 3000) FROM generate_series(1, ${ROWS}) n`);
      await at("CREATE TABLE seats (id int PRIMARY KEY, name text, big text)");
    });
    afterEach(async () => {
      await running?.stop();
      running = null;
      await dropSlots(source);
    });

    /** Each test has a table of its own, under the name `seats` here. */
    const own = (sql: string) => sql.replaceAll("seats", `seats${number}`);
    const write = (sql: string) => source.query(own(sql));

    async function at(sql: string): Promise<Record<string, unknown>[]> {
      const client = new pg.Client({ connectionString: target.url });
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(own(sql))).rows;
      } finally {
        await client.end();
      }
    }

    async function makeUnique(): Promise<void> {
      await at(`CREATE UNIQUE INDEX ${async} seats_name ON seats (name)`);
      const valid =
        "SELECT indisvalid AS is FROM pg_index WHERE indexrelid = 'seats_name'::regclass";
      await vi.waitFor(async () => expect(await at(valid)).toEqual([{ is: true }]));
    }

    async function run(name: string): Promise<Pipeline> {
      const given = pipelineBetween(source, source, {
        name: `${source.database.slice(0, 30)}_${name}`,
        tables: own("public.seats"),
        pipeline: { parallelism: 3 },
      });
      const pipeline = await loadPipeline({ ...given, sink: target.sink });
      running = pipeline;
      await pipeline.start();
      await pipeline.caughtUp();
      return pipeline;
    }

    async function expectEqual(pipeline: Pipeline): Promise<void> {
      await pipeline.caughtUp();
      const [table] = pipeline.status().tables;
      expect(table).toMatchObject({ state: "SYNC", deadLetters: 0 });
      const all = "SELECT id, name, md5(big) AS big FROM seats ORDER BY id";
      const rows = await at(all);
      expect(rows).toEqual(await write(all));
      expect(rows.length).toBeGreaterThan(0);
    }

    /** Values that pass from row to row in every way that the source's constraint allows. */
    async function exchange(): Promise<void> {
      await write(`BEGIN; UPDATE seats SET name = 'free' WHERE id = 1; UPDATE seats SET name = 'n1' WHERE id = 2;
      UPDATE seats SET name = 'n2' WHERE id = 1; COMMIT`);
      await write(`BEGIN; UPDATE seats SET name = 'n4+' WHERE id = 4; UPDATE seats SET name = 'n4' WHERE id = 3;
      DELETE FROM seats WHERE id = 5; INSERT INTO seats VALUES (1005, 'n5', 'b'); COMMIT`);
      await write(`BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE seats SET name = 'n7' WHERE id = 6;
      UPDATE seats SET name = 'n6' WHERE id = 7; COMMIT`);
      await write(
        "UPDATE seats SET name = 'n' || CASE id WHEN 29 THEN 10 ELSE id + 1 END WHERE id BETWEEN 10 AND 29",
      );
      await write(`BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE seats SET id = 2030, name = 'n31' WHERE id = 30;
      UPDATE seats SET name = 'n30' WHERE id = 31; COMMIT`);
      await write(
        "DELETE FROM seats WHERE id = 40; INSERT INTO seats VALUES (3040, 'n40', repeat('y', 3000))",
      );
    }

    it("takes values that pass from row to row, also at the end of a transaction only", async () => {
      await makeUnique();
      const pipeline = await run("pass");
      await exchange();
      await expectEqual(pipeline);
      const notices = pipeline.status().tables[0]?.notices ?? [];
      expect(notices.join(" ")).toMatch(
        /seats1 has unique indexes .*one of the 3 lanes.* Drop them/,
      );
    });

    it("is loaded while values pass from row to row, and again over rows that stand in the way", async () => {
      await makeUnique();
      const [pipeline] = await Promise.all([run("load"), exchange()]);
      await expectEqual(pipeline);
      await at("UPDATE seats SET name = 'was ' || name");
      await at(`UPDATE seats SET name = 'n' || (120 - id) WHERE id BETWEEN 50 AND 70`);
      await at("INSERT INTO seats VALUES (9001, 'n5', ''), (9002, 'n200', '')");
      await pipeline.resync(own("public.seats"));
      await expectEqual(pipeline);
    });

    it("may get the index between two runs", async () => {
      const before = await run("between");
      await write("UPDATE seats SET name = name || '!'; UPDATE seats SET name = 'n' || id");
      await expectEqual(before);
      await before.stop();
      await exchange();
      await makeUnique();
      const after = await run("between");
      await exchange2();
      await expectEqual(after);
    });

    it("may get the index while it runs", async () => {
      const pipeline = await run("while");
      await expectEqual(pipeline);
      await makeUnique();
      await exchange();
      await exchange2();
      await expectEqual(pipeline);
    });

    it("has what it refuses for good parked, and the rest applied", async () => {
      await makeUnique();
      const pipeline = await run("refused");
      await at("INSERT INTO seats VALUES (9000, 'mine', NULL)");
      await write(`BEGIN; UPDATE seats SET name = 'mine' WHERE id = 60; UPDATE seats SET name = 'n60' WHERE id = 61;
      UPDATE seats SET big = 'other' WHERE id = 62; COMMIT`);
      await pipeline.caughtUp();
      expect(pipeline.status().tables[0]).toMatchObject({ state: "SYNC", deadLetters: 1 });
      expect(await at("SELECT id, name FROM seats WHERE id IN (61, 62) ORDER BY id")).toEqual([
        { id: 61, name: "n60" },
        { id: 62, name: "n62" },
      ]);
      expect(await at("SELECT big FROM seats WHERE id = 62")).toEqual([{ big: "other" }]);
    });

    /** More of it, once the index is there. */
    async function exchange2(): Promise<void> {
      for (let i = 0; i < 20; i++) {
        const [a, b] = [100 + i, 200 - i];
        await write(`BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE seats SET name = 'n${b}' WHERE id = ${a};
        UPDATE seats SET name = 'n${a}' WHERE id = ${b}; COMMIT`);
      }
    }
  },
);
