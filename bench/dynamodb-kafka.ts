// A stream of DynamoDB's, recorded and served from memory by a process of its own, drained into a broker; by the number of its shards.
// And what a hundred tables cost of which nobody writes.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "../packages/dynamodb-local/src/testing/clients.ts";
import { catchUp, type CaughtUp } from "./caught-up.ts";
import { recordedPage } from "./dynamodb/recorded-page.ts";
import { idleFigures } from "./dynamodb/idle-tables.ts";
import { startPlayer } from "./dynamodb/start-player.ts";
import { type BenchBroker, startBenchBroker } from "./kafka/bench-broker.ts";
import { absolute, median, type Figure } from "./report.ts";

/** Records of each run, about. */
const ROWS = Number(process.env["BENCH_ROWS"] ?? 600_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const SHARDS = (process.env["BENCH_SHARDS"] ?? "1,2,5,10").split(",").map(Number);
const GUARANTEES = ["exactly-once", "at-least-once"] as const;
const PAGE = 1_000;
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
    return [...(await drained(page)), ...(await idleFigures(page))];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function drained(page: string): Promise<Figure[]> {
  const broker = await startBenchBroker();
  try {
    // The first run of a process compiles.
    await drain(page, broker, { shards: GOAL_SHARDS, guarantee: "exactly-once" });
    const figures: Figure[] = [];
    for (const guarantee of GUARANTEES)
      for (const shards of SHARDS) {
        const runs: CaughtUp[] = [];
        for (let round = 0; round < ROUNDS; round++)
          runs.push(await drain(page, broker, { shards, guarantee }));
        figures.push(...figuresOf(`${shards} shards, ${guarantee}`, runs, shards));
      }
    return figures;
  } finally {
    await broker.stop();
  }
}

interface Drain {
  readonly shards: number;
  readonly guarantee: (typeof GUARANTEES)[number];
}

async function drain(
  page: string,
  broker: BenchBroker,
  { shards, guarantee }: Drain,
): Promise<CaughtUp> {
  const pages = Math.ceil(ROWS / PAGE / shards);
  const player = await startPlayer(page, shards, pages);
  const name = `d${Math.random().toString(36).slice(2, 10)}`;
  try {
    const made = await catchUp({
      source: {
        type: "dynamodb",
        endpoint: player.url,
        "aws.access.key.id": "test",
        "aws.secret.key": "test",
        "dynamodb.table.whitelist": "table-1",
        "scan.startup.mode": "earliest-offset",
        "stream.read.interval": "0s",
        "stream.idle.poll.interval": "200ms",
      },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": broker.bootstrap,
        "sink.delivery-guarantee": guarantee,
        "value.format": "dynamodb-envelope",
        "kafka.topic.prefix": `${name}-`,
        "topic.partitions": 4,
      },
      pipeline: { name },
    });
    const topic = `${name}-table-1`;
    const told = await broker.records(topic);
    if (told < shards * pages * PAGE) throw new Error(`the topic has ${told} messages`);
    await broker.remove(topic);
    return made;
  } finally {
    player.stop();
  }
}

function figuresOf(title: string, runs: readonly CaughtUp[], shards: number): Figure[] {
  const rate = median(runs.map(({ steadyRows, steadySeconds }) => steadyRows / steadySeconds));
  const cpu = median(runs.map(({ cpuSeconds }) => (cpuSeconds / ROWS) * 100_000));
  return [
    absolute(title, rate, "events/s", shards === GOAL_SHARDS ? GOAL : null),
    absolute(`${title}, CPU of Millrace`, cpu, "s/100k events"),
  ];
}
