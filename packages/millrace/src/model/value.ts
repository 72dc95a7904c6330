/**
 * The canonical JavaScript form of a value, one per logical type, lossless and cheap.
 *
 * | logical type | form |
 * |---|---|
 * | boolean | `true` / `false` |
 * | integers of any width | decimal text, `"-42"` |
 * | floats | PostgreSQL's shortest text, `"1.5"`, `"NaN"`, `"-Infinity"` |
 * | decimal | decimal text as the source wrote it, `"10.50"`, `"NaN"` |
 * | text, char, uuid, json, jsonb | the text itself, byte for byte |
 * | bytes | `Uint8Array` |
 * | date, time, timetz, timestamp, timestamptz, interval | PostgreSQL's ISO text; timestamptz in UTC |
 * | everything else (arrays, ranges, composites, enums, extensions' types) | the server's own text |
 *
 * Numbers stay text because most of them travel from a log to a SQL sink without ever being looked at.
 * `number` and `bigint` are allowed where a source has them in that form already; sinks print them.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | typeof UNCHANGED
  | Skimmed;

/** The log left this value out because the change did not touch it. It is not NULL and never overwrites (I9). */
export const UNCHANGED: unique symbol = Symbol("UNCHANGED");

/**
 * A value that is larger than the sink could ever take. Its bytes were read past on the wire and never held;
 * the change that carries it becomes a dead letter, its key intact (I1, I10).
 */
export class Skimmed {
  /** Size on the wire, in bytes. */
  readonly bytes: number;
  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

/**
 * A value that its column cannot hold as it is (DynamoDB's attributes have any type): the change that carries it becomes a
 * dead letter, its key intact (I1).
 */
export class Misfit extends Skimmed {
  /** What is wrong, without the value, as what follows the column's name and a colon. */
  readonly why: string;
  constructor(bytes: number, why: string) {
    super(bytes);
    this.why = why;
  }
}

/** One row, in the column order of its {@link TableShape}. */
export type Row = readonly Value[];
