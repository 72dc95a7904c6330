import { MillraceError } from "../../errors/millrace-error.ts";

/** The greatest number that MySQL gives (2^63 - 2) is beyond 2^53: such numbers are refused, not rounded. */
const NUMBER_LIMIT = Number.MAX_SAFE_INTEGER;

/** The form of a set on the wire that has tags (8.3 and later). */
const TAGGED_FORM = 1;

/** Numbers `from` to `to`, both inclusive. */
interface Interval {
  readonly from: number;
  readonly to: number;
}

/** A GTID of MySQL: the server that first committed the transaction, with a tag where one was given (8.3), and a number. */
export interface Gtid {
  /** `uuid` or `uuid:tag`, in lower case. */
  readonly origin: string;
  readonly number: number;
}

/** The text of a GTID as the server writes it. */
export function gtidText({ origin, number }: Gtid): string {
  return `${origin}:${number}`;
}

/** Reads `uuid:5` or `uuid:tag:5`. @throws MillraceError MR_SOURCE_PROTOCOL */
export function parseGtid(text: string): Gtid {
  const at = text.lastIndexOf(":");
  const origin = text.slice(0, Math.max(0, at)).toLowerCase();
  if (!ORIGIN.test(origin)) throw unreadable();
  return { origin, number: numberOf(text.slice(at + 1)) };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ORIGIN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:[a-z_][a-z0-9_]{0,31})?$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;

/** A set of GTIDs, immutable. Intervals of an origin are sorted, apart from each other, and never empty. */
export class GtidSet {
  static readonly EMPTY = new GtidSet(new Map());
  readonly #origins: ReadonlyMap<string, readonly Interval[]>;

  private constructor(origins: ReadonlyMap<string, readonly Interval[]>) {
    this.#origins = origins;
  }

  /**
   * Reads the server's text: `uuid:1-5:7:tag:1-3, uuid:…`, with blanks and newlines anywhere between.
   * @throws MillraceError MR_SOURCE_PROTOCOL
   */
  static parse(text: string): GtidSet {
    const origins = new Map<string, Interval[]>();
    for (const member of text.replaceAll(/\s+/g, "").split(",")) {
      if (member !== "") readMember(member.toLowerCase(), origins);
    }
    return new GtidSet(new Map([...origins].map(([origin, found]) => [origin, united(found)])));
  }

  get isEmpty(): boolean {
    return this.#origins.size === 0;
  }

  has({ origin, number }: Gtid): boolean {
    const intervals = this.#origins.get(origin) ?? [];
    return intervals.some(({ from, to }) => from <= number && number <= to);
  }

  with({ origin, number }: Gtid): GtidSet {
    return this.union(new GtidSet(new Map([[origin, [{ from: number, to: number }]]])));
  }

  union(other: GtidSet): GtidSet {
    const origins = new Map(this.#origins);
    for (const [origin, intervals] of other.#origins)
      origins.set(origin, united([...(origins.get(origin) ?? []), ...intervals]));
    return new GtidSet(origins);
  }

  /** What is in this set and not in the other. */
  without(other: GtidSet): GtidSet {
    const origins = new Map<string, readonly Interval[]>();
    for (const [origin, intervals] of this.#origins) {
      const rest = subtract(intervals, other.#origins.get(origin) ?? []);
      if (rest.length > 0) origins.set(origin, rest);
    }
    return new GtidSet(origins);
  }

  /** Every GTID of `other` is in this set. */
  contains(other: GtidSet): boolean {
    return other.without(this).isEmpty;
  }

  /** The server's text, origins in order, tags behind their server's own numbers. Equal sets have one text. */
  toString(): string {
    const servers = new Map<string, string>();
    for (const origin of [...this.#origins.keys()].sort()) {
      const [uuid = "", tag] = origin.split(":");
      const numbers = (this.#origins.get(origin) ?? []).map(intervalText).join(":");
      const before = servers.get(uuid);
      servers.set(uuid, `${before ?? uuid}${tag === undefined ? "" : `:${tag}`}:${numbers}`);
    }
    return [...servers.values()].join(",");
  }

  /** Each origin with its intervals. */
  entries(): IterableIterator<[string, readonly Interval[]]> {
    return this.#origins.entries();
  }

  /**
   * As a dump's command has it. Servers before 8.3 know the form without tags alone, so that it is used wherever there
   * are none.
   */
  encoded(): Buffer {
    const isTagged = [...this.#origins.keys()].some((origin) => origin.includes(":"));
    const count = Buffer.alloc(8);
    if (isTagged) {
      // The form's number stands on both sides of the count, where an old server sees a count that is too large.
      count.writeUInt8(TAGGED_FORM, 0);
      count.writeUIntLE(this.#origins.size, 1, 6);
      count.writeUInt8(TAGGED_FORM, 7);
    } else count.writeUIntLE(this.#origins.size, 0, 6);
    const parts = [...this.#origins].map(([origin, intervals]) =>
      encodeOrigin(origin, intervals, isTagged),
    );
    return Buffer.concat([count, ...parts]);
  }
}

/** The end is exclusive. */
function encodeOrigin(origin: string, intervals: readonly Interval[], isTagged: boolean): Buffer {
  const [uuid = "", tag = ""] = origin.split(":");
  const numbers = Buffer.alloc(8 + 16 * intervals.length);
  numbers.writeBigUInt64LE(BigInt(intervals.length), 0);
  for (const [index, { from, to }] of intervals.entries()) {
    numbers.writeBigUInt64LE(BigInt(from), 8 + 16 * index);
    numbers.writeBigUInt64LE(BigInt(to) + 1n, 16 + 16 * index);
  }
  const id = Buffer.from(uuid.replaceAll("-", ""), "hex");
  // A short number in MySQL's serialisation: shifted by one bit.
  const tagged = isTagged
    ? Buffer.concat([Buffer.of(tag.length * 2), Buffer.from(tag)])
    : Buffer.alloc(0);
  return Buffer.concat([id, tagged, numbers]);
}

function intervalText({ from, to }: Interval): string {
  return from === to ? String(from) : `${from}-${to}`;
}

function readMember(member: string, origins: Map<string, Interval[]>): void {
  const [uuid = "", ...parts] = member.split(":");
  if (!UUID.test(uuid) || parts.length === 0) throw unreadable();
  let origin = uuid;
  for (const part of parts) {
    if (TAG.test(part)) origin = `${uuid}:${part}`;
    else add(origins, origin, readInterval(part));
  }
}

function add(origins: Map<string, Interval[]>, origin: string, interval: Interval): void {
  const intervals = origins.get(origin);
  if (intervals === undefined) origins.set(origin, [interval]);
  else intervals.push(interval);
}

function readInterval(text: string): Interval {
  const [from = "", to = from, ...more] = text.split("-");
  const interval = { from: numberOf(from), to: numberOf(to) };
  if (more.length > 0 || interval.to < interval.from) throw unreadable();
  return interval;
}

function numberOf(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > NUMBER_LIMIT) throw unreadable();
  return number;
}

function united(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = intervals.toSorted((a, b) => a.from - b.from);
  const result: Interval[] = [];
  for (const interval of sorted) {
    const last = result.at(-1);
    if (last === undefined || interval.from > last.to + 1) result.push(interval);
    else if (interval.to > last.to) result.splice(-1, 1, { from: last.from, to: interval.to });
  }
  return result;
}

function subtract(intervals: readonly Interval[], others: readonly Interval[]): Interval[] {
  let rest = [...intervals];
  for (const gone of others) rest = rest.flatMap((interval) => cut(interval, gone));
  return rest;
}

function cut(interval: Interval, gone: Interval): Interval[] {
  if (gone.to < interval.from || gone.from > interval.to) return [interval];
  const before = { from: interval.from, to: gone.from - 1 };
  const after = { from: gone.to + 1, to: interval.to };
  return [before, after].filter(({ from, to }) => from <= to);
}

function unreadable(): MillraceError {
  return new MillraceError("MR_SOURCE_PROTOCOL", "a GTID that cannot be read");
}
