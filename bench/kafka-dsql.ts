// A topic of Debezium's messages, as our own sink writes them, drained into dsql-local and into PostgreSQL; beside raw unnest
// statements of the same rows into the same server over as many connections, and beside the topic read alone.
import { type BenchBroker, startBenchBroker } from "./kafka/bench-broker.ts";
import { itemChanges, type ItemMessages, messageBytes } from "./kafka/item-changes.ts";
import { tellItems } from "./kafka/produced-rows.ts";
import { type ReadAlone, readAlone } from "./kafka/read-topic-alone.ts";
import { type Drained, drainedBy, drainedFigures } from "./drained-figures.ts";
import { again, type NearTarget, startNearTargets } from "./near-targets.ts";
import { type RawRates, rawRates, type RawRows } from "./raw-rates.ts";
import { absolute, median, type Figure } from "./report.ts";
import { targetTable } from "./sources/source.ts";
import { withClient } from "./workload.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
/** Each is a task with a lane of its own. */
const PARTITIONS = 4;
const BATCH_BYTES = 1_000_000;
const PAGE_ROWS = 10_000;
const SCHEMAS = (["without", "with"] as const).filter((schema) =>
  (process.env["BENCH_SCHEMAS"] ?? schema).split(",").includes(schema),
);
const TARGETS = (process.env["BENCH_TARGETS"] ?? "dsql-local,postgres").split(",");
const KINDS = ["inserts", "updates"] as const;
const OPS = { inserts: "c", updates: "u" } as const;
/** What the raw statements of each kind are: rows that are new, and rows that are there. */
const RAW = { inserts: "upserts", updates: "updates" } as const;

/** Whether each message has its schema. */
type Schema = (typeof SCHEMAS)[number];
type Kind = (typeof KINDS)[number];

/** Round by round, at one target. */
interface Measured {
  readonly drained: Record<Kind, Drained[]>;
  readonly raw: RawRates[];
}

/** Round by round, at none. */
interface Alone {
  readonly fetched: ReadAlone[];
  readonly decoded: ReadAlone[];
}

/** The figures of `kafka-dsql`. */
export async function run(): Promise<Figure[]> {
  const broker = await startBenchBroker();
  try {
    await using near = await startNearTargets();
    const targets = near.all.filter(({ name }) => TARGETS.includes(name));
    const figures: Figure[] = [];
    // The first run of a broker, a target and of this process is theirs to compile themselves.
    for (const target of targets)
      for (const schema of SCHEMAS.slice(0, 1))
        await new Round(broker, target, schema, "warm").warm();
    for (const schema of SCHEMAS) {
      const alone: Alone = { fetched: [], decoded: [] };
      const measured = targets.map((): Measured => ({
        drained: { inserts: [], updates: [] },
        raw: [],
      }));
      for (let round = 0; round < ROUNDS; round++)
        for (const [i, target] of targets.entries()) {
          const bench = new Round(broker, target, schema, round);
          await bench.measure(
            measured[i] ?? { drained: { inserts: [], updates: [] }, raw: [] },
            alone,
          );
        }
      figures.push(...(await aloneFigures(schema, alone)));
      for (const [i, target] of targets.entries())
        figures.push(...figuresOf(schema, target, measured[i]));
    }
    return figures;
  } finally {
    await broker.stop();
  }
}

/** Topic, pipeline and raw statements, in turn; each pipeline has a topic and a table of its own. */
class Round {
  readonly #broker: BenchBroker;
  readonly #target: NearTarget;
  readonly #messages: ItemMessages;
  readonly #name: string;

  constructor(broker: BenchBroker, target: NearTarget, schema: Schema, round: number | "warm") {
    this.#broker = broker;
    this.#target = target;
    this.#messages = messagesOf(schema);
    this.#name = `told_${schema}_${target.name.replace("-", "_")}_${round}`;
  }

  /** Pipelines alone; nothing is kept of it. */
  async warm(): Promise<void> {
    await this.#broker.withTopic(PARTITIONS, (topic) => this.#drain(topic));
    await again(this.#target.url, `DROP TABLE ${this.#name}`);
  }

  async measure({ drained, raw }: Measured, alone: Alone): Promise<void> {
    await this.#broker.withTopic(PARTITIONS, async (topic) => {
      const made = await this.#drain(topic);
      for (const kind of KINDS) drained[kind].push(made[kind]);
      const read = { ...this.#topic(topic), rows: KINDS.length * ROWS };
      alone.fetched.push(await readAlone(read, false));
      alone.decoded.push(await readAlone(read, true));
    });
    raw.push(await rawRates(this.#target, await this.#rows(), PARTITIONS));
    await again(this.#target.url, `DROP TABLE ${this.#name}`);
  }

  async #drain(topic: string): Promise<Record<Kind, Drained>> {
    const pids = { target: this.#target.pid, source: this.#broker.pid };
    const drain = async (kind: Kind): Promise<Drained> => {
      await this.#tell(topic, kind);
      return drainedBy(this.#pipeline(topic), pids);
    };
    return { inserts: await drain("inserts"), updates: await drain("updates") };
  }

  #topic(topic: string): { bootstrap: string; topic: string; partitions: number } {
    return { bootstrap: this.#broker.bootstrap, topic, partitions: PARTITIONS };
  }

  #tell(topic: string, kind: Kind): Promise<void> {
    const destination = {
      ...this.#topic(topic),
      batchBytes: BATCH_BYTES,
      format: "debezium-json",
      messages: this.#messages,
      exactlyOnce: true,
    } as const;
    return tellItems(destination, OPS[kind], ROWS);
  }

  #pipeline(topic: string): object {
    return {
      source: {
        type: "kafka",
        "properties.bootstrap.servers": this.#broker.bootstrap,
        topic,
      },
      sink: this.#target.sink,
      route: [{ "source-table": "public.items", "sink-table": `public.${this.#name}` }],
      pipeline: { name: this.#name },
    };
  }

  /** What has arrived, in the types that it has there: a page at a time, as no sink holds a result of this size. */
  async #rows(): Promise<RawRows> {
    const texts: (string | null)[][] = [];
    let columns: [name: string, type: string][] = [];
    await withClient(this.#target.url, async (client) => {
      const found = await client.query<[string, string]>({
        text: `SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
          WHERE attrelid = 'public.${this.#name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
        rowMode: "array",
      });
      columns = found.rows;
      const list = columns.map(([name]) => `"${name}"::text`).join(", ");
      for (let from = 0; from < ROWS; from += PAGE_ROWS) {
        const page = await client.query<(string | null)[]>({
          text: `SELECT ${list} FROM ${this.#name} WHERE id >= ${from} AND id < ${from + PAGE_ROWS} ORDER BY id`,
          rowMode: "array",
        });
        texts.push(...page.rows);
      }
    });
    if (texts.length !== ROWS) throw new Error(`${texts.length} rows of ${ROWS} have arrived`);
    return { table: targetTable(columns), texts };
  }
}

function messagesOf(schema: Schema): ItemMessages {
  return { includeSchema: schema === "with", ofPostgres: true };
}

async function aloneFigures(schema: Schema, { fetched, decoded }: Alone): Promise<Figure[]> {
  const changes = itemChanges("u", 0, Math.min(ROWS, 10_000));
  const bytes = await messageBytes("debezium-json", changes, messagesOf(schema));
  return (
    [
      ["fetched alone", fetched],
      ["fetched and decoded alone", decoded],
    ] as const
  ).flatMap(([what, runs]) => {
    const title = `${what}, ${schema} schema (${Math.round(bytes)} bytes)`;
    const cpu = median(runs.map(({ cpuSeconds }) => cpuSeconds)) / (KINDS.length * ROWS);
    return [
      absolute(title, median(runs.map(({ rowsPerSecond }) => rowsPerSecond)), "rows/s"),
      absolute(`${title}, CPU`, cpu * 100_000, "s/100k rows"),
    ];
  });
}

function figuresOf(
  schema: Schema,
  { name, goalRowsPerSecond }: NearTarget,
  measured?: Measured,
): Figure[] {
  return KINDS.flatMap((kind) =>
    drainedFigures({
      title: `${kind} ${schema} schema → ${name}`,
      rows: ROWS,
      drained: measured?.drained[kind] ?? [],
      raw: (measured?.raw ?? []).map((rates) => rates[RAW[kind]]),
      goalRowsPerSecond,
    }),
  );
}
