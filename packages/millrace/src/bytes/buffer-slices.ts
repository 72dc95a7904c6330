/**
 * Node's buffers have these since ever; the published types leave them out. They are what `toString(encoding)` ends
 * in, without its checks, and the checks are a third of the cost of a short column.
 */
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
  }
}

/** Type-only module: importing it makes the declarations known. */
export {};
