import type { TransactionalProducer } from "../../kafka/transactional-producer.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type {
  Commit,
  TargetChange,
  TargetChangeEvent,
  TargetMark,
  Write,
} from "../../model/sink.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import type { BatchPlace, BatchSender } from "./batch-sender.ts";
import { changesOf } from "./changes-of.ts";
import { MessageRouter, type TableOutput } from "./message-router.ts";
import type { SideTeller } from "./side-teller.ts";
import type { StateRecord, TaskState } from "./state-records.ts";

const NO_HEADERS = [] as const;

/** What one transaction makes durable. */
export interface TransactionContent {
  readonly writes: readonly Write[];
  /** Where the state goes. */
  readonly place: BatchPlace;
  readonly records: readonly StateRecord[];
  /** What is told beside it; null of what is not the pipeline's commit. */
  readonly commit: Commit | null;
}

/** What a writer asks of its producer. */
export type TransactionProducer = Pick<TransactionalProducer, "send" | "commit" | "abort">;

/** What a writer works with. */
export interface WriterParts {
  readonly producer: TransactionProducer;
  /** Of that producer. */
  readonly sender: BatchSender;
  readonly clock: Clock;
  readonly exactlyOnce: boolean;
  readonly tableOf: (table: TargetTable) => Promise<TableOutput>;
  /** In this order; the first ones speak before the others of a change. */
  readonly tellers: readonly SideTeller[];
  /** A sentence for the operator about a table. */
  readonly notice: (table: TableId, message: string) => void;
}

/** One transaction after the other: data, then state, then its end. */
export class TransactionWriter {
  readonly #producer: TransactionProducer;
  readonly #sender: BatchSender;
  readonly #router: MessageRouter;
  readonly #clock: Clock;
  readonly #exactlyOnce: boolean;
  readonly #tableOf: (table: TargetTable) => Promise<TableOutput>;

  readonly #tellers: readonly SideTeller[];
  /** Those that want to see each change; mostly none. */
  readonly #watchers: readonly SideTeller[];
  readonly #notice: WriterParts["notice"];
  /** Tables whose TRUNCATE was left out, and that was said. */
  readonly #leftOut = new Set<TableId>();

  constructor(parts: WriterParts) {
    this.#producer = parts.producer;
    this.#clock = parts.clock;
    this.#exactlyOnce = parts.exactlyOnce;
    this.#tableOf = parts.tableOf;
    this.#sender = parts.sender;
    this.#router = new MessageRouter(this.#sender);
    this.#tellers = parts.tellers;
    this.#notice = parts.notice;
    this.#watchers = parts.tellers.filter((teller) => "change" in teller);
  }

  /** What is durable, behind a takeover. */
  restore(found: TaskState): void {
    for (const teller of this.#tellers) teller.restore?.(found);
  }

  /** A target was changed; the next commit says that it is done. */
  applied(change: TargetChange): void {
    for (const teller of this.#tellers) teller.applied?.(change);
  }

  /**
   * Makes all of it durable, or nothing; after a failure nothing of it will be, unless the failure says that nobody knows.
   * @throws KafkaFault, UndecidedCommit, or a MillraceError of class `row`
   */
  async write({ writes, place, records, commit }: TransactionContent): Promise<void> {
    try {
      const beside = await this.#encodeAll(writes, commit);
      // What the positions stand for is there before they are.
      if (!this.#exactlyOnce) await this.#sendRest();
      this.#addState(place, [...beside, ...records]);
      await this.#sender.finish();
      failpoint("kafka.sent");
      await this.#producer.commit();
      for (const teller of this.#tellers) teller.done();
      failpoint("kafka.committed");
    } catch (thrown) {
      for (const teller of this.#tellers) teller.undone();
      await this.#sender.stop(thrown);
      if (this.#sender.hasSent) await this.#producer.abort();
      throw thrown;
    } finally {
      await this.#sender.clear();
    }
  }

  /** Gives what the state topic has to keep of what is told beside. */
  async #encodeAll(
    writes: readonly Write[],
    commit: Commit | null,
  ): Promise<readonly StateRecord[]> {
    const nowMs = Math.floor(this.#clock.now());
    if (commit !== null) for (const teller of this.#tellers) teller.begin?.(commit, nowMs);
    for (const write of writes) await this.#encode(write, nowMs);
    if (commit === null) return [];
    return this.#tellers.flatMap((teller) => teller.end?.(commit, nowMs) ?? []);
  }

  async #sendRest(): Promise<void> {
    await this.#sender.finish();
    await this.#sender.clear();
    failpoint("kafka.data-sent");
  }

  async #encode(write: Write, nowMs: number): Promise<void> {
    if (write.kind === "mark") {
      this.#mark(write.mark, await this.#tableOf(write.mark.table), nowMs);
      return;
    }
    const changes = changesOf(write);
    let at = 0;
    while (at < changes.length) {
      const table = changes[at]?.table;
      if (table === undefined) return;
      const { shipped } = this.#sender;
      at = this.#encodeTable(await this.#tableOf(table), table, changes, at, nowMs);
      // A batch leaves, and answers come in, only when others get their turn.
      if (this.#sender.shipped > shipped) await nextTurn();
    }
  }

  /** No format has a key for what is about a whole table, and a compacted topic takes nothing without one. */
  #mark(mark: TargetMark, output: TableOutput, nowMs: number): void {
    const { name, compacted } = output.topic;
    if (!compacted) {
      this.#router.toTable(output, nowMs);
      output.encoder.mark(mark, nowMs, this.#router);
      return;
    }
    const { id } = mark.table;
    if (mark.kind !== "truncate" || this.#leftOut.has(id)) return;
    this.#leftOut.add(id);
    this.#notice(
      id,
      `topic ${name} is compacted and is not told that ${id} was emptied (TRUNCATE): it keeps the rows from before, and readers do not hear that they are gone. A resync tells all rows that there are; those that are gone stay until somebody writes tombstones for their keys, or the topic is made anew`,
    );
  }

  /** The changes from `from` on that are of one table, until a batch is full; gives where to go on. Hot. */
  #encodeTable(
    output: TableOutput,
    table: TargetTable,
    changes: readonly TargetChangeEvent[],
    from: number,
    nowMs: number,
  ): number {
    const router = this.#router;
    const watchers = this.#watchers;
    const { shipped } = this.#sender;
    for (const teller of this.#tellers) teller.table?.(table, nowMs);
    router.toTable(output, nowMs);
    let at = from;
    for (
      let change = changes[at];
      change !== undefined && change.table === table && this.#sender.shipped === shipped;
      change = changes[++at]
    ) {
      for (const watcher of watchers) watcher.change?.(change, nowMs);
      output.encoder.change(change, nowMs, router);
    }
    return at;
  }

  #addState(place: BatchPlace, records: readonly StateRecord[]): void {
    const nowMs = Math.floor(this.#clock.now());
    for (const record of records) {
      const key = Buffer.from(JSON.stringify(record.key));
      const value = Buffer.from(record.value === null ? "" : JSON.stringify(record.value));
      const length = record.value === null ? -1 : value.length;
      this.#sender.add(place, 0, nowMs, key, key.length, value, length, NO_HEADERS);
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
