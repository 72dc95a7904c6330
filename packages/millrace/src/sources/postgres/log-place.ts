import type { Transaction } from "../../model/change.ts";
import { comparePositions, type LogPosition, ordinal, Slot } from "./position.ts";
import { protocolError } from "./pgoutput-messages.ts";

/** The transaction whose messages are being read. */
export interface OpenTransaction {
  readonly commitLsn: number;
  readonly transaction: Transaction;
  /** Some of it was given in an earlier session. */
  readonly isReplayed: boolean;
}

/**
 * Where in the log the messages are: the open transaction, and the last event in it. Positions are the same on every
 * replay, so that every event is counted, whether it is wanted or not.
 *
 * Hot: `next` and `take` run per row.
 */
export class LogPlace {
  readonly #from: LogPosition;
  #open: OpenTransaction | null = null;
  #lsn = 0;
  #index = 0;
  #nextLsn = 0;
  #nextIndex = 0;

  /** Nothing at or before `from` is given again. */
  constructor(from: LogPosition) {
    this.#from = from;
  }

  /** The open transaction; null between two. */
  get open(): OpenTransaction | null {
    return this.#open;
  }

  /** @throws MillraceError MR_SOURCE_PROTOCOL between two transactions. */
  get transaction(): OpenTransaction {
    if (this.#open === null) throw protocolError("a change outside of a transaction");
    return this.#open;
  }

  /** LSN of the last event. */
  get lsn(): number {
    return this.#lsn;
  }

  /** Which event of its LSN the last one was. */
  get index(): number {
    return this.#index;
  }

  /** @throws MillraceError MR_SOURCE_PROTOCOL within a transaction. */
  begin(commitLsn: number, transaction: Transaction): void {
    if (this.#open !== null) throw protocolError("a transaction within a transaction");
    this.#open = { commitLsn, transaction, isReplayed: commitLsn <= this.#from[0] };
    this.moveTo(0);
  }

  /** @throws MillraceError MR_SOURCE_PROTOCOL where it is not the end of the open transaction. */
  commit(commitLsn: number, endLsn: number): void {
    if (commitLsn !== this.transaction.commitLsn || endLsn <= commitLsn) {
      throw protocolError("a commit of another transaction than the one that began");
    }
    this.#open = null;
  }

  /** Whether what stands there was given before. */
  isPast(position: LogPosition): boolean {
    return this.transaction.isReplayed && comparePositions(position, this.#from) <= 0;
  }

  /** The position of the event that comes at an LSN, until {@link take} takes it in. */
  next(lsn: number): LogPosition {
    const isNewLsn = lsn > this.#lsn;
    this.#nextLsn = isNewLsn ? lsn : this.#lsn;
    this.#nextIndex = isNewLsn ? 0 : this.#index + 1;
    return [this.transaction.commitLsn, this.#nextLsn, ordinal(this.#nextIndex, Slot.EVENT)];
  }

  /** The event of {@link next} is the last one now. */
  take(): void {
    this.#lsn = this.#nextLsn;
    this.#index = this.#nextIndex;
  }

  /** A record that is counted by other means than events. */
  moveTo(lsn: number): void {
    this.#lsn = lsn;
    this.#index = 0;
  }
}
