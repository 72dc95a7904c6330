/** Into brokers that lack each other, or are all gone for a while: the short form of what kafka.e2e does with whole programs. */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type KafkaCluster, startKafka } from "../../../test/support/kafka.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import { type TablesBetween, tablesBetween } from "./tables-between.fixture.ts";

const POLL = { timeout: 90_000 };
const PARTITIONS = 3;
/** Of one transaction of the source. */
const ROWS = 50;

let kafka: KafkaCluster;
let between: TablesBetween;
beforeAll(async () => {
  const settings = { "transaction.state.log.min.isr": "1" };
  [kafka, between] = await Promise.all([startKafka({ brokers: 2, settings }), tablesBetween()]);
});
afterEach(() => between.stop());
afterAll(async () => {
  await Promise.all([kafka.stop(), between.release()]);
});

/** The numbers that a topic tells of, in the order of each partition. */
async function told(topic: string): Promise<readonly (readonly number[])[]> {
  const cluster = clusterAt(kafka.bootstrap);
  try {
    return await Promise.all(
      Array.from({ length: PARTITIONS }, async (_, partition) =>
        (await recordsIn(cluster, topic, partition)).map(([, value]) => {
          const { after } = JSON.parse(value ?? "{}") as { after?: { id: number } };
          return after?.id ?? -1;
        }),
      ),
    );
  } finally {
    await cluster.close();
  }
}

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

it.each(isFull ? ["exactly-once", "at-least-once"] : ["exactly-once"])(
  "goes on by itself when replicas, and then all brokers, were missing for a while (%s)",
  async (guarantee) => {
    const name = guarantee.replaceAll("-", "_");
    await between.source.query(`CREATE TABLE ${name} (id int PRIMARY KEY)`);
    const pipeline = await between.run(
      between.file({
        tables: `public.${name}`,
        source: { "publication.name": name, "slot.name": `${between.source.database}_${name}` },
        pipeline: { name: `${between.source.database}-${name}` },
        more: {
          sink: {
            type: "kafka",
            "properties.bootstrap.servers": kafka.bootstrap,
            "topic.pattern": "{table}",
            "topic.partitions": PARTITIONS,
            "topic.replication-factor": 2,
            "topic.configs": "min.insync.replicas:2",
            "generation.markers": false,
            "sink.delivery-guarantee": guarantee,
            "sink.delivery-timeout": "2s",
            "request-timeout": "1s",
          },
        },
      }),
    );
    await pipeline.caughtUp();
    let written = 0;
    const write = async (): Promise<void> => {
      await between.source.query(
        `INSERT INTO ${name} SELECT generate_series(${written + 1}, ${written + ROWS})`,
      );
      written += ROWS;
    };
    const retries: string[] = [];
    void (async () => {
      for await (const event of pipeline.events())
        if (event.type === "retry") retries.push(event.message);
    })();
    const saysMore = async (): Promise<void> => {
      const before = retries.length;
      await expect.poll(() => retries.length, POLL).toBeGreaterThan(before);
    };
    // NOT_ENOUGH_REPLICAS; of a run that begins then OFFSET_NOT_AVAILABLE, or CONCURRENT_TRANSACTIONS, as nothing can be ended.
    await kafka.brokers[1]?.stop();
    await write();
    await saysMore();
    await kafka.kill(1);
    await write();
    await saysMore();
    await kafka.start();
    await write();
    await pipeline.caughtUp();
    // The end of a transaction may be what they are gone for.
    const isOfBrokers = /^MR_SINK_(LOST_CONNECTION|UNKNOWN_COMMIT)/;
    expect(retries.filter((each) => !isOfBrokers.test(each))).toEqual([]);
    const partitions = await told(name);
    const all = Array.from({ length: written }, (_, i) => i + 1);
    const ids = partitions.flat().toSorted((a, b) => a - b);
    expect(guarantee === "exactly-once" ? ids : [...new Set(ids)]).toEqual(all);
    if (guarantee === "exactly-once")
      for (const each of partitions) expect(each).toEqual(each.toSorted((a, b) => a - b));
  },
  300_000,
);

it("is told within seconds, long before what is sent is given up, and no more once brokers are back", async () => {
  await between.source.query("CREATE TABLE told (id int PRIMARY KEY)");
  const pipeline = await between.run(
    between.file({
      tables: "public.told",
      source: { "publication.name": "told", "slot.name": `${between.source.database}_told` },
      pipeline: { name: `${between.source.database}-told` },
      more: {
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          "topic.pattern": "{table}",
          "sink.delivery-timeout": "5m",
          "sink.transaction.timeout": "10m",
        },
      },
    }),
  );
  await pipeline.caughtUp();
  await kafka.kill();
  await between.source.query("INSERT INTO told VALUES (1)");
  const waits = () => pipeline.status().waits.map(({ reason, why }) => `${reason}: ${why}`);
  const listens = /^MR_SINK_LOST_CONNECTION: nobody listens at/;
  await expect.poll(waits, POLL).toContainEqual(expect.stringMatching(listens));
  // Nothing was given up yet.
  expect(pipeline.status().retrying).toBeNull();
  await kafka.start();
  await pipeline.caughtUp();
  await expect.poll(waits, POLL).toEqual([]);
}, 300_000);
