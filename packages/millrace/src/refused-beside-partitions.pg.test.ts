import { execFileSync } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";
import { deafObserver, type TaskObserver } from "./pipeline/observer.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { SQL_TARGETS, type SqlTarget } from "./sql-target.fixture.ts";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

/** Run beside a pipeline that is telling of something, whose process cannot wait for an answer there. */
const QUERY = `const { Client } = require("pg"); const client = new Client(process.argv[1]);
  client.connect().then(() => client.query(process.argv[2])).then(() => client.end())`;

describe.each(SQL_TARGETS)(
  "a $kind target with a unique index that a partitioned source has not",
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
      await write(`CREATE TABLE seats (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
      CREATE TABLE first_seats PARTITION OF seats FOR VALUES FROM (0) TO (100);
      CREATE TABLE other_seats PARTITION OF seats FOR VALUES FROM (100) TO (100000);
      INSERT INTO seats SELECT n, 'n' || n FROM generate_series(1, 10) n`);
      await at("CREATE TABLE seats (id int PRIMARY KEY, name text)");
      await at(`CREATE UNIQUE INDEX ${async} seats_name ON seats (name)`);
      const valid =
        "SELECT indisvalid AS is FROM pg_index WHERE indexrelid = 'seats_name'::regclass";
      await soon(async () => (await at(valid))[0]?.["is"] === true);
    });
    afterEach(async () => {
      await running?.stop().catch(() => undefined);
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

    async function run(
      letters: Readonly<Record<string, unknown>> = {},
      observers: readonly TaskObserver[] = [],
    ): Promise<Pipeline> {
      const given = pipelineBetween(source, source, {
        name: `${source.database.slice(0, 30)}_${number}`,
        tables: own("public.seats"),
      });
      const file = { ...given, sink: { ...target.sink, ...letters } };
      const pipeline = await loadPipeline(file, { observers });
      running = pipeline;
      await pipeline.start();
      await pipeline.caughtUp();
      return pipeline;
    }

    const stand = (pipeline: Pipeline) => {
      const { state, deadLetters, stopped } = tableOf(pipeline, own("public.seats"));
      return { state, deadLetters, stopped: stopped?.code ?? null };
    };
    const ROWS = "SELECT id, name FROM seats ORDER BY id";

    it("takes what a row that has left with a partition refuses", async () => {
      const pipeline = await run();
      await write("ALTER TABLE seats DETACH PARTITION first_seats");
      await write("INSERT INTO seats SELECT 100 + n, 'n' || n FROM generate_series(1, 5) n");
      const text = async (rows: Promise<unknown>) => JSON.stringify(await rows);
      await soon(async () => (await text(at(ROWS))) === (await text(write(ROWS))), 120_000);
      await pipeline.caughtUp();
      expect(stand(pipeline)).toEqual({ state: "SYNC", deadLetters: 0, stopped: null });
    });

    it("has a row that it never takes as a dead letter, and its table in SYNC", async () => {
      const pipeline = await run();
      await write("INSERT INTO seats VALUES (101, 'n1'), (102, 'other')");
      await soon(() => stand(pipeline).deadLetters === 1, 120_000);
      await pipeline.caughtUp();
      expect(stand(pipeline)).toEqual({ state: "SYNC", deadLetters: 1, stopped: null });
      expect(pipeline.deadLetters()).toMatchObject([
        { code: "MR_SINK_CONSTRAINT", keyColumns: { id: "101" } },
      ]);
    });

    it("takes what it has refused for good for a row that left meanwhile, where the run ended before that was looked for", async () => {
      let parked = 0;
      const event: TaskObserver["event"] = ({ type }) => {
        if (type !== "dead-letter" || parked++ > 0) return;
        const sql = own("ALTER TABLE seats DETACH PARTITION first_seats");
        execFileSync(process.execPath, ["-e", QUERY, source.url, sql], {
          cwd: import.meta.dirname,
        });
        void running?.stop();
      };
      const first = await run({}, [{ ...deafObserver, event }]);
      await write("INSERT INTO seats VALUES (101, 'n1')");
      await first.done;
      expect(parked).toBe(1);

      const pipeline = await run();
      const text = async (rows: Promise<unknown>) => JSON.stringify(await rows);
      await soon(async () => (await text(at(ROWS))) === (await text(write(ROWS))), 60_000);
      await pipeline.caughtUp();
      expect(stand(pipeline)).toEqual({ state: "SYNC", deadLetters: 0, stopped: null });
    });

    /**
     * Rows that are refused keep coming, several beside each round, until something holds. They come ever slower: a round takes as
     * long as there are rows to refuse, and at an even pace a slow machine would be given more of them than it gets through.
     */
    async function refusedUntil(holds: () => boolean): Promise<void> {
      for (let rows = 0; !holds(); rows++) {
        if (rows > 1_000) throw new Error("1,000 rows were refused, and nothing came of it");
        await write(`INSERT INTO seats VALUES (${101 + rows}, 'n1')`);
        await setTimeout(20 + 2 * rows);
      }
    }

    it("stops the table where rows that it never takes keep coming", async () => {
      const pipeline = await run({ "dead-letters.max": 5 });
      await refusedUntil(() => stand(pipeline).stopped !== null);
      expect(stand(pipeline)).toMatchObject({ stopped: "MR_DEAD_LETTER_LIMIT" });
    });

    it("ends the pipeline where rows that it never takes keep coming and dead letters are to fail", async () => {
      const pipeline = await run({ "dead-letters": "fail" });
      await refusedUntil(() => pipeline.status().state === "failed");
      await expect(pipeline.done).rejects.toMatchObject({ code: "MR_DEAD_LETTER_LIMIT" });
    });
  },
);

describe("a target with a foreign key to a partitioned source's table", () => {
  let between: TablesBetween;

  beforeAll(async () => {
    between = await tablesBetween();
  });
  afterAll(() => between.release());

  it("takes children of parents that came with a partition, and no dead letter", async () => {
    await between.source.query(`CREATE TABLE parents (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE parents_1 PARTITION OF parents FOR VALUES FROM (0) TO (100);
      CREATE TABLE parents_2 (id int PRIMARY KEY);
      CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
      INSERT INTO parents SELECT generate_series(1, 10); INSERT INTO parents_2 VALUES (100), (101);
      INSERT INTO children SELECT n, n FROM generate_series(1, 10) n`);
    await between.target.query(`CREATE TABLE parents (id int PRIMARY KEY);
      CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents)`);
    const pipeline = await between.run(between.file({ tables: "public.(parents|children)" }));
    await pipeline.caughtUp();
    await between.source
      .query(`BEGIN; ALTER TABLE parents ATTACH PARTITION parents_2 FOR VALUES FROM (100) TO (200);
      INSERT INTO children VALUES (100, 100); UPDATE children SET parent = 101 WHERE id = 1; COMMIT`);
    const rows = "SELECT * FROM children ORDER BY id";
    const of = async (server: SharedPostgres) => JSON.stringify(await server.query(rows));
    await soon(async () => (await of(between.source)) === (await of(between.target)), 120_000);
    await pipeline.caughtUp();
    for (const id of ["public.parents", "public.children"])
      expect(tableOf(pipeline, id)).toMatchObject({ state: "SYNC", deadLetters: 0 });
    await between.expectSame("SELECT * FROM parents ORDER BY id");
  });
});
