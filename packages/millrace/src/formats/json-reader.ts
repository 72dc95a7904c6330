/*
 * Hot: JSON from bytes, with numbers to their last digit. JSON.parse would round integers beyond 2^53, which keys are,
 * and decimals.
 */

/** A number that a double may not hold: its text. */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** JSON as it is read; objects are maps, in their order. */
export type JsonRead =
  | null
  | boolean
  | string
  | number
  | NumberText
  | readonly JsonRead[]
  | ReadonlyMap<string, JsonRead>;

/** The bytes are no JSON, or nested too deeply. */
export class NotJson extends Error {}

const MAX_DEPTH = 200;
const SAFE_DIGITS = 15;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPED: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Reads one document that fills the bytes from `start` to `end`. @throws NotJson */
export function readJson(bytes: Buffer, start = 0, end = bytes.length): JsonRead {
  const reader = new JsonBytes(bytes, start, end);
  const value = reader.value(0);
  reader.finish();
  return value;
}

/** Reads a document out of others. */
export class JsonBytes {
  readonly #bytes: Buffer;
  readonly #end: number;
  at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  /** Nothing but blanks may be left. */
  finish(): void {
    this.#blanks();
    if (this.at !== this.#end) throw new NotJson();
  }

  value(depth: number): JsonRead {
    if (depth > MAX_DEPTH) throw new NotJson();
    switch (this.#next()) {
      case 0x7b:
        return this.#object(depth);
      case 0x5b:
        return this.#array(depth);
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

  #object(depth: number): ReadonlyMap<string, JsonRead> {
    const map = new Map<string, JsonRead>();
    this.at++;
    if (this.#next() === 0x7d) {
      this.at++;
      return map;
    }
    for (;;) {
      if (this.#next() !== QUOTE) throw new NotJson();
      const name = this.#string();
      if (this.#next() !== 0x3a) throw new NotJson();
      this.at++;
      map.set(name, this.value(depth + 1));
      if (this.#closes(0x7d)) return map;
    }
  }

  #array(depth: number): readonly JsonRead[] {
    const list: JsonRead[] = [];
    this.at++;
    if (this.#next() === 0x5d) {
      this.at++;
      return list;
    }
    for (;;) {
      list.push(this.value(depth + 1));
      if (this.#closes(0x5d)) return list;
    }
  }

  /** Past a comma, or the end. */
  #closes(end: number): boolean {
    const byte = this.#next();
    if (byte !== end && byte !== 0x2c) throw new NotJson();
    this.at++;
    return byte === end;
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = ++this.at;
    let isAscii = true;
    for (; this.at < this.#end; this.at++) {
      const byte = bytes[this.at] ?? 0;
      if (byte === QUOTE) {
        const text = bytes.toString(isAscii ? "latin1" : "utf8", start, this.at);
        this.at++;
        return text;
      }
      if (byte === BACKSLASH) return this.#escaped(start);
      if (byte < 0x20) throw new NotJson();
      if (byte >= 0x80) isAscii = false;
    }
    throw new NotJson();
  }

  #escaped(start: number): string {
    let text = "";
    let from = start;
    for (; this.at < this.#end; this.at++) {
      const byte = this.#bytes[this.at] ?? 0;
      if (byte !== QUOTE && byte !== BACKSLASH) {
        if (byte < 0x20) throw new NotJson();
        continue;
      }
      text += this.#bytes.toString("utf8", from, this.at);
      this.at++;
      if (byte === QUOTE) return text;
      text += this.#escape();
      from = this.at + 1;
    }
    throw new NotJson();
  }

  /** Stands at the last byte of the escape afterwards. */
  #escape(): string {
    const letter = String.fromCharCode(this.#bytes[this.at] ?? 0);
    if (letter !== "u") {
      const plain = ESCAPED[letter];
      if (plain === undefined) throw new NotJson();
      return plain;
    }
    const digits = this.#bytes.toString("latin1", this.at + 1, this.at + 5);
    if (this.at + 5 > this.#end || !/^[0-9A-Fa-f]{4}$/.test(digits)) throw new NotJson();
    this.at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #word<T>(word: string, value: T): T {
    const end = this.at + word.length;
    if (end > this.#end || this.#bytes.toString("latin1", this.at, end) !== word)
      throw new NotJson();
    this.at = end;
    return value;
  }

  #number(): number | NumberText {
    const start = this.at;
    while (this.at < this.#end && isNumeral(this.#bytes[this.at] ?? 0)) this.at++;
    const text = this.#bytes.toString("latin1", start, this.at);
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) throw new NotJson();
    if (text.length <= SAFE_DIGITS && !/[.eE]/.test(text) && text !== "-0") return Number(text);
    return new NumberText(text);
  }

  /** The next byte that is no blank. */
  #next(): number {
    this.#blanks();
    if (this.at >= this.#end) throw new NotJson();
    return this.#bytes[this.at] ?? 0;
  }

  #blanks(): void {
    for (; this.at < this.#end; this.at++) {
      const byte = this.#bytes[this.at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    }
  }
}

function isNumeral(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || "+-.eE".includes(String.fromCharCode(byte));
}

/** JSON's text of what was read. */
export function jsonText(value: JsonRead): string {
  if (value instanceof NumberText) return value.text;
  if (value instanceof Map) {
    const members = [...(value as ReadonlyMap<string, JsonRead>)];
    return `{${members.map(([name, held]) => `${JSON.stringify(name)}:${jsonText(held)}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  return JSON.stringify(value);
}
