// From COMMIT at the source to COMMIT at the sink, row by row: both PostgreSQLs keep the time of each commit
// (track_commit_timestamp), and both are on this machine, so that the difference is exact. It begins before the source has
// flushed its log, so that the flush, which synchronous_commit waits for, is part of it. Beside each figure stands what a bare
// copy takes of the same writes: a reader of the slot and one upsert for each transaction.
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { startTarget, type BenchTarget } from "./real-run.ts";
import { absolute, type Figure } from "./report.ts";
import { kafkaLatencies } from "./kafka/latencies.ts";
import { latencyFigures } from "./latency-figures.ts";
import { LatencyPipeline, type Written } from "./latency-pipeline.ts";
import { SLOW } from "./paced-writer.ts";

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
  const sizes = { rows: ROWS, warmSeconds: WARM_SECONDS };
  const pipeline = new LatencyPipeline(await source.createDatabase("bench"), target, sizes);
  await pipeline.prepare();
  await pipeline.begin();
  try {
    await pipeline.loaded();
    const slow = await pipeline.write(SLOW, SECONDS);
    const loading = await pipeline.writeWhileLoading(SLOW);
    const nearRate = await pipeline.drainBacklog();
    const half = {
      rowsPerSecond: nearRate / 2,
      transactionRows: BUSY_TRANSACTION_ROWS,
      sessions: 2,
    };
    const busy = await pipeline.write(half, SECONDS);
    await pipeline.end();
    const bare = await pipeline.bare(async () => ({
      slow: await pipeline.write(SLOW, SECONDS),
      loading: await pipeline.writeWhileBareLoading(SLOW),
      busy: await pipeline.write(half, SECONDS),
    }));
    return figuresOf(target.name, nearRate, { slow, loading, busy }, bare);
  } finally {
    await pipeline.end();
  }
}

type Stretches = Readonly<Record<"slow" | "loading" | "busy", Written>>;

function figuresOf(target: string, nearRate: number, ours: Stretches, bare: Stretches): Figure[] {
  const of = (what: string): string => `${what} → ${target}`;
  const figures = (name: string, which: keyof Stretches, p50: number, p99: number): Figure[] =>
    latencyFigures(of(name), ours[which].latency, p50, p99, bare[which].latency);
  const written = "half of the near rate: rows written";
  return [
    ...figures("2,000 rows/s in transactions of 10", "slow", 5, 20),
    ...figures("the same beside a load", "loading", 5, 20),
    absolute(of("near rate: a backlog drained"), nearRate, "rows/s"),
    ...figures("half of the near rate, transactions of 100", "busy", 20, 100),
    absolute(of(written), ours.busy.rowsPerSecond, "rows/s"),
    absolute(`${of(written)}, beside the bare copy`, bare.busy.rowsPerSecond, "rows/s"),
  ];
}
