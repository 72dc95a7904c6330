// As bare-mirror.ts, into a topic: the client library's producer, all replicas asked, one request at a time with all
// transactions that came meanwhile. A program; it shares no code with the engine.
import { json } from "node:stream/consumers";
import { ProduceAcks, Producer, stringSerializers } from "@platformatic/kafka";
import type { BareSlot } from "./bare-log.ts";
import { readBareRows } from "./bare-rows.ts";

/** What it is given, as JSON. */
export interface BareKafkaMirroring extends BareSlot {
  readonly bootstrap: string;
  readonly topic: string;
  readonly columns: readonly (readonly [name: string, type: string])[];
}

const { bootstrap, topic, columns, ...slot } = (await json(process.stdin)) as BareKafkaMirroring;
const producer = new Producer({
  clientId: "bare",
  bootstrapBrokers: [bootstrap],
  serializers: stringSerializers,
  acks: ProduceAcks.ALL,
});
/** The first request asks for what the topic's partitions are. */
await producer.metadata({ topics: [topic] });

const isNumber = columns.map(([, type]) => type === "bigint" || type === "integer");
let waiting: { topic: string; key: string; value: string }[] = [];
let isSending = false;

async function sendWaiting(): Promise<void> {
  isSending = true;
  while (waiting.length > 0) {
    const messages = waiting;
    waiting = [];
    await producer.send({ messages });
  }
  isSending = false;
}

await readBareRows(slot, (rows) => {
  for (const row of rows) {
    const fields = columns.map(([name], i) => [name, isNumber[i] ? Number(row[i]) : row[i]]);
    const value = JSON.stringify(Object.fromEntries(fields));
    waiting.push({ topic, key: row[0] ?? "", value });
  }
  if (!isSending) void sendWaiting();
});
process.stdout.write("reads\n");
