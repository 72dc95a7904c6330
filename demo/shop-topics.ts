// Topics as the target of the shop: a broker of this machine, the example's file, and what is in the topics at the end.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { clusterAt } from "../packages/millrace/src/kafka/cluster.fixture.ts";
import { readTopic } from "../packages/millrace/src/kafka/read-topic.ts";
import { type KafkaCluster, startKafka } from "../test/support/kafka.ts";

const READ_TIMEOUT_MS = 120_000;
const KEYS = [
  ["customers", "id"],
  ["products", "sku"],
  ["orders", "id"],
  ["order_lines", "order_id, line"],
] as const;

/** A table beside its topic, as everybody sees it who reads what is committed. */
export interface ToldTable {
  readonly topic: string;
  readonly messages: number;
  /** Keys whose last message is a row, and keys of the table. */
  readonly rows: number;
  /** Whether they are the same keys. */
  readonly equal: boolean;
}

/** A broker whose topics the shop is told in. */
export class ShopTopics {
  readonly #kafka: KafkaCluster;
  readonly #folder: string;

  private constructor(kafka: KafkaCluster, folder: string) {
    this.#kafka = kafka;
    this.#folder = folder;
  }

  /** Starts the broker. */
  static async open(): Promise<ShopTopics> {
    const kafka = await startKafka();
    return new ShopTopics(kafka, await mkdtemp(join(tmpdir(), "millrace-shop-")));
  }

  /** Where clients find it. */
  get address(): string {
    return this.#kafka.bootstrap;
  }

  /** The file of `examples/`, with the addresses of this machine's servers. */
  async pipelineFrom(url: string): Promise<string> {
    const { hostname, port, username, password } = new URL(url);
    const example = new URL("../examples/postgres-to-kafka.yaml", import.meta.url);
    const lines: readonly (readonly [string, string])[] = [
      ["hostname: db.internal", `hostname: ${hostname}\n  port: ${port}`],
      ["username: millrace", `username: ${decodeURIComponent(username)}`],
      ["password: ${env:PGPASSWORD}", `password: ${decodeURIComponent(password)}`],
      ["localhost:9092 #", `${this.address} #`],
    ];
    let text = await readFile(example, "utf8");
    for (const [theirs, ours] of lines) {
      if (!text.includes(theirs)) throw new Error(`the example has no line "${theirs}"`);
      // The lines of the head say how somebody reads it.
      text = text.replace(theirs, () => ours);
    }
    const file = join(this.#folder, "postgres-to-kafka.yaml");
    await writeFile(file, text);
    return file;
  }

  /** Each topic beside its table. */
  async compare(url: string): Promise<readonly ToldTable[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const told: ToldTable[] = [];
      for (const [table, key] of KEYS) {
        const { rows } = await client.query<{ key: string }>(
          `SELECT to_jsonb(k)::text AS key FROM (SELECT ${key} FROM ${table}) k`,
        );
        const topic = `shop.public.${table}`;
        const { messages, keys } = await this.#keysIn(topic);
        const wanted = new Set(rows.map((row) => normalised(row.key)));
        const equal = wanted.size === keys.size && [...wanted].every((each) => keys.has(each));
        told.push({ topic, messages, rows: keys.size, equal });
      }
      return told;
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await this.#kafka.stop();
  }

  /** As a reader of `read_committed` has them: a key is there until its last message has no value. */
  async #keysIn(topic: string): Promise<{ messages: number; keys: ReadonlySet<string> }> {
    const cluster = clusterAt(this.address);
    const keys = new Set<string>();
    let messages = 0;
    try {
      const facts = (await cluster.topics([topic])).get(topic);
      for (const partition of (facts?.leaders ?? []).keys())
        await readTopic(cluster, { topic, partition }, "end", READ_TIMEOUT_MS, (record) => {
          messages += 1;
          const key = record.key()?.toString();
          if (key === undefined) return;
          if (record.value() === null) keys.delete(normalised(key));
          else keys.add(normalised(key));
        });
      return { messages, keys };
    } finally {
      await cluster.close();
    }
  }
}

/** One spelling of a key, whatever the order and the spaces of its JSON. */
function normalised(key: string): string {
  const entries = Object.entries(JSON.parse(key) as Readonly<Record<string, unknown>>);
  return JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
