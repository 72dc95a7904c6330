import { Change } from "../model/change.ts";
import type { RowLine } from "../model/row-line.ts";
import type { ChunkBatch } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { rowOverheadBytes } from "./row-weight.ts";

/** Keys that are asked for at once: bounds the statement's text. */
const KEYS_PER_QUERY = 500;

/** The keys of rows that are read one by one, as many at a time as one statement asks for. */
export function* keyPortions<Key>(keys: readonly Key[]): Generator<readonly Key[]> {
  for (let at = 0; at < keys.length; at += KEYS_PER_QUERY)
    yield keys.slice(at, at + KEYS_PER_QUERY);
}

/** Makes a batch of rows that a snapshot has read. Hot: {@link LoadedRows.add} runs per row. */
export class LoadedRows {
  readonly #shape: TableShape;
  readonly #overheadBytes: number;
  readonly #rows: Change[] = [];
  readonly #lines: RowLine[] = [];
  #bytes = 0;
  #sentBytes = 0;

  constructor(shape: TableShape) {
    this.#shape = shape;
    this.#overheadBytes = rowOverheadBytes(shape);
  }

  /** What they weigh, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `sentBytes`: what the row took on the wire. */
  add(row: Row, sentBytes: number): void {
    const weight = sentBytes + this.#overheadBytes;
    this.#bytes += weight;
    this.#sentBytes += sentBytes;
    this.#rows.push(new Change("r", this.#shape, null, row, null, null, null, weight));
  }

  /** A row that nobody has read; what it weighs it says itself. */
  addLine(line: RowLine, sentBytes: number): void {
    this.#bytes += line.bytes;
    this.#sentBytes += sentBytes;
    this.#lines.push(line);
  }

  /** `lastKey`: after which a later read goes on; null for a table without key, which cannot be read in parts. */
  batch(lastKey: readonly string[] | null): ChunkBatch {
    return {
      rows: this.#rows,
      ...(this.#lines.length === 0 ? {} : { lines: this.#lines }),
      bytes: this.#bytes,
      sentBytes: this.#sentBytes,
      lastKey: lastKey === null ? null : [...lastKey],
    };
  }
}
