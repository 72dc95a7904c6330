import type { Row } from "../../model/value.ts";

/** What a row costs beside its values: the server's header, key entry and our bookkeeping; on the safe side, bytes. */
const ROW_BYTES = 48;
const VALUE_BYTES = 8;

/** From this length on a string's bytes are counted, below it they are guessed. */
const COUNTED_CHARS = 64;

/**
 * HOT PATH: what a row weighs in a transaction, bytes. DSQL does not publish its accounting; short values count double,
 * so that the guess is over for everything but rows of hundreds of short Chinese words, and the profile keeps a fifth
 * back. Where it is under after all the sink says so, and the batch is cut (MR_SINK_TOO_LARGE).
 */
export function estimateRowBytes(row: Row): number {
  let bytes = ROW_BYTES;
  for (const value of row) {
    if (typeof value === "string") {
      bytes +=
        value.length < COUNTED_CHARS
          ? VALUE_BYTES + value.length * 2
          : VALUE_BYTES + Buffer.byteLength(value);
    } else if (value instanceof Uint8Array) bytes += VALUE_BYTES + value.byteLength;
    else bytes += VALUE_BYTES;
  }
  return bytes;
}
