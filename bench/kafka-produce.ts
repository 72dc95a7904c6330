// Rows through our encoder and our producer into a real broker, beside Kafka's own performance tool with the same acks, batch
// sizes, partitions and message sizes into the same broker, in turn.
import { type BenchBroker, startBenchBroker } from "./kafka/bench-broker.ts";
import { insertedItems, type ItemFormat, messageBytes } from "./kafka/item-changes.ts";
import { producedByTool } from "./kafka/performance-tool.ts";
import { type Produced, produceRows } from "./kafka/produced-rows.ts";
import { absolute, against, median, type Figure } from "./report.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 1_000_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const GOAL = 0.8;
const PARTITIONS = 4;
/** What a topic takes unless it is told otherwise. */
const BATCH_BYTES = 1_000_000;
/** The tool ends transactions by the clock; ours of 10,000 rows are about as long. */
const TRANSACTION_MS = 100;
const CHANGES = insertedItems(Math.min(ROWS, 20_000));
const FORMATS = (["plain-json", "debezium-json"] as const).filter((format) =>
  (process.env["BENCH_FORMATS"] ?? format).includes(format),
);
const KINDS = FORMATS.flatMap((format) =>
  [false, true].map((exactlyOnce) => ({ format, exactlyOnce })),
);

/** What is compared. */
interface Kind {
  readonly format: ItemFormat;
  readonly exactlyOnce: boolean;
}

/** The figures of `kafka-produce`. */
export async function run(): Promise<Figure[]> {
  const broker = await startBenchBroker();
  try {
    const ours = KINDS.map((): Produced[] => []);
    const tool = KINDS.map((): number[] => []);
    // The broker's own compiler has to have seen it.
    await produce(broker, { format: "plain-json", exactlyOnce: true });
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, kind] of KINDS.entries()) {
        ours[i]?.push(await produce(broker, kind));
        tool[i]?.push(await produceByTool(broker, kind));
      }
    const figures = KINDS.map((kind, i) => figuresOf(kind, ours[i] ?? [], tool[i] ?? []));
    return (await Promise.all(figures)).flat();
  } finally {
    await broker.stop();
  }
}

async function produce(broker: BenchBroker, kind: Kind): Promise<Produced> {
  return broker.withTopic(PARTITIONS, (topic) =>
    produceRows({
      ...kind,
      topic,
      bootstrap: broker.bootstrap,
      partitions: PARTITIONS,
      changes: CHANGES,
      rows: ROWS,
      batchBytes: BATCH_BYTES,
    }),
  );
}

async function produceByTool(broker: BenchBroker, kind: Kind): Promise<number> {
  const recordBytes = await messageBytes(kind.format, CHANGES);
  return broker.withTopic(PARTITIONS, (topic) =>
    producedByTool({
      topic,
      bootstrap: broker.bootstrap,
      records: ROWS,
      recordBytes,
      batchBytes: BATCH_BYTES,
      transactionMs: kind.exactlyOnce ? TRANSACTION_MS : null,
    }),
  );
}

async function figuresOf(
  { format, exactlyOnce }: Kind,
  ours: readonly Produced[],
  tool: readonly number[],
): Promise<Figure[]> {
  const bytes = Math.round(await messageBytes(format, CHANGES));
  const title = `${format} of ${bytes} bytes, ${exactlyOnce ? "exactly once" : "at least once"}`;
  const rate = median(ours.map(({ rowsPerSecond }) => rowsPerSecond));
  const cpu = median(ours.map(({ cpuSeconds }) => cpuSeconds));
  return [
    against(title, rate, "rows/s", median(tool), GOAL),
    absolute(`${title}, CPU of ours`, (cpu / ROWS) * 100_000, "s/100k rows"),
  ];
}
