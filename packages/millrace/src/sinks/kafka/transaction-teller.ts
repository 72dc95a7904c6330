import { writeTransactionBegin, writeTransactionEnd } from "../../formats/meta-messages.ts";
import type { TransactionCounts, TransactionMeter } from "../../formats/transaction-meter.ts";
import type { Transaction } from "../../model/change.ts";
import type { Commit, TargetChangeEvent, TargetMark } from "../../model/sink.ts";
import type { SideOutput } from "./side-output.ts";
import type { SideTeller } from "./side-teller.ts";
import { openTransactionRecord, type StateRecord, type TaskState } from "./state-records.ts";

/**
 * BEGIN and END of the source's transactions, with the counts of their events, in Debezium's form. Of one that goes in parts
 * the state topic keeps what was counted so far, so that its END is right whoever writes it.
 */
export class TransactionTeller implements SideTeller {
  readonly #task: string;
  readonly #output: SideOutput;
  readonly #meter: TransactionMeter;
  /** Of the last event; compared by its object, as all events of a transaction share it. */
  #current: Transaction | null = null;
  /** As the last durable transaction left it; null where none was open. */
  #durable: TransactionCounts | null = null;
  #next: TransactionCounts | null = null;

  constructor(task: string, output: SideOutput, meter: TransactionMeter) {
    this.#task = task;
    this.#output = output;
    this.#meter = meter;
  }

  /** See {@link SideTeller.restore}. */
  restore({ openTransaction }: TaskState): void {
    this.#durable = openTransaction;
    this.undone();
  }

  /** See {@link SideTeller.change}. */
  change({ transaction }: TargetChangeEvent | TargetMark, nowMs: number): void {
    if (transaction === null || transaction === this.#current) return;
    this.#current = transaction;
    const isGoingOn = this.#meter.counts !== null && this.#meter.isOf(transaction);
    if (!isGoingOn) this.#over(nowMs);
    this.#meter.begin(transaction);
    const { counts } = this.#meter;
    if (isGoingOn || counts === null) return;
    writeTransactionBegin(counts, this.#output.key, this.#output.value);
    this.#output.message(nowMs);
  }

  /** See {@link SideTeller.end}. */
  end({ endsTransaction }: Commit, nowMs: number): readonly StateRecord[] {
    if (endsTransaction === true) this.#over(nowMs);
    this.#next = this.#meter.counts;
    if (this.#next === null && this.#durable === null) return [];
    return [openTransactionRecord(this.#task, this.#next)];
  }

  /** See {@link SideTeller.done}. */
  done(): void {
    this.#durable = this.#next;
  }

  /** See {@link SideTeller.undone}. */
  undone(): void {
    this.#current = null;
    this.#next = this.#durable;
    this.#meter.restore(this.#durable);
  }

  /** No event of what was counted comes any more. */
  #over(nowMs: number): void {
    const { counts } = this.#meter;
    if (counts === null) return;
    writeTransactionEnd(counts, this.#output.key, this.#output.value);
    this.#output.message(nowMs);
    this.#meter.restore(null);
    this.#current = null;
  }
}
