import { BatchBuilder } from "../../change-log/batch-builder.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch, LogItem, Transaction } from "../../model/change.ts";
import { protocolError } from "./byte-cursor.ts";
import { EVENT_HEADER_BYTES, type EventReader } from "./event-reader.ts";
import { EventType, rowEventKind, type RowEventKind } from "./event-types.ts";
import { groupBegin } from "./group-begin.ts";
import { groupStatement } from "./group-statement.ts";
import {
  decodeFormat,
  decodeHeartbeat,
  decodeHeartbeatV2,
  decodeRotate,
  type HeartbeatEvent,
} from "./log-events.ts";
import type { LargeRowLimits } from "./large-row-decoder.ts";
import { LogPlace, type PlaceOptions } from "./log-place.ts";
import { refusedLog } from "./log-refusals.ts";
import { type LargeRows, LoggedRows, type RowsAt } from "./logged-rows.ts";
import type { LoggedEvent } from "./payload.ts";
import type { EventAt, LoggedTables } from "./logged-tables.ts";
import {
  boundary,
  compareGroups,
  comparePositions,
  type LogGroup,
  type LogPosition,
  logPosition,
} from "./position.ts";
import { decodeQuery, type QueryEvent } from "./query-event.ts";
import type { ServerVersion } from "./server-version.ts";
import { tableIdOf } from "./table-map.ts";

/** What the assembler goes by. */
export interface AssemblerOptions {
  /** Is told whether events have checksums. */
  readonly reader: Pick<EventReader, "hasChecksums">;
  /** Nothing at or before this position is given again. */
  readonly from: LogPosition;
  readonly place?: PlaceOptions;
  readonly tables: LoggedTables;
  /** Whose log it is: the same numbers mean other things. */
  readonly flavor: ServerVersion["flavor"];
  /** Of one row, in a large event. */
  readonly limits: LargeRowLimits;
}

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
  readonly #batch: BatchBuilder<LogPosition>;
  /** Of the open group. */
  #transaction: Transaction | null = null;
  /** Rows may come until the group's end is said; else its one statement ends it. */
  #isTransaction = false;
  /** The group's rows count only with XA COMMIT. */
  #isPrepared = false;
  #hasRows = false;

  constructor({ reader, from, place = {}, tables, flavor, limits }: AssemblerOptions) {
    this.#reader = reader;
    this.#place = new LogPlace(from, place);
    this.#tables = tables;
    this.#batch = new BatchBuilder(from, boundary(from[0]), comparePositions);
    this.#from = from;
    this.#rows = new LoggedRows({ from, limits, batch: this.#batch, tables, flavor });
  }

  /** Weight of the batch so far, bytes. */
  get bytes(): number {
    return this.#batch.bytes;
  }

  /** Something has to be asked at the source by {@link resolve}, before another event is fed or a batch taken. */
  get isOpen(): boolean {
    return this.#tables.isOpen;
  }

  /** Asks what is open. @throws MillraceError */
  async resolve(): Promise<void> {
    this.#tell(await this.#tables.resolve());
    // What was asked may hold from where the log is already.
    if (this.#place.open === null) this.#tell(this.#tables.reached(this.#place.boundary()));
  }

  /** What is here since the last batch; null where that is nothing at all. */
  take(): LogBatch | null {
    const batch = this.#batch.take();
    if (batch === null) return null;
    const position = this.#place.withExecuted(logPosition(batch.position));
    const isEnd = batch.acknowledge === batch.position;
    return { ...batch, position, acknowledge: isEnd ? position : batch.acknowledge };
  }

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
    const kind = rowEventKind(event.type);
    if (kind === null) return null;
    const at = this.#rowsAt(kind, tableIdOf(event.buffer, 0, firstBytes));
    return at === null ? null : this.#rows.large(at, event.bodyEnd - event.bodyStart);
  }

  /** Takes in an event that lies within another one, which was fed before. */
  feedInner(event: LoggedEvent): void {
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
        return this.#query(decodeQuery(buffer, start, end, type === EventType.QUERY_COMPRESSED));
      case EventType.XA_PREPARE:
        return this.#end();
      case EventType.HEARTBEAT:
        return this.#heartbeat(decodeHeartbeat(buffer, start, end, event.endsAt));
      case EventType.HEARTBEAT_V2:
        return this.#heartbeat(decodeHeartbeatV2(buffer, start, end));
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

  /** Events that begin a group; all others tell us nothing. */
  #begin(event: LoggedEvent): void {
    const begin = groupBegin(event);
    if (begin === null) return;
    const { gtid, commitTimeMs, idAt } = begin;
    this.#transaction = { id: idAt(this.#place.begin(gtid)), commitTimeMs };
    this.#isTransaction = begin.isTransaction;
    this.#isPrepared = begin.isPrepared;
    this.#hasRows = false;
    this.#batch.at(commitTimeMs);
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
        if (this.#hasRows) throw refusedLog("rolledBack", this.#place.open);
        return this.#end();
      case "rollback-to":
        throw refusedLog("takenBack", this.#place.open);
      case "rows":
        return this.#words(query);
      case "xa-start":
        this.#isTransaction = true;
        this.#isPrepared = true;
        return;
      case "xa-commit":
      case "xa-rollback":
        return this.#endXa(statement.xid, statement.kind === "xa-commit");
      case "nothing":
        return;
      case "other":
        this.#statement(query);
        if (!this.#isTransaction) this.#end();
    }
  }

  #words(query: QueryEvent): void {
    if (this.#tables.concerns(query)) throw refusedLog("statements", this.#place.open);
    if (!this.#isTransaction) this.#end();
  }

  #statement(query: QueryEvent): void {
    const at = this.#at(this.#place.count());
    const order = comparePositions([at.group, at.event, 0], this.#from);
    // What was told before is in the shapes that the tables began with.
    if (order <= 0 && at.toldRow < 0) return;
    this.#tell(this.#tables.statement(query, at));
  }

  /** Into the batch, but for what was given before. */
  #tell(items: readonly LogItem[]): void {
    for (const item of items) {
      if (item.position === null) continue;
      const position = logPosition(item.position);
      if (comparePositions(position, this.#from) <= 0) continue;
      this.#batch.add(item, 0);
      if (comparePositions(position, this.#batch.position) > 0) this.#batch.passed(position);
    }
  }

  #at(event: number): EventAt {
    const group = this.#place.open;
    if (group === null || this.#transaction === null)
      throw protocolError("rows outside of a transaction");
    const [from, fromEvent, fromRow] = this.#from;
    const isWithin = fromEvent === event && compareGroups(from, group) === 0;
    return { group, event, transaction: this.#transaction, toldRow: isWithin ? fromRow : -1 };
  }

  #endXa(xid: string, isCommit: boolean): void {
    const group = this.#place.settle(xid);
    if (isCommit && group !== null) throw refusedLog("xa", this.#place.open);
    this.#end();
  }

  #end(): void {
    const group = this.#place.end();
    this.#transaction = null;
    this.#passedBoundary(group);
  }

  #passedBoundary(group: LogGroup): void {
    this.#batch.passedBoundary(boundary(group));
    if (!this.#tables.isOpen) this.#tell(this.#tables.reached(group));
  }

  /** Where the rows of an event are; counts it whether they are wanted or not. */
  #rowsAt(kind: RowEventKind, table: number): RowsAt | null {
    const at = this.#rows.at(kind, table, this.#at(this.#place.count()));
    if (at === null) return null;
    if (this.#isPrepared) throw refusedLog("xa", this.#place.open);
    this.#hasRows = true;
    return at;
  }

  /** Between groups the server's end is a boundary; it moves an idle log (I3). */
  #heartbeat({ fileName, at }: HeartbeatEvent): void {
    if (this.#place.open !== null || at === 0) return;
    this.#place.reach(fileName, at);
    this.#passedBoundary(this.#place.boundary());
  }

  #format({ buffer, bodyStart: start, bodyEnd: end, ...event }: LoggedEvent): void {
    const { eventBytes, timestampSeconds } = event;
    this.#place.format(timestampSeconds);
    const isCut = end - start + EVENT_HEADER_BYTES < eventBytes;
    this.#reader.hasChecksums = decodeFormat(buffer, start, end, isCut).hasChecksums;
    this.#rows.forget();
  }

  #rotate({ buffer, bodyStart, bodyEnd }: LoggedEvent): void {
    const { fileName, at } = decodeRotate(buffer, bodyStart, bodyEnd);
    if (this.#place.open !== null) throw protocolError("a file that ends within a transaction");
    this.#place.rotate(fileName, at);
    this.#passedBoundary(this.#place.boundary());
  }
}

function isHeartbeat(type: number): boolean {
  return type === EventType.HEARTBEAT || type === EventType.HEARTBEAT_V2;
}
