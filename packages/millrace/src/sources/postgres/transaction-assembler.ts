import { BatchBuilder } from "../../change-log/batch-builder.ts";
import { Change, type LogBatch, type Op } from "../../model/change.ts";
import { isKeyChanged } from "../../model/key-change.ts";
import type { TransactionId } from "../../model/position.ts";
import type { CapturedTables, LoggedRelation } from "./captured-tables.ts";
import type { DdlMessages } from "./ddl-messages.ts";
import { LargeMessage } from "./large-message.ts";
import { LogPlace } from "./log-place.ts";
import { RowDecoder, type RowEvent } from "./pgoutput-decoder.ts";
import {
  decodeBegin,
  decodeCommit,
  decodeMessage,
  decodeRelation,
  decodeTruncate,
  protocolError,
  skipMessage,
  Tag,
  timeMsOf32,
} from "./pgoutput-messages.ts";
import {
  boundary,
  comparePositions,
  type LogPosition,
  lsnOf32,
  ordinal,
  Slot,
  startLsn,
} from "./position.ts";
import { checkOldRow, heldBytes } from "./row-key.ts";
import { type RowPlan, withoutUnproven } from "./row-plan.ts";
import { TableNews } from "./table-news.ts";
import { transactionId, type TransactionIds } from "./transaction-id.ts";

/** What {@link TransactionAssembler.feed} made of a message. */
export const Fed = {
  /** Taken in. */
  DONE: 0,
  /** Taken in, and the server wants a status update now. */
  REPLY: 1,
  /** Not taken in: {@link TransactionAssembler.resolve} first, then feed the same message again. */
  UNRESOLVED: 2,
} as const;
export type Fed = (typeof Fed)[keyof typeof Fed];

/** What the assembler goes by. */
export interface AssemblerOptions {
  /** The buffer that all messages lie in. */
  readonly buffer: Buffer;
  /** Nothing at or before this position is given again. */
  readonly from: LogPosition;
  readonly tables: CapturedTables;
  /** Reads messages about schema changes; null where they are not asked for. */
  readonly ddl?: DdlMessages | null;
  readonly transactionIds: TransactionIds;
  readonly maxValueBytes: number;
  /** Bound of what is held of one row, bytes. */
  readonly maxRowBytes: number;
}

/** Bytes before a pgoutput message: tag, start and end LSN, server's time. */
const XLOG_HEADER_BYTES = 25;
const KEEPALIVE_BYTES = 18;
/** Of a large row: the header, its tag and its table's oid. */
const LARGE_HEADER_BYTES = XLOG_HEADER_BYTES + 5;
const XLOG = 0x77; // w
const KEEPALIVE = 0x6b; // k

/** Whether an event's row is wanted. */
const Admitted = { NO: 0, YES: 1, UNRESOLVED: 2 } as const;
type Admitted = (typeof Admitted)[keyof typeof Admitted];

/**
 * Turns the messages of a replication stream into batches: positions, transactions, key changes, changes of shape,
 * and the boundaries that may be acknowledged. No I/O; what it needs of the catalogue is asked for by `resolve`.
 *
 * Hot: `feed` runs per message.
 */
export class TransactionAssembler {
  readonly #buffer: Buffer;
  readonly #place: LogPlace;
  readonly #tables: CapturedTables;
  readonly #transactionIds: TransactionIds;
  readonly #rows: RowDecoder;
  readonly #large: LargeMessage;
  readonly #batch: BatchBuilder<LogPosition>;
  readonly #news: TableNews;
  #unresolved: { readonly relation: LoggedRelation; readonly lsn: number } | null = null;

  constructor(options: AssemblerOptions) {
    const { buffer, from, tables, maxValueBytes } = options;
    this.#buffer = buffer;
    this.#place = new LogPlace(from);
    this.#tables = tables;
    this.#transactionIds = options.transactionIds;
    this.#rows = new RowDecoder(buffer, maxValueBytes);
    this.#large = new LargeMessage(buffer, LARGE_HEADER_BYTES, options);
    this.#batch = new BatchBuilder(from, boundary(startLsn(from)), comparePositions);
    const { ddl = null } = options;
    this.#news = new TableNews({ place: this.#place, tables, ddl, batch: this.#batch });
  }

  /** The transaction whose changes are being read. */
  get transactionId(): TransactionId | null {
    return this.#place.open?.transaction.id ?? null;
  }

  /** Weight of the batch so far, bytes. */
  get bytes(): number {
    return this.#batch.bytes;
  }

  /** What is here since the last batch; null where that is nothing at all. */
  take(): LogBatch | null {
    return this.#batch.take();
  }

  /** Takes in the body of a CopyData message. @throws MillraceError MR_SOURCE_PROTOCOL, MR_SOURCE_REFUSED */
  feed(start: number, end: number): Fed {
    const kind = this.#buffer[start];
    if (kind === XLOG && end - start > XLOG_HEADER_BYTES) {
      return this.#message(this.#lsnAt(start + 1), start + XLOG_HEADER_BYTES, end);
    }
    if (kind === KEEPALIVE && end - start === KEEPALIVE_BYTES) return this.#keepalive(start);
    throw protocolError("a replication message of an unknown kind");
  }

  /** Asks the catalogue about the table that stopped {@link feed}. */
  async resolve(): Promise<void> {
    const unresolved = this.#unresolved;
    this.#unresolved = null;
    if (unresolved !== null) await this.#tables.resolve(unresolved.relation, unresolved.lsn);
    await this.#news.weigh();
  }

  /**
   * Begins a message that is too large to be held; `start..end` is its first piece, of `totalBytes` in all. When
   * taken in, the whole of it is given by {@link pushLarge}, this piece first, and ended by {@link endLarge}.
   */
  beginLarge(start: number, end: number, totalBytes: number): Fed {
    if (this.#buffer[start] !== XLOG || end - start < LARGE_HEADER_BYTES) {
      throw protocolError("a large message of an unknown kind");
    }
    const at = start + XLOG_HEADER_BYTES;
    const tag = this.#buffer[at] ?? 0;
    this.#large.begin();
    if (tag === Tag.MESSAGE) return Fed.DONE;
    if (tag !== Tag.INSERT && tag !== Tag.UPDATE && tag !== Tag.DELETE) {
      throw protocolError(`a message of ${totalBytes} bytes, tag ${tag}`);
    }
    const relation = this.#tables.relation(this.#rows.relationOid(at + 1, end));
    const admitted = this.#admit(relation, this.#lsnAt(start + 1));
    if (admitted === Admitted.UNRESOLVED) return Fed.UNRESOLVED;
    const { plan } = relation;
    if (admitted === Admitted.YES && plan !== null) this.#large.expect(tag, plan, totalBytes);
    return Fed.DONE;
  }

  /** Takes in the next piece of a large message. */
  pushLarge(start: number, end: number): void {
    this.#large.push(start, end);
  }

  /** The large message is in whole. */
  endLarge(): void {
    const large = this.#large.end();
    if (large === null) return;
    const { tag, plan, event } = large;
    this.#push(tag, plan, event, heldBytes(event.old) + heldBytes(event.new));
  }

  #message(lsn: number, at: number, end: number): Fed {
    const tag = this.#buffer[at] ?? 0;
    const start = at + 1;
    switch (tag) {
      case Tag.INSERT:
      case Tag.UPDATE:
      case Tag.DELETE:
        return this.#row(tag, lsn, start, end);
      case Tag.BEGIN:
        this.#begin(start, end);
        return Fed.DONE;
      case Tag.COMMIT:
        this.#commit(start, end);
        return Fed.DONE;
      case Tag.RELATION:
        this.#tables.describe(decodeRelation(this.#buffer, start, end));
        return Fed.DONE;
      case Tag.TRUNCATE:
        return this.#truncate(lsn, start, end);
      case Tag.MESSAGE:
        return this.#news.told(decodeMessage(this.#buffer, start, end)) ? Fed.DONE : Fed.UNRESOLVED;
      default:
        skipMessage(tag, this.#buffer, start, end);
        return Fed.DONE;
    }
  }

  #row(tag: number, lsn: number, start: number, end: number): Fed {
    const relation = this.#tables.relation(this.#rows.relationOid(start, end));
    const admitted = this.#admit(relation, lsn);
    if (admitted === Admitted.UNRESOLVED) return Fed.UNRESOLVED;
    const { plan } = relation;
    if (admitted === Admitted.YES && plan !== null) {
      this.#push(tag, plan, this.#rows.decode(tag, plan, start, end), end - start);
    }
    return Fed.DONE;
  }

  /**
   * Gives the next event its place, and says whether its row is wanted. Events count whether they are wanted or not,
   * so that places are the same on every replay.
   */
  #admit(relation: LoggedRelation, lsn: number): Admitted {
    const place = this.#place;
    const position = place.next(lsn);
    const isDone = place.isPast(position);
    if (!isDone && this.#isUnresolved(relation, lsn)) return Admitted.UNRESOLVED;
    place.take();
    if (isDone) return Admitted.NO;
    if (relation.later !== null) this.#tables.confirm(relation, lsn);
    this.#news.announce(relation, place.lsn, place.index);
    this.#batch.passed(position);
    return relation.captured ? Admitted.YES : Admitted.NO;
  }

  #isUnresolved(relation: LoggedRelation, lsn: number): boolean {
    if (!relation.captured || relation.plan !== null) return false;
    this.#unresolved = { relation, lsn };
    return true;
  }

  #push(tag: number, plan: RowPlan, event: RowEvent, bytes: number): void {
    const { shape } = plan;
    const { transaction } = this.#place.transaction;
    const op: Op = tag === Tag.INSERT ? "c" : tag === Tag.UPDATE ? "u" : "d";
    if (op !== "c") checkOldRow(shape, event);
    const { position } = this.#batch;
    const [c, l] = position;
    const movedFrom: LogPosition | null = isKeyChanged(shape, event.old, event.new)
      ? [c, l, ordinal(this.#place.index, Slot.MOVED_FROM)]
      : null;
    const weight = bytes + plan.overheadBytes;
    const old = withoutUnproven(plan, event.old);
    const row = withoutUnproven(plan, event.new);
    this.#batch.add(
      new Change(op, shape, old, row, position, movedFrom, transaction, weight),
      weight,
    );
  }

  #begin(start: number, end: number): void {
    const { commitLsn, commitTimeMs, xid } = decodeBegin(this.#buffer, start, end);
    const id = transactionId(this.#transactionIds.full(xid), commitLsn);
    this.#place.begin(commitLsn, { id, commitTimeMs });
    this.#news.begin();
    this.#batch.at(commitTimeMs);
  }

  #commit(start: number, end: number): void {
    const { commitLsn, endLsn } = decodeCommit(this.#buffer, start, end);
    this.#place.commit(commitLsn, endLsn);
    this.#batch.passedBoundary(boundary(endLsn));
  }

  #truncate(lsn: number, start: number, end: number): Fed {
    const emptied = this.#news.truncated(decodeTruncate(this.#buffer, start, end).oids, lsn);
    if (emptied.some(({ relation }) => this.#isUnresolved(relation, lsn))) return Fed.UNRESOLVED;
    this.#news.truncate(emptied, lsn);
    return Fed.DONE;
  }

  /**
   * The end of the log that the server has read. Between transactions everything that was committed before it has
   * been sent, so that it is a boundary; it moves an idle or filtered log (I3).
   */
  #keepalive(start: number): Fed {
    if (this.#place.open === null) {
      this.#batch.passedBoundary(boundary(this.#lsnAt(start + 1)));
      const high = this.#buffer.readInt32BE(start + 9);
      this.#batch.at(timeMsOf32(high, this.#buffer.readUInt32BE(start + 13)));
    }
    return this.#buffer[start + 17] === 0 ? Fed.DONE : Fed.REPLY;
  }

  #lsnAt(at: number): number {
    return lsnOf32(this.#buffer.readUInt32BE(at), this.#buffer.readUInt32BE(at + 4));
  }
}
