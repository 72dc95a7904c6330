// Shapes of a topic as the source; see memory.ts.
import type { BareTopic } from "./baselines/bare-topic-reader.ts";
import { runBare } from "./bare-process.ts";
import { type BenchBroker, startBenchBroker } from "./kafka/bench-broker.ts";
import { itemChanges, ITEMS } from "./kafka/item-changes.ts";
import { type ToldTable, tellRows } from "./kafka/produced-rows.ts";
import { WIDE, wideChanges } from "./kafka/wide-changes.ts";
import { MOST_MIB, TIMEOUT_MS } from "./memory-shape.ts";
import { startDatabase } from "./memory-target.ts";
import { type BenchTarget, RealRun, until } from "./real-run.ts";
import { absolute, atMost, beside, type Figure } from "./report.ts";
import { withClient } from "./workload.ts";

const MESSAGES = Number(process.env["BENCH_TOPIC_ROWS"] ?? 1_000_000);
const WIDE_MESSAGES = Number(process.env["BENCH_TOPIC_WIDE_ROWS"] ?? 30_000);
const TARGETS = ["dsql-local", "postgres"] as const;
const PARTITIONS = 4;
const BATCH_BYTES = 1_000_000;
/** Among so many of the last rows are the last ones of all partitions. */
const LAST_ROWS = 200;

/** A topic that has every row of a table twice when the run starts: inserted, and changed behind that. */
export interface TopicShape extends ToldTable {
  readonly name: string;
  readonly rows: number;
  readonly includeSchema: boolean;
  /** Of a row that has changed. */
  readonly isChanged: string;
}

const items = { table: ITEMS, changes: itemChanges, commitRows: 10_000, rows: MESSAGES };
const changedItems = "quantity = id % 100 + 1";
const count = (rows: number): string => rows.toLocaleString("en-US");

/** By what `BENCH_SHAPES` calls them. */
export const topicShapes: Readonly<Record<string, TopicShape>> = {
  topic: {
    ...items,
    name: `a topic of ${count(MESSAGES)} rows, inserted and then changed`,
    includeSchema: false,
    isChanged: changedItems,
  },
  "topic-schema": {
    ...items,
    name: `the same with a schema in each message, ${count(MESSAGES / 4)} rows`,
    rows: MESSAGES / 4,
    includeSchema: true,
    isChanged: changedItems,
  },
  "topic-wide": {
    table: WIDE,
    changes: wideChanges,
    commitRows: 500,
    rows: WIDE_MESSAGES,
    name: `a topic of ${count(WIDE_MESSAGES)} rows of ${WIDE.columns.length} columns with a schema in each message, inserted and then changed`,
    includeSchema: true,
    isChanged: "c0 = 'changed'",
  },
};

/** The figures of these shapes, at each of the targets. */
export async function ofTopics(shapes: readonly TopicShape[]): Promise<Figure[]> {
  if (shapes.length === 0) return [];
  const broker = await startBenchBroker();
  try {
    const figures: Figure[] = [];
    // Not counted; see memory.ts.
    for (const warm of shapes.slice(0, 1))
      await broker.withTopic(PARTITIONS, (topic) => ofTopic(broker, topic, { ...warm, rows: 10 }));
    for (const shape of shapes)
      figures.push(
        ...(await broker.withTopic(PARTITIONS, (topic) => ofTopic(broker, topic, shape))),
      );
    return figures;
  } finally {
    await broker.stop();
  }
}

async function ofTopic(broker: BenchBroker, topic: string, shape: TopicShape): Promise<Figure[]> {
  const destination = {
    bootstrap: broker.bootstrap,
    topic,
    partitions: PARTITIONS,
    batchBytes: BATCH_BYTES,
    format: "debezium-json",
    messages: { includeSchema: shape.includeSchema, ofPostgres: true },
    exactlyOnce: true,
  } as const;
  for (const op of ["c", "u"] as const) await tellRows(destination, shape, op, shape.rows);
  const asked: BareTopic = { bootstrap: broker.bootstrap, topic, messages: 2 * shape.rows };
  const program = new URL("baselines/bare-topic-reader.ts", import.meta.url);
  const bare = await runBare<{ mib: number }>(program, asked);
  const figures: Figure[] = [];
  for (const name of TARGETS) {
    const target = await startDatabase(name);
    try {
      figures.push(...(await measure(asked, target, shape, bare.mib)));
    } finally {
      await target.stop();
    }
  }
  return figures;
}

async function measure(
  { bootstrap, topic }: BareTopic,
  target: BenchTarget,
  { name, rows, table, isChanged }: TopicShape,
  bareMib: number,
): Promise<Figure[]> {
  const began = performance.now();
  const source = { type: "kafka", "properties.bootstrap.servers": bootstrap, topic };
  const millrace = await RealRun.start({ name: "memory", source, target });
  try {
    const from = rows - Math.min(LAST_ROWS, rows);
    const last = `SELECT FROM ${table.name} WHERE id >= ${from} AND ${isChanged} HAVING count(*) = ${rows - from}`;
    await until(() => holdsARow(target.url, last), TIMEOUT_MS);
    const seconds = (performance.now() - began) / 1000;
    const mib = await millrace.peakMib();
    const title = `${name} → ${target.name}`;
    return [
      beside(bareMib, atMost(title, mib, "MiB", MOST_MIB)),
      absolute(`${title}, until all had arrived`, seconds, "s"),
    ];
  } finally {
    await millrace.stop();
  }
}

/** The table is not there before its first row is. */
async function holdsARow(url: string, statement: string): Promise<boolean> {
  return withClient(url, async (client) => {
    const { rowCount } = await client.query(statement).catch(ifMissing);
    return (rowCount ?? 0) > 0;
  });
}

function ifMissing(error: { readonly code?: string }): { rowCount: number } {
  if (error.code === "42P01") return { rowCount: 0 };
  throw error as Error;
}
