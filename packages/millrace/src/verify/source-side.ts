import { createHash } from "node:crypto";
import type { LogicalType } from "../model/logical-type.ts";
import type { ChunkKey } from "../model/position.ts";
import type { Source, SourceSnapshot } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import type { RowHasher } from "./row-hasher.ts";
import { bucketDigits, type HashBucket, type HashedRow, type KeyTexts, type Side } from "./side.ts";

/** What `verify` asks of a source whose server does not speak the target's SQL: rows as a load reads them. */
export type SourceRows = Pick<Source, "openSnapshot" | "planChunk">;

/** A larger value can be at no sink. */
const MAX_VALUE_BYTES = 64 * 1024 * 1024;
/** Rows are hashed so many bytes at a time. */
const BATCH_BYTES = 1024 * 1024;
const HASH_BYTES = 16;

/** What one table is compared by. */
interface SourceSideParts {
  readonly shape: TableShape;
  /** Makes the target's row of the source's; null where both are the same. */
  readonly project: ((row: Row) => Row) | null;
  /** Indexes of the shape's columns that reach the target, in the target's order. */
  readonly columns: readonly number[];
  readonly hasher: RowHasher;
}

/** A table whose rows are read from a source and hashed by the target's server. */
export class SourceSide implements Side {
  readonly columns: readonly { readonly name: string }[];
  readonly key: readonly { readonly name: string }[];
  readonly #source: SourceRows;
  readonly #parts: SourceSideParts;

  constructor(source: SourceRows, parts: SourceSideParts) {
    const { shape } = parts;
    this.#source = source;
    this.#parts = parts;
    this.columns = parts.columns.map((index) => ({ name: shape.columns[index]?.name ?? "" }));
    this.key = shape.key.map((index) => ({ name: shape.columns[index]?.name ?? "" }));
  }

  async *pages(limit: number): AsyncGenerator<readonly HashedRow[]> {
    for await (const rows of this.#rows(limit)) yield await this.#hash(rows);
  }

  async rowsOf(keys: readonly KeyTexts[]): Promise<readonly HashedRow[]> {
    return this.#hash(await this.#read(keys));
  }

  async keysOf(keys: readonly KeyTexts[]): Promise<readonly KeyTexts[]> {
    const found = await this.#read(keys, true);
    return this.#parts.hasher.keys(found.map((row) => this.#project(row)));
  }

  async columnHashes(key: KeyTexts): Promise<readonly (string | null)[] | null> {
    const [row] = await this.#read([key]);
    return row === undefined ? null : this.#parts.hasher.columnHashes(this.#project(row));
  }

  /** Hashes of all rows are held, 16 bytes each: the order that they are summed in is known at the end. */
  async hashBuckets(): Promise<readonly HashBucket[]> {
    const buckets = new Map<string, HashList>();
    for await (const page of this.pages(Number.MAX_SAFE_INTEGER))
      for (const { hash } of page) {
        const bucket = hash.slice(0, bucketDigits);
        const list = buckets.get(bucket) ?? new HashList();
        if (list.length === 0) buckets.set(bucket, list);
        list.add(hash);
      }
    return [...buckets].map(([bucket, list]) => ({
      bucket,
      rows: list.length,
      hash: list.summary(),
    }));
  }

  async hashCounts(buckets: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set(buckets);
    const counts = new Map<string, number>();
    if (wanted.size === 0) return counts;
    for await (const page of this.pages(Number.MAX_SAFE_INTEGER))
      for (const { hash } of page)
        if (wanted.has(hash.slice(0, bucketDigits))) counts.set(hash, (counts.get(hash) ?? 0) + 1);
    return counts;
  }

  /** Chunk after chunk, each in a snapshot of its own: none is kept for long. */
  async *#rows(limit: number): AsyncGenerator<readonly Row[]> {
    const { shape } = this.#parts;
    for (let from: ChunkKey | null = null; ;) {
      const range = await this.#source.planChunk(shape, from, limit);
      const snapshot = await this.#source.openSnapshot();
      try {
        const options = { maxValueBytes: MAX_VALUE_BYTES, batchBytes: BATCH_BYTES, closes: true };
        for await (const { rows } of snapshot.readChunk(shape, range, options))
          yield rows.flatMap(({ after }) => (after === null ? [] : [after]));
      } finally {
        await snapshot.close();
      }
      if (range.to === null) return;
      from = range.to;
    }
  }

  async #read(keys: readonly KeyTexts[], keysOnly = false): Promise<readonly Row[]> {
    if (keys.length === 0) return [];
    const snapshot: SourceSnapshot = await this.#source.openSnapshot();
    try {
      const { shape } = this.#parts;
      const asked = keys.map((key) => keyRow(shape, key));
      const found = await snapshot.readRows(shape, asked, {
        maxValueBytes: MAX_VALUE_BYTES,
        keysOnly,
      });
      return [...found.values()];
    } finally {
      await snapshot.close();
    }
  }

  #hash(rows: readonly Row[]): Promise<readonly HashedRow[]> {
    return this.#parts.hasher.hash(rows.map((row) => this.#project(row)));
  }

  #project(row: Row): Row {
    return this.#parts.project?.(row) ?? row;
  }
}

/** A row of which only the key is known, of the target's canonical texts. */
function keyRow(shape: TableShape, key: KeyTexts): Row {
  const row: Value[] = shape.columns.map(() => UNCHANGED);
  for (const [at, index] of shape.key.entries()) {
    const type = shape.columns[index]?.type;
    if (type !== undefined) row[index] = valueOf(key[at] ?? "", type);
  }
  return row;
}

function valueOf(text: string, type: LogicalType): Value {
  if (type.kind === "bytes") return Uint8Array.from(Buffer.from(text, "hex"));
  if (type.kind === "boolean") return text === "true";
  // The target prints `4e+16`; digits that read back are the same everywhere.
  if (type.kind === "float") return String(Number(text));
  return type.kind === "timestamptz" ? `${text}+00` : text;
}

/** Many hashes in little memory. */
class HashList {
  #bytes = Buffer.alloc(HASH_BYTES);
  #length = 0;
  /** What is no hash: rows that the target could not hold. */
  readonly #others: string[] = [];

  get length(): number {
    return this.#length + this.#others.length;
  }

  add(hash: string): void {
    if (hash.length !== 2 * HASH_BYTES) {
      this.#others.push(hash);
      return;
    }
    const at = this.#length * HASH_BYTES;
    if (at === this.#bytes.length) {
      const grown = Buffer.alloc(2 * this.#bytes.length);
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#bytes.write(hash, at, "hex");
    this.#length += 1;
  }

  /** As the server makes one hash of them: of all, in order, one behind the other. */
  summary(): string {
    const hashes = Array.from({ length: this.#length }, (_, n) =>
      this.#bytes.toString("hex", n * HASH_BYTES, (n + 1) * HASH_BYTES),
    );
    const sum = createHash("md5");
    for (const hash of [...hashes, ...this.#others].toSorted()) sum.update(hash);
    return sum.digest("hex");
  }
}
