import { MillraceError } from "../../errors/millrace-error.ts";
import { MessageReader, type ReaderOptions } from "../../formats/message-reader.ts";
import { Cluster } from "../../kafka/cluster.ts";
import { EARLIEST, epochEnd, LATEST, offsetAt } from "../../kafka/partition.ts";
import type { FetchAnswer, TopicPartition } from "../../kafka/wire.ts";
import type { Finding } from "../../model/finding.ts";
import type { Json, Position } from "../../model/position.ts";
import type {
  ChunkRange,
  ConnectorContext,
  DiscoveredTable,
  LogStart,
  PreparedLog,
  Source,
  SourceLog,
  SourceSnapshot,
  SourceWait,
} from "../../model/source.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { keyTexts } from "../../tables/key-texts.ts";
import { asSource, cut, lost, sourceError, startError, trimmed } from "./errors.ts";
import { type FirstLook, lookIn, type PipelineLook } from "./first-look.ts";
import { firstShape, KnownTables } from "./known-tables.ts";
import { PartitionLog } from "./log.ts";
import { ReadEpochs } from "./read-epochs.ts";
import { MessageItems } from "./message-items.ts";
import { OpenTransaction } from "./open-transaction.ts";
import type { KafkaSourceOptions } from "./options.ts";
import {
  behind,
  comparePositions,
  epochOf,
  nextOffset,
  parsePosition,
  readTo,
} from "./position.ts";
import { type Sample, sampleTables } from "./sample.ts";
import { beginningOf } from "./start-offset.ts";
import { tableOfTopic } from "./topic-table.ts";
import { needTopicId, partitionCount, topicIdOf } from "./topics.ts";

/** What a message weighs before any was seen, bytes. */
const GUESSED_MESSAGE_BYTES = 300;

interface PartitionParts extends TopicPartition {
  /** How many partitions each topic of the file has, as of the last look. */
  readonly counts: () => ReadonlyMap<string, number>;
  /** See {@link PipelineLook}. */
  readonly look: PipelineLook;
  /** Everything before this offset is durable at the sink; told to the consumer group, for show. */
  readonly acknowledged: (offset: number) => void;
}

/** One partition of a topic as a source of its own: a task at the sink (design/008). */
export class PartitionSource implements Source {
  readonly kind = "kafka";
  readonly isLogOnly = true;
  readonly keyText = keyTexts({ between: "\u0000", text: null, other: (value) => String(value) });
  readonly comparePositions = comparePositions;
  readonly #options: KafkaSourceOptions;
  readonly #context: ConnectorContext;
  readonly #parts: PartitionParts;
  readonly #at: TopicPartition;
  readonly #cluster: Cluster;
  readonly #open: OpenTransaction;
  readonly #epochs = new ReadEpochs();
  /** Tables that there are, as far as anybody has told: the pipeline, a sample, the log. */
  readonly #tables = new Map<TableId, TableShape>();
  #isSampled = false;
  #cautions: readonly Finding[] = [];
  #hasRead = false;
  #topicId = "";
  /** What this task keeps of the pipeline's first look. */
  #first: FirstLook | null = null;
  /** What it begins with is durable, or will not be. */
  #settled: () => void = () => undefined;
  #skipped: { count: number; readonly sinceMs: number; last: number } | null = null;
  #messageBytes = GUESSED_MESSAGE_BYTES;

  constructor(options: KafkaSourceOptions, context: ConnectorContext, parts: PartitionParts) {
    this.#options = options;
    this.#context = context;
    this.#parts = parts;
    this.#at = { topic: parts.topic, partition: parts.partition };
    this.#cluster = new Cluster({ ...options.cluster, clock: context.clock });
    this.#open = new OpenTransaction(context.clock, this.#where);
  }

  /** See {@link Source.sharesTables}. */
  get sharesTables(): boolean {
    // Whether another topic brings them too, what the pipeline's other tasks keep tells.
    return this.#parts.counts().get(this.#at.topic) !== 1;
  }

  /**
   * See {@link Source.besides}. A partition that has nothing has nothing older: what is written to it later is newer than what was read
   * here. What is open there counts: it is written before what was read here was committed.
   */
  async besides(): Promise<string | null> {
    return asSource(async () => {
      const { topic, partition: own } = this.#at;
      const count = await partitionCount(this.#cluster, topic);
      for (let partition = 0; partition < count; partition++) {
        if (partition === own) continue;
        const at = { topic, partition };
        const end = await offsetAt(this.#cluster, at, LATEST, "uncommitted");
        if (end > (await offsetAt(this.#cluster, at, EARLIEST, "uncommitted")))
          return `partition ${partition} of topic ${topic} has messages too`;
      }
      return null;
    });
  }

  /** A row without key is known by the place of its message, in this very topic. */
  positionText(position: Position): string {
    const [offset, step] = parsePosition(position);
    return `${this.#topicId}/${this.#at.partition}/${offset}/${step}`;
  }

  identity(): Promise<Json> {
    return asSource(async () => ({ kind: "kafka", cluster: await this.#cluster.clusterId() }));
  }

  remember(tables: readonly TableShape[]): void {
    for (const shape of tables) this.#tables.set(shape.id, shape);
    if (tables.length > 0) this.#isSampled = true;
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    if (!this.#isSampled && this.#tables.size === 0) await this.#sample();
    return [...this.#tables.values()]
      .filter(({ schema, name }) => this.#options.matches(schema, name))
      .map((shape) => ({ shape, estimatedRows: null, notices: noticesOf(shape) }));
  }

  /** Those that it is to bring, as far as anybody has told. */
  get tables(): readonly TableId[] {
    const told = [...this.#tables.values()];
    return told.flatMap(({ id, schema, name }) =>
      this.#options.matches(schema, name) ? [id] : [],
    );
  }

  /** See {@link Source.cautions}. */
  cautions(): readonly Finding[] {
    return this.#cautions;
  }

  async prepare(
    _tables: readonly TableShape[],
    known: Position | null,
    options: Parameters<Source["prepare"]>[2] = {},
  ): Promise<PreparedLog> {
    return asSource(async () => {
      this.#topicId = await needTopicId(this.#cluster, this.#at.topic);
      const end = await offsetAt(this.#cluster, this.#at, LATEST, "committed");
      const pastEnd = behind(end);
      // Whoever prepares again has not begun.
      this.#settled();
      if (known !== null) {
        const { history: before = null } = options;
        this.#first ??= before === null ? null : lookIn(before);
        await this.#refuseLoss(known, before, end);
        return { start: known, created: false, joined: [], history: this.#history, pastEnd };
      }
      // What is begun anew was not read on.
      this.#epochs.forget();
      const { recreate = false, histories = () => Promise.resolve([]) } = options;
      const { offset, first } = await beginningOf(this.#cluster, {
        at: this.#at,
        startup: this.#options.startup,
        recreate,
        look: () => this.#parts.look.of(histories, this.#settling()),
      });
      // Who keeps it for all does so for good.
      this.#first ??= first;
      return { start: behind(offset), created: true, joined: [], history: this.#history, pastEnd };
    });
  }

  get #history(): Json {
    const topic = this.#topicId;
    return this.#first === null ? { topic } : { topic, first: { ...this.#first } as Json };
  }

  #settling(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settled = resolve;
    return promise;
  }

  checkLog(known: Position, history: Json | null): Promise<void> {
    return asSource(async () => {
      this.#topicId = await needTopicId(this.#cluster, this.#at.topic);
      const end = await offsetAt(this.#cluster, this.#at, LATEST, "committed");
      await this.#refuseLoss(known, history, end);
    });
  }

  safeToSnapshot(): Promise<void> {
    return Promise.resolve();
  }

  async openLog({ from, tables, maxValueBytes, ahead = [] }: LogStart): Promise<SourceLog> {
    this.#settled();
    if (from === null) throw new MillraceError("MR_BUG", "a partition is read from a position on");
    // What a lane has is not applied again: the partition has to be as it was up to the furthest one.
    const furthest = ahead.reduce(
      (most, each) => (comparePositions(each, most) > 0 ? each : most),
      from,
    );
    if (furthest !== from) await asSource(() => this.#refuseCut(furthest));
    const { matches, primaryKeys, truncate, fetchBytes, fetchWaitMs } = this.#options;
    const items = new MessageItems({
      reader: new MessageReader(this.#reading),
      tables: new KnownTables(tables, primaryKeys, maxValueBytes),
      matches,
      table: tableOfTopic(this.#at.topic),
      truncate,
      where: this.#where,
    });
    return new PartitionLog({
      cluster: this.#cluster,
      at: this.#at,
      from,
      items,
      clock: this.#context.clock,
      fetchBytes,
      fetchWaitMs,
      mayPass: (offset, why) => this.#mayPass(offset, why),
      told: (shape) => void this.#tables.set(shape.id, shape),
      fetched: (answer, begin, end) => this.#fetched(answer, begin, end),
      acknowledged: (offset) => this.#parts.acknowledged(offset),
      topicIdNow: () => topicIdOf(this.#cluster, this.#at.topic),
      topicId: this.#topicId,
      epochs: this.#epochs,
    });
  }

  openSnapshot(): Promise<SourceSnapshot> {
    return Promise.reject(
      new MillraceError(
        "MR_ROW_INCOMPLETE",
        `${this.#where} cannot be asked for a row, and a change of one that is not at the sink leaves out some of its values`,
      ),
    );
  }

  unseen(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  sees(): boolean {
    return true;
  }

  nudge(): Promise<void> {
    return Promise.resolve();
  }

  logEnd(): Promise<Position> {
    return asSource(async () =>
      behind(await offsetAt(this.#cluster, this.#at, LATEST, "committed")),
    );
  }

  waits(): readonly SourceWait[] {
    return [...this.#open.waits(), ...this.#skippedWait()];
  }

  messagesBetween(from: Position, to: Position): number {
    return nextOffset(to) - nextOffset(from);
  }

  /** About: what messages weighed lately. */
  bytesBetween(from: Position, to: Position): number {
    return Math.ceil(this.messagesBetween(from, to) * this.#messageBytes);
  }

  planChunk(): Promise<ChunkRange> {
    return Promise.reject(new MillraceError("MR_BUG", "a topic has no chunks"));
  }

  close(): Promise<void> {
    this.#settled();
    return this.#cluster.close();
  }

  get #where(): string {
    return `${this.#at.topic} ${this.#at.partition}`;
  }

  get #reading(): ReaderOptions {
    const { format, unavailable } = this.#options;
    return { format, unavailable, table: tableOfTopic(this.#at.topic) };
  }

  /** So that most pipelines begin with the tables that they will have. */
  async #sample(): Promise<void> {
    try {
      const sample = await sampleTables(this.#cluster, this.#at, this.#reading);
      const { shapes, encoded, unreadable } = sample;
      this.#cautions = [
        ...encoded.cautions(),
        ...(unreadable === null ? [] : [this.#unreadable(unreadable)]),
      ];
      for (const shape of shapes)
        this.#tables.set(shape.id, firstShape(shape, this.#options.primaryKeys));
      this.#isSampled = true;
    } catch (thrown) {
      throw this.#errorOf(thrown);
    }
  }

  #unreadable({ offset, why }: NonNullable<Sample["unreadable"]>): Finding {
    const isPassed = this.#options.unreadable !== "fail";
    return {
      severity: "warning",
      code: "MR_MESSAGE_UNREADABLE",
      what: `The message at offset ${offset} of ${this.#where} cannot be read: ${why.replace(/[.;]+$/, "")}.`,
      whatFollows: isPassed ? "It is skipped." : "The partition's task stops there.",
      remedy:
        "Write the format that the messages have (value.format), or ignore-parse-errors: true.",
    };
  }

  async #refuseLoss(known: Position, history: Json | null, end: number): Promise<void> {
    const { topic, partition } = this.#at;
    if (isOtherTopic(history, this.#topicId))
      throw lost(`topic ${topic} was deleted and made anew`);
    const next = nextOffset(known);
    const first = await offsetAt(this.#cluster, this.#at, EARLIEST, "uncommitted");
    if (first > next) throw trimmed(this.#at, next, first);
    if (end < next)
      throw lost(
        `${topic} ${partition} ends at offset ${end}, and this pipeline has read to ${next}`,
      );
    await this.#refuseCut(known);
  }

  /** It may be longer than that again since, with other messages: the epoch of the last one that was read tells (KIP-320). */
  async #refuseCut(known: Position): Promise<void> {
    const epoch = epochOf(known);
    if (epoch < 0) return;
    const read = readTo(known);
    const end = await epochEnd(this.#cluster, this.#at, epoch);
    if (end === null)
      throw lost(
        `${this.#where} has no message of leader epoch ${epoch}, under which this pipeline has read to ${read}`,
      );
    if (end < read) throw cut(this.#at, end, read);
  }

  #mayPass(offset: number, why: MillraceError): boolean {
    if (this.#options.unreadable === "fail") return false;
    const sinceMs = this.#skipped?.sinceMs ?? this.#context.clock.now();
    this.#skipped = { count: (this.#skipped?.count ?? 0) + 1, sinceMs, last: offset };
    this.#context.log.warn("a message was skipped", {
      where: this.#where,
      offset,
      why: why.detail,
    });
    return true;
  }

  #skippedWait(): SourceWait[] {
    if (this.#skipped === null) return [];
    const { count, sinceMs, last } = this.#skipped;
    const why = `for nothing, but ${count} messages of ${this.#where} could not be read and were skipped, the last one at offset ${last}`;
    return [{ what: "log", reason: "messages-skipped", why, sinceMs }];
  }

  /** A right that was there before was taken away, and is waited for. */
  #errorOf(thrown: unknown): MillraceError {
    return this.#hasRead ? sourceError(thrown) : startError(thrown);
  }

  #fetched(answer: FetchAnswer, from: number, end: number): void {
    this.#hasRead = true;
    this.#open.see(answer, end);
    if (end > from) this.#messageBytes = Math.max(1, answer.records.length / (end - from));
  }
}

function isOtherTopic(history: Json | null, id: string): boolean {
  if (typeof history !== "object" || history === null || !("topic" in history)) return false;
  return history.topic !== id;
}

function noticesOf({ key, id }: TableShape): string[] {
  if (key.length > 0) return [];
  return [
    `messages of ${id} have no key: its rows are told apart by all their values; primary-keys may name its key`,
  ];
}
