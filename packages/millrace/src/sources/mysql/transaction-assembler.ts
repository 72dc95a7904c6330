import { BatchBuilder } from "../../change-log/batch-builder.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch, Transaction } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { AssemblerOptions } from "./assembler-options.ts";
import { protocolError } from "./byte-cursor.ts";
import { EventType, rowEventKind, type RowEventKind } from "./event-types.ts";
import { heartbeatOf, isCutOff, isHeartbeat, refuseUnknown, saysChecksums } from "./file-events.ts";
import { groupBegin } from "./group-begin.ts";
import { type GroupOutcome, isOnlyPrepared } from "./group-outcome.ts";
import { groupStatement } from "./group-statement.ts";
import { decodeRotate, type HeartbeatEvent } from "./log-events.ts";
import { LogPlace } from "./log-place.ts";
import { refusedLog } from "./log-refusals.ts";
import { type LargeRows, LoggedRows, type RowsAt } from "./logged-rows.ts";
import type { LoggedEvent } from "./payload.ts";
import type { EventAt, LoggedTables } from "./logged-tables.ts";
import { OpenGroup } from "./open-group.ts";
import {
  boundary,
  compareGroups,
  comparePositions,
  type LogPosition,
  logPosition,
} from "./position.ts";
import { decodeQuery, type QueryEvent } from "./query-event.ts";
import { RowRuns } from "./row-runs.ts";
import { tableIdOf } from "./table-map.ts";
import { type LogOffset, xaTransaction } from "./transaction-id.ts";
import { ToldItems } from "./told-items.ts";
import { XaGroups } from "./xa-groups.ts";

type GatheredBatches = Pick<
  BatchBuilder<LogPosition>,
  "bytes" | "gatheredBytes" | "hasCut" | "cut"
>;

/**
 * Turns the events of a log into batches: positions, transactions, key changes, and the boundaries that a later run may
 * begin at. No I/O.
 *
 * Hot: `feed` runs per event.
 */
export class TransactionAssembler {
  readonly #reader: AssemblerOptions["reader"];
  readonly #from: LogPosition;
  readonly #place: LogPlace;
  readonly #tables: LoggedTables;
  readonly #rows: LoggedRows;
  readonly #told: ToldItems;
  readonly #batch: BatchBuilder<LogPosition>;
  readonly #runs = new RowRuns();
  readonly #group: OpenGroup;
  readonly xa: XaGroups;
  /** Of the open group. */
  #transaction: Transaction | null = null;
  /** Rows may come until the group's end is said; else its one statement ends it. */
  #isTransaction = false;
  constructor(options: AssemblerOptions) {
    const { reader, from, place = {}, tables, flavor, limits, images = false } = options;
    this.#reader = reader;
    this.#place = new LogPlace(from, place);
    this.xa = new XaGroups(this.#place);
    this.#tables = tables;
    const begin = boundary(from[0]);
    this.#batch = new BatchBuilder(from, begin, comparePositions, this.#toBeginAt);
    this.#from = from;
    const [batch, runs] = [this.#batch, this.#runs];
    this.#rows = new LoggedRows({
      from,
      limits,
      batch,
      runs,
      tables,
      flavor,
      images,
      tell: (items) => this.#told.tell(items),
    });
    this.#told = new ToldItems({ from, batch, tables, toBeginAt: this.#toBeginAt });
    this.#group = new OpenGroup(batch, runs);
  }

  /** What is here of the batches to come. */
  get gathered(): GatheredBatches {
    return this.#batch;
  }

  /** Where reading is, in the files of the server that is read. */
  get place(): LogOffset {
    return this.#place.boundary();
  }

  /** Something has to be asked at the source by {@link resolve}, before another event is fed or a batch taken. */
  get isOpen(): boolean {
    return this.#tables.isOpen;
  }

  /** The group in whose rows nobody knows what becomes of them before its end has come; null where that is known. */
  get inDoubt(): LogOffset | null {
    return this.#group.isInDoubt ? (this.xa.replay ?? this.#place.open) : null;
  }

  /** Of the group that is {@link inDoubt} the end is known. @throws MillraceError MR_SOURCE_UNREADABLE */
  learn(outcome: GroupOutcome): void {
    const counts = outcome.counts || this.xa.replay !== null;
    if (!this.#group.learn({ ...outcome, counts })) throw refusedLog("takenBack", this.#place.open);
  }

  /** The rows that {@link XaGroups.replay} wants were read again. */
  replayed(): void {
    this.xa.replayed();
    this.#rows.forget();
    this.#end();
  }

  /** Asks what is open. @throws MillraceError */
  async resolve(): Promise<void> {
    await this.#told.resolve(this.#place.open === null ? this.#place.boundary() : null);
  }

  /** What is here since the last batch; null where that is nothing at all. */
  take(): LogBatch | null {
    return this.#batch.take();
  }

  readonly #toBeginAt = (position: Position): LogPosition =>
    this.#place.toBeginAt(logPosition(position));

  /** Takes in an event of the log. @throws MillraceError MR_SOURCE_PROTOCOL, MR_SOURCE_REFUSED, MR_SOURCE_LOSS */
  feed(event: LoggedEvent): void {
    // What the server makes up for the dump lies in no file.
    if (event.endsAt > 0 && !isHeartbeat(event.type))
      this.#place.event(event.eventBytes, event.endsAt);
    this.feedInner(event);
  }

  /**
   * Takes in a row event that is too large to be held, but for its rows: they are decoded from its pieces, null where they
   * are not wanted. The event's buffer has its first piece, of `firstBytes`; its body's bounds are those of all.
   */
  feedLarge(event: LoggedEvent, firstBytes: number): LargeRows | null {
    if (event.endsAt > 0) this.#place.event(event.eventBytes, event.endsAt);
    this.xa.pass();
    const kind = rowEventKind(event.type);
    if (kind === null) return null;
    const at = this.#rowsAt(kind, tableIdOf(event.buffer, 0, firstBytes));
    return at === null ? null : this.#rows.large(at, event.bodyEnd - event.bodyStart);
  }

  /** Takes in an event that lies within another one, which was fed before. */
  feedInner(event: LoggedEvent): void {
    this.xa.see(event);
    const kind = rowEventKind(event.type);
    if (kind === null) return this.#event(event);
    const { buffer, bodyStart, bodyEnd } = event;
    const at = this.#rowsAt(kind, tableIdOf(buffer, bodyStart, bodyEnd));
    if (at !== null) this.#rows.event(at, event);
  }

  #event(event: LoggedEvent): void {
    const { buffer, type, bodyStart: start, bodyEnd: end } = event;
    switch (type) {
      case EventType.TABLE_MAP:
        return this.#rows.describe(event);
      case EventType.XID:
        return this.#end();
      case EventType.QUERY:
      case EventType.QUERY_COMPRESSED:
      case EventType.EXECUTE_LOAD_QUERY:
        return this.#query(decodeQuery(buffer, start, end, type, isCutOff(event)));
      case EventType.XA_PREPARE:
        return this.#xaPrepare(event);
      case EventType.HEARTBEAT:
      case EventType.HEARTBEAT_V2:
        return this.#heartbeat(heartbeatOf(event));
      case EventType.FORMAT_DESCRIPTION:
        return this.#format(event);
      case EventType.ROTATE:
        return this.#rotate(event);
      case EventType.INCIDENT:
        throw new MillraceError(
          "MR_SOURCE_LOSS",
          "the server says that its log has a gap (an incident event)",
        );
      default:
        return this.#begin(event);
    }
  }

  /** Events that begin a group; of all others it is known that they tell us nothing but how far the file goes. */
  #begin(event: LoggedEvent): void {
    const begin = groupBegin(event);
    if (begin === null) return this.#pass(event);
    const { gtid, commitTimeMs, idAt } = begin;
    this.#transaction = { id: idAt(this.#place.begin(gtid)), commitTimeMs };
    this.#isTransaction = begin.isTransaction;
    this.#group.begin(begin);
    this.xa.begin(begin.isPrepared);
    this.#batch.at(commitTimeMs);
  }

  /** Between groups it moves the boundary: a file that has just begun may hold nothing else for long (I3). */
  #pass(event: LoggedEvent): void {
    refuseUnknown(event, this.#place.open);
    if (this.#place.open === null && event.endsAt > 0)
      this.#told.passedBoundary(this.#place.boundary());
  }

  #query(query: QueryEvent): void {
    const statement = groupStatement(query.sql);
    switch (statement.kind) {
      case "begin":
        this.#isTransaction = true;
        return;
      case "commit":
        return this.#end();
      case "rollback":
        return this.#drop();
      case "savepoint":
        return this.#group.savepoint(statement.name);
      case "rollback-to":
        if (!this.#group.rollbackTo(statement.name))
          throw refusedLog("takenBack", this.#place.open);
        return;
      case "xa-start":
        this.#isTransaction = true;
        this.xa.begin(true);
        return this.#group.doubt();
      case "xa-commit":
      case "xa-rollback":
        return this.#endXa(statement.xid, statement.kind === "xa-commit");
      case "nothing":
        return;
      case "other":
        if (!this.#group.isUndone) this.#told.statement(query, this.#at(this.#runs.statement()));
        if (!this.#isTransaction) this.#end();
    }
  }

  #at(event: number): EventAt {
    const group = this.#place.open;
    if (group === null || this.#transaction === null)
      throw protocolError("rows outside of a transaction");
    const [from, fromEvent, fromRow] = this.#from;
    const isWithin = fromEvent === event && compareGroups(from, group) === 0;
    const toldRow = isWithin ? fromRow : -1;
    return { group, event, rows: this.#runs.rows, transaction: this.#transaction, toldRow };
  }

  #xaPrepare(event: LoggedEvent): void {
    if (!isOnlyPrepared(event)) return this.#end();
    this.xa.prepare(event);
    this.#drop();
  }

  #endXa(xid: string, isCommit: boolean): void {
    // Of one that was not prepared.
    if (this.#isTransaction) return isCommit ? this.#end() : this.#drop();
    this.xa.end(xid, isCommit);
    if (!isCommit) return this.#end();
    this.#transaction = xaTransaction(this.#at(0).transaction, xid);
    this.#rows.forget();
    this.#group.doubt();
  }

  /** The group ends, and none of its rows count. */
  #drop(): void {
    this.#group.drop();
    this.#end();
  }

  #end(): void {
    this.#group.count();
    const group = this.#place.end();
    this.#transaction = null;
    this.#told.passedBoundary(group);
  }

  /** Where the rows of an event are; counts it whether they are wanted or not. */
  #rowsAt(kind: RowEventKind, table: number): RowsAt | null {
    return this.#group.wants() ? this.#rows.at(kind, table, (run) => this.#at(run)) : null;
  }

  /** A server that died within a group, which was never committed then, has gone on in another file. */
  #abandon(): void {
    this.#group.drop();
    this.#place.abandon();
    this.#transaction = null;
  }

  /** Between groups the server's end is a boundary; it moves an idle log (I3). */
  #heartbeat({ fileName, at }: HeartbeatEvent): void {
    if (this.#place.open !== null || at === 0) return;
    this.#place.reach(fileName, at);
    this.#told.passedBoundary(this.#place.boundary());
  }

  #format(event: LoggedEvent): void {
    this.#place.format(event.timestampSeconds);
    this.#reader.hasChecksums = saysChecksums(event);
    this.#rows.forget();
  }

  #rotate({ buffer, bodyStart, bodyEnd }: LoggedEvent): void {
    const { fileName, at } = decodeRotate(buffer, bodyStart, bodyEnd);
    if (this.#place.open !== null) this.#abandon();
    this.#place.rotate(fileName, at);
    this.#told.passedBoundary(this.#place.boundary());
  }
}
