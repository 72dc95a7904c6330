import { MillraceError } from "../../errors/millrace-error.ts";
import type { Cluster, TopicRight } from "../../kafka/cluster.ts";
import { anotherTopic } from "../../kafka/fault-from.ts";
import { KafkaFault, mayComeToBe } from "../../kafka/kafka-fault.ts";
import { NO_ID } from "../../kafka/partition.ts";
import type { TargetCheck } from "../../model/sink.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import type { TopicOptions } from "./options.ts";
import { CLEANUP_POLICY, lookAtTopic, MAX_MESSAGE_BYTES, type SeenTopic } from "./seen-topic.ts";
import { GONE_MS, topicIdentities } from "./topic-identities.ts";
import {
  askForTopic,
  hasLeaders,
  type NewTopic,
  removeTopic,
  untilSettled,
} from "./topic-making.ts";
import { isSharedTopic, TopicNames } from "./topic-names.ts";
import { noticesOf, settingNotices } from "./topic-notices.ts";
import { isCompacted, MAKE_TOPIC, refuseWithoutKey } from "./topic-policy.ts";

/** What the file asks for so that nothing acknowledged is lost: of what stands beside the tables' topics, too. */
const DURABLE: ReadonlySet<string> = new Set([
  "min.insync.replicas",
  "unclean.leader.election.enable",
  "flush.messages",
  "flush.ms",
]);

/** A topic that messages go to. */
export interface TargetTopic {
  readonly name: string;
  /** Of this topic and of no other one, whatever its name. */
  readonly id: string;
  readonly partitions: number;
  /** No batch is larger, bytes. */
  readonly maxBatchBytes: number;
  /** Its broker takes no message without key (`cleanup.policy` has `compact`). */
  readonly compacted: boolean;
}

/** The topic of a table as a look finds it, or as it would be made. */
export interface TopicPreview {
  readonly name: string;
  readonly isMissing: boolean;
  /** Null where the brokers would say how many. */
  readonly partitions: number | null;
  /** Wherein it differs from what the file says of those that are made. */
  readonly notices: readonly string[];
}

/** The topics of a sink's tables: found, made, checked, and never changed. */
export class Topics {
  readonly #cluster: Cluster;
  readonly #options: TopicOptions;
  readonly #maxRequestBytes: number;
  readonly #names: TopicNames;
  readonly #durable: ReadonlyMap<string, string>;
  readonly #known = new Map<string, Promise<TargetTopic>>();
  /** As they were when each topic was seen first: keys never move while a process runs (I2). */
  readonly #partitions = new Map<string, Pick<SeenTopic, "id" | "partitions">>();

  /** As they were when this run saw each topic of a table first: what has the name later is another topic. */
  readonly #ids = new Map<string, string>();

  constructor(cluster: Cluster, options: TopicOptions, maxRequestBytes: number) {
    this.#cluster = cluster;
    this.#options = options;
    this.#maxRequestBytes = maxRequestBytes;
    this.#names = new TopicNames(options);
    this.#durable = new Map([...options.configs].filter(([name]) => DURABLE.has(name)));
  }

  /** From now on this topic is no table's, but `what` it says, behind "which". */
  reserve(name: string, what: string): void {
    this.#names.reserve(name, what);
  }

  /** A run begins, which finds out by itself which topics are there. */
  begin(): void {
    this.#ids.clear();
  }

  /**
   * The topic of a table, as it was when it was asked for first.
   * @throws MillraceError MR_SINK_SCHEMA where there is none, or it is compacted and the table has no key.
   * @throws KafkaFault where it is gone, or another one, since this run has begun.
   */
  async of(table: TargetTable): Promise<TargetTopic> {
    const topic = await this.#topicOf(table);
    refuseWithoutKey(table, topic);
    return topic;
  }

  #topicOf(table: TargetTable): Promise<TargetTopic> {
    const name = this.#names.of(table);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const asked = this.#lookAgain(name).then((seen) => {
      if (seen !== null) return this.#targetOf(name, seen);
      throw new MillraceError("MR_SINK_SCHEMA", `there is no topic ${name} for ${table.id}`);
    });
    this.#remember(name, asked);
    return asked;
  }

  /** What the topic of a table is called. @throws MillraceError MR_SINK_SCHEMA */
  nameOf(table: TargetTable): string {
    return this.#names.of(table);
  }

  /** Pure: the same, of a table that nothing was looked at of. */
  wouldBe(table: TargetTable): string {
    return this.#names.nameOf(table);
  }

  /** They are asked for again, but for how many partitions they have: something that was known of them is no more so. */
  forget(): void {
    this.#known.clear();
  }

  /** The ids of the tables' topics by target, see {@link topicIdentities}. */
  identify(
    tables: readonly TargetTable[],
    written: ReadonlySet<TableId>,
  ): Promise<ReadonlyMap<TableId, string>> {
    const names = new Map(tables.map((table) => [table.id, this.#names.nameOf(table)]));
    return topicIdentities(this.#cluster, names, written);
  }

  /** A topic of this name is another one than the one that was seen first. */
  async isAnother(name: string): Promise<boolean> {
    const now = (await this.#cluster.topics([name])).get(name)?.id;
    const before = this.#partitions.get(name)?.id;
    return now !== undefined && before !== undefined && now !== before;
  }

  /** See `Sink.checkTable`. */
  async check(table: TargetTable, create: "if-missing" | "never"): Promise<TargetCheck> {
    const name = this.#names.of(table);
    const { partitions, replicationFactor, configs } = this.#options;
    const seen = await this.#lookAgain(name);
    const found = seen === null ? null : this.#targetOf(name, seen);
    if (found === null && create === "never")
      throw new MillraceError(
        "MR_SINK_SCHEMA",
        `there is no topic ${name} for ${table.id}, and create is "never"`,
        { remedy: MAKE_TOPIC },
      );
    refuseWithoutKey(table, found ?? this.#planned(name));
    const created =
      found === null && (await this.make({ name, partitions, replicationFactor, configs }));
    const topic = found ?? (await this.#made(name));
    await this.refuseLacking(new Map([[name, ["WRITE"]]]));
    this.#remember(name, Promise.resolve(topic));
    const notices = seen === null ? [] : noticesOf(this.#options, name, seen);
    return { created, notices, secondaryUnique: false };
  }

  /** Looks at the topic of a table only; whether a missing one could be made is asked with `if-missing`. */
  async preview(table: TargetTable, create: "if-missing" | "never"): Promise<TopicPreview> {
    const name = this.#names.of(table);
    const seen = await this.look(name);
    refuseWithoutKey(table, seen === null ? this.#planned(name) : this.#targetOf(name, seen));
    const { partitions, replicationFactor, configs } = this.#options;
    if (seen === null && create === "if-missing")
      await this.mayMake({ name, partitions, replicationFactor, configs });
    await this.refuseLacking(new Map([[name, ["WRITE"]]]));
    return seen === null
      ? { name, isMissing: true, partitions, notices: [] }
      : {
          name,
          isMissing: false,
          partitions: seen.partitions,
          notices: noticesOf(this.#options, name, seen),
        };
  }

  /** @throws KafkaFault `rights`, of the first that it is not there for as it is wanted. */
  async refuseLacking(wanted: ReadonlyMap<string, readonly TopicRight[]>): Promise<void> {
    for (const fault of (await this.#cluster.lacking(wanted)).values()) throw fault;
  }

  /** Whether this user may not remove the topic of a table, once it is there; one that others share is never removed. */
  async lacksRemoval(table: TargetTable): Promise<boolean> {
    const name = this.#names.nameOf(table);
    if (isSharedTopic(this.#options, name)) return false;
    return (await this.#cluster.lacking(new Map([[name, ["DELETE"]]]))).has(name);
  }

  /** A missing one as it would be made; what the file leaves to the broker shows once it is there. */
  #planned(name: string): Pick<TargetTopic, "name" | "compacted"> {
    return { name, compacted: isCompacted(this.#options.configs.get(CLEANUP_POLICY)) };
  }

  /** Wherein a topic beside those of tables keeps less surely what it is told than the file asks. */
  durabilityNotices(name: string, seen: SeenTopic): readonly string[] {
    return settingNotices(this.#durable, name, seen);
  }

  /** Removes the topic of a table, unless others share it. */
  async drop(table: TargetTable): Promise<void> {
    const name = this.#names.of(table);
    if (isSharedTopic(this.#options, name)) return;
    this.#known.delete(name);
    this.#partitions.delete(name);
    this.#ids.delete(name);
    await removeTopic(this.#cluster, name);
    const gone = async (): Promise<true | null> => ((await this.find(name)) === null ? true : null);
    await untilSettled(this.#cluster, name, gone);
  }

  /** A topic as its brokers have it; null where there is none. */
  look(name: string): Promise<SeenTopic | null> {
    return lookAtTopic(this.#cluster, name, this.#options.configs.keys());
  }

  /** As {@link look}; one that this run has seen is still there, and the same one. @throws KafkaFault */
  async #lookAgain(name: string): Promise<SeenTopic | null> {
    const id = this.#ids.get(name);
    if (id === undefined || id === NO_ID) return this.look(name);
    const lookForIt = async (): Promise<SeenTopic> => {
      const seen = await this.look(name);
      if (seen !== null) return seen;
      throw new KafkaFault(
        "missing",
        "UNKNOWN_TOPIC_OR_PARTITION",
        `${name} is not there any more`,
      );
    };
    const seen = await this.#cluster.patiently(GONE_MS, lookForIt, mayComeToBe);
    if (seen.id !== id) throw anotherTopic(name);
    return seen;
  }

  /** A topic by its name; null where there is none. */
  async find(name: string): Promise<TargetTopic | null> {
    const seen = await this.look(name);
    return seen === null ? null : this.#targetOf(name, seen);
  }

  #targetOf(name: string, seen: SeenTopic): TargetTopic {
    // Who may not ask goes by what the file says of those that are made.
    const settings = seen.settings ?? this.#options.configs;
    const limit = Number(settings.get(MAX_MESSAGE_BYTES) ?? this.#maxRequestBytes);
    return {
      name,
      id: seen.id,
      partitions: this.#partitionsOf(name, seen),
      maxBatchBytes: Math.min(limit, this.#maxRequestBytes),
      compacted: isCompacted(settings.get(CLEANUP_POLICY)),
    };
  }

  /** Those that were added since this process has seen the topic are for the next one; another topic of the name has its own. */
  #partitionsOf(name: string, { id, partitions }: SeenTopic): number {
    const before = this.#partitions.get(name);
    if (before?.id === id) return Math.min(before.partitions, partitions);
    this.#partitions.set(name, { id, partitions });
    return partitions;
  }

  /** Makes a topic; false where somebody else was first. */
  async make(topic: NewTopic): Promise<boolean> {
    if (!(await askForTopic(this.#cluster, this.#durably(topic)))) return false;
    await this.#made(topic.name);
    return true;
  }

  /** Asks whether a topic could be made, and makes none. @throws KafkaFault as {@link make} would. */
  async mayMake(topic: NewTopic): Promise<void> {
    await askForTopic(this.#cluster, this.#durably(topic), true);
  }

  #durably({ configs, ...topic }: NewTopic): NewTopic {
    return { ...topic, configs: new Map([...this.#durable, ...configs]) };
  }

  #made(name: string): Promise<TargetTopic> {
    return untilSettled(this.#cluster, name, async () =>
      (await hasLeaders(this.#cluster, name)) ? this.find(name) : null,
    );
  }

  #remember(name: string, topic: Promise<TargetTopic>): void {
    this.#known.set(name, topic);
    topic.then(
      ({ id }) => this.#ids.set(name, id),
      () => {
        if (this.#known.get(name) === topic) this.#known.delete(name);
      },
    );
  }
}
