import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { adminOf, createTopic, sharedKafka, startKafka } from "./kafka.ts";

async function produce(bootstrap: string, topic: string, value: string): Promise<void> {
  const producer = new Producer({
    clientId: "test",
    bootstrapBrokers: [bootstrap],
    serializers: stringSerializers,
  });
  await producer.send({ messages: [{ topic, key: "k", value }], acks: -1 });
  await producer.close();
}

async function consume(bootstrap: string, topic: string, count: number): Promise<string[]> {
  const consumer = new Consumer({
    clientId: "test",
    groupId: `${topic}-group`,
    bootstrapBrokers: [bootstrap],
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
  const values: string[] = [];
  for await (const message of stream) if (values.push(message.value) === count) break;
  await consumer.close(true);
  return values;
}

describe("the shared Kafka", () => {
  it("gives every caller names of its own, and removes its topics on release", async () => {
    await using witness = await sharedKafka();
    const one = await sharedKafka();
    expect(one.prefix).not.toBe(witness.prefix);
    const topic = await one.createTopic("a", 3);
    await produce(one.bootstrap, topic, "hello");
    expect(await consume(one.bootstrap, topic, 1)).toEqual(["hello"]);
    expect(await witness.admin.listTopics()).toContain(topic);
    await one.release();
    expect(await witness.admin.listTopics()).not.toContain(topic);
  });
});

describe("a Kafka of one's own", () => {
  it("keeps what it has acknowledged over a kill", async () => {
    await using kafka = await startKafka();
    const admin = adminOf(kafka.bootstrap);
    await createTopic(admin, "kept");
    await admin.close();
    await produce(kafka.bootstrap, "kept", "before");
    await kafka.kill();
    await kafka.start();
    await produce(kafka.bootstrap, "kept", "after");
    expect(await consume(kafka.bootstrap, "kept", 2)).toEqual(["before", "after"]);
  });

  it("ends with its owner and takes its data along, even after SIGKILL", async () => {
    const program = fileURLToPath(new URL("own-kafka.fixture.ts", import.meta.url));
    const owner = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(owner.stdout, "data")) as [Buffer];
    const { dataDir } = JSON.parse(String(line)) as { dataDir: string };
    expect(existsSync(dataDir)).toBe(true);
    owner.kill("SIGKILL");
    await expect.poll(() => existsSync(dataDir), { timeout: 60_000 }).toBe(false);
  });
});

// Three JVMs more.
if (process.env["MILLRACE_E2E_FULL"] === "1") {
  describe("three brokers", () => {
    it("go on when one of them is killed", async () => {
      await using kafka = await startKafka({ brokers: 3 });
      const admin = adminOf(kafka.bootstrap);
      await createTopic(admin, "spread", 3);
      const { topics } = await admin.metadata({ topics: ["spread"] });
      const leaders = Object.values(topics.get("spread")?.partitions ?? {}).map((p) => p.leader);
      expect(leaders.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
      await kafka.kill(3);
      await expect
        .poll(
          async () => {
            const now = await admin.metadata({ topics: ["spread"], forceUpdate: true });
            return Object.values(now.topics.get("spread")?.partitions ?? {}).map((p) => p.leader);
          },
          { timeout: 60_000 },
        )
        .not.toContain(3);
      await admin.close();
    });
  });
}
