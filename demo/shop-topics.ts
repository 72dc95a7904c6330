// Topics as the target of the shop: a broker of this machine, the example's file, and what is in the topics at the end.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterAt } from "../packages/millrace/src/kafka/cluster.fixture.ts";
import { readTopic } from "../packages/millrace/src/kafka/read-topic.ts";
import { toolCommand } from "../scripts/kafka-broker.mjs";
import { bringServer } from "../scripts/servers.mjs";
import { type KafkaCluster, startKafka } from "../test/support/kafka.ts";
import { normalisedKey } from "./example.ts";
import type { ToldShop } from "./source-shop.ts";

const READ_TIMEOUT_MS = 120_000;
const MAKER = "org.apache.kafka.tools.TopicCommand";
const CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/** A table beside its topic, as everybody sees it who reads what is committed. */
export interface ToldTable {
  readonly topic: string;
  readonly table: string;
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

  /** The command that prints the orders' topic as everybody sees it, by Kafka's own consumer. */
  async look({ orders }: ToldShop): Promise<string> {
    const command = toolCommand(await bringServer("kafka"), CONSUMER, []);
    const from = ["--bootstrap-server", this.address, "--topic", orders, "--from-beginning"];
    return [...command, ...from, "--isolation-level", "read_committed"].map(shellWord).join(" ");
  }

  /** The command that makes a topic: who writes to one that is not there is told so, a minute later. */
  async make(): Promise<string> {
    const command = toolCommand(await bringServer("kafka"), MAKER, []);
    const how = ["--bootstrap-server", this.address, "--create", "--topic", "mine"];
    return [...command, ...how, "--partitions", "1"].map(shellWord).join(" ");
  }

  /** The shop's file of `examples/`. */
  async pipelineFrom(shop: ToldShop): Promise<string> {
    const file = join(this.#folder, "shop-to-kafka.yaml");
    await writeFile(file, await shop.example(this.address));
    return file;
  }

  /** Each topic beside its table. */
  async compare(shop: ToldShop): Promise<readonly ToldTable[]> {
    const told: ToldTable[] = [];
    for (const [topic, wanted] of await shop.keys()) {
      const { messages, keys } = await this.#keysIn(topic);
      const equal = wanted.size === keys.size && [...wanted].every((each) => keys.has(each));
      told.push({ topic, table: shop.tableOf(topic), messages, rows: keys.size, equal });
    }
    return told;
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
          if (record.value() === null) keys.delete(normalisedKey(key));
          else keys.add(normalisedKey(key));
        });
      return { messages, keys };
    } finally {
      await cluster.close();
    }
  }
}

/** Quoted where a shell would make something else of it. */
function shellWord(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word}'`;
}
