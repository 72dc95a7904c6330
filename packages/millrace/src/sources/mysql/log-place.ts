import { MillraceError } from "../../errors/millrace-error.ts";
import { protocolError } from "./byte-cursor.ts";
import type { ExecutedGtids } from "./executed-gtids.ts";
import type { LogGroup, LogPosition, PreparedGroup } from "./position.ts";

const WORD = 0x1_0000_0000;
const HASH_MODULUS = 2 ** 48;

/** What is known of the log beside where it is read from. */
export interface PlaceOptions {
  /** Up to `from`; absent where the server has no GTIDs. */
  readonly executed?: ExecutedGtids | undefined;
  /** Groups of another server's log that something is durable of; they are behind `from`. */
  readonly ahead?: readonly LogGroup[];
}

/**
 * Where the reader of a log is: in which file, at which offset, in which group, at which of its events. Offsets are counted
 * here, because events say theirs modulo 2^32, and a transaction larger than that lies in one file.
 */
export class LogPlace {
  #file: number;
  #at: number;
  /** Where the event under the reader begins. */
  #eventAt: number;
  #n: number;
  #hash: number;
  /** When the file was begun, as its first event says; 0 before that was read. */
  #made: number;
  readonly #era: number;
  readonly #executed: ExecutedGtids | null;
  /** What another server's log has to be like, by the number of a group. */
  readonly #ahead: Map<number, readonly LogGroup[]>;
  #open: LogGroup | null = null;
  #gtid: string | null = null;
  readonly #prepared: Map<string, PreparedGroup>;
  /** What the open group does to these, once it has ended. */
  #prepares: PreparedGroup | null = null;
  #settles: string | null = null;

  /** Reading begins at the group of `from`. */
  constructor(from: LogPosition, { executed, ahead = [] }: PlaceOptions = {}) {
    const [{ era, file, at, n, hash, made = 0, prepared = [] }] = from;
    if (n === null || hash === null) throw protocolError("a log that begins at no known group");
    this.#file = file;
    this.#at = at;
    this.#eventAt = at;
    this.#n = n;
    this.#hash = hash;
    this.#made = made;
    this.#era = era;
    this.#executed = executed ?? null;
    this.#ahead = Map.groupBy(ahead, (group) => group.n ?? -1);
    this.#prepared = new Map(prepared.map((group) => [group.xid, group]));
  }

  /** The group whose events come; null between groups. */
  get open(): LogGroup | null {
    return this.#open;
  }

  /** What comes next is in this file, at this offset. @throws MillraceError where the name has no number. */
  rotate(fileName: string, at: number): void {
    const number = /\.(\d+)$/.exec(fileName)?.[1];
    if (number === undefined) throw protocolError("a log file whose name does not end in a number");
    if (Number(number) !== this.#file) this.#made = 0;
    this.#file = Number(number);
    this.#at = at;
    this.#eventAt = at;
  }

  /** The file's first event was read, which the server repeats wherever a dump begins. */
  format(timestampSeconds: number): void {
    this.#made = timestampSeconds;
  }

  /**
   * An event was read that lies in the file; `endsAt` of its header. What the server leaves out (of a dump by GTIDs, events
   * that we did not ask for) shows as a gap.
   */
  event(eventBytes: number, endsAt: number): void {
    const least = this.#at + eventBytes;
    const gap = (endsAt - (least % WORD) + WORD) % WORD;
    this.#at = least + gap;
    this.#eventAt = this.#at - eventBytes;
  }

  /**
   * The server says that nothing comes before this place. One that is behind is none: the server repeats itself, and its
   * offsets are modulo 2^32 too.
   */
  reach(fileName: string, at: number): void {
    const number = Number(/\.(\d+)$/.exec(fileName)?.[1] ?? -1);
    if (number > this.#file) return this.rotate(fileName, at);
    const gap = (at - (this.#at % WORD) + WORD) % WORD;
    if (number === this.#file && gap < WORD / 2) this.#at += gap;
  }

  /** The event under the reader begins a group. */
  begin(gtid: string | null): LogGroup {
    if (this.#open !== null) throw protocolError("a group that begins within another one");
    this.#gtid = gtid;
    if (this.#ahead.size > 0) this.#checkAhead(gtid);
    const group = this.#groupAt(this.#eventAt);
    this.#open = gtid === null || this.#executed === null ? group : { ...group, gtid };
    return this.#open;
  }

  /** The event under the reader was the group's last: gives the boundary behind it. */
  end(): LogGroup {
    if (this.#open === null) throw protocolError("the end of a transaction that has not begun");
    this.#open = null;
    this.#n += 1;
    this.#settle();
    if (this.#gtid !== null) {
      this.#hash = (this.#hash + hashOf(this.#gtid)) % HASH_MODULUS;
      this.#executed?.add(this.#gtid);
    }
    if (this.#ahead.size > 0) this.#checkAhead(null);
    return this.boundary();
  }

  /** The file ends before the group does: it never was. */
  abandon(): void {
    this.#open = null;
    this.#prepares = null;
    this.#settles = null;
  }

  /**
   * A position in the open group, or at the last boundary, with what a run has to know that begins there: what was executed
   * before it, where that is known, and what was prepared.
   */
  toBeginAt(position: LogPosition): LogPosition {
    const [group, event, row] = position;
    const gtids = this.#executed === null ? {} : { gtids: this.#executed.text };
    const prepared = this.#prepared.size === 0 ? {} : { prepared: [...this.#prepared.values()] };
    return [{ ...group, ...gtids, ...prepared }, event, row];
  }

  /**
   * What is durable behind the place where reading began is of another server's log: up to there this one must have had the
   * same groups, or what it has is another history (I8). @throws MillraceError MR_SOURCE_LOSS
   */
  #checkAhead(gtid: string | null): void {
    for (const group of this.#ahead.get(this.#n) ?? []) {
      const isOther = gtid !== null && group.gtid !== undefined && group.gtid !== gtid;
      if (group.hash === this.#hash && !isOther) continue;
      throw new MillraceError(
        "MR_SOURCE_LOSS",
        "the log of the server that took over has not the same transactions as the one that was read before, up to what the sink was given of it",
      );
    }
    if (gtid !== null) this.#ahead.delete(this.#n);
  }

  /** The boundary behind the event under the reader. */
  boundary(): LogGroup {
    return this.#groupAt(this.#at);
  }

  /** The open group is prepared: its rows count once this XA transaction is committed. */
  prepare(xid: string): void {
    if (this.#open === null) throw protocolError("XA PREPARE outside of a group");
    const { file, at } = this.#open;
    const gtid = this.#gtid === null ? {} : { gtid: this.#gtid };
    this.#prepares = { xid, file, at, ...gtid };
  }

  /**
   * With the open group an XA transaction is over; gives where its rows are, null where they were not read (it was prepared
   * before).
   */
  settle(xid: string): PreparedGroup | null {
    this.#settles = xid;
    return this.#prepared.get(xid) ?? null;
  }

  #settle(): void {
    if (this.#settles !== null) this.#prepared.delete(this.#settles);
    if (this.#prepares !== null) this.#prepared.set(this.#prepares.xid, this.#prepares);
    this.#settles = null;
    this.#prepares = null;
  }

  #groupAt(at: number): LogGroup {
    const group = { file: this.#file, at, era: this.#era, n: this.#n, hash: this.#hash };
    return this.#made === 0 ? group : { ...group, made: this.#made };
  }
}

/** 48 bits of a GTID's text (FNV-1a over two halves): two servers' sets are compared by sums of these. */
function hashOf(text: string): number {
  let low = 0x811c_9dc5;
  let high = 0x050c_5d1f;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x0100_0193);
    high = Math.imul(high ^ code, 0x01a8_9bb5);
  }
  return (high & 0xffff) * WORD + (low >>> 0);
}
