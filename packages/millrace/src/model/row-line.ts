import type { Change } from "./change.ts";
import type { Value } from "./value.ts";

/**
 * How lines are laid out: as PostgreSQL's COPY has rows in its text format, or as the packets that MySQL's text protocol has rows
 * in.
 */
export type LineLayout = "copy" | "packet";

/** What the bytes of a field of a packet are; of NULL they are none. */
export const FieldKind = {
  /** Somebody has to make the value. */
  VALUE: 0,
  /** A number's digits: those of the value, but for zeros before it. */
  DIGITS: 1,
  /** Those of the value, a text. */
  TEXT: 2,
  /** A time in UTC that does not say so, its fraction with all the digits that its column has. */
  UTC: 3,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

/** What the fields of packets are, which have columns of their own. */
export interface PacketFields {
  /** By place in the packet, the shape's column; −1 where it is none. */
  readonly columns: Int32Array;
  /** By the shape's column. */
  readonly kinds: Uint8Array;
  /** By the shape's column, 1 where a date with a zero in it is NULL. */
  readonly zeroIsNull: Uint8Array;
}

/** Where lines stand, one behind the other. */
export interface LineText {
  /** UTF-8. What stands in it once stays as it is. */
  readonly buffer: Buffer;
  /** Of the same bytes, made once for all lines; absent where nobody reads words of them. */
  readonly view?: DataView;
  /** Of packets; absent where lines are those of COPY. */
  readonly packet?: PacketFields;
  /** The change of the line in `buffer[start..end)`, with the values that it stands for. */
  read(line: RowLine): Change;
  /** The value of one column, whose field is `buffer[start..end)`: as {@link LineText.read} makes it. */
  value(start: number, end: number, column: number): Value;
}

/**
 * A row of a chunk as its source wrote it. In the text format of PostgreSQL's COPY: values between tabs in the order of
 * the shape's columns, `\N` for NULL, backslash escapes, a newline at the end; a sink that writes rows in that form
 * passes it on. Or as a packet of MySQL's text protocol: values behind their lengths. Values are made of it only where somebody
 * asks. None of them is skimmed, and no value of its key is NULL.
 *
 * Hot: one per row of such a load.
 */
export class RowLine {
  readonly text: LineText;
  readonly start: number;
  readonly end: number;
  /** Canonical text of its key, as {@link Source.keyText} gives it. */
  readonly key: string;
  /** What it weighs against the byte budget, bytes. */
  readonly bytes: number;

  constructor(text: LineText, start: number, end: number, key: string, bytes: number) {
    this.text = text;
    this.start = start;
    this.end = end;
    this.key = key;
    this.bytes = bytes;
  }

  /** As a change whose values everybody can read; another one each time. */
  read(): Change {
    return this.text.read(this);
  }
}
