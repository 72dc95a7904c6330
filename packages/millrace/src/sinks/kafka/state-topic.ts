import type { Cluster, TopicRight } from "../../kafka/cluster.ts";
import { readTopic, type ReadTimes, type ReadUntil } from "../../kafka/read-topic.ts";
import type { TaskDocument } from "../../model/sink.ts";
import {
  TaskDocumentReader,
  TaskNameReader,
  TaskStateReader,
  type TaskState,
} from "./state-records.ts";
import type { NewTopic, TargetTopic, Topics } from "./topics.ts";

/** State is small; a document of a table with a thousand columns is the largest, bytes. */
const MAX_DOCUMENT_BYTES = 16 * 2 ** 20;
const READ_TIMEOUT_MS = 120_000;

/**
 * Only what is not in the segment that is being written is compacted, so segments are short: a takeover reads some 32 MiB at
 * most.
 */
const CONFIGS = new Map([
  ["cleanup.policy", "compact"],
  ["segment.bytes", String(16 * 2 ** 20)],
  ["min.cleanable.dirty.ratio", "0.1"],
  ["max.message.bytes", String(MAX_DOCUMENT_BYTES)],
]);

/** The compacted topic of a pipeline's positions, lane rows, documents and dead letters; one partition. */
export class StateTopic {
  readonly name: string;
  readonly #cluster: Cluster;
  readonly #topics: Topics;
  readonly #replicationFactor: number | null;
  readonly #times: ReadTimes;
  /** It was seen: whoever does not know it now has not heard of it yet, or somebody has deleted it. */
  #isThere = false;

  constructor(
    name: string,
    cluster: Cluster,
    topics: Topics,
    options: { readonly replicationFactor: number | null; readonly deliveryTimeoutMs: number },
  ) {
    this.name = name;
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

  /** Finds the topic, or makes it. @throws KafkaFault */
  async prepare(): Promise<TargetTopic> {
    const found = await this.#topics.find(this.name);
    if (found === null) await this.#topics.make(this.wanted);
    await this.#topics.refuseLacking(this.rights);
    this.#isThere = true;
    return { name: this.name, partitions: 1, maxBatchBytes: MAX_DOCUMENT_BYTES, compacted: true };
  }

  /**
   * What a task keeps, committed only; all empty where the topic never was there. One that is there is waited for where the
   * broker that is asked does not know it: taken for empty, it would begin the pipeline anew (I8).
   * @throws KafkaFault
   */
  async read(task: string, until: ReadUntil): Promise<TaskState> {
    const reader = new TaskStateReader(task);
    await this.#readTo(until, (key, value) => reader.take(key, value));
    return reader.result();
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

  async #readTo(
    until: ReadUntil,
    take: (key: Buffer | null, value: Buffer | null) => void,
  ): Promise<void> {
    if (!this.#isThere && !(await this.#exists())) return;
    const at = { topic: this.name, partition: 0 };
    await readTopic(this.#cluster, at, until, this.#times, (each) =>
      take(each.key(), each.value()),
    );
  }

  async #exists(): Promise<boolean> {
    return ((await this.#cluster.topics([this.name])).get(this.name) ?? null) !== null;
  }
}
