import { setTimeout } from "node:timers/promises";
import { startDsqlLocal } from "dsql-local";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

/** A target that was there before. */
interface Target {
  readonly sink: Readonly<Record<string, unknown>>;
  readonly url: string;
  release(): Promise<unknown>;
}

async function postgresTarget(): Promise<Target> {
  const target = await sharedPostgres();
  const { host, port, user: username, password, database, url } = target;
  const sink = { type: "postgres", host, port, username, password, database };
  return { sink, url, release: () => target.release() };
}

async function dsqlTarget(): Promise<Target> {
  const cluster = await startDsqlLocal({ tls: "off" });
  const { host, port, user: username, url } = cluster;
  const login = { username, password: "any", "use-iam-auth": false, "ssl-mode": "disable" };
  return { sink: { type: "dsql", host, port, ...login }, url, release: () => cluster.stop() };
}

describe.each([
  { kind: "postgres", start: postgresTarget, async: "" },
  { kind: "dsql", start: dsqlTarget, async: "ASYNC" },
])("a $kind target with a unique index that a partitioned source has not", ({ start, async }) => {
  let source: SharedPostgres;
  let target: Target;
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
    const valid = "SELECT indisvalid AS is FROM pg_index WHERE indexrelid = 'seats_name'::regclass";
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

  async function run(letters: Readonly<Record<string, unknown>> = {}): Promise<Pipeline> {
    const given = pipelineBetween(source, source, {
      name: `${source.database.slice(0, 30)}_${number}`,
      tables: own("public.seats"),
    });
    const pipeline = await loadPipeline({ ...given, sink: { ...target.sink, ...letters } });
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

  /** Rows that are refused keep coming, several beside each round, until something holds. */
  async function refusedUntil(holds: () => boolean): Promise<void> {
    for (let id = 101; !holds(); id++) {
      if (id > 2_000) throw new Error("nearly 2,000 rows were refused, and nothing came of it");
      await write(`INSERT INTO seats VALUES (${id}, 'n1')`);
      await setTimeout(20);
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
});

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
