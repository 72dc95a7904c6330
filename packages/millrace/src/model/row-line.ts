import type { Change } from "./change.ts";
import type { Value } from "./value.ts";

/** Where lines stand, one behind the other. */
export interface LineText {
  /** UTF-8. What stands in it once stays as it is. */
  readonly buffer: Buffer;
  /** The change of the line in `buffer[start..end)`, with the values that it stands for. */
  read(line: RowLine): Change;
  /** The value of one column, whose field is `buffer[start..end)`: as {@link LineText.read} makes it. */
  value(start: number, end: number, column: number): Value;
}

/**
 * A row of a chunk as its source wrote it, in the text format of PostgreSQL's COPY: values between tabs in the order of
 * the shape's columns, `\N` for NULL, backslash escapes, a newline at the end. A sink that writes rows in that form
 * passes it on; values are made of it only where somebody asks. None of them is skimmed, and no value of its key is NULL.
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
