import { EventType } from "./event-types.ts";
import { type EndingSink, fedFrom } from "./fed-events.ts";
import { groupBegin } from "./group-begin.ts";
import { isOnlyPrepared } from "./group-outcome.ts";
import { groupStatement } from "./group-statement.ts";
import type { FoundEvent } from "./log-probe.ts";
import { decodeRotate } from "./log-events.ts";
import type { LoggedEvent } from "./payload.ts";
import type { PreparedGroup } from "./position.ts";
import { decodeQuery } from "./query-event.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import { xidOf } from "./xid.ts";

/** What a stretch of the log does to XA transactions. */
export interface XaStretch {
  /** Prepared there, and not ended there. */
  readonly prepared: readonly PreparedGroup[];
  /** Committed or rolled back there. */
  readonly ended: ReadonlySet<string>;
}

/** Reads the log from the first of these events to a place; what else is in it is passed by. @throws MillraceError */
export async function readXaStretch(
  events: AsyncGenerator<FoundEvent>,
  until: LogOffset,
): Promise<XaStretch> {
  const scan = new XaScan(until);
  for await (const _step of fedFrom(events, scan)) continue;
  return scan;
}

class XaScan implements EndingSink, XaStretch {
  readonly ended = new Set<string>();
  readonly #until: LogOffset;
  readonly #prepared = new Map<string, PreparedGroup>();
  #at: LogOffset = { file: 0, at: 0 };
  #group: Omit<PreparedGroup, "xid"> | null = null;

  constructor(until: LogOffset) {
    this.#until = until;
  }

  get prepared(): readonly PreparedGroup[] {
    return [...this.#prepared.values()];
  }

  get isDone(): boolean {
    return compareOffsets(this.#at, this.#until) >= 0;
  }

  feed(event: LoggedEvent): void {
    const { type, buffer, bodyStart, bodyEnd, endsAt, eventBytes } = event;
    if (type === EventType.ROTATE) {
      const { fileName, at } = decodeRotate(buffer, bodyStart, bodyEnd);
      this.#at = { file: Number(/\.(\d+)$/.exec(fileName)?.[1] ?? 0), at };
      return;
    }
    const begin = groupBegin(event);
    const { file } = this.#at;
    if (begin !== null)
      this.#group = {
        file,
        at: endsAt - eventBytes,
        ...(begin.gtid === null ? {} : { gtid: begin.gtid }),
      };
    else this.feedInner(event);
    if (endsAt > 0) this.#at = { file, at: endsAt };
  }

  feedInner(event: LoggedEvent): void {
    const { type, buffer, bodyStart, bodyEnd } = event;
    if (type === EventType.XA_PREPARE && isOnlyPrepared(event) && this.#group !== null) {
      const xid = xidOf(event);
      this.#prepared.set(xid, { xid, ...this.#group });
    }
    if (type !== EventType.QUERY && type !== EventType.QUERY_COMPRESSED) return;
    const statement = groupStatement(decodeQuery(buffer, bodyStart, bodyEnd, type).sql);
    if (statement.kind !== "xa-commit" && statement.kind !== "xa-rollback") return;
    this.#prepared.delete(statement.xid);
    this.ended.add(statement.xid);
  }

  feedLarge(): null {
    return null;
  }
}
