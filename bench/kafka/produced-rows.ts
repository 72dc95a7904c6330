// Rows of the benchmarks' table through our encoder and our producer, without a pipeline.
import { Cluster } from "../../packages/millrace/src/kafka/cluster.ts";
import { TransactionalProducer } from "../../packages/millrace/src/kafka/transactional-producer.ts";
import { NO_ID } from "../../packages/millrace/src/kafka/partition.ts";
import { systemClock } from "../../packages/millrace/src/model/ports.ts";
import type { TargetChangeEvent } from "../../packages/millrace/src/model/sink.ts";
import type { TargetTable } from "../../packages/millrace/src/model/table.ts";
import { partitionerOf } from "../../packages/millrace/src/sinks/kafka/partitioner.ts";
import { BatchSender } from "../../packages/millrace/src/sinks/kafka/batch-sender.ts";
import {
  MessageRouter,
  type TableOutput,
} from "../../packages/millrace/src/sinks/kafka/message-router.ts";
import {
  itemChanges,
  itemEncoder,
  type ItemFormat,
  type ItemMessages,
  ITEMS,
} from "./item-changes.ts";

/** Rows of a Kafka transaction: about what the sink's bound of 16 MiB comes to. */
const COMMIT_ROWS = 10_000;
const DELIVERY_TIMEOUT_MS = 120_000;

/** Where rows go, and how. */
interface Destination {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly batchBytes: number;
  readonly format: ItemFormat;
  readonly messages?: ItemMessages;
  /** In transactions; else idempotent. */
  readonly exactlyOnce: boolean;
}

/** What is to be written. */
export interface ProducedLoad extends Destination {
  /** Written again and again. */
  readonly changes: readonly TargetChangeEvent[];
  readonly rows: number;
}

/** What came of it. */
export interface Produced {
  readonly rowsPerSecond: number;
  readonly cpuSeconds: number;
}

/** Writes so many rows; all replicas have the last of them when it resolves. */
export async function produceRows(load: ProducedLoad): Promise<Produced> {
  const cluster = clusterAt(load.bootstrap);
  try {
    const transactions = await Transactions.begin(cluster, load);
    const commits = commitsOf(load.changes);
    const cpu = process.cpuUsage();
    const began = performance.now();
    for (let left = load.rows, at = 0; left > 0; at++) {
      const changes = (commits[at % commits.length] ?? []).slice(0, left);
      await transactions.write(changes);
      left -= changes.length;
    }
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { rowsPerSecond: load.rows / seconds, cpuSeconds: (user + system) / 1e6 };
  } finally {
    await cluster.close();
  }
}

/** Every row of the table once, inserted or changed, as a pipeline from PostgreSQL tells it. */
export function tellItems(destination: Destination, op: "c" | "u", rows: number): Promise<void> {
  return tellRows(
    destination,
    { table: ITEMS, changes: itemChanges, commitRows: COMMIT_ROWS },
    op,
    rows,
  );
}

/** A table whose rows are made as they are told. */
export interface ToldTable {
  readonly table: TargetTable;
  /** So many rows from the `first` on. */
  readonly changes: (op: "c" | "u", first: number, rows: number) => readonly TargetChangeEvent[];
  /** Rows of a Kafka transaction. */
  readonly commitRows: number;
}

/** The same of any table. */
export async function tellRows(
  destination: Destination,
  { table, changes, commitRows }: ToldTable,
  op: "c" | "u",
  rows: number,
): Promise<void> {
  const cluster = clusterAt(destination.bootstrap);
  try {
    const transactions = await Transactions.begin(cluster, destination, table);
    for (let first = 0; first < rows; first += commitRows)
      await transactions.write(changes(op, first, Math.min(commitRows, rows - first)));
  } finally {
    await cluster.close();
  }
}

/** One transaction after the other, as the sink makes them, without its state. */
class Transactions {
  readonly #producer: TransactionalProducer;
  readonly #sender: BatchSender;
  readonly #router: MessageRouter;
  readonly #output: TableOutput;

  private constructor(producer: TransactionalProducer, output: TableOutput) {
    this.#producer = producer;
    this.#sender = new BatchSender(producer);
    this.#router = new MessageRouter();
    this.#output = output;
  }

  static async begin(
    cluster: Cluster,
    destination: Destination,
    table = ITEMS,
  ): Promise<Transactions> {
    const { topic, partitions, batchBytes, format, messages, exactlyOnce } = destination;
    const producer = new TransactionalProducer(cluster, {
      transactionalId: topic,
      transactional: exactlyOnce,
      compression: "none",
      transactionTimeoutMs: DELIVERY_TIMEOUT_MS,
      deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
      acknowledgeTimeoutMs: 10_000,
    });
    await producer.initialise();
    return new Transactions(producer, {
      topic: { name: topic, id: NO_ID, partitions, maxBatchBytes: batchBytes, compacted: false },
      encoder: await itemEncoder(format, topic, messages, table),
      partitioner: partitionerOf({ kind: "hash-by-key" }, table),
    });
  }

  async write(changes: readonly TargetChangeEvent[]): Promise<void> {
    const nowMs = Date.now();
    const batches = this.#sender.begin();
    let { shipped } = batches;
    this.#router.toTable(this.#output, batches, nowMs);
    for (const change of changes) {
      this.#output.encoder.change(change, nowMs, this.#router);
      if (batches.shipped === shipped) continue;
      ({ shipped } = batches);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await batches.finish();
    await this.#producer.commit();
    await batches.clear();
  }
}

function commitsOf(changes: readonly TargetChangeEvent[]): (readonly TargetChangeEvent[])[] {
  return Array.from({ length: Math.ceil(changes.length / COMMIT_ROWS) }, (_, i) =>
    changes.slice(i * COMMIT_ROWS, (i + 1) * COMMIT_ROWS),
  );
}

function clusterAt(bootstrap: string): Cluster {
  const [host = "", port = ""] = bootstrap.split(":");
  return new Cluster({
    bootstrap: [{ host, port: Number(port) }],
    clientId: "bench",
    tls: null,
    sasl: null,
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    clock: systemClock,
  });
}
