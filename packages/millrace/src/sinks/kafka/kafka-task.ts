import { MillraceError } from "../../errors/millrace-error.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { isRights, KafkaFault } from "../../kafka/kafka-fault.ts";
import type { ReadUntil } from "../../kafka/read-topic.ts";
import { TransactionalProducer } from "../../kafka/transactional-producer.ts";
import { type Holder, type HolderMark, holderText, takenOverText } from "../../model/holder.ts";
import type { Clock } from "../../model/ports.ts";
import type {
  ChangePlace,
  Commit,
  LaneRow,
  SinkWait,
  Takeover,
  TargetChange,
} from "../../model/sink.ts";
import { BatchSender } from "./batch-sender.ts";
import type { CommitPace } from "./commit-pace.ts";
import { sideLoss, sinkError, stateLoss } from "./errors.ts";
import { highestFence, raised } from "./lane-rows.ts";
import type { KafkaSinkObserver } from "./observer.ts";
import type { KafkaSinkOptions } from "./options.ts";
import { prepareSideTopics, sideTellers, sideTopics } from "./side-topics.ts";
import {
  commitRecords,
  forgetRecords,
  isEmpty,
  type StateRecord,
  takeoverRecords,
  type TaskState,
} from "./state-records.ts";
import type { FoundState, StateTopic } from "./state-topic.ts";
import type { TableOutputs } from "./table-outputs.ts";
import { beginRecord, claimRecord } from "./topic-marks.ts";
import { transactionalId } from "./topic-names.ts";
import type { TargetTopic, Topics } from "./topics.ts";
import { TransactionWriter } from "./transaction-writer.ts";

const ACKNOWLEDGE_TIMEOUT_MS = 10_000;

/** What tasks of a sink share. */
export interface KafkaTaskParts {
  readonly options: KafkaSinkOptions;
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly topics: Topics;
  readonly tables: TableOutputs;
  readonly holder: Holder;
  readonly observer: KafkaSinkObserver;
  readonly state: StateTopic;
  readonly pace: CommitPace;
}

/** One task at the brokers: its transactional id, its records in the state topic, what it knows of its lane rows. */
export class KafkaTask {
  readonly #pipeline: string;
  readonly #task: string;
  readonly #place: TargetTopic;
  readonly #parts: KafkaTaskParts;
  readonly #producer: TransactionalProducer;
  readonly #writer: TransactionWriter;
  /** As they were read under this epoch, and moved by its transactions since. */
  #lanes: ReadonlyMap<number, LaneRow> = new Map();

  private constructor(
    { pipeline, task }: { readonly pipeline: string; readonly task: string },
    place: TargetTopic,
    parts: KafkaTaskParts,
    producer: TransactionalProducer,
    writer: TransactionWriter,
  ) {
    this.#pipeline = pipeline;
    this.#task = task;
    this.#place = place;
    this.#parts = parts;
    this.#producer = producer;
    this.#writer = writer;
  }

  /** Finds or makes the topics that are not of tables; takes nothing over yet. @throws MillraceError, KafkaFault */
  static async prepare(pipeline: string, task: string, parts: KafkaTaskParts): Promise<KafkaTask> {
    const { options, clock, cluster, topics, tables, state, observer } = parts;
    const { exactlyOnce, compression, transactionTimeoutMs, deliveryTimeoutMs, side } = options;
    const { maxRequestBytes } = options;
    const producer = new TransactionalProducer(cluster, {
      transactionalId: transactionalId(pipeline, task),
      transactional: exactlyOnce,
      compression,
      transactionTimeoutMs,
      deliveryTimeoutMs,
      acknowledgeTimeoutMs: ACKNOWLEDGE_TIMEOUT_MS,
      maxRequestBytes,
      produced: (tookMs, throttledMs) => observer.produced(tookMs, throttledMs),
      throttled: (throttledMs) => observer.throttled?.(throttledMs),
    });
    const sender = new BatchSender({
      send: (batches) => {
        for (const { builder } of batches) observer.sent(builder.bytes);
        return producer.send(batches);
      },
      ...(compression === "none" ? {} : { pack: (builder) => builder.pack(compression) }),
    });
    const tellers = sideTellers(side, task, await prepareSideTopics(side, topics), sender);
    const writer = new TransactionWriter({
      producer,
      sender,
      clock,
      exactlyOnce,
      tableOf: (table) => tables.of(table),
      tellers,
      notice: (table, message) => observer.notice?.(table, message),
    });
    return new KafkaTask(
      { pipeline, task },
      await state.prepare((message) => observer.warned?.(message)),
      parts,
      producer,
      writer,
    );
  }

  /** What is kept of it. @throws KafkaFault */
  read(until: ReadUntil): Promise<FoundState> {
    return this.#parts.state.read(this.#task, until);
  }

  /**
   * Null where another one took the epoch meanwhile.
   * @throws MillraceError MR_FENCED where this process was taken over from.
   */
  async tryTakeOver(lanes: number): Promise<Takeover | null> {
    const { holder, options } = this.#parts;
    // A look first: who was superseded must not take the epoch from who works.
    this.#refuseSuperseded(await this.read("stable"));
    await this.#producer.initialise();
    const found = await this.read("decided");
    this.#refuseSuperseded(found);
    this.#parts.state.refuseTrimmed(found.lostBefore);
    const fence = highestFence(found) + 1;
    const own = { pipeline: this.#pipeline, task: this.#task };
    const mark = holder.mark(fence);
    if (!found.isNamed && !(await this.#claim(mark, found.isClaimed))) return null;
    const rows = raised(found, lanes, fence);
    const given = found.isNamed ? [] : [claimRecord(own, null)];
    const records = [...takeoverRecords(own, mark, rows), ...given];
    try {
      await this.#writer.write({ writes: [], place: this.#place, records, commit: null });
    } catch (thrown) {
      if (isRights(thrown)) throw thrown;
      const error = this.#errorOf(thrown);
      // Without a transaction a lost answer may hide that it was written.
      if (error.code === "MR_SINK_UNKNOWN_COMMIT" || !options.exactlyOnce)
        holder.mayHaveTaken(found.holder, highestFence(found));
      if (error.class !== "unknown-outcome" && error.class !== "conflict") throw error;
      return null;
    }
    const from = holder.took(found.holder);
    // Without transactions who was before writes until this epoch's first batch is in that partition (I5): only now nothing moves.
    const kept = options.exactlyOnce ? found : await this.#ownState();
    this.#lanes = new Map(rows.map((row) => [row.lane, row]));
    this.#writer.restore(kept);
    return { fence, from, lanes: rows, state: kept.state, deadLetters: kept.letters };
  }

  /**
   * Another pipeline that takes the topic for its own at the same time is fenced by nobody here: of both claims the one counts that
   * stands first in the topic, and who claims reads all that may stand before. False where it is to be tried again.
   * @throws MillraceError MR_SINK_REFUSED where the topic is another one's; KafkaFault
   */
  async #claim(mark: HolderMark, isClaimed: boolean): Promise<boolean> {
    const own = { pipeline: this.#pipeline, task: this.#task };
    const tell = (record: StateRecord): Promise<void> =>
      this.#writer.write({ writes: [], place: this.#place, records: [record], commit: null });
    try {
      if (!isClaimed) await tell(claimRecord(own, mark));
    } catch (thrown) {
      if (isRights(thrown)) throw thrown;
      const error = this.#errorOf(thrown);
      if (error.class !== "unknown-outcome" && error.class !== "conflict") throw error;
      return false;
    }
    try {
      await this.read("end");
    } catch (thrown) {
      // Left there it would count once the other one is taken out of the topic.
      if (isRefusal(thrown)) await tell(claimRecord(own, null)).catch(() => undefined);
      throw thrown;
    }
    return true;
  }

  /** Only a look, unless the last outcome is open: then whatever it was is decided first (I6). @throws MillraceError */
  async readLanes(): Promise<readonly LaneRow[]> {
    const seen = await this.#look();
    // Older ones are those from before our takeover: it too may stand behind such a transaction. Fences only rise.
    const isStranger = [...seen.lanes.values()].some(
      ({ lane, fence }) => fence > (this.#lanes.get(lane)?.fence ?? 0),
    );
    if (isStranger) return [...seen.lanes.values()];
    // What this epoch wrote may stand behind another task's open transaction, where a look does not come.
    if (this.#producer.isInitialised) return [...this.#lanes.values()];
    try {
      // Where somebody has taken the state away fences began anew, and numbers do not tell whose they are.
      this.#refuseStranger(await this.read("decided"));
      await this.#producer.initialise();
      const found = await this.read("decided");
      this.#refuseStranger(found);
      this.#lanes = found.lanes;
      this.#writer.restore(found);
    } catch (thrown) {
      this.#producer.drop();
      throw sinkError(thrown);
    }
    return [...this.#lanes.values()];
  }

  /** See {@link Sink.holder}. @throws MillraceError */
  async holderText(): Promise<string | null> {
    const { holder } = await this.#look();
    return holder === null ? null : holderText(holder);
  }

  /** One transaction. @throws MillraceError */
  async commit(commit: Commit): Promise<void> {
    const { writes, fence, lanes } = commit;
    const { clock, observer, tables, pace } = this.#parts;
    const messages = messagesIn(commit);
    if (commit.divisible === true && !pace.fits(messages))
      throw new MillraceError("MR_SINK_TOO_SLOW", `${messages} messages at once were too slow`);
    this.#checkStamps(commit);
    const records = commitRecords(this.#task, commit);
    const beganMs = clock.monotonic();
    try {
      await this.#writer.write({ writes, place: this.#place, records, commit });
    } catch (thrown) {
      const error = this.#slowed(this.#errorOf(thrown), commit);
      if (error.class === "too-large") pace.tooSlow(messages);
      // Whoever mends a topic does it while this runs, and replays the letter then.
      if (error.class === "row" || error.class === "schema") tables.forget();
      if (thrown instanceof KafkaFault && thrown.kind === "replaced") await this.#tellLoss(thrown);
      const outcome = error.class === "unknown-outcome" ? "unknown" : "aborted";
      observer.ended(outcome, clock.monotonic() - beganMs);
      throw error;
    }
    const tookMs = clock.monotonic() - beganMs;
    pace.took(messages, tookMs);
    observer.ended("committed", tookMs);
    const moved = lanes.map(
      ({ lane, expectedSeq }) => [lane, { lane, fence, seq: expectedSeq + 1 }] as const,
    );
    this.#lanes = new Map([...this.#lanes, ...moved]);
  }

  /** See {@link Sink.isDue}. */
  isDue(): boolean {
    return this.#writer.isDue();
  }

  waits(): readonly SinkWait[] {
    return this.#producer.heldBack.map(({ node, sinceMs }) => {
      return { reason: "throttled", why: this.#quotaText(node), sinceMs };
    });
  }

  #quotaText(node: number): string {
    const { clientId } = this.#parts.options.cluster;
    return `broker ${node} holds client ${clientId} back (producer_byte_rate or request_percentage): its quota allows less than there is to write`;
  }

  /** Smaller pieces get there where the whole takes too long, and nothing of it is there: its end was not asked for. */
  #slowed(error: MillraceError, { divisible }: Commit): MillraceError {
    if (error.code !== "MR_SINK_TOO_SLOW") return error;
    const [held] = this.#producer.heldBack;
    const why = held === undefined ? "" : `; ${this.#quotaText(held.node)}`;
    const failure = divisible === true ? "too-large" : error.class;
    const { cause, facts } = error;
    return new MillraceError(error.code, `${error.detail}${why}`, { cause, facts, class: failure });
  }

  /** A target was changed; the next commit says that it is done. */
  applied(change: TargetChange, place?: ChangePlace): void {
    if (change.kind === "drop") this.#producer.leave(this.#parts.topics.wouldBe(change.table));
    this.#writer.applied(change, place);
  }

  /** Takes away everything of it, under a fence of its own; false where there is nothing. @throws KafkaFault */
  async forget(): Promise<boolean> {
    const seen = await this.read("stable");
    if (isEmpty(seen) && seen.lostBefore === null && !seen.isClaimed) return false;
    await this.#producer.initialise();
    const found = await this.read("decided");
    const given = found.lostBefore === null ? [] : [beginRecord(found.lostBefore)];
    const claim = found.isClaimed
      ? [claimRecord({ pipeline: this.#pipeline, task: this.#task }, null)]
      : [];
    const records = [...forgetRecords(this.#task, found), ...claim, ...given];
    await this.#writer.write({ writes: [], place: this.#place, records, commit: null });
    return true;
  }

  /** The next run goes on as if nothing had been: without a word of it nobody would know (I8). */
  async #tellLoss({ topic }: KafkaFault): Promise<void> {
    if (topic === null) return;
    const { clock, tables, topics, observer } = this.#parts;
    const seen = new Date(clock.now()).toISOString();
    const what = `topic ${topic} was made anew, or has lost messages, before ${seen}`;
    if (topic === this.#place.name || this.#isBeside(topic)) {
      const follows =
        topic === this.#place.name
          ? "the pipeline goes on from the positions that are still in it, and tells again what came behind them"
          : "what it was told until then is not in it, and is not told again";
      tables.lostToAll(topic, `${what}: ${follows}`);
      observer.warned?.(`${what}: ${follows}`);
      return;
    }
    // Of another topic of the name the next run tells, and loads its tables again.
    if (await topics.isAnother(topic).catch(() => false)) return;
    tables.lost(
      topic,
      `${what}: what it was told until then is not in it; a resync tells all rows again`,
    );
  }

  #isBeside(topic: string): boolean {
    return sideTopics(this.#parts.options.side).some(({ name }) => name === topic);
  }

  /** What the state topic refuses is no row, and what it has lost no resync brings back. */
  #errorOf(thrown: unknown): MillraceError {
    if (!(thrown instanceof KafkaFault)) return sinkError(thrown);
    const isState = thrown.topic === this.#place.name;
    if (thrown.kind === "replaced" && isState) return stateLoss(thrown);
    if (thrown.kind === "replaced" && thrown.topic !== null && this.#isBeside(thrown.topic))
      return sideLoss(thrown);
    if (!isState || thrown.kind !== "row") return sinkError(thrown);
    return sinkError(
      new KafkaFault("config", thrown.id, `${thrown.message} (the state topic)`, thrown),
    );
  }

  async #look(): Promise<TaskState> {
    try {
      return await this.read("stable");
    } catch (thrown) {
      throw sinkError(thrown);
    }
  }

  async #ownState(): Promise<TaskState> {
    const found = await this.read("decided");
    this.#refuseSuperseded(found);
    return found;
  }

  #refuseStranger(found: TaskState): void {
    if (found.holder !== null) this.#refuseSuperseded(found);
  }

  #refuseSuperseded(found: TaskState): void {
    const highest = highestFence(found);
    if (this.#parts.holder.isSuperseded(found.holder, highest))
      throw new MillraceError("MR_FENCED", takenOverText(found.holder, highest));
  }

  /** Nobody else can have moved them under this epoch; without one nobody knows. */
  #checkStamps(commit: Commit): void {
    for (const { lane, expectedSeq } of commit.lanes) {
      const row = this.#lanes.get(lane);
      const isOurs = row?.fence === commit.fence && row.seq === expectedSeq;
      if (!this.#producer.isInitialised || !isOurs)
        throw new MillraceError(
          "MR_SINK_LANE_MOVED",
          `lane ${lane} is not as this commit expects it`,
        );
    }
  }
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof MillraceError && thrown.code === "MR_SINK_REFUSED";
}

/** Rows that a commit tells of. */
function messagesIn({ writes }: Commit): number {
  return writes.reduce(
    (sum, write) => sum + (write.kind === "changes" ? write.changes.length : 1),
    0,
  );
}
