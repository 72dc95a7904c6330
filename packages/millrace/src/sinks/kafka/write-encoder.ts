import type { TargetChangeEvent, TargetMark, Write } from "../../model/sink.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import { changesOf } from "./changes-of.ts";
import { MessageRouter, type TableOutput } from "./message-router.ts";
import type { SideTeller } from "./side-teller.ts";
import type { TransactionBatches } from "./transaction-batches.ts";

/** What an encoder works with. */
export interface WriteEncoderParts {
  readonly tableOf: (table: TargetTable) => Promise<TableOutput>;
  /** In this order; the first ones speak before the others of a change. */
  readonly tellers: readonly SideTeller[];
  /** A sentence for the operator about a table. */
  readonly notice: (table: TableId, message: string) => void;
}

/** Which changes are encoded at once. */
interface Slice {
  readonly from: number;
  /** The one behind the last. */
  readonly to: number;
  /** None is begun once the transaction has so many bytes. */
  readonly toBytes: number;
}

/** Turns writes into the messages of a transaction. */
export class WriteEncoder {
  readonly #router = new MessageRouter();
  readonly #tableOf: WriteEncoderParts["tableOf"];
  readonly #tellers: readonly SideTeller[];
  /** Those that want to see each change; mostly none. */
  readonly #watchers: readonly SideTeller[];
  readonly #notice: WriteEncoderParts["notice"];
  /** Tables whose TRUNCATE was left out, and that was said. */
  readonly #leftOut = new Set<TableId>();

  constructor({ tableOf, tellers, notice }: WriteEncoderParts) {
    this.#tableOf = tableOf;
    this.#tellers = tellers;
    this.#notice = notice;
    this.#watchers = tellers.filter((teller) => "change" in teller);
  }

  /** A write from its change `from` on. @throws MillraceError of class `row` */
  async encode(
    write: Write,
    from: number,
    batches: TransactionBatches,
    nowMs: number,
  ): Promise<void> {
    if (write.kind === "mark") {
      const output = await this.#tableOf(write.mark.table);
      this.#mark(write.mark, output, batches, nowMs);
      return;
    }
    const changes = changesOf(write);
    let at = from;
    while (at < changes.length) {
      const { shipped } = batches;
      const rest = { from: at, to: changes.length, toBytes: Infinity };
      at = await this.some(changes, rest, batches, nowMs);
      // A batch leaves, and answers come in, only when others get their turn.
      if (batches.shipped > shipped) await nextTurn();
    }
  }

  /** The changes of a slice that are of one table, until a batch is on its way; gives where to go on. */
  async some(
    changes: readonly TargetChangeEvent[],
    slice: Slice,
    batches: TransactionBatches,
    nowMs: number,
  ): Promise<number> {
    const table = changes[slice.from]?.table;
    if (table === undefined) return slice.to;
    const output = await this.#tableOf(table);
    for (const teller of this.#tellers) teller.table?.(table, nowMs);
    this.#router.toTable(output, batches, nowMs);
    return this.#encodeTable(output, changes, slice, batches, nowMs);
  }

  /** Hot. */
  #encodeTable(
    { encoder }: TableOutput,
    changes: readonly TargetChangeEvent[],
    { from, to, toBytes }: Slice,
    batches: TransactionBatches,
    nowMs: number,
  ): number {
    const router = this.#router;
    const watchers = this.#watchers;
    const { shipped } = batches;
    const table = changes[from]?.table;
    let at = from;
    for (
      let change = changes[at];
      at < to &&
      change?.table === table &&
      change !== undefined &&
      batches.shipped === shipped &&
      batches.bytes < toBytes;
      change = changes[++at]
    ) {
      for (const watcher of watchers) watcher.change?.(change, nowMs);
      encoder.change(change, nowMs, router);
    }
    return at;
  }

  /** No format has a key for what is about a whole table, and a compacted topic takes nothing without one. */
  #mark(mark: TargetMark, output: TableOutput, batches: TransactionBatches, nowMs: number): void {
    const { name, compacted } = output.topic;
    if (!compacted) {
      for (const watcher of this.#watchers) watcher.change?.(mark, nowMs);
      this.#router.toTable(output, batches, nowMs);
      output.encoder.mark(mark, nowMs, this.#router);
      return;
    }
    const { id } = mark.table;
    if (mark.kind !== "truncate" || this.#leftOut.has(id)) return;
    this.#leftOut.add(id);
    this.#notice(
      id,
      `topic ${name} is compacted and is not told that ${id} was emptied (TRUNCATE, or a load behind changes that were missed): it keeps the rows from before, and readers do not hear that they are gone. A resync tells all rows that there are; those that are gone stay until somebody writes tombstones for their keys, or the topic is made anew`,
    );
  }
}

/** Resolves when everybody else had a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
