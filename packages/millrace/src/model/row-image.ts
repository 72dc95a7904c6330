import type { TableShape } from "./table.ts";
import type { Value } from "./value.ts";

/** What the bytes of a field of a {@link RowImage} are, for who writes it without its value. */
export const ImageKind = {
  /** Somebody has to make the value. */
  VALUE: 0,
  /** A whole number, little endian. */
  INT8: 1,
  UINT8: 2,
  INT16: 3,
  UINT16: 4,
  INT24: 5,
  UINT24: 6,
  INT32: 7,
  UINT32: 8,
  INT64: 9,
  UINT64: 10,
  /** True where the byte is not 0. */
  BOOLEAN: 11,
  /** Those of the value, a text in UTF-8. */
  UTF8: 12,
  /** Those of the value where all of them are ASCII. */
  ASCII: 13,
  /** A text that {@link ImageLayout.write} writes. */
  WRITTEN: 14,
  /** A decimal, whose digits {@link ImageLayout.unscaled} tells. */
  DECIMAL: 15,
  /** Seconds since 1970 in UTC, four bytes, big endian, and a fraction in the rest; all zeros where it is no time. */
  UTC: 16,
} as const;
export type ImageKind = (typeof ImageKind)[keyof typeof ImageKind];

/** Bytes that somebody writes a text into and somebody else reads it from. */
export interface WrittenText {
  /** UTF-8, or what was taken for it. */
  readonly bytes: Buffer;
  /** Of the same bytes. */
  readonly view: DataView;
  readonly length: number;
}

/** How rows of a table lie in the bytes of its source's log. One object for all of them. */
export interface ImageLayout {
  readonly shape: TableShape;
  /** By the shape's column. */
  readonly kinds: Uint8Array;
  /** Digits behind the point of a DECIMAL, by the shape's column. */
  readonly scales: Uint8Array;
  /** Takes down where the values of the image in `images` at `start` begin (-1: NULL), and the byte behind each. */
  find(images: RowImages, start: number, starts: Int32Array, ends: Int32Array): void;
  /** The value of a column, whose field is `[start..end)`. */
  value(images: RowImages, column: number, start: number, end: number): Value;
  /** The text of a field that is WRITTEN; good until the next one. */
  write(images: RowImages, start: number, end: number): WrittenText;
  /** The digits of a DECIMAL as one whole number; NaN where a number does not hold them. */
  unscaled(images: RowImages, column: number, start: number): number;
}

/** Images of rows of one table, one behind the other, as its source's log has them. */
export interface RowImages {
  readonly layout: ImageLayout;
  /** What stands in it once stays as it is. */
  readonly buffer: Buffer;
  /** Of the same bytes. */
  readonly view: DataView;
}

/** All values of the image at `start`; made anew each time. */
export function imageRow(images: RowImages, start: number): Value[] {
  const { layout } = images;
  const { length } = layout.kinds;
  const [starts, ends] = [new Int32Array(length), new Int32Array(length)];
  layout.find(images, start, starts, ends);
  const row = new Array<Value>(length);
  for (let column = 0; column < length; column++) {
    const from = starts[column] ?? -1;
    row[column] = from < 0 ? null : layout.value(images, column, from, ends[column] ?? 0);
  }
  return row;
}
