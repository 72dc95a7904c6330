import type { CaughtUp } from "../caught-up.ts";
import type { BenchBroker } from "../kafka/bench-broker.ts";
import { absolute, against, median, type Figure } from "../report.ts";
import { drainStream, PAGE } from "./drain-stream.ts";

const SHARDS = (process.env["BENCH_PACED_SHARDS"] ?? "1,2,5,10,20").split(",").map(Number);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const SECONDS = Number(process.env["BENCH_PACED_SECONDS"] ?? 10);
/** As the service lets a shard be read: GetRecords five times a second. */
const READS = Number(process.env["BENCH_READS"] ?? 5);
/** About what a call takes within a region. */
const LATE_MS = 10;
/** Of what all shards have together; one whose core is not full should bring all of it. */
const GOAL = 0.95;
/** More of them have more than a core takes. */
const GOAL_SHARDS = 10;

/** Shards that answer as the service does: what comes of them, beside all that they have, and what it costs. */
export async function pacedFigures(page: string, broker: BenchBroker): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const shards of SHARDS) {
    const runs: CaughtUp[] = [];
    for (let round = 0; round < ROUNDS; round++)
      runs.push(
        await drainStream(page, broker, {
          shards,
          pages: READS * SECONDS,
          guarantee: "exactly-once",
          pace: { readsPerSecond: READS, lateMs: LATE_MS },
        }),
      );
    figures.push(...figuresOf(shards, runs));
  }
  return figures;
}

function figuresOf(shards: number, runs: readonly CaughtUp[]): Figure[] {
  const title = `${shards} shards of ${READS} reads/s`;
  const rate = median(runs.map(({ steadyRows, steadySeconds }) => steadyRows / steadySeconds));
  const rows = shards * READS * SECONDS * PAGE;
  const cpu = median(runs.map(({ cpuSeconds }) => (cpuSeconds / rows) * 100_000));
  const busy = median(runs.map(({ cpuSeconds, seconds }) => (cpuSeconds / seconds) * 100));
  const all = shards * READS * PAGE;
  const figure = against(title, rate, "events/s", all, GOAL);
  return [
    shards <= GOAL_SHARDS ? figure : { ...figure, goal: null, met: true },
    absolute(`${title}, CPU of Millrace`, cpu, "s/100k events"),
    absolute(`${title}, CPU of Millrace`, busy, "% of a core"),
  ];
}
