/** Topics into topics: a task for each partition, all of whose state is in one topic. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { cleanUp } from "./clean-up.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { readDeadLetters } from "./read-dead-letters.ts";
import { envelope, send } from "./topics-between.fixture.ts";

let kafka: SharedKafka;
beforeAll(async () => {
  kafka = await sharedKafka();
});
afterAll(() => kafka.release());

describe("a pipeline of several tasks into topics", () => {
  it("shows the dead letters of all of them, and leaves nothing of any of them when it is cleaned up", async () => {
    const topic = await kafka.createTopic("origin", 3);
    const name = `${kafka.prefix}again`;
    const brokers = { type: "kafka", "properties.bootstrap.servers": kafka.bootstrap };
    const file = {
      source: { ...brokers, topic },
      sink: {
        ...brokers,
        "topic.pattern": `${kafka.prefix}again-{table}`,
        "topic.configs": "max.message.bytes:2000",
        "dead-letters.max-share": "100%",
        "heartbeat.topic": `${kafka.prefix}beats`,
      },
      pipeline: { name },
    };
    const note = (id: number) => (id < 3 ? "x".repeat(5_000) : "short");
    const rows = Array.from({ length: 9 }, (_, id) => ({
      key: { id },
      value: envelope("c", { after: { id, note: note(id) } }),
      partition: id % 3,
    }));
    await send(kafka, topic, rows);
    const pipeline = await loadPipeline(file);
    try {
      await pipeline.start();
      await pipeline.caughtUp();
    } finally {
      await pipeline.stop();
    }
    const letters = await readDeadLetters(file);
    const ids = letters.map(({ keyColumns }) => keyColumns["id"]);
    expect(new Set(ids)).toEqual(new Set(["0", "1", "2"]));
    const cleaned = await cleanUp(file, { state: true });
    expect(cleaned.at(-1)).toMatchObject({ outcome: "dropped" });
    expect(cleaned.filter(({ what }) => what === "topic")).toMatchObject([
      {
        name: `${kafka.prefix}again-orders`,
        outcome: "kept",
        why: expect.stringMatching(/messages stay/),
      },
      { name: `${kafka.prefix}beats`, outcome: "kept" },
    ]);
    expect(await readDeadLetters(file)).toEqual([]);
    const cluster = clusterAt(kafka.bootstrap);
    const kept = new Map(await recordsIn(cluster, `millrace-${name}-state`));
    await cluster.close();
    expect(kept.size).toBeGreaterThan(10);
    expect([...kept.values()].filter((value) => value !== null)).toEqual([]);
    expect((await cleanUp(file, { state: true })).at(-1)).toMatchObject({ outcome: "absent" });
  });
});
