/** Topics of tables that somebody removes and makes anew beneath a pipeline: what its operator is told of that (I8). */
import { afterAll, afterEach, expect, it } from "vitest";
import { loadPipeline, type Pipeline, type PipelineEvent } from "./index.ts";
import { recordsIn } from "./kafka/cluster.fixture.ts";
import { tablesIntoTopics } from "./tables-into-topics.fixture.ts";

const POLL = { timeout: 60_000 };
const running: Pipeline[] = [];

const { kafka, between, cluster, release } = await tablesIntoTopics();
afterEach(async () => {
  for (const pipeline of running.splice(0)) await pipeline.stop().catch(() => undefined);
});
afterAll(release);

function fileOf(name: string, options: object = {}, source: object = {}, tables = name): object {
  const sink = {
    type: "kafka",
    "properties.bootstrap.servers": kafka.bootstrap,
    ...("topic" in options ? {} : { "topic.pattern": `${kafka.prefix}{schema}.{table}` }),
    "topic.partitions": 1,
    "sink.delivery-timeout": "3s",
    "request-timeout": "2s",
    ...options,
  };
  return between.file({
    tables: `public.${tables}`,
    source: {
      "publication.name": name,
      "slot.name": `${between.source.database}_${name}`,
      ...source,
    },
    pipeline: { name: `${kafka.prefix}${name}` },
    more: { sink },
  });
}

async function remove(topic: string): Promise<void> {
  const idOf = async () => (await cluster.topics([topic])).get(topic)?.id ?? null;
  await kafka.admin.deleteTopics({ topics: [topic] });
  await expect.poll(idOf, POLL).toBeNull();
}

async function makeAnew(name: string): Promise<string> {
  await remove(`${kafka.prefix}${name}`);
  return kafka.createTopic(name, 1);
}

/** What its pipeline tells is kept in `told`. */
async function run(file: object): Promise<{ pipeline: Pipeline; told: PipelineEvent[] }> {
  const told: PipelineEvent[] = [];
  const pipeline = await loadPipeline(file);
  running.push(pipeline);
  void (async () => {
    for await (const event of pipeline.events()) told.push(event);
  })();
  await pipeline.start();
  return { pipeline, told };
}

/** The ids of all rows that a topic tells of, each once. */
async function idsIn(topic: string): Promise<readonly unknown[]> {
  const records = await recordsIn(cluster, topic, 0).catch(() => []);
  const keys = records.map(([key]) => /"id":(\d+)/.exec(String(key))?.[1] ?? null);
  return [...new Set(keys.filter((id) => id !== null))].map(Number).toSorted((a, b) => a - b);
}

const noticesIn = (told: readonly PipelineEvent[]) =>
  told.flatMap((event) =>
    event.type === "notice" && /its target/.test(event.message)
      ? [`${event.table}: ${event.message}`]
      : [],
  );

it("one that was deleted while its pipeline was stopped is made anew with all rows, and that is told", async () => {
  await between.source.query(
    "CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1), (2)",
  );
  const first = await run(fileOf("gone"));
  await first.pipeline.caughtUp();
  await first.pipeline.stop();
  expect(noticesIn(first.told)).toEqual([]);
  const topic = `${kafka.prefix}public.gone`;
  await remove(topic);
  const { pipeline, told } = await run(fileOf("gone"));
  await between.source.query("INSERT INTO gone VALUES (3)");
  await expect.poll(() => idsIn(topic), POLL).toEqual([1, 2, 3]);
  const message = `its target public.gone (topic ${topic}) is not there any more; the table is loaded again`;
  expect(noticesIn(told)).toEqual([`public.gone: ${message}`]);
  await pipeline.caughtUp();
  expect(pipeline.status().tables.map(({ state, notices }) => [state, notices])).toEqual([
    ["SYNC", [message]],
  ]);
  // The new one is known.
  await pipeline.restart();
  await pipeline.caughtUp();
  expect(noticesIn(told)).toHaveLength(1);
});

it("one that somebody has made anew while its pipeline was stopped, never written to since, is known by its id", async () => {
  await between.source.query(
    "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1), (2)",
  );
  const first = await run(fileOf("other"));
  await first.pipeline.caughtUp();
  await first.pipeline.stop();
  const topic = await makeAnew("public.other");
  const { told } = await run(fileOf("other"));
  await expect.poll(() => idsIn(topic), POLL).toEqual([1, 2]);
  expect(noticesIn(told)).toEqual([
    `public.other: its target public.other (topic ${topic}) is another topic than the one that was written; the table is loaded again`,
  ]);
});

it("one of several tables that is deleted while it is written is made anew with the rows of all, as its remedy says", async () => {
  await between.source.query(
    "CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY); INSERT INTO one VALUES (1); INSERT INTO two VALUES (2)",
  );
  const topic = `${kafka.prefix}all`;
  const { pipeline, told } = await run(fileOf("both", { topic }, {}, "(one|two)"));
  await pipeline.caughtUp();
  await remove(topic);
  await between.source.query("INSERT INTO one VALUES (3)");
  await expect.poll(() => idsIn(topic), POLL).toEqual([1, 2, 3]);
  expect(
    noticesIn(told)
      .map((text) => text.slice(0, 10))
      .toSorted(),
  ).toEqual(["public.one", "public.two"]);
  expect(told.filter(({ type }) => type === "retry")).toEqual([
    expect.objectContaining({
      code: "MR_SINK_SCHEMA",
      remedy: expect.stringContaining("tells all rows of its tables again"),
    }),
  ]);
});

it("one that was deleted, of a file that loads nothing, is gone on with, and what brings the rest is told", async () => {
  await between.source.query("CREATE TABLE late (id int PRIMARY KEY)");
  const file = fileOf("late", {}, { "scan.startup.mode": "latest-offset" });
  const first = await run(file);
  await first.pipeline.caughtUp();
  await between.source.query("INSERT INTO late VALUES (1)");
  await first.pipeline.caughtUp();
  await first.pipeline.stop();
  const topic = `${kafka.prefix}public.late`;
  await remove(topic);
  const { pipeline, told } = await run(file);
  await between.source.query("INSERT INTO late VALUES (2)");
  await expect.poll(() => idsIn(topic), POLL).toEqual([2]);
  expect(noticesIn(told)).toEqual([expect.stringContaining("a resync of the table loads all")]);
  await pipeline.resync("public.late");
  await expect.poll(() => idsIn(topic), POLL).toEqual([1, 2]);
});

it("one that was made anew beneath a run is loaded again, and its operator is told so", async () => {
  await between.source.query(
    "CREATE TABLE lost (id int PRIMARY KEY); INSERT INTO lost VALUES (1), (2)",
  );
  const { pipeline, told } = await run(fileOf("lost"));
  await pipeline.caughtUp();
  const topic = await makeAnew("public.lost");
  await between.source.query("INSERT INTO lost VALUES (3)");
  await expect.poll(() => idsIn(topic), POLL).toEqual([1, 2, 3]);
  await expect.poll(() => told.map(({ type }) => type), POLL).toContain("recovered");
  expect(told.filter(({ type }) => type === "retry")).toEqual([
    expect.objectContaining({
      code: "MR_SINK_SCHEMA",
      message: expect.stringContaining("another topic of that name"),
      remedy: expect.stringContaining("millrace resync"),
    }),
  ]);
  const { retries, tables } = pipeline.status();
  expect(retries).toEqual({ MR_SINK_SCHEMA: 1 });
  // Nothing that is not in it has to be told by hand.
  expect(tables.map(({ notices }) => notices)).toEqual([
    [
      expect.stringMatching(
        /is another topic than the one that was written; the table is loaded again$/,
      ),
    ],
  ]);
});

it("one that was made anew beneath a run that has written nothing to it yet is loaded again", async () => {
  await between.source.query(
    "CREATE TABLE quiet (id int PRIMARY KEY); INSERT INTO quiet VALUES (1), (2)",
  );
  const first = await run(fileOf("quiet"));
  await first.pipeline.caughtUp();
  await first.pipeline.stop();
  const { pipeline, told } = await run(fileOf("quiet"));
  await pipeline.caughtUp();
  const topic = await makeAnew("public.quiet");
  await between.source.query("INSERT INTO quiet VALUES (3)");
  await expect.poll(() => idsIn(topic), POLL).toEqual([1, 2, 3]);
  await expect.poll(() => told.map(({ type }) => type), POLL).toContain("recovered");
  expect(pipeline.status().retries).toEqual({ MR_SINK_SCHEMA: 1 });
  expect(noticesIn(told)).toEqual([
    `public.quiet: its target public.quiet (topic ${topic}) is another topic than the one that was written; the table is loaded again`,
  ]);
});
