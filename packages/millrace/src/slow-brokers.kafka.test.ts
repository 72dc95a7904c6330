/** Into brokers that take less in the time of a transaction than one of the source brings: a quota holds them back. */
import { alterClientQuotasV1 } from "@platformatic/kafka";
import { afterAll, afterEach, expect, it } from "vitest";
import { recordsIn } from "./kafka/cluster.fixture.ts";
import { tablesIntoTopics } from "./tables-into-topics.fixture.ts";

/** Messages of the transaction below have about 5 MB: several times as much as fits in one of the sink's in its time. */
const BYTES_A_SECOND = 120_000;
const ROWS = 3_000;

const { kafka, between, cluster, release } = await tablesIntoTopics();
afterEach(() => between.stop());
afterAll(release);

async function holdBack(clientId: string): Promise<void> {
  const entities = [{ entityType: "client-id" as const, entityName: clientId }];
  const ops = [{ key: "producer_byte_rate", value: BYTES_A_SECOND, remove: false }] as const;
  await cluster.askController(alterClientQuotasV1.api, [{ entities, ops: [...ops] }], false);
}

it("a transaction of the source that a quota lets through in parts only gets there, and status names the quota", async () => {
  const clientId = `${kafka.prefix}slow`;
  const topic = `${kafka.prefix}slow`;
  const { database } = between.source;
  await between.source.query("CREATE TABLE slow (id int PRIMARY KEY, note text)");
  const pipeline = await between.run(
    between.file({
      tables: "public.slow",
      source: { "publication.name": "slow", "slot.name": `${database}_slow` },
      pipeline: { name: clientId },
      more: {
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          "properties.client.id": clientId,
          "topic.pattern": `${kafka.prefix}{table}`,
          "topic.partitions": 1,
          "generation.markers": false,
          "sink.transaction.timeout": "8s",
          "sink.delivery-timeout": "6s",
          "request-timeout": "5s",
        },
      },
    }),
  );
  await pipeline.caughtUp();
  await holdBack(clientId);
  const waits = new Set<string>();
  const retried = new Set<string>();
  const look = setInterval(() => {
    const { waits: now, retrying } = pipeline.status();
    for (const { reason, why } of now) waits.add(`${reason}: ${why}`);
    if (retrying !== null) retried.add(retrying.code);
  }, 100);
  try {
    await between.source.query(
      `INSERT INTO slow SELECT i, repeat(md5(i::text), 40) FROM generate_series(1, ${ROWS}) i`,
    );
    await pipeline.caughtUp();
  } finally {
    clearInterval(look);
  }
  const ids = (await recordsIn(cluster, topic, 0)).map(([, value]) => {
    const { after } = JSON.parse(value ?? "{}") as { after?: { id: number } };
    return after?.id;
  });
  expect(ids).toEqual(Array.from({ length: ROWS }, (_, i) => i + 1));
  expect([...waits]).toContainEqual(
    expect.stringMatching(
      new RegExp(
        `^throttled: broker \\d+ holds client ${clientId} back \\(producer_byte_rate or request_percentage\\)`,
      ),
    ),
  );
  expect([...retried]).not.toContain("MR_SINK_LOST_CONNECTION");
}, 300_000);
