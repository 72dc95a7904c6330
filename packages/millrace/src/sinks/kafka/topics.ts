import {
  ConfigResourceTypes,
  createTopicsV7,
  deleteTopicsV6,
  describeConfigsV4,
} from "@platformatic/kafka";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Cluster, TopicRight } from "../../kafka/cluster.ts";
import { anotherTopic } from "../../kafka/fault-from.ts";
import { isRights, KafkaFault, mayComeToBe } from "../../kafka/kafka-fault.ts";
import { NO_ID } from "../../kafka/partition.ts";
import type { TargetCheck } from "../../model/sink.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import type { TopicOptions } from "./options.ts";
import { isSharedTopic, TopicNames } from "./topic-names.ts";

const TOPIC_RESOURCE = ConfigResourceTypes.TOPIC;
const BROKER_DEFAULT = -1;
const CREATE_TIMEOUT_MS = 30_000;
/** The largest batch that a topic takes. */
export const MAX_MESSAGE_BYTES = "max.message.bytes";
/** What becomes of a topic's old messages. */
export const CLEANUP_POLICY = "cleanup.policy";
/** What the file asks for so that nothing acknowledged is lost: of what stands beside the tables' topics, too. */
const DURABLE: ReadonlySet<string> = new Set([
  "min.insync.replicas",
  "unclean.leader.election.enable",
  "flush.messages",
  "flush.ms",
]);
/** Of who may not make topics, whichever of the two ways to let it is missing. */
const CREATION = "CLUSTER_AUTHORIZATION_FAILED";
/** Deletion and creation are told to the brokers one after the other, milliseconds. */
const SETTLE_MS = 20_000;
/** A topic that was there is gone where nobody has known it for so long, milliseconds. */
const GONE_MS = 5_000;

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

/** A topic as it is. */
export interface SeenTopic {
  /** Of this topic and of no other one, whatever its name. */
  readonly id: string;
  readonly partitions: number;
  readonly replicas: number;
  /** `max.message.bytes`, `cleanup.policy` and what the file says of topics; null where this user may not ask for them. */
  readonly settings: ReadonlyMap<string, string> | null;
}

/** A topic as it is to be made. */
export interface NewTopic {
  readonly name: string;
  readonly partitions: number | null;
  readonly replicationFactor: number | null;
  readonly configs: ReadonlyMap<string, string>;
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

  /**
   * The ids of the tables' topics by target, those left out that have none; an empty id where the brokers give none. A broker
   * that lags behind may not know a topic that is there: one of `written` is asked for again until it is sure (I8).
   */
  async identify(
    tables: readonly TargetTable[],
    written: ReadonlySet<TableId>,
  ): Promise<ReadonlyMap<TableId, string>> {
    const names = new Map(tables.map((table) => [table.id, this.#names.nameOf(table)]));
    const expected = new Set([...names].flatMap(([id, name]) => (written.has(id) ? [name] : [])));
    const facts = new Map(await this.#cluster.topics([...new Set(names.values())]));
    const look = async (): Promise<void> => {
      const unseen = [...expected].filter((name) => (facts.get(name) ?? null) === null);
      if (unseen.length === 0) return;
      for (const [name, found] of await this.#cluster.topics(unseen)) facts.set(name, found);
      if (unseen.some((name) => (facts.get(name) ?? null) === null))
        throw new KafkaFault("missing", "UNKNOWN_TOPIC_OR_PARTITION", "a topic is not there");
    };
    await this.#cluster.patiently(GONE_MS, look, mayComeToBe).catch((thrown: unknown) => {
      if (!(thrown instanceof KafkaFault) || thrown.kind !== "missing") throw thrown;
    });
    return new Map(
      [...names].flatMap(([id, name]) => {
        const found = facts.get(name) ?? null;
        return found === null ? [] : [[id, found.id === NO_ID ? "" : found.id] as const];
      }),
    );
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
      );
    refuseWithoutKey(table, found ?? this.#planned(name));
    const created =
      found === null && (await this.make({ name, partitions, replicationFactor, configs }));
    const topic = found ?? (await this.#made(name));
    await this.refuseLacking(new Map([[name, ["WRITE"]]]));
    this.#remember(name, Promise.resolve(topic));
    const notices = seen === null ? [] : this.#notices(name, seen);
    return { created, notices, secondaryUnique: false };
  }

  /** Looks at the topic of a table only; whether a missing one could be made is asked with `if-missing`. */
  async preview(
    table: TargetTable,
    create: "if-missing" | "never",
  ): Promise<{ readonly missing: string | null; readonly notices: readonly string[] }> {
    const name = this.#names.of(table);
    const seen = await this.look(name);
    refuseWithoutKey(table, seen === null ? this.#planned(name) : this.#targetOf(name, seen));
    const { partitions, replicationFactor, configs } = this.#options;
    if (seen === null && create === "if-missing")
      await this.mayMake({ name, partitions, replicationFactor, configs });
    await this.refuseLacking(new Map([[name, ["WRITE"]]]));
    return seen === null
      ? { missing: name, notices: [] }
      : { missing: null, notices: this.#notices(name, seen) };
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

  /** Wherein a topic that is there differs from those that are made. */
  #notices(name: string, seen: SeenTopic): readonly string[] {
    const { partitions, replicationFactor, configs } = this.#options;
    const differing: string[] = [];
    if (partitions !== null && partitions !== seen.partitions)
      differing.push(`${seen.partitions} partitions, and topic.partitions is ${partitions}`);
    if (replicationFactor !== null && replicationFactor !== seen.replicas)
      differing.push(
        `${seen.replicas} replicas of each partition, and topic.replication-factor is ${replicationFactor}`,
      );
    return [...differing, ...differingSettings(configs, seen)].map((what) => leftText(name, what));
  }

  /** Wherein a topic beside those of tables keeps less surely what it is told than the file asks. */
  durabilityNotices(name: string, seen: SeenTopic): readonly string[] {
    return differingSettings(this.#durable, seen).map((what) => leftText(name, what));
  }

  /** Removes the topic of a table, unless others share it. */
  async drop(table: TargetTable): Promise<void> {
    const name = this.#names.of(table);
    if (isSharedTopic(this.#options, name)) return;
    this.#known.delete(name);
    this.#partitions.delete(name);
    this.#ids.delete(name);
    try {
      const wanted = [{ name, topicId: null }];
      await this.#cluster.askController(deleteTopicsV6.api, wanted, CREATE_TIMEOUT_MS);
    } catch (thrown) {
      if (!isFault(thrown, "UNKNOWN_TOPIC_OR_PARTITION")) throw thrown;
    }
    this.#cluster.forgetTopic(name);
    await this.#until(async () => ((await this.find(name)) === null ? true : null), name);
  }

  /** A topic as its brokers have it; null where there is none. */
  async look(name: string): Promise<SeenTopic | null> {
    const facts = (await this.#cluster.topics([name])).get(name) ?? null;
    if (facts === null) return null;
    const { id, leaders, replicas } = facts;
    return { id, partitions: leaders.length, replicas, settings: await this.#settingsOf(name) };
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
    if (!(await this.#askToMake(topic, false))) return false;
    await this.#made(topic.name);
    return true;
  }

  /** Asks whether a topic could be made, and makes none. @throws KafkaFault as {@link make} would. */
  async mayMake(topic: NewTopic): Promise<void> {
    await this.#askToMake(topic, true);
  }

  async #askToMake(
    { name, partitions, replicationFactor, configs }: NewTopic,
    onlyAsks: boolean,
  ): Promise<boolean> {
    const topic = {
      name,
      numPartitions: partitions ?? BROKER_DEFAULT,
      replicationFactor: replicationFactor ?? BROKER_DEFAULT,
      assignments: [],
      configs: [...new Map([...this.#durable, ...configs])].map(([key, value]) => ({
        name: key,
        value,
      })),
    };
    try {
      await this.#cluster.askController(createTopicsV7.api, [topic], CREATE_TIMEOUT_MS, onlyAsks);
      return true;
    } catch (thrown) {
      if (isFault(thrown, "TOPIC_ALREADY_EXISTS")) return false;
      if (!isRights(thrown)) throw thrown;
      throw new KafkaFault("rights", CREATION, `topic ${name} is missing`, thrown);
    }
  }

  /** All brokers will know it; it has leaders. */
  #made(name: string): Promise<TargetTopic> {
    return this.#until(async () => {
      const facts = (await this.#cluster.topics([name])).get(name);
      const isLed = facts?.leaders.every((leader) => leader >= 0) ?? false;
      return isLed ? this.find(name) : null;
    }, name);
  }

  #until<T>(look: () => Promise<T | null>, name: string): Promise<T> {
    const attempt = async (): Promise<T> => {
      const found = await look();
      if (found !== null) return found;
      throw new KafkaFault("retriable", "LEADER_NOT_AVAILABLE", `topic ${name} is not ready`);
    };
    // A broker that has not heard of it yet, or not yet that it is gone, says that its settings are missing.
    return this.#cluster.patiently(SETTLE_MS, attempt, mayComeToBe);
  }

  /** Null where this user may not ask for a topic's settings. */
  async #settingsOf(name: string): Promise<ReadonlyMap<string, string> | null> {
    const wanted = {
      resourceType: TOPIC_RESOURCE,
      resourceName: name,
      configurationKeys: [
        ...new Set([MAX_MESSAGE_BYTES, CLEANUP_POLICY, ...this.#options.configs.keys()]),
      ],
    };
    try {
      const { results } = await this.#cluster.ask(describeConfigsV4.api, [wanted], false, false);
      const found = results[0]?.configs ?? [];
      // What has no value is not known: as a text without letters it would be a limit of 0 bytes.
      return new Map(
        found.flatMap(({ name: key, value }) => (typeof value === "string" ? [[key, value]] : [])),
      );
    } catch (thrown) {
      if (isRights(thrown)) return null;
      throw thrown;
    }
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

function leftText(name: string, what: string): string {
  return `topic ${name} has ${what}: it is left as it is`;
}

function differingSettings(
  configs: ReadonlyMap<string, string>,
  { settings }: SeenTopic,
): readonly string[] {
  return [...configs].flatMap(([setting, wanted]) => {
    const found = settings?.get(setting);
    if (found === undefined || saysTheSame(found, wanted)) return [];
    return [`${setting} ${found}, and topic.configs says ${wanted}`];
  });
}

/** Brokers write lists and numbers in their own way. */
function saysTheSame(found: string, wanted: string): boolean {
  const words = (text: string): string =>
    text
      .split(",")
      .map((one) => one.trim())
      .toSorted()
      .join(",");
  return words(found) === words(wanted) || Number(found) === Number(wanted);
}

/** By a topic's `cleanup.policy`: `compact`, `delete`, or both. */
function isCompacted(policy: string | undefined): boolean {
  return policy?.split(",").some((one) => one.trim() === "compact") ?? false;
}

/** Its first message would be refused by the broker, with everything that is written beside it. */
function refuseWithoutKey(
  { id, keyless }: TargetTable,
  { name, compacted }: Pick<TargetTopic, "name" | "compacted">,
): void {
  if (!keyless || !compacted) return;
  throw new MillraceError(
    "MR_SINK_SCHEMA",
    `${id} has no key, and topic ${name} is compacted (cleanup.policy): it takes no message without key`,
    {
      remedy:
        "Give the table a key, or a topic that is not compacted: make one and name it in sink.tableId-to-topic.mapping, or leave cleanup.policy out of topic.configs; or leave the table out.",
    },
  );
}

function isFault(thrown: unknown, id: string): boolean {
  return thrown instanceof KafkaFault && thrown.id === id;
}
