// A plain consumer, committed messages only, in a thread of its own: it notes when the last row of each transaction came.
import { parentPort, workerData } from "node:worker_threads";
import { Consumer, FetchIsolationLevels, MessagesStreamModes } from "@platformatic/kafka";

const { bootstrap, topic, transactionRows } = workerData as {
  bootstrap: string;
  topic: string;
  transactionRows: number;
};
/** Every so often what came is told, milliseconds. */
const TELL_MS = 200;

const consumer = new Consumer({
  clientId: "arrivals",
  groupId: topic,
  bootstrapBrokers: [bootstrap],
});
const stream = await consumer.consume({
  topics: [topic],
  mode: MessagesStreamModes.EARLIEST,
  isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  autocommit: false,
  minBytes: 1,
  maxWaitTime: 500,
});
const rows = new Map<number, number>();
let arrived: [transaction: number, atMs: number][] = [];
setInterval(() => {
  parentPort?.postMessage(arrived);
  arrived = [];
}, TELL_MS);
parentPort?.postMessage([]);

for await (const { value } of stream) {
  const transaction = Number(/"customer":(\d+)/.exec(value?.toString() ?? "")?.[1]);
  const seen = (rows.get(transaction) ?? 0) + 1;
  rows.set(transaction, seen);
  if (seen === transactionRows)
    arrived.push([transaction, performance.timeOrigin + performance.now()]);
}
