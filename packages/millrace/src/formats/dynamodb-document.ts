/*
 * Hot: once per message. An item in DynamoDB's JSON, as `JSON.stringify` writes it (no blanks), becomes another text of it
 * without being parsed: what stays is copied piece by piece, escaped as the text of a JSON string.
 */
import type { ByteWriter } from "./byte-writer.ts";
import { isPlainName, SanitisedNames, type NameScope } from "./dynamodb-names.ts";
import { parseBody } from "./parse-body.ts";
import { RefusedValue } from "./refused-value.ts";

/**
 * How a document is written: `connector` has the types in lower case, as the connector of Trustpilot; `dynamodb` is DynamoDB's own
 * JSON; `plain` has no types, numbers as numbers, sets as arrays.
 */
export type DocumentStyle = "connector" | "dynamodb" | "plain";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
const L = 0x4c;
const M = 0x4d;
const N = 0x4e;

/** Writes documents of one table. */
export class DocumentWriter {
  readonly #style: DocumentStyle;
  readonly #names: NameScope;
  #text = "";
  /** Begin of what is not yet written. */
  #from = 0;
  #at = 0;
  #out: ByteWriter;

  constructor(style: DocumentStyle, names: NameScope, out: ByteWriter) {
    this.#style = style;
    this.#names = names;
    this.#out = out;
  }

  /** Writes the document between the quotes of a JSON string. @throws RefusedValue where names fall together. */
  write(text: string, out: ByteWriter): void {
    this.#text = this.#style === "connector" ? withUpperHex(text) : text;
    this.#out = out;
    this.#from = 0;
    this.#at = 0;
    this.#map(this.#names === "keep" ? "keep" : "here");
    this.#flush(this.#at);
    this.#text = "";
  }

  /** Writes what is behind the last piece up to `to`. */
  #flush(to: number): void {
    if (to > this.#from) this.#out.jsonPart(this.#text, this.#from, to);
    this.#from = to;
  }

  /** `names`: whether the names of this map are made others. */
  #map(names: "here" | "keep"): void {
    let made: SanitisedNames | null = null;
    const start = this.#at;
    this.#at += 1;
    while (this.#text.charCodeAt(this.#at) !== CLOSE_BRACE) {
      if (this.#text.charCodeAt(this.#at) === COMMA) this.#at += 1;
      const nameAt = this.#at;
      this.#skipString();
      if (names === "here" && !this.#isPlain(nameAt + 1, this.#at - 1)) {
        made ??= this.#namesSoFar(start, nameAt);
        this.#rename(nameAt, made);
      } else if (made !== null) made.add(this.#nameAt(nameAt));
      this.#at += 1;
      this.#value();
    }
    this.#at += 1;
  }

  /** `{"S":…}` and its like. */
  #value(): void {
    const tagAt = this.#at + 2;
    const tag = this.#text.charCodeAt(tagAt);
    const tagEnd =
      this.#text.charCodeAt(tagAt + 1) === QUOTE ? tagAt + 1 : this.#text.indexOf('"', tagAt);
    if (this.#style === "plain") {
      this.#flush(this.#at);
      this.#from = tagEnd + 2;
    } else if (this.#style === "connector") {
      this.#flush(tagAt);
      this.#out.ascii(this.#text.slice(tagAt, tagEnd).toLowerCase());
      this.#from = tagEnd;
    }
    this.#at = tagEnd + 2;
    this.#payload(tag, tagEnd - tagAt);
    if (this.#style === "plain") {
      this.#flush(this.#at);
      this.#from = this.#at + 1;
    }
    this.#at += 1;
  }

  /** `tag` is the first letter of the type, of `length` letters. */
  #payload(tag: number, length: number): void {
    if (length === 1) {
      if (tag === M) return this.#map(this.#names === "all" ? "here" : "keep");
      if (tag === L) return this.#list();
      if (tag === N) return this.#number();
      return this.#skipString();
    }
    // A set, of two letters of which the second one is S; or what has a word.
    if (length === 2) return this.#set(tag === N);
    this.#at = this.#text.indexOf("}", this.#at);
    if (this.#style !== "plain" || tag !== N) return;
    this.#out.ascii("null");
    this.#from = this.#at;
  }

  #list(): void {
    this.#at += 1;
    while (this.#text.charCodeAt(this.#at) !== CLOSE_BRACKET) {
      if (this.#text.charCodeAt(this.#at) === COMMA) this.#at += 1;
      this.#value();
    }
    this.#at += 1;
  }

  #set(areNumbers: boolean): void {
    this.#at += 1;
    while (this.#text.charCodeAt(this.#at) !== CLOSE_BRACKET) {
      if (this.#text.charCodeAt(this.#at) === COMMA) this.#at += 1;
      if (areNumbers) this.#number();
      else this.#skipString();
    }
    this.#at += 1;
  }

  /** Digits in quotes, which plain JSON has without. */
  #number(): void {
    const start = this.#at;
    this.#skipString();
    if (this.#style !== "plain") return;
    this.#flush(start);
    this.#from = start + 1;
    this.#flush(this.#at - 1);
    this.#from = this.#at;
  }

  /** Behind the string that begins here. */
  #skipString(): void {
    const text = this.#text;
    let end = text.indexOf('"', this.#at + 1);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    if (end < 0) throw new RefusedValue("a document that is no JSON of DynamoDB's");
    this.#at = end + 1;
  }

  #isPlain(from: number, to: number): boolean {
    const text = this.#text;
    for (let i = from; i < to; i++) {
      const code = text.charCodeAt(i) | 0x20;
      const isLetter = (code >= 0x61 && code <= 0x7a) || text.charCodeAt(i) === 0x5f;
      const isDigit = code >= 0x30 && code <= 0x39 && text.charCodeAt(i) === code;
      if (!isLetter && !(isDigit && i > from)) return false;
    }
    return to > from;
  }

  #nameAt(start: number): string {
    const end = endOfString(this.#text, start);
    const name: unknown = JSON.parse(this.#text.slice(start, end));
    return String(name);
  }

  #rename(start: number, made: SanitisedNames): void {
    this.#flush(start + 1);
    const name = this.#nameAt(start);
    this.#out.ascii(made.add(name));
    this.#from = this.#at - 1;
  }

  /** Names of the map before one that is made another: rarely asked for, so that they are looked for then. */
  #namesSoFar(mapStart: number, until: number): SanitisedNames {
    const made = new SanitisedNames();
    const map = parseBody(Buffer.from(`${this.#text.slice(mapStart, until).replace(/,$/, "")}}`));
    if (typeof map === "object" && map !== null)
      for (const name of Object.keys(map)) if (isPlainName(name)) made.add(name);
    return made;
  }
}

function isEscaped(text: string, quote: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

/** Jackson, which wrote the connector's documents, has capitals in escapes of control characters. */
function withUpperHex(text: string): string {
  if (!text.includes("\\u00")) return text;
  return text.replaceAll(/\\(?:u([0-9a-f]{4})|.)/g, (whole, hex: string | undefined) =>
    hex === undefined ? whole : `\\u${hex.toUpperCase()}`,
  );
}
