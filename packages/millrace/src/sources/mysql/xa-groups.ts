import { EventType, rowEventKind } from "./event-types.ts";
import type { LogPlace } from "./log-place.ts";
import { refusedLog } from "./log-refusals.ts";
import type { LoggedEvent } from "./payload.ts";
import type { PreparedGroup } from "./position.ts";
import { RecentGroups } from "./recent-groups.ts";
import type { LogOffset } from "./transaction-id.ts";
import { xidOf } from "./xid.ts";

/** An XA transaction of which only the name is known, and that it was prepared before this place. */
export interface SoughtGroup {
  readonly xid: string;
  readonly before: LogOffset;
}

/**
 * What the log's reader knows of XA transactions: which are prepared and where, and whose rows have to be read again now
 * because they are committed (docs/design/006, "Transactions that are not one group").
 */
export class XaGroups {
  readonly #place: LogPlace;
  readonly #recent = new RecentGroups();
  #isOpen = false;
  #replay: PreparedGroup | null = null;
  #sought: SoughtGroup | null = null;

  constructor(place: LogPlace) {
    this.#place = place;
  }

  /** The open group commits what was prepared there, whose rows come before anything else; null where it does not. */
  get replay(): PreparedGroup | null {
    return this.#replay;
  }

  /** The open group commits what is known by this name alone: it was prepared before the log that was read begins. */
  get sought(): SoughtGroup | null {
    return this.#sought;
  }

  /** A group begins; `isXa`: it is known that it will be prepared. */
  begin(isXa: boolean): void {
    this.#isOpen = isXa;
    this.#recent.begin(isXa);
  }

  /** An event of the open group comes. Hot. */
  see(event: LoggedEvent): void {
    if (!this.#isOpen) return;
    const { type } = event;
    const isQuery = type === EventType.QUERY || type === EventType.QUERY_COMPRESSED;
    if (isQuery || type === EventType.TABLE_MAP || rowEventKind(type) !== null)
      this.#recent.add(event);
  }

  /** One comes that is too large to be kept. */
  pass(): void {
    this.#recent.begin(false);
  }

  /** The open group is prepared. */
  prepare(event: LoggedEvent): void {
    const xid = xidOf(event);
    this.#place.prepare(xid);
    this.#recent.keep(xid);
  }

  /** The open group is the end of what was prepared. */
  end(xid: string, isCommit: boolean): void {
    const group = this.#place.settle(xid);
    if (!isCommit) {
      this.#recent.take(xid);
      return;
    }
    this.#replay = group;
    const before = this.#place.open;
    this.#sought = group === null && before !== null ? { xid, before } : null;
  }

  /**
   * It was looked for where what is {@link sought} lies. @throws MillraceError MR_SOURCE_UNREADABLE where nobody knows: its
   * rows are in no log
   */
  found(group: PreparedGroup | null): PreparedGroup {
    this.#sought = null;
    this.#replay = group;
    if (group === null) throw refusedLog("xaUnknown", this.#place.open);
    return group;
  }

  /** The events of the group that is to be read again, where they are here still. */
  takeRecent(): readonly LoggedEvent[] | null {
    return this.#replay === null ? null : this.#recent.take(this.#replay.xid);
  }

  /** Its rows were read again. */
  replayed(): void {
    this.#replay = null;
  }
}
