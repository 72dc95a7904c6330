import type { Transaction } from "../model/change.ts";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** What is counted: a change of a row, or that all rows of a table went. */
type Counted = Pick<TargetChangeEvent | TargetMark, "transaction" | "source">;

/** How many events a transaction has, in all and by table. */
export interface TransactionCounts {
  readonly id: string;
  readonly commitTimeMs: number;
  readonly total: number;
  readonly byTable: readonly { readonly table: string; readonly count: number }[];
}

/** Where an event is in its transaction, counted from 1. */
interface EventPlace {
  readonly id: string;
  readonly total: number;
  readonly ofTable: number;
}

/**
 * Counts the events of the transaction that is being written (`provide.transaction.metadata`): one for all tables of a
 * sink. A transaction that goes in parts is counted on where its counts were {@link restore}d.
 */
export class TransactionMeter {
  readonly #idOf: (transaction: Transaction) => string;
  #transaction: Transaction | null = null;
  #id = "";
  #total = 0;
  readonly #byTable = new Map<string, number>();
  #commitTimeMs = 0;

  /** `idOf` is a transaction's id as messages have it. */
  constructor(idOf: (transaction: Transaction) => string = ({ id }) => id) {
    this.#idOf = idOf;
  }

  /** What the transaction has come to that is being counted; null where none is. */
  get counts(): TransactionCounts | null {
    if (this.#id === "") return null;
    const byTable = [...this.#byTable].map(([table, count]) => ({ table, count }));
    return { id: this.#id, commitTimeMs: this.#commitTimeMs, total: this.#total, byTable };
  }

  /** Stands where it stood when {@link counts} was this. */
  restore(counts: TransactionCounts | null): void {
    this.#transaction = null;
    this.#id = counts?.id ?? "";
    this.#commitTimeMs = counts?.commitTimeMs ?? 0;
    this.#total = counts?.total ?? 0;
    this.#byTable.clear();
    for (const { table, count } of counts?.byTable ?? []) this.#byTable.set(table, count);
  }

  /** The transaction of the events that follow. What it was before has no more of them. */
  begin(transaction: Transaction): void {
    const id = this.#idOf(transaction);
    const isSame = id === this.#id;
    this.#transaction = transaction;
    if (isSame) return;
    this.restore(null);
    this.#transaction = transaction;
    this.#id = id;
    this.#commitTimeMs = transaction.commitTimeMs;
  }

  /** Whether the events of a transaction are the ones that are being counted. */
  isOf(transaction: Transaction): boolean {
    return transaction === this.#transaction || this.#idOf(transaction) === this.#id;
  }

  /** Counts an event; null where it is in no transaction (loaded rows). */
  count({ transaction, source }: Counted): EventPlace | null {
    if (transaction === null) return null;
    if (transaction !== this.#transaction) this.begin(transaction);
    const ofTable = (this.#byTable.get(source) ?? 0) + 1;
    this.#byTable.set(source, ofTable);
    this.#total++;
    return { id: this.#id, total: this.#total, ofTable };
  }

  /** Counts an event and writes its `transaction` block in JSON. */
  writeBlock(event: Counted, out: ByteWriter): void {
    const place = this.count(event);
    if (place === null) return out.ascii("null");
    out.ascii('{"id":');
    out.jsonString(place.id);
    out.ascii(',"total_order":');
    out.integer(place.total);
    out.ascii(',"data_collection_order":');
    out.integer(place.ofTable);
    out.byte(0x7d);
  }
}
