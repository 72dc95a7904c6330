/** Topics of tables that somebody removes and makes anew beneath a pipeline: what its operator is told of that (I8). */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import type { PipelineEvent } from "./index.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import type { Cluster } from "./kafka/cluster.ts";
import { type TablesBetween, tablesBetween } from "./tables-between.fixture.ts";

const POLL = { timeout: 60_000 };

let kafka: SharedKafka;
let between: TablesBetween;
let cluster: Cluster;
beforeAll(async () => {
  [kafka, between] = await Promise.all([sharedKafka(), tablesBetween()]);
  cluster = clusterAt(kafka.bootstrap);
});
afterEach(() => between.stop());
afterAll(async () => {
  await cluster.close();
  await Promise.all([kafka.release(), between.release()]);
});

function fileOf(name: string): object {
  const sink = {
    type: "kafka",
    "properties.bootstrap.servers": kafka.bootstrap,
    "topic.pattern": `${kafka.prefix}{schema}.{table}`,
    "topic.partitions": 1,
  };
  return between.file({
    tables: `public.${name}`,
    source: { "publication.name": name, "slot.name": `${between.source.database}_${name}` },
    pipeline: { name: `${kafka.prefix}${name}` },
    more: { sink },
  });
}

async function makeAnew(name: string): Promise<string> {
  const topic = `${kafka.prefix}${name}`;
  const idOf = async () => (await cluster.topics([topic])).get(topic)?.id ?? null;
  await kafka.admin.deleteTopics({ topics: [topic] });
  await expect.poll(idOf, POLL).toBeNull();
  return kafka.createTopic(name, 1);
}

it("one that was made anew is written on, and its operator is told what it lacks and what tells it again", async () => {
  await between.source.query(
    "CREATE TABLE lost (id int PRIMARY KEY); INSERT INTO lost VALUES (1), (2)",
  );
  const events: PipelineEvent[] = [];
  const pipeline = await between.run(fileOf("lost"));
  void (async () => {
    for await (const event of pipeline.events()) events.push(event);
  })();
  await pipeline.caughtUp();
  const topic = await makeAnew("public.lost");
  await between.source.query("INSERT INTO lost VALUES (3)");
  await expect.poll(async () => (await recordsIn(cluster, topic, 0)).length, POLL).toBe(1);
  await expect.poll(() => events.map(({ type }) => type), POLL).toContain("recovered");
  expect(events.filter(({ type }) => type === "retry")).toEqual([
    expect.objectContaining({
      code: "MR_SINK_SCHEMA",
      message: expect.stringContaining("another topic of that name"),
      remedy: expect.stringContaining("millrace resync"),
    }),
  ]);
  const { retries, tables } = pipeline.status();
  expect(retries).toEqual({ MR_SINK_SCHEMA: 1 });
  expect(tables.map(({ notices }) => notices)).toEqual([
    [expect.stringContaining(`topic ${topic} was made anew`)],
  ]);
});
