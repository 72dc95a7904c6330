// From COMMIT at a PostgreSQL to a plain consumer of the topic: the source keeps the time of each commit, the consumer that of
// each transaction's last row, and all are on this machine. Beside it: a bare copy of the same writes.
import { Worker } from "node:worker_threads";
import type { PostgresServer } from "../../test/support/postgres.ts";
import type { BareKafkaMirroring } from "../baselines/bare-kafka-mirror.ts";
import { createBareSlot, dropBareSlot, startBareCopier } from "../bare-process.ts";
import { type Latency, latencyFigures, latencyOf } from "../latency-figures.ts";
import { commitTimes, PacedWriter, SLOW } from "../paced-writer.ts";
import { RealRun, until } from "../real-run.ts";
import { absolute, atMost, beside, type Figure } from "../report.ts";
import { COLUMNS, TABLE, withClient } from "../workload.ts";
import { type BenchBroker, startBenchBroker } from "./bench-broker.ts";

const TIMEOUT_MS = 600_000;
const MAX_MIB = 300;
/** Milliseconds, from the project's goals: Debezium's with its polling tuned, and what a transaction may add. */
const GOALS = {
  "at-least-once": { p50: 5, p99: 12 },
  "exactly-once": { p50: 45, p99: 100 },
} as const;

type Guarantee = keyof typeof GOALS;

const GUARANTEES = (["at-least-once", "exactly-once"] as const).filter((guarantee) =>
  (process.env["BENCH_GUARANTEES"] ?? guarantee).includes(guarantee),
);

/** The figures of `latency` into Kafka, both ways. */
export async function kafkaLatencies(
  source: PostgresServer,
  seconds: number,
  warmSeconds: number,
): Promise<Figure[]> {
  const broker = await startBenchBroker();
  try {
    const figures: Figure[] = [];
    for (const guarantee of GUARANTEES) {
      const url = await source.createDatabase(guarantee.replaceAll("-", "_"));
      await withClient(url, (client) => client.query(TABLE));
      figures.push(...(await measure(url, broker, guarantee, { seconds, warmSeconds })));
    }
    return figures;
  } finally {
    await broker.stop();
  }
}

async function measure(
  url: string,
  broker: BenchBroker,
  guarantee: Guarantee,
  { seconds, warmSeconds }: { readonly seconds: number; readonly warmSeconds: number },
): Promise<Figure[]> {
  const name = `latency-${guarantee}`;
  const run = await RealRun.start({
    name,
    sourceUrl: url,
    target: {
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": broker.bootstrap,
        "sink.delivery-guarantee": guarantee,
        topic: name,
        "topic.partitions": 1,
      },
    },
    tables: "public.items",
  });
  const stretch = { writer: new PacedWriter(url), url, seconds, warmSeconds };
  try {
    await run.process.waitForSync(1, TIMEOUT_MS);
    const arrivals = await Arrivals.of(broker.bootstrap, name);
    const ours = await written(stretch, arrivals);
    const residentMib = await run.peakMib();
    await run.process.stop();
    const bare = await bareCopy(url, broker, name, () => written(stretch, arrivals));
    await arrivals.end();
    const { p50, p99 } = GOALS[guarantee];
    const title = `2,000 rows/s in transactions of 10 → kafka, ${guarantee}`;
    const behind = `${title}, behind the answer to the writer`;
    return [
      ...latencyFigures(title, ours.all, p50, p99, bare.all),
      beside(bare.behindFlush.p50, absolute(`${behind}, p50`, ours.behindFlush.p50, "ms")),
      beside(bare.behindFlush.p99, absolute(`${behind}, p99`, ours.behindFlush.p99, "ms")),
      atMost(`${title}, resident`, residentMib, "MiB", MAX_MIB),
    ];
  } finally {
    await run.stop();
  }
}

/** Does something while a bare copy writes into the topic, at least once. */
async function bareCopy<T>(
  url: string,
  { bootstrap }: BenchBroker,
  topic: string,
  work: () => Promise<T>,
): Promise<T> {
  const slot = await createBareSlot(url);
  const program = new URL("../baselines/bare-kafka-mirror.ts", import.meta.url);
  const given: BareKafkaMirroring = { ...slot, bootstrap, topic, columns: COLUMNS };
  const copier = await startBareCopier(program, given);
  try {
    return await work();
  } finally {
    await copier.stop();
    await dropBareSlot(slot);
  }
}

interface Stretch {
  readonly writer: PacedWriter;
  readonly url: string;
  readonly seconds: number;
  readonly warmSeconds: number;
}

/** Writes for so long, behind some seconds that do not count. */
async function written(
  { writer, url, seconds, warmSeconds }: Stretch,
  arrivals: Arrivals,
): Promise<{ readonly all: Latency; readonly behindFlush: Latency }> {
  await writer.write(SLOW, warmSeconds, () => false);
  const first = writer.next;
  await writer.write(SLOW, seconds, () => false);
  const last = writer.next - 1;
  await until(async () => arrivals.has(first, last), TIMEOUT_MS);
  const committed = [...(await commitTimes(url, first, last))];
  // What the source's disk takes for a flush is in the first figures, and not in these.
  const behindFlush = committed.map(
    ([transaction, ms]) =>
      arrivals.at(transaction) - Math.max(ms, writer.told.get(transaction) ?? ms),
  );
  return {
    all: latencyOf(committed.map(([transaction, ms]) => arrivals.at(transaction) - ms)),
    behindFlush: latencyOf(behindFlush),
  };
}

/** When transactions came to a consumer, milliseconds since 1970. */
class Arrivals {
  readonly #worker: Worker;
  readonly #atMs = new Map<number, number>();

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Resolves when it reads. */
  static async of(bootstrap: string, topic: string): Promise<Arrivals> {
    const { transactionRows } = SLOW;
    const worker = new Worker(new URL("arrivals.ts", import.meta.url), {
      workerData: { bootstrap, topic, transactionRows },
    });
    const arrivals = new Arrivals(worker);
    await new Promise<void>((resolve, reject) => {
      worker.once("error", reject);
      worker.on("message", (arrived: readonly (readonly [number, number])[]) => {
        for (const [transaction, atMs] of arrived) arrivals.#atMs.set(transaction, atMs);
        resolve();
      });
    });
    return arrivals;
  }

  has(first: number, last: number): boolean {
    for (let transaction = first; transaction <= last; transaction++)
      if (!this.#atMs.has(transaction)) return false;
    return true;
  }

  /** Infinity for one that never came. */
  at(transaction: number): number {
    return this.#atMs.get(transaction) ?? Infinity;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
