/**
 * What Kafka's own consumer sees of a topic, committed messages only, in the order of each partition. The client library's
 * (2.12.1) shows messages of the first of two transactions that one producer aborted.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Producer, stringSerializers } from "@platformatic/kafka";
import { toolCommand } from "../../scripts/kafka-broker.mjs";
import { bringServer } from "../../scripts/servers.mjs";
import { adminOf } from "../support/kafka.ts";

/** A message, its bytes as text. */
export interface ReadMessage {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
}

const JAVA = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
/** A broker that ends a dead process' transaction lets nobody see past it before; a busy machine takes its time. */
const PATIENCE_MS = 300_000;
const LAST_KEY = "__last";

/**
 * All that are committed now. A last message is written into each partition, for the consumer itself knows no end: it can only be
 * told to give up, and does so before its first message where a machine is busy. Those of earlier readers are left out. Keys and
 * values are texts of one line.
 */
export async function consumedMessages(
  bootstrap: string,
  topic: string,
): Promise<readonly ReadMessage[]> {
  const last = `{"last":"${randomUUID()}"}`;
  const partitions = await writeLast(bootstrap, topic, last);
  const [program = "", ...command] = toolCommand(await bringServer("kafka"), CONSUMER, JAVA);
  const from = ["--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"];
  const shown = ["partition", "key"].flatMap((part) => [
    "--formatter-property",
    `print.${part}=true`,
  ]);
  const args = [...command, ...from, "--isolation-level", "read_committed", ...shown];
  const consumer = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(consumer, "exit");
  const timer = setTimeout(() => consumer.kill("SIGKILL"), PATIENCE_MS);
  const found: ReadMessage[] = [];
  let left = partitions;
  for await (const line of createInterface({ input: consumer.stdout })) {
    const message = messageOf(line);
    // Anything else is what its log says between.
    if (message === null) continue;
    if (message.value === last) left--;
    else if (message.key !== LAST_KEY) found.push(message);
    if (left === 0) consumer.kill("SIGKILL");
  }
  clearTimeout(timer);
  await ended;
  if (left > 0)
    throw new Error(`Kafka's consumer did not come to the end of ${topic} in ${PATIENCE_MS} ms`);
  return found;
}

/** The values of those that are JSON objects: no tombstones. */
export async function consoleMessages(
  bootstrap: string,
  topic: string,
): Promise<readonly string[]> {
  const messages = await consumedMessages(bootstrap, topic);
  return messages.flatMap(({ value }) => (value?.startsWith("{") === true ? [value] : []));
}

function messageOf(line: string): ReadMessage | null {
  const [, partition, key = "", value = ""] = /^Partition:(\d+)\t([^\t]*)\t(.*)$/.exec(line) ?? [];
  if (partition === undefined) return null;
  const textOf = (text: string): string | null => (text === "null" ? null : text);
  return { partition: Number(partition), key: textOf(key), value: textOf(value) };
}

/** Gives how many partitions there are. With a key, for a compacted topic takes nothing without. */
async function writeLast(bootstrap: string, topic: string, value: string): Promise<number> {
  const admin = adminOf(bootstrap);
  const producer = new Producer({
    clientId: "last",
    bootstrapBrokers: bootstrap.split(","),
    serializers: stringSerializers,
  });
  try {
    const { topics } = await admin.metadata({ topics: [topic] });
    const partitions = Object.keys(topics.get(topic)?.partitions ?? {}).length;
    const messages = Array.from({ length: partitions }, (_, partition) => ({
      topic,
      partition,
      key: LAST_KEY,
      value,
    }));
    await producer.send({ acks: -1, messages });
    return partitions;
  } finally {
    await producer.close();
    await admin.close();
  }
}
