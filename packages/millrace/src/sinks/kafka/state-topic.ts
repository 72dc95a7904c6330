import { MillraceError } from "../../errors/millrace-error.ts";
import type { Cluster, TopicRight } from "../../kafka/cluster.ts";
import { KafkaFault, mayComeToBe } from "../../kafka/kafka-fault.ts";
import { readTopic, type ReadTimes, type ReadUntil } from "../../kafka/read-topic.ts";
import type { Finding } from "../../model/finding.ts";
import { holderText } from "../../model/holder.ts";
import type { TaskDocument } from "../../model/sink.ts";
import { CLEANUP_POLICY, MAX_MESSAGE_BYTES, type SeenTopic } from "./seen-topic.ts";
import {
  TaskDocumentReader,
  TaskNameReader,
  type TaskState,
  TaskStateReader,
} from "./state-records.ts";
import type { NewTopic } from "./topic-making.ts";
import { type ForeignTask, TopicMarkReader } from "./topic-marks.ts";
import type { TargetTopic, Topics } from "./topics.ts";

/** State is small; a document of a table with a thousand columns is the largest, bytes. */
const MAX_DOCUMENT_BYTES = 16 * 2 ** 20;
const READ_TIMEOUT_MS = 120_000;
/** Also `compact,delete` removes old records that no newer one has replaced. */
const COMPACT = "compact";

/**
 * Only what is not in the segment that is being written is compacted, so segments are short: a takeover reads some 32 MiB at
 * most.
 */
const CONFIGS = new Map([
  [CLEANUP_POLICY, "compact"],
  ["segment.bytes", String(16 * 2 ** 20)],
  ["min.cleanable.dirty.ratio", "0.1"],
  [MAX_MESSAGE_BYTES, String(MAX_DOCUMENT_BYTES)],
]);

/** What a task keeps, and what its topic says of itself. */
export interface FoundState extends TaskState {
  /** A task of this pipeline was taken over under its name. */
  readonly isNamed: boolean;
  /** This task of this pipeline has claimed the topic, and was not taken over. */
  readonly isClaimed: boolean;
  /** The offset before which messages are gone that nobody has given up; null where none are. */
  readonly lostBefore: number | null;
}

/** The compacted topic of a pipeline's positions, lane rows, documents and dead letters; one partition. */
export class StateTopic {
  readonly name: string;
  readonly #pipeline: string;
  readonly #cluster: Cluster;
  readonly #topics: Topics;
  readonly #replicationFactor: number | null;
  readonly #times: Required<ReadTimes>;
  /** It was seen, with this id: whoever does not know it now has not heard of it yet, or somebody has deleted it. */
  #id: string | null = null;

  constructor(
    name: string,
    cluster: Cluster,
    topics: Topics,
    options: {
      readonly pipeline: string;
      readonly replicationFactor: number | null;
      readonly deliveryTimeoutMs: number;
    },
  ) {
    this.name = name;
    this.#pipeline = options.pipeline;
    this.#cluster = cluster;
    this.#topics = topics;
    this.#replicationFactor = options.replicationFactor;
    this.#times = { wholeMs: READ_TIMEOUT_MS, answerMs: options.deliveryTimeoutMs };
  }

  /** The topic as it is made. */
  get wanted(): NewTopic {
    const replicationFactor = this.#replicationFactor;
    return { name: this.name, partitions: 1, replicationFactor, configs: CONFIGS };
  }

  /** What a task needs of it. */
  get rights(): ReadonlyMap<string, readonly TopicRight[]> {
    return new Map([[this.name, ["READ", "WRITE"]]]);
  }

  /**
   * Finds the topic, or makes it where this process has not seen it yet.
   * @throws MillraceError MR_SINK_LANE_MISSING where it is another one than before (I8), MR_SINK_REFUSED where it would not keep
   * what it is told; KafkaFault
   */
  async prepare(warn: (message: string) => void = () => undefined): Promise<TargetTopic> {
    const isFirst = this.#id === null;
    const isMade =
      isFirst &&
      (await this.#topics.look(this.name)) === null &&
      (await this.#topics.make(this.wanted));
    const found = await this.#seen();
    this.#refuse(found);
    if (isFirst && !isMade)
      for (const { what, whatFollows, remedy } of this.#cautions(found))
        warn(`${what}. ${whatFollows} ${remedy}`);
    await this.#topics.refuseLacking(this.rights);
    this.#id = found.id;
    const takes = found.settings?.get(MAX_MESSAGE_BYTES);
    const maxBatchBytes = takes === undefined ? MAX_DOCUMENT_BYTES : Number(takes);
    return { name: this.name, id: found.id, partitions: 1, maxBatchBytes, compacted: true };
  }

  /** A start would not go on with the topic as it is: of one that is there. @throws MillraceError, KafkaFault */
  async check(): Promise<void> {
    const found = await this.#topics.look(this.name);
    if (found !== null) this.#refuse(found);
  }

  /** A start would be refused with what is in it. @throws MillraceError, KafkaFault */
  async checkContent(): Promise<void> {
    const { lostBefore } = await this.#readTo("stable", () => undefined);
    this.refuseTrimmed(lostBefore);
  }

  /**
   * Compaction keeps the last message of each key, and the begin where it is: what is gone before another one was removed, and may
   * have been a position or a table's state (I8). @throws MillraceError
   */
  refuseTrimmed(lostBefore: number | null): void {
    if (lostBefore === null) return;
    throw new MillraceError(
      "MR_SINK_LANE_MISSING",
      `the state topic ${this.name} has lost its messages before offset ${lostBefore}, as a cleanup.policy of delete or DeleteRecords removes them: what this pipeline kept in them is gone`,
      {
        remedy:
          "Find who removed them. `millrace cleanup --state` gives up what is left, and the next start begins anew, with all rows once more.",
      },
    );
  }

  /** What a start would go on with all the same. @throws KafkaFault */
  async cautions(): Promise<readonly Finding[]> {
    const found = await this.#topics.look(this.name);
    return found === null ? [] : this.#cautions(found);
  }

  #cautions(found: SeenTopic): readonly Finding[] {
    if (found.settings === null)
      return [
        {
          severity: "warning",
          what: `the user may not ask for the settings of the state topic ${this.name}`,
          whatFollows: `Nobody checks that its ${CLEANUP_POLICY} is ${COMPACT}: with any other its broker removes positions that are still wanted.`,
          remedy: `Give DESCRIBE_CONFIGS on the topic, or look at its ${CLEANUP_POLICY} yourself.`,
        },
      ];
    return this.#topics.durabilityNotices(this.name, found).map((what) => ({
      severity: "warning",
      what,
      whatFollows: "Positions may be lost where the rows that they stand for are not.",
      remedy: "Set it on the topic as topic.configs says.",
    }));
  }

  /** A broker may not have heard of it yet; one that was there and is gone is told of. */
  async #seen(): Promise<SeenTopic> {
    const look = async (): Promise<SeenTopic> => {
      const found = await this.#topics.look(this.name);
      if (found !== null) return found;
      throw new KafkaFault("missing", "UNKNOWN_TOPIC_OR_PARTITION", `there is no ${this.name}`);
    };
    try {
      return await this.#cluster.patiently(this.#times.answerMs, look, mayComeToBe);
    } catch (thrown) {
      const isGone = thrown instanceof KafkaFault && thrown.kind === "missing";
      throw isGone && this.#id !== null ? this.#lost("is gone") : thrown;
    }
  }

  #refuseAnother({ id }: Pick<SeenTopic, "id">): void {
    if (this.#id !== null && id !== this.#id) throw this.#lost("is another one of that name");
  }

  #refuse(found: SeenTopic): void {
    this.#refuseAnother(found);
    const { settings } = found;
    const policy = settings?.get(CLEANUP_POLICY) ?? COMPACT;
    if (policy === COMPACT) return;
    throw new MillraceError(
      "MR_SINK_REFUSED",
      `the state topic ${this.name} has cleanup.policy=${policy}: its broker would remove positions that are still wanted`,
      {
        remedy: `Set cleanup.policy=${COMPACT} on the topic, or name another one as state.topic; where it has lost messages already, \`millrace cleanup --state\` begins anew with all rows.`,
      },
    );
  }

  #lost(what: string): MillraceError {
    return new MillraceError(
      "MR_SINK_LANE_MISSING",
      `the state topic ${this.name} ${what}: what this pipeline kept in it is lost`,
      {
        remedy:
          "Find who removed the topic, then start the pipeline again: without its positions it begins anew, with all rows once more.",
      },
    );
  }

  /**
   * What a task keeps, committed only; all empty where the topic never was there. One that is there is waited for where the
   * broker that is asked does not know it: taken for empty, it would begin the pipeline anew (I8).
   * @throws KafkaFault
   */
  async read(task: string, until: ReadUntil): Promise<FoundState> {
    const reader = new TaskStateReader(task);
    const marks = new TopicMarkReader();
    const { lostBefore } = await this.#readTo(
      until,
      (key, value) => reader.take(key, value),
      marks,
    );
    const isNamed = marks.isNamed(this.#pipeline);
    const isClaimed = marks.isClaimed(this.#pipeline, task);
    return { ...reader.result(), isNamed, isClaimed, lostBefore };
  }

  /** What all tasks keep under keys that begin with `prefix`, as far as it is committed now. @throws KafkaFault */
  async documents(prefix: string): Promise<readonly TaskDocument[]> {
    const reader = new TaskDocumentReader(prefix);
    await this.#readTo("stable", (key, value) => reader.take(key, value));
    return reader.result();
  }

  /** The tasks that keep anything, as far as it is committed now. @throws KafkaFault */
  async tasks(): Promise<readonly string[]> {
    const reader = new TaskNameReader();
    await this.#readTo("stable", (key, value) => reader.take(key, value));
    return reader.result();
  }

  /** @throws MillraceError MR_SINK_REFUSED where it is another pipeline's: both would read each other's positions; KafkaFault */
  async #readTo(
    until: ReadUntil,
    take: (key: Buffer | null, value: Buffer | null) => void,
    marks = new TopicMarkReader(),
  ): Promise<Pick<FoundState, "lostBefore">> {
    if (this.#id === null && !(await this.#exists())) return { lostBefore: null };
    const id = this.#id === null ? {} : { topicId: this.#id };
    const at = { topic: this.name, partition: 0, ...id };
    let isEmpty = true;
    const begin = await readTopic(this.#cluster, at, until, this.#times, (each) => {
      isEmpty = false;
      const [key, value] = [each.key(), each.value()];
      marks.take(key, value, each.offset);
      take(key, value);
    });
    // What is fetched is fetched by its id; that nothing is there is said of the name alone.
    if (isEmpty && this.#id !== null) this.#refuseAnother(await this.#seen());
    this.#refuseForeign(marks.foreign(this.#pipeline));
    return { lostBefore: begin > marks.begin ? begin : null };
  }

  #refuseForeign(found: ForeignTask | null): void {
    if (found === null) return;
    const { pipeline, mark, isClaim } = found;
    const by = holderText(mark) || `the process with fence ${mark.fence}`;
    const since = isClaim
      ? `${by} has claimed it for ${pipeline}, which begins in it`
      : `${pipeline} was taken over last by ${by}`;
    throw new MillraceError(
      "MR_SINK_REFUSED",
      `the state topic ${this.name} holds what pipeline ${pipeline} keeps, and cannot hold that of ${this.#pipeline} too; ${since}`,
      {
        remedy: `Give each pipeline a state.topic of its own. Where ${pipeline} is the former name of this pipeline, give it that name back, or take away what it kept by \`millrace cleanup --state\` under that name: then this one begins anew, with all rows.`,
      },
    );
  }

  async #exists(): Promise<boolean> {
    return ((await this.#cluster.topics([this.name])).get(this.name) ?? null) !== null;
  }
}
