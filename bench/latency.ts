// From COMMIT at the source to COMMIT at the sink, row by row: both PostgreSQLs keep the time of each commit
// (track_commit_timestamp), and both are on this machine, so that the difference is exact. It begins before the source has
// flushed its log, so that the flush, which synchronous_commit waits for, is part of it.
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { RealRun, startTarget, until, type BenchTarget } from "./real-run.ts";
import { absolute, type Figure } from "./report.ts";
import { kafkaLatencies } from "./kafka/latencies.ts";
import { latencyFigures, latencyOf, type Latency } from "./latency-figures.ts";
import { type Pace, PacedWriter, SLOW } from "./paced-writer.ts";
import { ROW, TABLE, withClient } from "./workload.ts";

const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 20);
/** Of the backlog whose drain says what "half of the near rate" is, and of the table that is loaded beside. */
const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const SETTINGS = { track_commit_timestamp: "on", max_wal_size: "8GB" };
/** Transactions of a busy source that one writer can make at such a rate. */
const BUSY_TRANSACTION_ROWS = 100;
const wants = (name: string): boolean => (process.env["BENCH_TARGETS"] ?? name).includes(name);
const TARGETS = (["postgres", "dsql-local"] as const).filter(wants);
const SOURCE = { ...SETTINGS, fsync: "on", synchronous_commit: "on" };
const WARM_SECONDS = Math.min(3, SECONDS / 4);
const SETTLE_TIMEOUT_MS = 600_000;

/** The figures of `latency`. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const name of TARGETS) {
    await using source = await startPostgres({ storage: "disk", settings: SOURCE });
    const target = await startTarget(name, {
      settings: { ...SETTINGS, synchronous_commit: "off", full_page_writes: "off" },
    });
    try {
      figures.push(...(await measure(source, target)));
    } finally {
      await target.stop();
    }
  }
  if (wants("kafka")) {
    await using source = await startPostgres({ storage: "disk", settings: SOURCE });
    figures.push(...(await kafkaLatencies(source, SECONDS, WARM_SECONDS)));
  }
  return figures;
}

async function measure(source: PostgresServer, target: BenchTarget): Promise<Figure[]> {
  const bench = new Bench(await source.createDatabase("bench"), target);
  await bench.prepare();
  await bench.begin();
  try {
    await bench.loaded();
    const of = (what: string): string => `${what} → ${target.name}`;
    const slow = await bench.write(SLOW, SECONDS);
    const loading = await bench.writeWhileLoading(SLOW);
    const nearRate = await bench.drainBacklog();
    const half = {
      rowsPerSecond: nearRate / 2,
      transactionRows: BUSY_TRANSACTION_ROWS,
      sessions: 2,
    };
    const busy = await bench.write(half, SECONDS);
    return [
      ...latencyFigures(of("2,000 rows/s in transactions of 10"), slow, 5, 20),
      ...latencyFigures(of("the same beside a load"), loading, 5, 20),
      absolute(of("near rate: a backlog drained"), nearRate, "rows/s"),
      ...latencyFigures(of("half of the near rate, transactions of 100"), busy, 20, 100),
      absolute(of("half of the near rate: rows written"), bench.achievedRowsPerSecond, "rows/s"),
    ];
  } finally {
    await bench.end();
  }
}

/** One pipeline between two servers, written to at a pace. */
class Bench {
  readonly #url: string;
  readonly #target: BenchTarget;
  readonly #writer: PacedWriter;
  #run: RealRun | null = null;
  achievedRowsPerSecond = 0;

  constructor(url: string, target: BenchTarget) {
    this.#url = url;
    this.#target = target;
    this.#writer = new PacedWriter(url);
  }

  /** `loaded` is the table that another load of is asked for. */
  async prepare(): Promise<void> {
    await withClient(this.#url, async (client) => {
      await client.query(TABLE);
      await client.query(TABLE.replace("items", "loaded"));
      await client.query(
        `INSERT INTO loaded SELECT ${ROW} FROM generate_series(1::bigint, ${ROWS}::bigint) i`,
      );
    });
  }

  async begin(): Promise<void> {
    this.#run = await RealRun.start({
      name: "latency",
      sourceUrl: this.#url,
      target: this.#target,
      tables: String.raw`public.\.*`,
    });
    await this.#run.process.running;
  }

  /** Both tables are loaded; told of once, by the first process. */
  async loaded(): Promise<void> {
    await this.#run?.process.waitForSync(2, SETTLE_TIMEOUT_MS);
  }

  async end(): Promise<void> {
    await this.#run?.stop();
    this.#run = null;
  }

  /** Writes for so long; the first seconds warm up and do not count. */
  async write(pace: Pace, seconds: number): Promise<Latency> {
    await this.#writer.write(pace, WARM_SECONDS, () => false);
    const first = this.#writer.next;
    const began = performance.now();
    await this.#writer.write(pace, seconds, () => false);
    const { rowsPerSecond } = { rowsPerSecond: (this.#writer.next - first) * pace.transactionRows };
    this.achievedRowsPerSecond = rowsPerSecond / ((performance.now() - began) / 1000);
    return this.#latencies(first, this.#writer.next - 1, pace);
  }

  /** Writes from when another table's load begins until it is in SYNC again. */
  async writeWhileLoading(pace: Pace): Promise<Latency> {
    const running = this.#run;
    if (running === null) throw new Error("nothing runs");
    const first = this.#writer.next;
    let isLoaded = false;
    await running.resync("public.loaded");
    const loaded = running.process.waitForSync(2, SETTLE_TIMEOUT_MS).then(() => (isLoaded = true));
    await this.#writer.write(pace, SETTLE_TIMEOUT_MS / 1000, () => isLoaded);
    await loaded;
    return this.#latencies(first, this.#writer.next - 1, pace);
  }

  /** Rows per second of a backlog that stood in the slot, from when the log is read to the last commit at the sink. */
  async drainBacklog(): Promise<number> {
    await this.end();
    const first = this.#writer.next;
    const transactionRows = 1000;
    const transactions = Math.ceil(ROWS / transactionRows);
    await withClient(this.#url, async (client) => {
      for (let i = 0; i < transactions; i++)
        await client.query(this.#writer.insert(transactionRows));
    });
    await this.begin();
    const readingMs = Date.now();
    const { atSink } = await this.#commits(first, this.#writer.next - 1, transactionRows);
    const elapsedMs = [...atSink.values()].reduce((a, b) => Math.max(a, b), 0) - readingMs;
    return (transactions * transactionRows) / (Math.max(1, elapsedMs) / 1000);
  }

  async #latencies(first: number, last: number, { transactionRows }: Pace): Promise<Latency> {
    const { atSource, atSink } = await this.#commits(first, last, transactionRows);
    const all = [...atSource].map(
      ([transaction, ms]) => (atSink.get(transaction) ?? Infinity) - ms,
    );
    return latencyOf(all);
  }

  /** When each transaction of a stretch was committed; at the sink, when the last of its rows was. */
  async #commits(
    first: number,
    last: number,
    rows: number,
  ): Promise<{ readonly atSource: Map<number, number>; readonly atSink: Map<number, number> }> {
    const expected = last - first + 1;
    const read = (url: string): Promise<Map<number, number>> =>
      withClient(url, async (client) => {
        const answer = await client.query<{ transaction: string; ms: string }>(
          `SELECT customer AS transaction, max(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000) AS ms
           FROM items WHERE customer BETWEEN ${first} AND ${last}
           GROUP BY customer HAVING count(*) = ${rows}`,
        );
        return new Map(answer.rows.map((row) => [Number(row.transaction), Number(row.ms)]));
      });
    let atSink = new Map<number, number>();
    await until(async () => {
      atSink = await read(this.#target.postgres.url);
      return atSink.size === expected;
    }, SETTLE_TIMEOUT_MS);
    return { atSource: await read(this.#url), atSink };
  }
}
