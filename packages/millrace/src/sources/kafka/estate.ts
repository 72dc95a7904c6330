import { MillraceError } from "../../errors/millrace-error.ts";
import { Cluster } from "../../kafka/cluster.ts";
import { EARLIEST, offsetAt, topicEnds } from "../../kafka/partition.ts";
import type { Finding } from "../../model/finding.ts";
import type { Json } from "../../model/position.ts";
import type { ConnectorContext, DiscoveredTable, Source } from "../../model/source.ts";
import type { TableId } from "../../model/table.ts";
import { asSource } from "./errors.ts";
import { PipelineLook } from "./first-look.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { keyNames } from "./known-tables.ts";
import { PartitionSource } from "./partition-source.ts";
import { shareParts } from "./topic-table.ts";
import { chosenTopics } from "./topics.ts";

/** Of who reads no partition to its end. */
function looks({ clock }: ConnectorContext) {
  return {
    counts: (): ReadonlyMap<string, number> => new Map(),
    look: new PipelineLook(() => Promise.reject(notAsOne()), clock),
    acknowledged: (): void => {},
  };
}

/**
 * All topics of a file at once, for who looks and does not run: `validate --connect`, `plan`. What runs is a
 * {@link PartitionSource} for each partition.
 */
export class KafkaEstate extends PartitionSource implements Source {
  readonly #options: KafkaSourceOptions;
  readonly #context: ConnectorContext;
  readonly #all: Cluster;
  readonly #found: Finding[] = [];
  /** Topics of which a message was found that cannot be read. */
  readonly #unreadable = new Set<string>();

  constructor(options: KafkaSourceOptions, context: ConnectorContext) {
    super(options, context, { topic: "", partition: 0, ...looks(context) });
    this.#options = options;
    this.#context = context;
    this.#all = new Cluster({ ...options.cluster, clock: context.clock });
  }

  override identity(): Promise<Json> {
    return asSource(async () => ({ kind: "kafka", cluster: await this.#all.clusterId() }));
  }

  /** By the first partition of each topic that tells of one. */
  override async discover(): Promise<readonly DiscoveredTable[]> {
    const found = new Map<TableId, DiscoveredTable>();
    for (const { name: topic, leaders } of await asSource(() =>
      chosenTopics(this.#all, this.#options.choice),
    )) {
      for (const partition of leaders.keys()) {
        const tables = await this.#partition(topic, partition);
        for (const table of tables) found.set(table.shape.id, this.#withKey(table));
        if (tables.length > 0) break;
      }
    }
    return [...found.values()];
  }

  override cautions(): readonly Finding[] {
    return this.#found;
  }

  override prepare(): Promise<never> {
    return Promise.reject(notAsOne());
  }

  override checkLog(): Promise<void> {
    return Promise.resolve();
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#all.close();
  }

  /** See {@link Source.openPart}. */
  openPart(share: string): Source | null {
    const { topics, pattern } = this.#options.choice;
    const at = shareParts(share);
    const isRead = topics?.includes(at.topic) ?? pattern?.test(at.topic) === true;
    const parts = { ...at, ...looks(this.#context) };
    return isRead ? new PartitionSource(this.#options, this.#context, parts) : null;
  }

  /** See {@link Source.messagesThere}. */
  messagesThere(): Promise<number> {
    return asSource(async () => {
      let count = 0;
      for (const { name: topic, leaders } of await chosenTopics(this.#all, this.#options.choice)) {
        const ends = await topicEnds(this.#all, topic, leaders.length);
        for (const [partition, end] of ends.entries()) {
          const first = await offsetAt(this.#all, { topic, partition }, EARLIEST, "uncommitted");
          count += Math.max(0, end - first);
        }
      }
      return count;
    });
  }

  /** Of many partitions that cannot be read one is enough. */
  #isNews(topic: string, { code }: Finding): boolean {
    if (code !== "MR_MESSAGE_UNREADABLE") return true;
    const isNews = !this.#unreadable.has(topic);
    this.#unreadable.add(topic);
    return isNews;
  }

  /** Of a topic with another key than its table's, rows would be taken for one: nobody can tell but who knows the table. */
  #withKey({ shape, notices, ...table }: DiscoveredTable): DiscoveredTable {
    const names = keyNames(shape).join(", ");
    if (names === "") return { ...table, shape, notices };
    const notice = this.#options.primaryKeys.has(shape.id)
      ? `messages with the same (${names}), by primary-keys, are of one row`
      : `messages with the same (${names}), which is their key, are of one row; primary-keys may name other columns`;
    return { ...table, shape, notices: [...notices, notice] };
  }

  async #partition(topic: string, partition: number): Promise<readonly DiscoveredTable[]> {
    const parts = { topic, partition, ...looks(this.#context) };
    const source = new PartitionSource(this.#options, this.#context, parts);
    try {
      const tables = await source.discover();
      this.#found.push(...source.cautions().filter((finding) => this.#isNews(topic, finding)));
      return tables;
    } finally {
      await source.close();
    }
  }
}

function notAsOne(): MillraceError {
  return new MillraceError("MR_BUG", "topics are read partition by partition");
}
