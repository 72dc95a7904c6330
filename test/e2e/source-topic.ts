/** A topic of rows that are counted up, as a source: written by a test, and what a target has to hold of it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Producer, stringSerializers } from "@platformatic/kafka";
import { clusterAt } from "../../packages/millrace/src/kafka/cluster.fixture.ts";
import { LATEST, offsetAt } from "../../packages/millrace/src/kafka/partition.ts";
import type { SharedKafka } from "../support/kafka.ts";
import { openClient, type SqlClient } from "./sql-client.ts";
import type { Target } from "./targets.ts";

const PARTITIONS = 3;
const KEYS = 30;

/** Where it goes, and how many lanes write it. */
interface TopicPipeline {
  readonly kafka: Pick<SharedKafka, "bootstrap" | "prefix" | "createTopic">;
  readonly target: Target;
  readonly folder: string;
  /** Of the pipeline, its topics and its tables; no other test's. */
  readonly name: string;
  readonly lanes?: number;
}

/**
 * Writes counts of keys into a topic, each one more than the one before, and each as a row without key into another one: a
 * message that comes twice is a row that stands there twice.
 */
export class SourceTopic {
  /** The command line that runs its pipeline. */
  readonly args: readonly string[];
  readonly #parts: TopicPipeline;
  readonly #topic: string;
  readonly #producer: Producer<string, string, string, string>;
  #round = 0;
  #columns = 0;

  private constructor(parts: TopicPipeline, topic: string, file: string) {
    this.#parts = parts;
    this.#topic = topic;
    this.args = ["run", file, "--json", "--listen", "off"];
    this.#producer = new Producer({
      clientId: "test",
      bootstrapBrokers: parts.kafka.bootstrap.split(","),
      serializers: stringSerializers,
    });
  }

  /** Makes the topics, with one round in them, and the file. */
  static async begin(parts: TopicPipeline): Promise<SourceTopic> {
    const { kafka, target, folder, name, lanes = 1 } = parts;
    const topic = await kafka.createTopic(name, PARTITIONS);
    await kafka.createTopic(`${name}-log`, PARTITIONS);
    const file = join(folder, `${name}.yaml`);
    const pipeline = {
      source: {
        type: "kafka",
        "properties.bootstrap.servers": kafka.bootstrap,
        topic: `${topic},${topic}-log`,
        "properties.session.timeout.ms": "6s",
        "properties.heartbeat.interval.ms": "300ms",
      },
      sink: target.sink,
      pipeline: { name: `${kafka.prefix}${name}`, parallelism: lanes },
    };
    await writeFile(file, JSON.stringify(pipeline)); // JSON is YAML
    const made = new SourceTopic(parts, topic, file);
    await made.write(1);
    return made;
  }

  /** From now on rows have one column more. */
  grow(): void {
    this.#columns++;
  }

  async write(rounds: number): Promise<void> {
    const { name } = this.#parts;
    for (let left = rounds; left > 0; left--) {
      const n = ++this.#round;
      const more = Array.from({ length: this.#columns }, (_, at) => [`c${at}`, n] as const);
      const messages = Array.from({ length: KEYS }, (_, id) => ({
        topic: this.#topic,
        partition: id % PARTITIONS,
        key: JSON.stringify({ id }),
        value: JSON.stringify({
          op: n === 1 ? "c" : "u",
          before: null,
          after: { id, n, ...Object.fromEntries(more) },
          source: { schema: "public", table: name, ts_ms: Date.now() },
        }),
      }));
      const appended = messages.map(({ topic, partition, value }) => ({
        topic: `${topic}-log`,
        partition,
        value: value.replace(`"${name}"`, `"${name}_log"`).replace('"u"', '"c"'),
      }));
      await this.#producer.send({ acks: -1, messages: [...messages, ...appended] });
    }
  }

  /** The last round. */
  get round(): number {
    return this.#round;
  }

  /** The least count of any key at the target; null where nothing is there. */
  least(): Promise<number | null> {
    return this.#asked(async (client) => {
      const [row] = await rowsOf(client, `SELECT min(n) AS least FROM public.${this.#parts.name}`);
      return row?.["least"] === null || row === undefined ? null : Number(row["least"]);
    });
  }

  /**
   * What is wrong at the target: every key has its last count, and every message of the other topic is there once. A producer
   * whose answer was late has sent its batch again: then some counts are twice in the topic itself.
   */
  async findings(): Promise<readonly string[]> {
    const round = this.#round;
    const messages = await this.#logged();
    return this.#asked(async (client) => {
      const { name } = this.#parts;
      const [keys] = await rowsOf(
        client,
        `SELECT count(*) AS keys, min(n) AS least, max(n) AS most FROM public.${name}`,
      );
      const [log] = await rowsOf(
        client,
        `SELECT count(*) AS rows, count(DISTINCT (id, n)) AS counts FROM public.${name}_log`,
      );
      const wanted = { keys: KEYS, least: round, most: round };
      const logged = { rows: messages, counts: KEYS * round };
      return [...differences(keys, wanted), ...differences(log, logged)];
    });
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  /** How many rows without key the topic holds; nobody writes it in transactions, which take offsets themselves. */
  async #logged(): Promise<number> {
    const cluster = clusterAt(this.#parts.kafka.bootstrap);
    try {
      let count = 0;
      for (let partition = 0; partition < PARTITIONS; partition++)
        count += await offsetAt(
          cluster,
          { topic: `${this.#topic}-log`, partition },
          LATEST,
          "committed",
        );
      return count;
    } finally {
      await cluster.close();
    }
  }

  async #asked<T>(ask: (client: SqlClient) => Promise<T>): Promise<T> {
    const client = await openClient(this.#parts.target.url);
    try {
      return await ask(client);
    } finally {
      await client.end();
    }
  }
}

type ResultRow = Readonly<Record<string, unknown>>;

async function rowsOf(client: SqlClient, sql: string): Promise<readonly ResultRow[]> {
  const result = await client.query(sql);
  const rows: unknown =
    typeof result === "object" && result !== null && "rows" in result ? result.rows : [];
  return Array.isArray(rows) ? (rows as readonly ResultRow[]) : [];
}

function differences(
  found: ResultRow | undefined,
  wanted: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => Number(found?.[name]) !== value)
    .map(([name, value]) => `${name} is ${String(found?.[name])}, and should be ${value}`);
}
