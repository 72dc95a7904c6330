/**
 * Rows that left the source while nobody told of them, and a sink that nobody can ask for its rows: who applies the messages of a topic
 * has the source's table in the end, whatever it was that the log did not tell.
 */
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { loadPipeline } from "./load-pipeline.ts";
import { recordsIn } from "./kafka/cluster.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon, tableOf } from "./tables-between.fixture.ts";
import { tablesIntoTopics } from "./tables-into-topics.fixture.ts";
import { pipelineFromTopics } from "./topics-between.fixture.ts";

const PATIENCE_MS = 120_000;
const { kafka, between, cluster, release } = await tablesIntoTopics();
const { source, target } = between;
const readers: Pipeline[] = [];
afterEach(async () => {
  await between.stop();
  for (const reader of readers.splice(0)) await reader.stop().catch(() => undefined);
});
afterAll(release);

function fileOf(table: string, given: Readonly<Record<string, unknown>> = {}): object {
  return between.file({
    tables: `public.${table}(_beside)?`,
    source: {
      "publication.name": table,
      "slot.name": `${source.database}_${table}`,
      "on-loss": "resync",
      ...given,
    },
    pipeline: { name: `${kafka.prefix}${table}` },
    more: {
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": kafka.bootstrap,
        "topic.pattern": `${kafka.prefix}{table}`,
        "topic.partitions": 1,
      },
    },
  });
}

interface Told {
  readonly op: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

async function toldIn(table: string): Promise<readonly Told[]> {
  const records = await recordsIn(cluster, `${kafka.prefix}${table}`);
  return records.flatMap(([, value]) => (value === null ? [] : [JSON.parse(value) as Told]));
}

/** What a reader has that applies all messages, by their keys, which are the first columns. */
async function readBack(table: string): Promise<readonly object[]> {
  const rows = new Map<string, object>();
  const keyOf = (row: object | null) => JSON.stringify(Object.values(row ?? {})[0]);
  for (const { op, before, after } of await toldIn(table)) {
    if (op === "t") rows.clear();
    else if (after === null) rows.delete(keyOf(before));
    else rows.set(keyOf(after), after);
  }
  return [...rows.values()].toSorted((a, b) => Number(keyOf(a)) - Number(keyOf(b)));
}

const rowsOf = (table: string) => source.query(`SELECT * FROM ${table} ORDER BY 1`);
const truncatesOf = async (table: string) =>
  (await toldIn(table)).filter(({ op }) => op === "t").length;

async function expectSame(table: string): Promise<void> {
  const same = async () =>
    JSON.stringify(await readBack(table)) === JSON.stringify(await rowsOf(table));
  await soon(same, PATIENCE_MS).catch(() => undefined);
  expect(await readBack(table)).toEqual(await rowsOf(table));
}

/** A table of ten rows that is told of, beside an empty one. */
async function begin(table: string, given = {}): Promise<Pipeline> {
  await source.query(
    `CREATE TABLE ${table} (id int PRIMARY KEY, name text); INSERT INTO ${table} SELECT n, n::text FROM generate_series(1, 10) n;` +
      `CREATE TABLE ${table}_beside (id int PRIMARY KEY)`,
  );
  const pipeline = await between.run(fileOf(table, given));
  await pipeline.caughtUp();
  expect(await truncatesOf(table)).toBe(0);
  return pipeline;
}

/** What these statements do while the table is paused is passed over: what comes behind them was told. */
async function whilePaused(pipeline: Pipeline, table: string, sql: string): Promise<void> {
  await pipeline.pauseTable(`public.${table}`);
  await source.query(`${sql}; INSERT INTO ${table}_beside VALUES (1)`);
  const beside = async () =>
    (await toldIn(`${table}_beside`).catch(() => [])).some(({ op }) => op === "c");
  await soon(beside, PATIENCE_MS);
  await pipeline.resumeTable(`public.${table}`);
  await pipeline.caughtUp();
}

async function again(table: string, stood: () => Promise<unknown>): Promise<Pipeline> {
  await between.stop();
  await stood();
  const pipeline = await between.run(fileOf(table));
  await pipeline.caughtUp();
  return pipeline;
}

describe("rows that left a table in silence are gone at who applies its topic", () => {
  it("which was paused", { timeout: PATIENCE_MS * 2 }, async () => {
    const pipeline = await begin("paused");
    await whilePaused(
      pipeline,
      "paused",
      "DELETE FROM paused WHERE id < 4; UPDATE paused SET name = 'x'",
    );
    await expectSame("paused");
    await between.follow(pipeline, "DELETE FROM paused WHERE id = 5");
    await expectSame("paused");
    expect(await truncatesOf("paused")).toBe(1);
  });

  it("which left the publication", { timeout: PATIENCE_MS * 2 }, async () => {
    await begin("left_out");
    await again("left_out", () =>
      source.query(
        "ALTER PUBLICATION left_out DROP TABLE left_out; DELETE FROM left_out WHERE id < 4; ALTER PUBLICATION left_out ADD TABLE left_out; DELETE FROM left_out WHERE id = 9",
      ),
    );
    await expectSame("left_out");
  });

  it("whose slot was lost", { timeout: PATIENCE_MS * 2 }, async () => {
    await begin("slotless");
    await again("slotless", async () => {
      await source.query(`SELECT pg_drop_replication_slot('${source.database}_slotless')`);
      await source.query("DELETE FROM slotless WHERE id < 4");
    });
    await expectSame("slotless");
  });

  it("which was made anew", { timeout: PATIENCE_MS * 2 }, async () => {
    await begin("remade");
    await again("remade", () =>
      source.query(
        "DROP TABLE remade; CREATE TABLE remade (id int PRIMARY KEY, name text); INSERT INTO remade VALUES (7, 'new')",
      ),
    );
    await expectSame("remade");
  });

  it("which was unlogged for a while", { timeout: PATIENCE_MS * 2 }, async () => {
    await source.query(
      "CREATE PUBLICATION every FOR ALL TABLES WITH (publish_via_partition_root = true, publish = 'insert, update, delete, truncate', publish_generated_columns = stored)",
    );
    const of = { "publication.name": "every", "publication.create": "never" };
    const pipeline = await begin("unlogged", of);
    // A look finds it.
    await source.query(
      "ALTER TABLE unlogged SET UNLOGGED; DELETE FROM unlogged WHERE id < 4; ALTER TABLE unlogged SET LOGGED",
    );
    await expectSame("unlogged");
    // All of it, which no look tells from a TRUNCATE.
    await source.query(
      "ALTER TABLE unlogged SET UNLOGGED; DELETE FROM unlogged; ALTER TABLE unlogged SET LOGGED",
    );
    await expectSame("unlogged");
    await pipeline.caughtUp();
    await expectSame("unlogged");
  });

  it("which has another key now", { timeout: PATIENCE_MS * 2 }, async () => {
    const pipeline = await begin("rekeyed");
    await between.follow(
      pipeline,
      "ALTER TABLE rekeyed DROP CONSTRAINT rekeyed_pkey, ALTER COLUMN name SET NOT NULL; ALTER TABLE rekeyed ADD PRIMARY KEY (name); UPDATE rekeyed SET id = id + 100",
    );
    await expectSame("rekeyed");
  });

  it("a partition of which left", { timeout: PATIENCE_MS * 2 }, async () => {
    await source.query(
      "CREATE TABLE parted (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);" +
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (5);" +
        "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (5) TO (100);" +
        "INSERT INTO parted SELECT n, n::text FROM generate_series(1, 10) n",
    );
    const pipeline = await between.run(fileOf("parted"));
    await pipeline.caughtUp();
    await between.follow(pipeline, "ALTER TABLE parted DETACH PARTITION parted_1");
    await expectSame("parted");
  });
});

it("rows that somebody wants once more come without a word that the table is empty", async () => {
  const pipeline = await begin("whole");
  await between.follow(pipeline, "DELETE FROM whole WHERE id = 3");
  await pipeline.resync("public.whole");
  await pipeline.caughtUp();
  await expectSame("whole");
  expect(await truncatesOf("whole")).toBe(0);
});

it("topics bring it on: their reader's target has the source's rows", async () => {
  const pipeline = await begin("chained");
  const reader = await loadPipeline(
    pipelineFromTopics(kafka, target, {
      name: "chained",
      source: { topic: `${kafka.prefix}chained` },
    }),
  );
  readers.push(reader);
  await reader.start();
  await reader.caughtUp();
  const there = () => target.query("SELECT id::int, name FROM public.chained ORDER BY id");
  expect(await there()).toHaveLength(10);
  await whilePaused(pipeline, "chained", "DELETE FROM chained WHERE id < 4");
  expect(tableOf(pipeline, "public.chained").state).toBe("SYNC");
  await reader.caughtUp();
  expect(await there()).toEqual(await rowsOf("chained"));
});
