/*
 * Hot: per message. One that looks like another one that was read is read in one go over its bytes; whatever is different in it
 * (blanks, another order, a kind of value that was not seen) leaves it to the careful way, which reads all.
 */
import type { Op } from "../model/change.ts";
import { UNCHANGED, type Row } from "../model/value.ts";
import type { ExpectedOrigin } from "./expected-origin.ts";
import type { ExpectedRow } from "./expected-row.ts";
import { pastNull, pastValue } from "./json-skip.ts";
import type { MemberLabels } from "./member-labels.ts";
import type { MessageKey } from "./message-key.ts";
import { NO_ORIGIN, type MessageOrigin } from "./message-origin.ts";
import type { MessagePlace } from "./message-place.ts";
import type { GrowingShape, ReadShape } from "./read-shape.ts";
import type { ScannedBytes } from "./scanned-bytes.ts";

const QUOTE = 0x22;
const NULL = 0x6e;
const OBJECT_END = 0x7d;
const OP_CHARS = 3;

/** A change, as a reader of messages tells it. */
export interface ReadChange {
  readonly kind: "change";
  readonly op: Op;
  readonly shape: ReadShape["shape"];
  /** What the message does not have of it is UNCHANGED. */
  readonly before: Row | null;
  /** Of a column that the message does not have at all, null: rows in messages are whole. */
  readonly after: Row | null;
  readonly origin: MessageOrigin;
}

/** Something that may have its schema in front. */
interface ExpectedDocument {
  /** Null where it has none; else something closes behind it. */
  readonly prefix: Buffer | null;
}

/** What a member of an envelope is to us. */
export type EnvelopePart = "before" | "after" | "source" | "op" | "any";

/** Debezium's envelope. */
export interface ExpectedEnvelope extends ExpectedDocument {
  readonly labels: MemberLabels;
  readonly parts: readonly EnvelopePart[];
  /** Null: there is none. */
  readonly origin: ExpectedOrigin | null;
}

/** A message to come. */
export interface Expectation {
  /** Null: messages without one. */
  readonly key: (ExpectedDocument & { readonly row: ExpectedRow }) | null;
  /** Null: the value is the row itself. */
  readonly envelope: ExpectedEnvelope | null;
  /** Null: there is no such row in the message. */
  readonly before: ExpectedRow | null;
  readonly after: ExpectedRow | null;
  readonly shape: ReadShape;
  /** What the shape was grown by, which may have grown on. */
  readonly growing: GrowingShape | null;
  readonly told: MessageKey;
  /** What tells it from others, part by part. */
  readonly form: readonly unknown[];
}

/** See above. */
export class ExpectedMessage {
  readonly expectation: Expectation;
  #op: Op | null = null;
  #hasBefore = false;
  #hasAfter = false;

  constructor(expectation: Expectation) {
    this.expectation = expectation;
  }

  /** Rows of its table are still read as they were. */
  get isGood(): boolean {
    const { growing, shape } = this.expectation;
    return growing === null || growing.current === shape;
  }

  /** The change; null where the message is another one. @throws NotJson, OtherValue */
  read(place: MessagePlace): ReadChange | null {
    return this.#seesKey(place) && this.#seesValue(place) ? this.#change(place.bytes.bytes) : null;
  }

  #seesKey({ keyBytes, keyStart, keyEnd }: MessagePlace): boolean {
    const { key } = this.expectation;
    if (key === null || keyStart < 0) return key === null && keyStart < 0;
    const begin = pastPrefix(key.prefix, keyBytes.bytes, keyStart, keyEnd);
    if (begin < 0) return false;
    const at = key.row.see(keyBytes, begin, keyEnd);
    return at >= 0 && isEnd(key.prefix, keyBytes.bytes, at, keyEnd);
  }

  #seesValue({ bytes, valueStart, valueEnd }: MessagePlace): boolean {
    const { envelope, after } = this.expectation;
    if (valueStart < 0) return false;
    if (envelope === null) return after?.see(bytes, valueStart, valueEnd) === valueEnd;
    const begin = pastPrefix(envelope.prefix, bytes.bytes, valueStart, valueEnd);
    if (begin < 0) return false;
    const at = this.#seeEnvelope(envelope, bytes, begin, valueEnd);
    return at >= 0 && isEnd(envelope.prefix, bytes.bytes, at, valueEnd) && this.#isWhole();
  }

  #seeEnvelope(
    envelope: ExpectedEnvelope,
    scanned: ScannedBytes,
    start: number,
    end: number,
  ): number {
    const { labels, parts } = envelope;
    this.#hasBefore = false;
    this.#hasAfter = false;
    let at = start;
    for (let place = 0; place < labels.count; place++) {
      at = labels.past(place, scanned, at);
      if (at < 0 || at >= end) return -1;
      at = this.#seePart(parts[place] ?? "any", scanned, at, end);
      if (at < 0) return -1;
    }
    return labels.pastEnd(scanned.bytes, at, end);
  }

  #seePart(part: EnvelopePart, scanned: ScannedBytes, at: number, end: number): number {
    const { bytes } = scanned;
    const { before, after, envelope } = this.expectation;
    switch (part) {
      case "any":
        return pastValue(scanned, at, end);
      case "before":
        this.#hasBefore = bytes[at] !== NULL;
        return this.#hasBefore ? seeRow(before, scanned, at, end) : pastNull(bytes, at, end);
      case "after":
        this.#hasAfter = bytes[at] !== NULL;
        return this.#hasAfter ? seeRow(after, scanned, at, end) : pastNull(bytes, at, end);
      case "source":
        return envelope?.origin?.see(scanned, at, end) ?? -1;
      case "op":
        this.#op = opAt(bytes, at, end);
        return this.#op === null ? -1 : at + OP_CHARS;
    }
  }

  /** A delete has the old row, and no other; all others have the new one. */
  #isWhole(): boolean {
    return this.#op === "d" ? this.#hasBefore && !this.#hasAfter : this.#hasAfter;
  }

  #change(bytes: Buffer): ReadChange {
    const { envelope, before, after, shape } = this.expectation;
    const isPlain = envelope === null;
    return {
      kind: "change",
      op: isPlain ? "u" : (this.#op ?? "u"),
      shape: shape.shape,
      before: !isPlain && this.#hasBefore ? (before?.row(bytes, UNCHANGED) ?? null) : null,
      after: isPlain || this.#hasAfter ? (after?.row(bytes, null) ?? null) : null,
      origin: envelope?.origin?.origin(bytes) ?? NO_ORIGIN,
    };
  }
}

function seeRow(row: ExpectedRow | null, scanned: ScannedBytes, at: number, end: number): number {
  return row === null ? -1 : row.see(scanned, at, end);
}

/** Of `"c"` and its like. */
function opAt(bytes: Uint8Array, at: number, end: number): Op | null {
  if (at + OP_CHARS > end || bytes[at] !== QUOTE || bytes[at + 2] !== QUOTE) return null;
  switch (bytes[at + 1]) {
    case 0x63:
      return "c";
    case 0x72:
      return "r";
    case 0x75:
      return "u";
    case 0x64:
      return "d";
    default:
      return null;
  }
}

function pastPrefix(prefix: Buffer | null, bytes: Buffer, start: number, end: number): number {
  if (prefix === null) return start;
  const behind = start + prefix.length;
  return behind < end && prefix.compare(bytes, start, behind) === 0 ? behind : -1;
}

/** Whether the message ends here: behind a schema and its payload something closes. */
function isEnd(prefix: Buffer | null, bytes: Uint8Array, at: number, end: number): boolean {
  return prefix === null ? at === end : at + 1 === end && bytes[at] === OBJECT_END;
}
