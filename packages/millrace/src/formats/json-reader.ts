/*
 * Hot: JSON from bytes, with numbers to their last digit. JSON.parse would round integers beyond 2^53, which keys are,
 * and decimals.
 */
import { JsonObject, MemberNames, NamePlace } from "./json-object.ts";

/** A number, as it was written. */
export class NumberText {
  readonly text: string;
  /** Without a point and without an exponent. */
  readonly isInteger: boolean;

  constructor(text: string, isInteger: boolean) {
    this.text = text;
    this.isInteger = isInteger;
  }
}

/** JSON as it is read. */
export type JsonRead = null | boolean | string | NumberText | readonly JsonRead[] | JsonObject;

/** The bytes are no JSON, or nested too deeply. */
export class NotJson extends Error {}

const MAX_DEPTH = 200;
const OBJECT = 0x7b;
const ARRAY = 0x5b;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** Whether JSON passes over this byte between its parts. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Reads one document that fills the bytes from `start` to `end`. @throws NotJson */
export function readJson(bytes: Buffer, start = 0, end = bytes.length): JsonRead {
  return new JsonDocuments().read(bytes, start, end);
}

/** Reads documents that are much the same, one after the other. */
export class JsonDocuments {
  readonly #place = new NamePlace();

  /** The document that fills the bytes from `start` to `end`. @throws NotJson */
  read(bytes: Buffer, start = 0, end = bytes.length): JsonRead {
    const reader = new JsonBytes(bytes, start, end);
    const value = reader.value(0, this.#place);
    reader.finish();
    return value;
  }
}

/** Reads a document out of others. */
export class JsonBytes {
  readonly #bytes: Buffer;
  readonly #end: number;
  /** All bytes as characters, so that texts are parts of it: asking for each by itself takes longer than reading it. */
  readonly #text: string;
  readonly #start: number;
  at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#text = bytes.toString("latin1", start, end);
    this.#start = start;
    this.at = start;
    this.#end = end;
  }

  /** Nothing but blanks may be left. */
  finish(): void {
    this.#blanks();
    if (this.at !== this.#end) throw new NotJson();
  }

  /** The value that stands here; of an object, by the names that its place had last. */
  value(depth: number, place: NamePlace): JsonRead {
    if (depth > MAX_DEPTH) throw new NotJson();
    switch (this.#next()) {
      case OBJECT:
        return this.#object(depth, place);
      case ARRAY:
        return this.#array(depth, place);
      case QUOTE:
        return this.#string();
      case 0x74:
        return this.#word("true", true);
      case 0x66:
        return this.#word("false", false);
      case 0x6e:
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number, place: NamePlace): JsonObject {
    const values: JsonRead[] = [];
    this.at++;
    if (this.#next() === 0x7d) {
      this.at++;
      return new JsonObject(place.namesOf([], []), values);
    }
    let names = place.last ?? NO_NAMES;
    for (;;) {
      const index = values.length;
      if (this.#next() !== QUOTE) throw new NotJson();
      let behind = names.match(index, this.#bytes, this.at + 1);
      if (behind < 0) {
        const other = place.another(names, index, this.#bytes, this.at + 1);
        if (other === null) return this.#unknown(depth, { place, names, values });
        names = other;
        behind = names.match(index, this.#bytes, this.at + 1);
      }
      this.at = behind;
      const byte = this.#behindColon();
      const inner = byte === OBJECT || byte === ARRAY ? names.inner(index) : NO_PLACE;
      values.push(this.value(depth + 1, inner));
      if (!this.#closes(0x7d)) continue;
      if (values.length < names.all.length)
        names = place.namesOf(names.all.slice(0, values.length), names.written(values.length));
      else place.saw(names);
      return new JsonObject(names, values);
    }
  }

  /** The rest of an object that has other names than any that are known of its place. */
  #unknown(depth: number, { place, names, values }: BegunObject): JsonObject {
    const all = names.all.slice(0, values.length);
    const written = names.written(values.length);
    const members = new Map<string, number>(all.map((name, index) => [name, index]));
    do {
      if (this.#next() !== QUOTE) throw new NotJson();
      const start = this.at + 1;
      const name = this.#string();
      const bytes = this.#bytes.subarray(start, this.at - 1);
      const byte = this.#behindColon();
      const inner = byte === OBJECT || byte === ARRAY ? new NamePlace() : NO_PLACE;
      const value = this.value(depth + 1, inner);
      const index = members.get(name);
      // Of a name that stands twice the last one counts.
      if (index !== undefined) values[index] = value;
      else {
        members.set(name, values.length);
        all.push(name);
        written.push(bytes);
        values.push(value);
      }
    } while (!this.#closes(0x7d));
    return new JsonObject(place.namesOf(all, written), values);
  }

  /** What the value behind a name begins with. */
  #behindColon(): number {
    if (this.#next() !== COLON) throw new NotJson();
    this.at++;
    return this.#next();
  }

  #array(depth: number, place: NamePlace): readonly JsonRead[] {
    const list: JsonRead[] = [];
    this.at++;
    if (this.#next() === 0x5d) {
      this.at++;
      return list;
    }
    for (;;) {
      list.push(this.value(depth + 1, place));
      if (this.#closes(0x5d)) return list;
    }
  }

  /** Past a comma, or the end. */
  #closes(end: number): boolean {
    const byte = this.#next();
    if (byte !== end && byte !== COMMA) throw new NotJson();
    this.at++;
    return byte === end;
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = ++this.at;
    let isAscii = true;
    let isEscaped = false;
    for (let at = start; at < this.#end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.at = at + 1;
        return isEscaped
          ? this.#unescaped(start - 1, at + 1, isAscii)
          : this.#part(start, at, isAscii);
      }
      if (byte === BACKSLASH) {
        isEscaped = true;
        at++;
      } else if (byte < 0x20) throw new NotJson();
      else if (byte >= 0x80) isAscii = false;
    }
    throw new NotJson();
  }

  #part(start: number, end: number, isAscii: boolean): string {
    if (!isAscii) return this.#bytes.toString("utf8", start, end);
    return this.#text.slice(start - this.#start, end - this.#start);
  }

  /** A text with its quotation marks, in which there are escapes. */
  #unescaped(start: number, end: number, isAscii: boolean): string {
    try {
      return JSON.parse(this.#part(start, end, isAscii)) as string;
    } catch {
      throw new NotJson();
    }
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.at - this.#start)) throw new NotJson();
    this.at += word.length;
    return value;
  }

  #number(): NumberText {
    const bytes = this.#bytes;
    const start = this.at;
    if (bytes[this.at] === MINUS) this.at++;
    const first = this.at;
    this.#digits();
    if (bytes[first] === ZERO && this.at > first + 1) throw new NotJson();
    let isInteger = true;
    if (this.at < this.#end && bytes[this.at] === POINT) {
      isInteger = false;
      this.at++;
      this.#digits();
    }
    if (this.at < this.#end && (bytes[this.at] === 0x65 || bytes[this.at] === 0x45)) {
      isInteger = false;
      this.at++;
      if (bytes[this.at] === PLUS || bytes[this.at] === MINUS) this.at++;
      this.#digits();
    }
    return new NumberText(this.#part(start, this.at, true), isInteger);
  }

  /** At least one. */
  #digits(): void {
    const bytes = this.#bytes;
    const start = this.at;
    let at = start;
    for (; at < this.#end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte < ZERO || byte > NINE) break;
    }
    if (at === start) throw new NotJson();
    this.at = at;
  }

  /** The next byte that is no blank. */
  #next(): number {
    const byte = this.at < this.#end ? (this.#bytes[this.at] ?? 0) : 0;
    if (byte > 0x20) return byte;
    this.#blanks();
    if (this.at >= this.#end) throw new NotJson();
    return this.#bytes[this.at] ?? 0;
  }

  #blanks(): void {
    while (this.at < this.#end && isBlank(this.#bytes[this.at])) this.at++;
  }
}

/** An object of which some members are read. */
interface BegunObject {
  readonly place: NamePlace;
  readonly names: MemberNames;
  readonly values: JsonRead[];
}

const NO_NAMES = new MemberNames([]);
/** Of what is neither an object nor a list: most members are that, and need none of their own (I10). */
const NO_PLACE = new NamePlace();

/** JSON's text of what was read. */
export function jsonText(value: JsonRead): string {
  if (value instanceof NumberText) return value.text;
  if (value instanceof JsonObject) {
    const members = value.entries();
    return `{${members.map(([name, held]) => `${JSON.stringify(name)}:${jsonText(held)}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  return JSON.stringify(value);
}
