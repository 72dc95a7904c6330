/*
 * Hot: per change. `source` of a message whose members are those of the last one: of its two dozen members only the time and the
 * transaction are made anything of, and only where they are others than in the last one.
 */
import { JsonObject } from "./json-object.ts";
import { jsonText } from "./json-reader.ts";
import { pastNull, pastNumber, pastValue } from "./json-skip.ts";
import { MemberLabels } from "./member-labels.ts";
import type { MessageOrigin } from "./message-origin.ts";
import type { ScannedBytes } from "./scanned-bytes.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NULL = 0x6e;
const ZERO = 0x30;
const NINE = 0x39;
/** Numbers of so many digits are exact. */
const SAFE_DIGITS = 15;

/** What a member is to us: the bytes that it always has, or one of these. */
type Part = "any" | "time" | "gtid" | "id" | Buffer;

/** See above. */
export class ExpectedOrigin {
  readonly #labels: MemberLabels;
  readonly #parts: readonly Part[];
  #origin: MessageOrigin;
  /** Of what was seen last. */
  #timeMs: number | null = null;
  readonly #gtid = new Span();
  readonly #id = new Span();

  private constructor(labels: MemberLabels, parts: readonly Part[], origin: MessageOrigin) {
    this.#labels = labels;
    this.#parts = parts;
    this.#origin = origin;
  }

  /** Of one that was read; null where nothing can be expected by it. */
  static of(source: JsonObject, origin: MessageOrigin): ExpectedOrigin | null {
    const parts = source.keys().map((name) => partOf(name, source));
    const made = MemberLabels.around(source.names, (place) => {
      const part = parts[place] ?? "any";
      return part instanceof Uint8Array ? part.toString() : null;
    });
    if (made === null) return null;
    const { labels, places } = made;
    const left = places.map((place) => parts[place] ?? "any");
    return new ExpectedOrigin(labels, left, origin);
  }

  /** Past such a one that begins at `start`, which {@link origin} makes then; −1 where it is another one. */
  see(scanned: ScannedBytes, start: number, end: number): number {
    const labels = this.#labels;
    this.#timeMs = null;
    this.#gtid.clear();
    this.#id.clear();
    let at = start;
    for (let place = 0; place < labels.count; place++) {
      at = labels.past(place, scanned, at);
      if (at < 0 || at >= end) return -1;
      at = this.#seePart(this.#parts[place] ?? "any", scanned, at, end);
      if (at < 0) return -1;
    }
    return labels.pastEnd(scanned.bytes, at, end);
  }

  #seePart(part: Part, scanned: ScannedBytes, at: number, end: number): number {
    const { bytes } = scanned;
    switch (part) {
      case "any":
        return pastValue(scanned, at, end);
      case "time":
        return this.#seeTime(bytes, at, end);
      case "gtid":
        return this.#gtid.see(bytes, at, end);
      case "id":
        return this.#id.see(bytes, at, end);
      default:
        return pastSame(part, bytes, at);
    }
  }

  #seeTime(bytes: Uint8Array, start: number, end: number): number {
    if (bytes[start] === NULL) return pastNull(bytes, start, end);
    let timeMs = 0;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte < ZERO || byte > NINE) break;
      timeMs = timeMs * 10 + (byte - ZERO);
    }
    if (at === start || at - start > SAFE_DIGITS || bytes[start] === ZERO) return -1;
    this.#timeMs = timeMs;
    return at;
  }

  /** What was seen last: mostly that of the message before. */
  origin(bytes: Buffer): MessageOrigin {
    const last = this.#origin;
    const span = this.#gtid.isThere ? this.#gtid : this.#id;
    const timeMs = this.#timeMs;
    const isSame = timeMs === last.timeMs && span.is(last.transaction, bytes);
    if (!isSame) this.#origin = { ...last, timeMs, transaction: span.text(bytes) };
    return this.#origin;
  }
}

/** Where a string or a number stands. */
class Span {
  #start = -1;
  #end = -1;

  clear(): void {
    this.#start = -1;
  }

  get isThere(): boolean {
    return this.#start >= 0;
  }

  /** Past null, a number, or a string of plain characters. */
  see(bytes: Uint8Array, at: number, end: number): number {
    const byte = bytes[at];
    if (byte === NULL) return pastNull(bytes, at, end);
    const isString = byte === QUOTE;
    const behind = isString ? pastAscii(bytes, at + 1, end) : pastNumber(bytes, at, end);
    this.#start = isString ? at + 1 : at;
    this.#end = isString ? behind - 1 : behind;
    return behind;
  }

  is(text: string | null, bytes: Uint8Array): boolean {
    const start = this.#start;
    if (text === null || start < 0) return text === null && start < 0;
    if (text.length !== this.#end - start) return false;
    for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  text(bytes: Buffer): string | null {
    return this.isThere ? bytes.toString("latin1", this.#start, this.#end) : null;
  }
}

/** Past the end of a string of ASCII without escapes. */
function pastAscii(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20 || byte >= 0x80 || byte === BACKSLASH) return -1;
  }
  return -1;
}

/** That it ends within the message is seen by what follows: a comma, or the end of the object. */
function pastSame(part: Uint8Array, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return -1;
  return at + part.length;
}

/** Members that messages of a table share as long as they come from the same place. */
const SHARED = new Set(["version", "connector", "name", "schema", "db", "table"]);

/** What a `source` has of these, as one text. */
export function sharedOf(source: JsonObject): string {
  return jsonText(JsonObject.of(source.entries().filter(([name]) => SHARED.has(name))));
}

function partOf(name: string, source: JsonObject): Part {
  if (SHARED.has(name)) return Buffer.from(jsonText(source.get(name) ?? null));
  switch (name) {
    case "ts_ms":
      return "time";
    case "gtid":
      return "gtid";
    case "txId":
      return "id";
    default:
      return "any";
  }
}
