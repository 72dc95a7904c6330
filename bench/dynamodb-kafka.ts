// A stream of DynamoDB's, recorded and served from memory by a process of its own, drained into a broker; by the number of its shards,
// once as fast as it goes and once as fast as AWS lets a shard be read. And what a hundred tables cost of which nobody writes.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "../packages/dynamodb-local/src/testing/clients.ts";
import type { CaughtUp } from "./caught-up.ts";
import { drainStream, GUARANTEES, PAGE } from "./dynamodb/drain-stream.ts";
import { idleFigures } from "./dynamodb/idle-tables.ts";
import { pacedFigures } from "./dynamodb/paced-shards.ts";
import { recordedPage } from "./dynamodb/recorded-page.ts";
import { type BenchBroker, startBenchBroker } from "./kafka/bench-broker.ts";
import { absolute, median, type Figure } from "./report.ts";

/** Records of each run, about. */
const ROWS = Number(process.env["BENCH_ROWS"] ?? 600_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const SHARDS = (process.env["BENCH_SHARDS"] ?? "1,2,5,10").split(",").map(Number);
/** `drained`, `paced`, `idle`. */
const PARTS = (process.env["BENCH_PARTS"] ?? "drained,paced,idle").split(",");
/** The ancestor of this connector states 2,000 for a table. */
const GOAL = 50_000;
const GOAL_SHARDS = 10;

/** The figures of `dynamodb-kafka`. */
export async function run(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-dynamodb-"));
  const page = join(folder, "page.json");
  try {
    await using local = await start();
    await writeFile(page, await recordedPage(local, PAGE));
    return [
      ...(await withBroker(page)),
      ...(PARTS.includes("idle") ? await idleFigures(page) : []),
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function withBroker(page: string): Promise<Figure[]> {
  if (!PARTS.includes("drained") && !PARTS.includes("paced")) return [];
  const broker = await startBenchBroker();
  try {
    // The first run of a process compiles.
    await drain(page, broker, { shards: GOAL_SHARDS, guarantee: "exactly-once" });
    return [
      ...(PARTS.includes("drained") ? await drained(page, broker) : []),
      ...(PARTS.includes("paced") ? await pacedFigures(page, broker) : []),
    ];
  } finally {
    await broker.stop();
  }
}

async function drained(page: string, broker: BenchBroker): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const guarantee of GUARANTEES)
    for (const shards of SHARDS) {
      const runs: CaughtUp[] = [];
      for (let round = 0; round < ROUNDS; round++)
        runs.push(await drain(page, broker, { shards, guarantee }));
      figures.push(...figuresOf(`${shards} shards, ${guarantee}`, runs, shards));
    }
  return figures;
}

function drain(
  page: string,
  broker: BenchBroker,
  {
    shards,
    guarantee,
  }: { readonly shards: number; readonly guarantee: (typeof GUARANTEES)[number] },
): Promise<CaughtUp> {
  const pages = Math.ceil(ROWS / PAGE / shards);
  return drainStream(page, broker, { shards, pages, guarantee });
}

function figuresOf(title: string, runs: readonly CaughtUp[], shards: number): Figure[] {
  const rate = median(runs.map(({ steadyRows, steadySeconds }) => steadyRows / steadySeconds));
  const cpu = median(runs.map(({ cpuSeconds }) => (cpuSeconds / ROWS) * 100_000));
  return [
    absolute(title, rate, "events/s", shards === GOAL_SHARDS ? GOAL : null),
    absolute(`${title}, CPU of Millrace`, cpu, "s/100k events"),
  ];
}
