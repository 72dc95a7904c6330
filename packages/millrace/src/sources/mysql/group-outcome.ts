import { EventType, rowEventKind } from "./event-types.ts";
import { type EndingSink, fedFrom } from "./fed-events.ts";
import { groupBegin } from "./group-begin.ts";
import { groupStatement } from "./group-statement.ts";
import type { FoundEvent } from "./log-probe.ts";
import { refusedLog } from "./log-refusals.ts";
import type { LoggedEvent } from "./payload.ts";
import { decodeQuery } from "./query-event.ts";
import { Savepoints } from "./savepoints.ts";
import type { LogOffset } from "./transaction-id.ts";

/** Row events of a group, counted from 0; `until` is the first that is none of them. */
export interface RowEvents {
  readonly from: number;
  readonly until: number;
}

/** What becomes of a group. */
export interface GroupOutcome {
  /** False: it was rolled back, only prepared, or the server died before its end was written. */
  readonly counts: boolean;
  /** It was prepared, and ends with an XA COMMIT or XA ROLLBACK elsewhere. */
  readonly isPrepared: boolean;
  /** What ROLLBACK TO took back of it, in order. */
  readonly takenBack: readonly RowEvents[];
}

/** The server died before its end was written. */
export const NOT_COMMITTED: GroupOutcome = { counts: false, isPrepared: false, takenBack: [] };

/** What an XA_PREPARE event says first. */
const ONE_PHASE = 1;

/**
 * Reads the group that begins with the first event to its end, and holds none of its rows: they may be of any number. Null
 * where the events end before the group does.
 * @throws MillraceError
 */
export async function readOutcome(
  events: AsyncGenerator<FoundEvent>,
  group: LogOffset,
): Promise<GroupOutcome | null> {
  const scan = new OutcomeScan(group);
  for await (const _step of fedFrom(events, scan)) continue;
  return scan.isDone ? scan.outcome : null;
}

/** Whether the transaction that ends in this XA_PREPARE event is only prepared. */
export function isOnlyPrepared({ buffer, bodyStart }: LoggedEvent): boolean {
  return buffer[bodyStart] !== ONE_PHASE;
}

class OutcomeScan implements EndingSink {
  readonly #group: LogOffset;
  #isBegun = false;
  #counts = false;
  #isPrepared = false;
  #isDone = false;
  #rowEvents = 0;
  readonly #savepoints = new Savepoints<number>();
  readonly #takenBack: RowEvents[] = [];

  constructor(group: LogOffset) {
    this.#group = group;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  get outcome(): GroupOutcome {
    return { counts: this.#counts, isPrepared: this.#isPrepared, takenBack: this.#takenBack };
  }

  feed(event: LoggedEvent): void {
    this.feedInner(event);
  }

  feedLarge({ type }: LoggedEvent): null {
    if (rowEventKind(type) !== null) this.#rowEvents += 1;
    return null;
  }

  feedInner(event: LoggedEvent): void {
    const { type } = event;
    if (rowEventKind(type) !== null) this.#rowEvents += 1;
    else if (type === EventType.XID) this.#end(true);
    else if (type === EventType.XA_PREPARE) this.#prepared(event);
    else if (type === EventType.QUERY || type === EventType.QUERY_COMPRESSED) this.#query(event);
    else this.#other(event);
  }

  /** The file ends, or another group begins: the server died before the end of this one. */
  #other(event: LoggedEvent): void {
    const isBegin = groupBegin(event) !== null;
    const isOver = isBegin || event.type === EventType.ROTATE || event.type === EventType.STOP;
    if (this.#isBegun && isOver) this.#end(false);
    this.#isBegun ||= isBegin;
  }

  #prepared(event: LoggedEvent): void {
    this.#isPrepared = isOnlyPrepared(event);
    this.#end(!this.#isPrepared);
  }

  #query({ buffer, bodyStart, bodyEnd, type }: LoggedEvent): void {
    const statement = groupStatement(decodeQuery(buffer, bodyStart, bodyEnd, type).sql);
    switch (statement.kind) {
      case "commit":
      case "xa-commit":
        return this.#end(true);
      case "rollback":
      case "xa-rollback":
        return this.#end(false);
      case "savepoint":
        return this.#savepoints.set(statement.name, this.#rowEvents);
      case "rollback-to":
        return this.#takeBack(this.#savepoints.backTo(statement.name));
      default:
    }
  }

  #takeBack(from: number | null): void {
    if (from === null) throw refusedLog("takenBack", this.#group);
    const ranges = this.#takenBack;
    while ((ranges.at(-1)?.from ?? -1) >= from) ranges.pop();
    const last = ranges.at(-1);
    const isJoined = last !== undefined && last.until >= from;
    if (isJoined) ranges.pop();
    if (from < this.#rowEvents)
      ranges.push({ from: isJoined ? last.from : from, until: this.#rowEvents });
    else if (isJoined) ranges.push(last);
  }

  #end(counts: boolean): void {
    this.#counts = counts;
    this.#isDone = true;
  }
}
