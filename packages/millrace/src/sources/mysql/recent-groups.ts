import type { LoggedEvent } from "./payload.ts";

/** What is kept of all of them together, bytes (I10). */
const MOST_BYTES = 1_048_576;

/**
 * The events of groups that were prepared lately, so that those which are committed at once, as most are, need not be read
 * again at the server. Bounded: what is not here is read there.
 */
export class RecentGroups {
  /** By their names, the oldest first. */
  readonly #groups = new Map<string, readonly LoggedEvent[]>();
  #bytes = 0;
  /** Of the open group; null where it is too large, or nothing of it is kept. */
  #open: LoggedEvent[] | null = null;
  #openBytes = 0;

  /** A group begins; `isKept`: it may be prepared. */
  begin(isKept: boolean): void {
    this.#open = isKept ? [] : null;
    this.#openBytes = 0;
  }

  /** An event of it that says which rows there are. Hot where groups are kept. */
  add(event: LoggedEvent): void {
    if (this.#open === null) return;
    const { type, timestampSeconds, serverId, eventBytes, flags, bodyStart, bodyEnd } = event;
    this.#openBytes += bodyEnd - bodyStart;
    if (this.#openBytes > MOST_BYTES) return this.begin(false);
    const buffer = Buffer.from(event.buffer.subarray(bodyStart, bodyEnd));
    const header = { type, timestampSeconds, serverId, eventBytes, flags, endsAt: 0 };
    this.#open.push({ ...header, buffer, bodyStart: 0, bodyEnd: buffer.length });
  }

  /** The open group was prepared by this name. */
  keep(xid: string): void {
    this.take(xid);
    if (this.#open === null) return;
    this.#groups.set(xid, this.#open);
    this.#bytes += this.#openBytes;
    this.begin(false);
    for (const oldest of this.#groups.keys()) {
      if (this.#bytes <= MOST_BYTES) break;
      this.take(oldest);
    }
  }

  /** Gives its events, once; null where they are not here. */
  take(xid: string): readonly LoggedEvent[] | null {
    const events = this.#groups.get(xid) ?? null;
    this.#groups.delete(xid);
    for (const { bodyEnd } of events ?? []) this.#bytes -= bodyEnd;
    return events;
  }
}
