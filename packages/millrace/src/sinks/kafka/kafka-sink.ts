import { MillraceError } from "../../errors/millrace-error.ts";
import { Cluster, type TopicRight } from "../../kafka/cluster.ts";
import { probeTransactionalId, probeTransactionTimeout } from "../../kafka/probes.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import { isRights } from "../../kafka/kafka-fault.ts";
import type { Finding } from "../../model/finding.ts";
import { Holder } from "../../model/holder.ts";
import type { Clock, Random } from "../../model/ports.ts";
import type {
  ChangePlace,
  Commit,
  CommitResult,
  LaneRow,
  Sink,
  SinkCapabilities,
  SinkWait,
  Takeover,
  TargetChange,
  TargetCheck,
  TargetIdentities,
  TaskDocument,
} from "../../model/sink.ts";
import type { TableId, TableShape, TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { capabilitiesOf, estimateMessage } from "./capabilities.ts";
import { CommitPace } from "./commit-pace.ts";
import { sinkError, startError } from "./errors.ts";
import { KafkaTask } from "./kafka-task.ts";
import { type KafkaSinkObserver, NO_OBSERVER } from "./observer.ts";
import type { KafkaSinkOptions } from "./options.ts";
import { partitionerOf } from "./partitioner.ts";
import { noSideTopic, sideTopics, sideTopicUses } from "./side-topics.ts";
import { type FoundState, StateTopic } from "./state-topic.ts";
import { mapToTopic } from "./table-mapping.ts";
import { TableOutputs } from "./table-outputs.ts";
import { ownName, transactionalId } from "./topic-names.ts";
import type { NewTopic } from "./topic-making.ts";
import { type TopicPreview, Topics } from "./topics.ts";

/** Two that take over at once wait for different times, milliseconds. */
const TAKEOVER_PAUSE_MS = 200;
const MAX_TAKEOVERS = 50;

/**
 * Writes changes as messages of Apache Kafka, exactly once: rows, positions and lane row are one transaction. There is no
 * compare-and-set on a topic; an epoch of the transactional id has what was read after it to itself (I5), and an unknown
 * outcome is decided by a new epoch before the state is read (I6). See docs/design/004 and 007.
 */
export class KafkaSink implements Sink {
  readonly kind = "kafka";
  readonly capabilities: SinkCapabilities;
  readonly #options: KafkaSinkOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #holder: Holder;
  readonly #observer: KafkaSinkObserver;
  readonly #cluster: Cluster;
  readonly #pace: CommitPace;
  readonly #topics: Topics;
  readonly #tables: TableOutputs;
  /** By pipeline: one that was seen is not taken for an empty one later. */
  readonly #states = new Map<string, StateTopic>();
  #held: KafkaTask | null = null;
  #hasChecked = false;
  /** A run has begun its work: a right that is missing from then on was taken away, and is waited for. */
  #hasBegun = false;

  constructor(
    options: KafkaSinkOptions,
    clock: Clock,
    random: Random,
    holder: Holder = new Holder(random),
    observer: KafkaSinkObserver = NO_OBSERVER,
  ) {
    this.#observer = observer;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#holder = holder;
    this.#cluster = new Cluster({ ...options.cluster, clock });
    this.#topics = new Topics(this.#cluster, options.topics, options.maxRequestBytes);
    for (const [name, what] of sideTopicUses(options.side)) this.#topics.reserve(name, what);
    this.#tables = new TableOutputs(options, this.#topics);
    this.#pace = new CommitPace(options.transactionTimeoutMs);
    this.capabilities = capabilitiesOf(options);
  }

  /** See {@link Sink.mapTable}. */
  mapTable(shape: TableShape, target: { schema: string; name: string }): TargetTable {
    return mapToTopic(shape, target);
  }

  /** See {@link Sink.estimateBytes}. */
  estimateBytes(_table: TargetTable, row: Row): number {
    return estimateMessage(row);
  }

  /** See {@link Sink.open}. */
  async open(): Promise<void> {
    try {
      await this.#cluster.abilities();
    } catch (thrown) {
      throw startError(thrown);
    }
  }

  /** See {@link Sink.takeOver}. */
  async takeOver(task: { pipeline: string; task: string; lanes: number }): Promise<Takeover> {
    try {
      const held = await this.#prepare(task);
      this.#held = held;
      this.#topics.begin();
      for (let attempt = 1; ; attempt++) {
        const takeover = await held.tryTakeOver(task.lanes);
        if (takeover !== null) return takeover;
        if (attempt === MAX_TAKEOVERS)
          throw new MillraceError("MR_SINK_CONFLICT", "others take this task over all the time");
        await this.#clock.sleep(this.#random() * TAKEOVER_PAUSE_MS);
      }
    } catch (thrown) {
      throw this.#errorOf(thrown);
    }
  }

  /** See {@link Sink.holder}. */
  holder(): Promise<string | null> {
    return this.#holding().holderText();
  }

  /** See {@link Sink.waits}. */
  waits(): readonly SinkWait[] {
    // Known at once, where what is sent is given up much later (delivery-timeout).
    const unreached = this.#cluster.unreached.list();
    return [
      ...unreached.map((broker) => ({ reason: "MR_SINK_LOST_CONNECTION", ...broker })),
      ...(this.#held?.waits() ?? []),
    ];
  }

  /** See {@link Sink.isDue}. */
  isDue(): boolean {
    return this.#held?.isDue() === true;
  }

  /** See {@link KafkaTask.readLanes}. */
  readLanes(): Promise<readonly LaneRow[]> {
    return this.#holding().readLanes();
  }

  /** See {@link Sink.commit}. */
  async commit(commit: Commit): Promise<CommitResult> {
    await this.#holding().commit(commit);
    this.#hasBegun ||= this.#hasChecked;
    return { outcome: "done", deletedSome: 0 };
  }

  /** See {@link Sink.checkTable}. */
  async checkTable(table: TargetTable, create: "if-missing" | "never"): Promise<TargetCheck> {
    try {
      partitionerOf(this.#options.partitioning, table);
      const found = await this.#topics.check(table, create);
      await this.#tables.of(table);
      this.#hasChecked = true;
      return { ...found, notices: [...found.notices, ...this.#tables.noticesOf(table)] };
    } catch (thrown) {
      throw this.#errorOf(thrown);
    }
  }

  /** By the ids that brokers give topics, within their cluster. See {@link Sink.identifyTargets}. */
  async identifyTargets(
    tables: readonly TargetTable[],
    written: ReadonlySet<TableId>,
  ): Promise<TargetIdentities> {
    try {
      const ids = await this.#topics.identify(tables, written);
      return { home: (await this.#cluster.clusterId()) ?? "", ids };
    } catch (thrown) {
      throw this.#errorOf(thrown);
    }
  }

  /** A new shape shows in the messages; only whole topics come and go. See {@link Sink.applyChange}. */
  async applyChange(change: TargetChange, place?: ChangePlace): Promise<void> {
    try {
      if (change.kind === "drop") await this.#topics.drop(change.table);
      else {
        await this.#topics.check(change.table, "if-missing");
        // A registry that refuses the new shape is heard before anything says that it holds.
        await this.#tables.of(change.table);
      }
      this.#held?.applied(change, place);
    } catch (thrown) {
      throw sinkError(thrown);
    }
  }

  /** See {@link Sink.readDeadLetters}. */
  async readDeadLetters(task: { pipeline: string; task: string }): Promise<readonly DeadLetter[]> {
    return (await this.readTask(task)).letters;
  }

  /** See {@link Sink.readDocuments}. */
  async readDocuments(pipeline: string, prefix: string): Promise<readonly TaskDocument[]> {
    try {
      return await this.#stateTopic(pipeline).documents(prefix);
    } catch (thrown) {
      throw this.#errorOf(thrown);
    }
  }

  /** See {@link Sink.readTasks}. */
  async readTasks(pipeline: string): Promise<readonly string[]> {
    try {
      return await this.#stateTopic(pipeline).tasks();
    } catch (thrown) {
      throw this.#errorOf(thrown);
    }
  }

  /** All that is kept of a task: only a look, beside one that runs. @throws MillraceError */
  async readTask({ pipeline, task }: { pipeline: string; task: string }): Promise<FoundState> {
    try {
      return await this.#stateTopic(pipeline).read(task, "stable");
    } catch (thrown) {
      throw this.#errorOf(thrown);
    }
  }

  /**
   * What {@link checkTable} would find, without touching anything; `missing` is the topic where it is not there, which could be
   * made where `create` says so. @throws MillraceError
   */
  async previewTable(table: TargetTable, create: "if-missing" | "never"): Promise<TopicPreview> {
    try {
      const { partitioning, format } = this.#options;
      partitionerOf(partitioning, table);
      await format.check?.(table, this.#topics.nameOf(table));
      return await this.#topics.preview(table, create);
    } catch (thrown) {
      throw startError(thrown);
    }
  }

  /** The topic of a table that this user may not remove, as a DROP TABLE of the source would want it; null where he may. */
  async previewRemoval(table: TargetTable): Promise<string | null> {
    return (await this.#topics.lacksRemoval(table)) ? this.placeOf(table) : null;
  }

  /** See {@link Sink.placeOf}. */
  placeOf(table: TargetTable): string {
    return this.#topics.wouldBe(table);
  }

  /** All that a takeover of these tasks would be refused with, without taking anything over. */
  async previewTakeover(
    pipeline: string,
    tasks: readonly string[],
  ): Promise<readonly MillraceError[]> {
    const { side } = this.#options;
    const state = this.#stateTopic(pipeline);
    const asked = [
      ...sideTopics(side).map((topic) => () => this.#previewSide(topic)),
      () => this.#previewTopic(state.wanted, state.rights),
      () => state.check(),
      () => previewContent(state),
      ...tasks.map(
        (task) => () => probeTransactionalId(this.#cluster, transactionalId(pipeline, task)),
      ),
      ...tasks
        .slice(0, 1)
        .map((task) => () => this.#previewTimeout(transactionalId(pipeline, task))),
    ];
    const errors: MillraceError[] = [];
    for (const ask of asked) await ask().catch((thrown) => errors.push(startError(thrown)));
    return errors;
  }

  /** What a takeover would go on with, though it should not be so. @throws MillraceError */
  async previewState(pipeline: string): Promise<readonly Finding[]> {
    try {
      return await this.#stateTopic(pipeline).cautions();
    } catch (thrown) {
      // Told by previewTakeover.
      if (isRights(thrown)) return [];
      throw startError(thrown);
    }
  }

  #previewTimeout(id: string): Promise<void> {
    return probeTransactionTimeout(this.#cluster, id, this.#options.transactionTimeoutMs);
  }

  async #previewSide(topic: NewTopic): Promise<void> {
    const isMissing = (await this.#topics.find(topic.name)) === null;
    if (isMissing && this.#options.side.create === "never") throw noSideTopic(topic.name);
    await this.#previewTopic(topic, new Map([[topic.name, ["WRITE"]]]));
  }

  async #previewTopic(
    topic: NewTopic,
    rights: ReadonlyMap<string, readonly TopicRight[]>,
  ): Promise<void> {
    if ((await this.#topics.find(topic.name)) === null) await this.#topics.mayMake(topic);
    await this.#topics.refuseLacking(rights);
  }

  /** The state topic has lost messages, and nobody has given them up: a start is refused. @throws MillraceError */
  async hasLostState(pipeline: string): Promise<boolean> {
    return (await this.readTask({ pipeline, task: "" })).lostBefore !== null;
  }

  /** Takes away what is kept of a task, under a fence of its own; false where there is nothing. @throws MillraceError */
  async forgetTask({ pipeline, task }: { pipeline: string; task: string }): Promise<boolean> {
    try {
      return await (await this.#prepare({ pipeline, task })).forget();
    } catch (thrown) {
      throw startError(thrown);
    }
  }

  /** See {@link Sink.close}. */
  close(): Promise<void> {
    return this.#cluster.close();
  }

  #prepare({ pipeline, task }: { pipeline: string; task: string }): Promise<KafkaTask> {
    return KafkaTask.prepare(pipeline, task, {
      options: this.#options,
      clock: this.#clock,
      cluster: this.#cluster,
      topics: this.#topics,
      tables: this.#tables,
      holder: this.#holder,
      observer: this.#observer,
      state: this.#stateTopic(pipeline),
      pace: this.#pace,
    });
  }

  #stateTopic(pipeline: string): StateTopic {
    const known = this.#states.get(pipeline);
    if (known !== undefined) return known;
    const { stateTopic, topics } = this.#options;
    const name = stateTopic ?? ownName(pipeline, "state");
    this.#topics.reserve(name, "positions go to (state.topic)");
    const { replicationFactor } = topics;
    const { deliveryTimeoutMs } = this.#options;
    const options = { pipeline, replicationFactor, deliveryTimeoutMs };
    const made = new StateTopic(name, this.#cluster, this.#topics, options);
    this.#states.set(pipeline, made);
    return made;
  }

  #errorOf(thrown: unknown): MillraceError {
    return this.#hasBegun ? sinkError(thrown) : startError(thrown);
  }

  #holding(): KafkaTask {
    if (this.#held !== null) return this.#held;
    throw new MillraceError("MR_BUG", "a sink is used before it has taken over");
  }
}

/** That it may not be read is told with the rights. */
async function previewContent(state: StateTopic): Promise<void> {
  try {
    await state.checkContent();
  } catch (thrown) {
    if (!isRights(thrown)) throw thrown;
  }
}
