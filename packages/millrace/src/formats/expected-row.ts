/*
 * Hot: per row of a message. A row whose members and their kinds are those of the last one is read from its bytes at once: where
 * its values stand first, and then the values; nothing is made of a row that turns out to be another one.
 */
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import { ByteWriter } from "./byte-writer.ts";
import { valueOf, type FieldReading } from "./connect-reading.ts";
import type { GoneWord } from "./gone-word.ts";
import { NamePlace, type MemberNames } from "./json-object.ts";
import { JsonBytes, NotJson, NumberText, type JsonRead } from "./json-reader.ts";
import {
  lastOfEscape,
  pastFalse,
  pastInteger,
  pastNull,
  pastNumber,
  pastPlain,
  pastTrue,
  pastValue,
} from "./json-skip.ts";
import { MemberLabels } from "./member-labels.ts";
import { writeUnescaped } from "./written-values.ts";
import type { ScannedBytes } from "./scanned-bytes.ts";

/** What a member has to look like. Null is always good; all else is left to the careful way. */
export type MemberForm =
  /** Anything: nobody asks for it. */
  | "any"
  /** Nothing but null. */
  | "null"
  | "boolean"
  /** A string as it is. */
  | "text"
  /** A number as it is, without point and exponent, that fits into 64 bits. */
  | "integer"
  /** A number as it is, without exponent. */
  | "decimal"
  /** A number as it is. */
  | "number"
  /** An object or a list. */
  | "json"
  /** A string, a number, an object or a list, of which the reading makes something. */
  | "read";

/** A member of the object, by its place there. */
export interface ExpectedMember {
  readonly form: MemberForm;
  /** Where its value goes to; −1: nowhere. */
  readonly column: number;
  readonly reading: FieldReading | null;
}

/** What a row is expected to be. */
export interface RowExpectation {
  readonly names: MemberNames;
  /** In the order of the names. */
  readonly members: readonly ExpectedMember[];
  /** How many values a row has. */
  readonly columns: number;
  /** How deep its values stand in their message. */
  readonly depth: number;
  readonly gone: GoneWord;
}

/** What a value was found to be. */
const NULL = 0;
const TRUE = 1;
const FALSE = 2;
/** Characters of the message as they are: of a number, or of a string. */
const NUMBER = 3;
const ASCII = 4;
const UTF8 = 5;
const ESCAPED_ASCII = 6;
const ESCAPED_UTF8 = 7;
/** Characters that were written anew. */
const WRITTEN = 8;
/** For the reading. */
const READ_INTEGER = 9;
const READ_NUMBER = 10;
const READ_DOCUMENT = 11;
const SKIPPED = 12;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OBJECT = 0x7b;
const ARRAY = 0x5b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const SMALL_E = 0x65;
/** Whole numbers with fewer digits fit into 64 bits, and up to this one. */
const MAX_INT64 = Buffer.from("9223372036854775807");
const WRITTEN_BYTES = 256;
const NOBODYS: ExpectedMember = { form: "any", column: -1, reading: null };

/** See above. */
export class ExpectedRow {
  readonly #labels: MemberLabels;
  readonly #members: readonly ExpectedMember[];
  readonly #depth: number;
  readonly #gone: GoneWord;
  readonly #nulls: Row;
  readonly #unchanged: Row;
  /** Of the row that was seen last: what each value is, and where its characters begin and end. */
  readonly #kinds: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #documents: JsonRead[];
  readonly #places: (NamePlace | undefined)[];
  readonly #written = new ByteWriter(WRITTEN_BYTES);
  #start = 0;
  #end = 0;

  private constructor(labels: MemberLabels, { members, columns, depth, gone }: RowExpectation) {
    this.#labels = labels;
    this.#members = members;
    this.#depth = depth;
    this.#gone = gone;
    this.#nulls = Array.from({ length: columns }, () => null);
    this.#unchanged = this.#nulls.map(() => UNCHANGED);
    this.#kinds = new Uint8Array(members.length);
    this.#starts = new Int32Array(members.length);
    this.#ends = new Int32Array(members.length);
    this.#documents = members.map(() => null);
    this.#places = members.map(() => undefined);
  }

  /** Null where there are no names, or more than are looked for. */
  static of(expectation: RowExpectation): ExpectedRow | null {
    const labels = MemberLabels.of(expectation.names);
    return labels === null ? null : new ExpectedRow(labels, expectation);
  }

  /** Past such a row that begins at `start`, which {@link row} makes then; −1 where it is another one. @throws NotJson */
  see(scanned: ScannedBytes, start: number, end: number): number {
    const labels = this.#labels;
    this.#written.clear();
    let at = start;
    for (let place = 0; place < labels.count; place++) {
      at = labels.past(place, scanned, at);
      if (at < 0 || at >= end) return -1;
      at = this.#seeValue(place, scanned, at, end);
      if (at < 0) return -1;
    }
    this.#start = start;
    this.#end = at;
    return labels.pastEnd(scanned.bytes, at, end);
  }

  #seeValue(place: number, scanned: ScannedBytes, at: number, end: number): number {
    const { bytes } = scanned;
    const form = this.#members[place]?.form ?? "null";
    switch (bytes[at]) {
      case 0x6e:
        this.#kinds[place] = form === "any" ? SKIPPED : NULL;
        return pastNull(bytes, at, end);
      case QUOTE:
        if (form === "text" || form === "read") return this.#seeString(place, scanned, at + 1, end);
        break;
      case 0x74:
        this.#kinds[place] = TRUE;
        if (form === "boolean") return pastTrue(bytes, at, end);
        break;
      case 0x66:
        this.#kinds[place] = FALSE;
        if (form === "boolean") return pastFalse(bytes, at, end);
        break;
      case OBJECT:
      case ARRAY:
        if (form === "json" || form === "read") return this.#seeDocument(place, bytes, at, end);
        break;
      default:
        if (form !== "any") return this.#seeNumber(place, form, bytes, at, end);
    }
    this.#kinds[place] = SKIPPED;
    return form === "any" ? pastValue(scanned, at, end) : -1;
  }

  #seeString(place: number, scanned: ScannedBytes, start: number, end: number): number {
    const { bytes } = scanned;
    let bits = 0;
    let isEscaped = false;
    for (let at = pastPlain(scanned, start, end); at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.#starts[place] = start;
        this.#ends[place] = at;
        this.#kinds[place] = this.#kindOfString(place, bytes, bits, isEscaped);
        return at + 1;
      }
      if (byte < 0x20) return -1;
      bits |= byte;
      if (byte === BACKSLASH) {
        isEscaped = true;
        at = lastOfEscape(bytes, at, end);
        if (at < 0) return -1;
        at = pastPlain(scanned, at + 1, end) - 1;
      }
    }
    return -1;
  }

  #kindOfString(place: number, bytes: Buffer, bits: number, isEscaped: boolean): number {
    if (bits >= 0x80) return isEscaped ? ESCAPED_UTF8 : UTF8;
    const { form, reading } = this.#members[place] ?? NOBODYS;
    const start = this.#starts[place] ?? 0;
    const end = this.#ends[place] ?? 0;
    const write = isEscaped ? (form === "text" ? writeUnescaped : undefined) : reading?.write;
    if (write === undefined || (!isEscaped && this.#gone.mayBe(end - start)))
      return isEscaped ? ESCAPED_ASCII : ASCII;
    const out = this.#written;
    const begun = out.length;
    if (!write(bytes, start, end, out) || this.#gone.mayBe(out.length - begun)) {
      out.length = begun;
      return isEscaped ? ESCAPED_ASCII : ASCII;
    }
    this.#starts[place] = begun;
    this.#ends[place] = out.length;
    return WRITTEN;
  }

  #seeNumber(place: number, form: MemberForm, bytes: Buffer, start: number, end: number): number {
    let at = pastInteger(bytes, start, end);
    const next = at >= 0 && at < end ? (bytes[at] ?? 0) : 0;
    const isInteger = next !== POINT && (next | 0x20) !== SMALL_E;
    if (!isInteger) at = pastNumber(bytes, start, end);
    if (at < 0) return -1;
    this.#starts[place] = start;
    this.#ends[place] = at;
    this.#kinds[place] = form !== "read" ? NUMBER : isInteger ? READ_INTEGER : READ_NUMBER;
    switch (form) {
      case "integer":
        return isInteger && isInt64(bytes, start, at) ? at : -1;
      case "decimal":
        return isInteger || !hasExponent(bytes, start, at) ? at : -1;
      case "number":
      case "read":
        return at;
      default:
        return -1;
    }
  }

  #seeDocument(place: number, bytes: Buffer, at: number, end: number): number {
    const reader = new JsonBytes(bytes, at, end);
    const names = (this.#places[place] ??= new NamePlace());
    this.#documents[place] = reader.value(this.#depth, names);
    this.#kinds[place] = READ_DOCUMENT;
    return reader.at;
  }

  /** The row that was seen last; what it does not have is `absent`. @throws NotJson, OtherValue */
  row(bytes: Buffer, absent: null | typeof UNCHANGED): Row {
    const row = (absent === null ? this.#nulls : this.#unchanged).slice();
    const text = bytes.toString("latin1", this.#start, this.#end);
    const { length, buffer } = this.#written;
    const written = length === 0 ? "" : buffer.toString("latin1", 0, length);
    const held = { bytes, text, written };
    const members = this.#members;
    for (let place = 0; place < members.length; place++) {
      const member = members[place];
      if (member !== undefined && member.column >= 0)
        row[member.column] = this.#value(place, member, held);
    }
    return row;
  }

  #value(place: number, { form, reading }: ExpectedMember, held: Held): Value {
    const start = this.#starts[place] ?? 0;
    const end = this.#ends[place] ?? 0;
    const kind = this.#kinds[place] ?? NULL;
    switch (kind) {
      case TRUE:
        return true;
      case FALSE:
        return false;
      case NUMBER:
        return this.#part(start, end, held);
      case WRITTEN:
        return held.written.slice(start, end);
      case ASCII:
      case UTF8:
      case ESCAPED_ASCII:
      case ESCAPED_UTF8: {
        const string = this.#string(kind, start, end, held);
        if (this.#gone.mayBe(string.length) && this.#gone.is(string)) return UNCHANGED;
        return form === "text" || reading === null ? string : reading.read(string);
      }
      case READ_INTEGER:
      case READ_NUMBER:
        return (
          reading?.read(new NumberText(this.#part(start, end, held), kind === READ_INTEGER)) ?? null
        );
      case READ_DOCUMENT:
        return this.#document(place, reading);
      default:
        return null;
    }
  }

  #part(start: number, end: number, { text }: Held): string {
    return text.slice(start - this.#start, end - this.#start);
  }

  #string(kind: number, start: number, end: number, held: Held): string {
    if (kind === ASCII) return this.#part(start, end, held);
    if (kind === UTF8) return held.bytes.toString("utf8", start, end);
    const quoted =
      kind === ESCAPED_UTF8
        ? held.bytes.toString("utf8", start - 1, end + 1)
        : this.#part(start - 1, end + 1, held);
    try {
      return JSON.parse(quoted) as string;
    } catch {
      throw new NotJson();
    }
  }

  #document(place: number, reading: FieldReading | null): Value {
    const document = this.#documents[place] ?? null;
    this.#documents[place] = null;
    return reading === null ? null : valueOf(document, reading, (value) => this.#gone.is(value));
  }
}

/** What a row's values are parts of. */
interface Held {
  readonly bytes: Buffer;
  readonly text: string;
  readonly written: string;
}

/** Of a whole number in its shortest form; `-0` is not, and of the least number it is not said. */
function isInt64(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === MINUS ? start + 1 : start;
  if (first > start && bytes[first] === ZERO) return false;
  const digits = end - first;
  if (digits !== MAX_INT64.length) return digits < MAX_INT64.length;
  for (let i = 0; i < digits; i++) {
    const more = (bytes[first + i] ?? 0) - (MAX_INT64[i] ?? 0);
    if (more !== 0) return more < 0;
  }
  return true;
}

function hasExponent(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (((bytes[at] ?? 0) | 0x20) === SMALL_E) return true;
  return false;
}
