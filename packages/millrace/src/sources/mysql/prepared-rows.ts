import { EventType, rowEventKind } from "./event-types.ts";
import { type EndingSink, fedFrom } from "./fed-events.ts";
import { groupStatement } from "./group-statement.ts";
import type { FoundEvent } from "./log-probe.ts";
import type { LargeRows } from "./logged-rows.ts";
import type { EventSink } from "./event-steps.ts";
import { refusedLog } from "./log-refusals.ts";
import type { LoggedEvent } from "./payload.ts";
import type { PreparedGroup } from "./position.ts";
import { decodeQuery } from "./query-event.ts";

/**
 * Gives the rows of a prepared group, whose first event is the first of these, as if they stood in the group that is open,
 * which commits them. Step by step: they may be of any number. @throws MillraceError MR_SOURCE_UNREADABLE
 */
export async function* preparedRows(
  events: AsyncGenerator<FoundEvent>,
  group: PreparedGroup,
  sink: EventSink,
): AsyncGenerator<void> {
  const rows = new PreparedRows(sink);
  yield* fedFrom(events, rows);
  // What lies there is no prepared group.
  if (!rows.isDone) throw refusedLog("xaUnknown", group);
}

/** The same of a group whose events are here still. */
export async function* recentRows(
  events: readonly LoggedEvent[],
  sink: EventSink,
): AsyncGenerator<void> {
  const rows = new PreparedRows(sink);
  for (const event of events) {
    rows.feed(event);
    yield;
  }
}

/** Of the prepared group only what says which rows there are. */
class PreparedRows implements EndingSink {
  readonly #sink: EventSink;
  #isDone = false;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  feed(event: LoggedEvent): void {
    this.feedInner(event);
  }

  feedInner(event: LoggedEvent): void {
    const { type } = event;
    if (type === EventType.XA_PREPARE) this.#isDone = true;
    else if (type === EventType.TABLE_MAP || rowEventKind(type) !== null || isSavepoint(event))
      this.#sink.feedInner(event);
  }

  /** It lies elsewhere: not in the file that is read. */
  feedLarge(event: LoggedEvent, firstBytes: number): LargeRows | null {
    return this.#sink.feedLarge({ ...event, endsAt: 0 }, firstBytes);
  }
}

function isSavepoint({ type, buffer, bodyStart, bodyEnd }: LoggedEvent): boolean {
  if (type !== EventType.QUERY && type !== EventType.QUERY_COMPRESSED) return false;
  const { kind } = groupStatement(decodeQuery(buffer, bodyStart, bodyEnd, type).sql);
  return kind === "savepoint" || kind === "rollback-to";
}
