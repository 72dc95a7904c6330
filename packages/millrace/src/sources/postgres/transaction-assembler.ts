import { Change, type LogBatch, type Op, type Transaction } from "../../model/change.ts";
import type { TransactionId } from "../../model/position.ts";
import { BatchBuilder } from "./batch-builder.ts";
import type { CapturedTables, LoggedRelation } from "./captured-tables.ts";
import type { DdlMessages, DdlNews } from "./ddl-messages.ts";
import { LargeRowDecoder } from "./large-row-decoder.ts";
import { RowDecoder, type RowEvent } from "./pgoutput-decoder.ts";
import {
  decodeBegin,
  decodeCommit,
  decodeMessage,
  decodeRelation,
  decodeTruncate,
  type MessageMessage,
  protocolError,
  skipMessage,
  Tag,
  timeMsOf32,
} from "./pgoutput-messages.ts";
import { comparePositions, type LogPosition, lsnOf32, ordinal, Slot } from "./position.ts";
import { checkOldRow, heldBytes, isKeyChanged } from "./row-key.ts";
import { type RowPlan, withoutUnproven } from "./row-plan.ts";
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
/** Weight of what is no row, bytes. */
const ANNOUNCEMENT_BYTES = 512;
const XLOG = 0x77; // w
const KEEPALIVE = 0x6b; // k

/** Whether an event's row is wanted. */
const Admitted = { NO: 0, YES: 1, UNRESOLVED: 2 } as const;
type Admitted = (typeof Admitted)[keyof typeof Admitted];

interface OpenTransaction {
  readonly commitLsn: number;
  readonly transaction: Transaction;
  /** Some of it was given in an earlier session. */
  readonly isReplayed: boolean;
}

/**
 * Turns the messages of a replication stream into batches: positions, transactions, key changes, changes of shape,
 * and the boundaries that may be acknowledged. No I/O; what it needs of the catalogue is asked for by `resolve`.
 *
 * Hot: `feed` runs per message.
 */
export class TransactionAssembler {
  readonly #buffer: Buffer;
  readonly #from: LogPosition;
  readonly #tables: CapturedTables;
  readonly #ddl: DdlMessages | null;
  readonly #transactionIds: TransactionIds;
  readonly #limits: { readonly maxValueBytes: number; readonly maxRowBytes: number };
  readonly #rows: RowDecoder;
  readonly #batch: BatchBuilder;
  #open: OpenTransaction | null = null;
  /** LSN and index of the last event of the open transaction. */
  #lsn = 0;
  #index = 0;
  #unresolved: LoggedRelation | null = null;
  /** What the message that was fed last says, before and after it was held against the catalogue. */
  #claim: DdlNews | null = null;
  #weighed: DdlNews | null = null;
  #large: {
    readonly tag: number;
    readonly plan: RowPlan;
    readonly decoder: LargeRowDecoder;
  } | null = null;

  #largeSkip = 0;

  constructor(options: AssemblerOptions) {
    this.#buffer = options.buffer;
    this.#from = options.from;
    this.#tables = options.tables;
    this.#ddl = options.ddl ?? null;
    this.#transactionIds = options.transactionIds;
    this.#limits = { maxValueBytes: options.maxValueBytes, maxRowBytes: options.maxRowBytes };
    this.#rows = new RowDecoder(options.buffer, options.maxValueBytes);
    this.#batch = new BatchBuilder(options.from);
  }

  /** The transaction whose changes are being read. */
  get transactionId(): TransactionId | null {
    return this.#open?.transaction.id ?? null;
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
    const relation = this.#unresolved;
    this.#unresolved = null;
    if (relation !== null) await this.#tables.resolve(relation);
    const claim = this.#claim;
    this.#claim = null;
    if (claim !== null) this.#weighed = await this.#tables.weigh(claim);
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
    this.#large = null;
    this.#largeSkip = LARGE_HEADER_BYTES;
    if (tag === Tag.MESSAGE) return Fed.DONE;
    if (tag !== Tag.INSERT && tag !== Tag.UPDATE && tag !== Tag.DELETE) {
      throw protocolError(`a message of ${totalBytes} bytes, tag ${tag}`);
    }
    const relation = this.#tables.relation(this.#rows.relationOid(at + 1, end));
    const admitted = this.#admit(relation, this.#lsnAt(start + 1));
    if (admitted === Admitted.UNRESOLVED) return Fed.UNRESOLVED;
    const { plan } = relation;
    if (admitted === Admitted.YES && plan !== null) {
      const decoder = new LargeRowDecoder(tag, plan, totalBytes - LARGE_HEADER_BYTES, this.#limits);
      this.#large = { tag, plan, decoder };
    }
    return Fed.DONE;
  }

  /** Takes in the next piece of a large message. */
  pushLarge(start: number, end: number): void {
    const skipped = Math.min(this.#largeSkip, end - start);
    this.#largeSkip -= skipped;
    this.#large?.decoder.push(this.#buffer, start + skipped, end);
  }

  /** The large message is in whole. */
  endLarge(): void {
    const large = this.#large;
    this.#large = null;
    if (large === null) return;
    const event = large.decoder.finish();
    this.#push(large.tag, large.plan, event, heldBytes(event.old) + heldBytes(event.new));
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
        return this.#told(decodeMessage(this.#buffer, start, end));
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
    const { commitLsn, isReplayed } = this.#transaction();
    const isNewLsn = lsn > this.#lsn;
    const l = isNewLsn ? lsn : this.#lsn;
    const index = isNewLsn ? 0 : this.#index + 1;
    const position: LogPosition = [commitLsn, l, ordinal(index, Slot.EVENT)];
    const isDone = isReplayed && comparePositions(position, this.#from) <= 0;
    if (!isDone && this.#isUnresolved(relation)) return Admitted.UNRESOLVED;
    this.#lsn = l;
    this.#index = index;
    if (isDone) return Admitted.NO;
    if (relation.later !== null) this.#tables.confirm(relation, lsn);
    this.#announce(relation, commitLsn, l, index);
    this.#batch.passed(position);
    return relation.captured ? Admitted.YES : Admitted.NO;
  }

  #isUnresolved(relation: LoggedRelation): boolean {
    if (!relation.captured || relation.plan !== null) return false;
    this.#unresolved = relation;
    return true;
  }

  /** Tells what changed about the table itself, right before its event (a barrier, I2). */
  #announce(relation: LoggedRelation, commitLsn: number, lsn: number, index: number): void {
    const { announcement, plan } = relation;
    if (announcement === null) return;
    relation.announcement = null;
    const { transaction } = this.#transaction();
    const { dropped, shape } = announcement;
    if (dropped !== null) {
      const position: LogPosition = [commitLsn, lsn, ordinal(index, Slot.DROPPED)];
      this.#batch.add(
        { kind: "dropped", table: dropped, position, transaction },
        ANNOUNCEMENT_BYTES,
      );
    }
    if (shape !== null && plan !== null) {
      const position: LogPosition = [commitLsn, lsn, ordinal(index, Slot.SHAPE)];
      const item = { kind: "shape", shape: plan.shape, ...shape, position, transaction } as const;
      this.#batch.add(item, ANNOUNCEMENT_BYTES);
    }
  }

  /** A message about a schema change stands at its own place, in front of the rows that follow it (a barrier, I2). */
  #told(message: MessageMessage): Fed {
    const weighed = this.#weighed;
    this.#weighed = null;
    const news = weighed ?? this.#ddl?.take(message) ?? null;
    if (news === null) return Fed.DONE;
    const { commitLsn, isReplayed, transaction } = this.#transaction();
    const position: LogPosition = [commitLsn, message.lsn, ordinal(0, Slot.SHAPE)];
    const isPast = isReplayed && comparePositions(position, this.#from) <= 0;
    if (weighed === null && !isPast && this.#tables.isClaim(news)) {
      this.#claim = news;
      return Fed.UNRESOLVED;
    }
    const change = this.#tables.tell(news, transaction.id, isPast);
    if (change === null) return Fed.DONE;
    this.#batch.passed(position);
    this.#batch.add({ kind: "shape", ...change, position, transaction }, ANNOUNCEMENT_BYTES);
    return Fed.DONE;
  }

  #push(tag: number, plan: RowPlan, event: RowEvent, bytes: number): void {
    const { shape } = plan;
    const { transaction } = this.#transaction();
    const op: Op = tag === Tag.INSERT ? "c" : tag === Tag.UPDATE ? "u" : "d";
    if (op !== "c") checkOldRow(shape, event);
    const { position } = this.#batch;
    const [c, l] = position;
    const movedFrom: LogPosition | null = isKeyChanged(shape, event)
      ? [c, l, ordinal(this.#index, Slot.MOVED_FROM)]
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
    if (this.#open !== null) throw protocolError("a transaction within a transaction");
    const { commitLsn, commitTimeMs, xid } = decodeBegin(this.#buffer, start, end);
    const id = transactionId(this.#transactionIds.full(xid), commitLsn);
    const transaction: Transaction = { id, commitTimeMs };
    this.#open = { commitLsn, transaction, isReplayed: commitLsn <= this.#from[0] };
    this.#lsn = 0;
    this.#index = 0;
    this.#ddl?.begin();
    this.#tables.begin();
    this.#batch.at(commitTimeMs);
  }

  #commit(start: number, end: number): void {
    const { commitLsn, endLsn } = decodeCommit(this.#buffer, start, end);
    if (commitLsn !== this.#transaction().commitLsn || endLsn <= commitLsn) {
      throw protocolError("a commit of another transaction than the one that began");
    }
    this.#open = null;
    this.#batch.passedBoundary(endLsn);
  }

  /** A record may empty many tables; each has a position of its own by its oid, see position.ts. */
  #truncate(lsn: number, start: number, end: number): Fed {
    const { commitLsn, isReplayed, transaction } = this.#transaction();
    const { oids } = decodeTruncate(this.#buffer, start, end);
    const tables = oids
      .toSorted((a, b) => a - b)
      .map((oid) => ({
        relation: this.#tables.relation(oid),
        position: [commitLsn, lsn, ordinal(oid, Slot.EVENT)] as const,
      }))
      .filter(({ position }) => !isReplayed || comparePositions(position, this.#from) > 0);
    if (tables.some(({ relation }) => this.#isUnresolved(relation))) return Fed.UNRESOLVED;
    this.#lsn = lsn;
    this.#index = 0;
    for (const { relation, position } of tables) {
      this.#announce(relation, commitLsn, lsn, relation.message.oid);
      this.#batch.passed(position);
      const table = relation.plan?.shape.id;
      if (!relation.captured || table === undefined) continue;
      this.#batch.add({ kind: "truncate", table, position, transaction }, ANNOUNCEMENT_BYTES);
    }
    return Fed.DONE;
  }

  /**
   * The end of the log that the server has read. Between transactions everything that was committed before it has
   * been sent, so that it is a boundary; it moves an idle or filtered log (I3).
   */
  #keepalive(start: number): Fed {
    if (this.#open === null) {
      this.#batch.passedBoundary(this.#lsnAt(start + 1));
      const high = this.#buffer.readInt32BE(start + 9);
      this.#batch.at(timeMsOf32(high, this.#buffer.readUInt32BE(start + 13)));
    }
    return this.#buffer[start + 17] === 0 ? Fed.DONE : Fed.REPLY;
  }

  #transaction(): OpenTransaction {
    if (this.#open === null) throw protocolError("a change outside of a transaction");
    return this.#open;
  }

  #lsnAt(at: number): number {
    return lsnOf32(this.#buffer.readUInt32BE(at), this.#buffer.readUInt32BE(at + 4));
  }
}
