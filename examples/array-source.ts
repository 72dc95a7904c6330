// A source of one's own: changes that lie in an array, replayed into files of lines.
//
//     node --conditions=source examples/array-source.ts
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Change, createTask, SINKS, tableId, taskDefaults } from "millrace/extend";
import type {
  ChunkBatch,
  DiscoveredTable,
  Json,
  LogBatch,
  Op,
  Position,
  Row,
  Source,
  SourceLog,
  SourceSnapshot,
  TableShape,
  TransactionId,
} from "millrace/extend";

/** One change of the array; for `d` only the key columns of the row are looked at. */
export interface ArrayChange {
  readonly op: Exclude<Op, "r">;
  readonly row: readonly (string | null)[];
}

/** What a change weighs against the memory budget; these are small. */
const BYTES = 100;

/**
 * Replays an array, each change a transaction of its own. A position is the number of changes up to it; a snapshot is
 * what all changes so far come to. Updates may not change the key.
 */
export class ArraySource implements Source {
  readonly kind = "array";
  readonly #shape: TableShape;
  readonly #changes: ArrayChange[];
  readonly #logs = new Set<ArrayLog>();

  constructor(shape: TableShape, changes: readonly ArrayChange[]) {
    this.#shape = shape;
    this.#changes = [...changes];
  }

  /** One more change, while a pipeline may be running. */
  push(change: ArrayChange): void {
    this.#changes.push(change);
    for (const log of this.#logs) log.wake();
  }

  comparePositions(a: Position, b: Position): number {
    return Number(a) - Number(b);
  }

  positionText(position: Position): string {
    return String(Number(position)).padStart(12, "0");
  }

  /** Values of an array are text or null; a source with other forms makes text of them here. */
  keyText(shape: TableShape, row: Row): string {
    const values = shape.key.map((index) => row[index]);
    return JSON.stringify(values.map((value) => (typeof value === "string" ? value : null)));
  }

  async identity(): Promise<Json> {
    return { array: this.#shape.id };
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    return [{ shape: this.#shape, estimatedRows: this.#changes.length, notices: [] }];
  }

  /** The array keeps everything, so that there is nothing to prepare and nothing can be lost. */
  async prepare(_tables: readonly TableShape[], known: Position | null) {
    return { start: 0, created: known === null, joined: [] };
  }

  async safeToSnapshot(): Promise<void> {}

  async openLog({ from }: { readonly from: Position | null }): Promise<SourceLog> {
    const log = new ArrayLog(this.#shape, this.#changes, Number(from ?? 0), () =>
      this.#logs.delete(log),
    );
    this.#logs.add(log);
    return log;
  }

  async openSnapshot(): Promise<SourceSnapshot> {
    return new ArraySnapshot(this, this.#shape, this.#changes.slice());
  }

  async unseen(): Promise<readonly TransactionId[]> {
    return [];
  }

  sees(token: Json, transaction: TransactionId): boolean {
    return Number(transaction) <= Number(token);
  }

  async nudge(): Promise<void> {}

  async logEnd(): Promise<Position> {
    return this.#changes.length;
  }

  bytesBetween(from: Position, to: Position): number {
    return BYTES * (Number(to) - Number(from));
  }

  /** The whole table is one chunk. */
  async planChunk() {
    return { from: null, to: null };
  }

  async close(): Promise<void> {}
}

class ArrayLog implements SourceLog {
  readonly #shape: TableShape;
  readonly #changes: readonly ArrayChange[];
  readonly #left: () => void;
  #at: number;
  #closed = false;
  #woken: (() => void) | null = null;

  constructor(shape: TableShape, changes: readonly ArrayChange[], at: number, left: () => void) {
    this.#shape = shape;
    this.#changes = changes;
    this.#at = at;
    this.#left = left;
  }

  async next(): Promise<LogBatch> {
    while (!this.#closed && this.#at >= this.#changes.length)
      await new Promise<void>((resolve) => (this.#woken = resolve));
    if (this.#closed) throw new Error("the log was closed");
    const part = this.#changes.slice(this.#at, this.#at + 1_000);
    const items = part.map((change, i) => changeOf(this.#shape, change, this.#at + i + 1));
    this.#at += part.length;
    const position = this.#at;
    const sourceTimeMs = items.at(-1)?.transaction?.commitTimeMs ?? null;
    return { items, position, acknowledge: position, sourceTimeMs, bytes: BYTES * items.length };
  }

  wake(): void {
    this.#woken?.();
  }

  /** The array forgets nothing. */
  acknowledge(): void {}

  async close(): Promise<void> {
    this.#closed = true;
    this.#left();
    this.wake();
  }
}

function changeOf(shape: TableShape, { op, row }: ArrayChange, position: number): Change {
  const transaction = { id: String(position), commitTimeMs: Date.now() };
  const [before, after] = op === "d" ? [row, null] : [null, row];
  return new Change(op, shape, before, after, position, null, transaction, BYTES);
}

class ArraySnapshot implements SourceSnapshot {
  readonly token: Json;
  readonly logEnd: Position;
  readonly #source: ArraySource;
  readonly #rows = new Map<string, Row>();

  constructor(source: ArraySource, shape: TableShape, changes: readonly ArrayChange[]) {
    this.#source = source;
    this.token = changes.length;
    this.logEnd = changes.length;
    for (const { op, row } of changes) {
      const key = source.keyText(shape, row);
      if (op === "d") this.#rows.delete(key);
      else this.#rows.set(key, row);
    }
  }

  sees(transaction: TransactionId): boolean {
    return this.#source.sees(this.token, transaction);
  }

  async *readChunk(shape: TableShape): AsyncGenerator<ChunkBatch, void, undefined> {
    const rows = [...this.#rows.values()].map(
      (row) => new Change("r", shape, null, row, null, null, null, BYTES),
    );
    const bytes = BYTES * rows.length;
    yield { rows, lastKey: null, bytes, sentBytes: bytes };
  }

  async readRows(shape: TableShape, keys: readonly Row[]): Promise<ReadonlyMap<string, Row>> {
    const wanted = new Set(keys.map((row) => this.#source.keyText(shape, row)));
    return new Map([...this.#rows].filter(([key]) => wanted.has(key)));
  }

  async close(): Promise<void> {}
}

/** The shape of the examples' table. */
export const TEAS: TableShape = {
  id: tableId("public", "teas"),
  schema: "public",
  name: "teas",
  identity: "teas",
  columns: [
    {
      name: "id",
      type: { kind: "int", bits: 64 },
      sourceType: "bigint",
      nullable: false,
      ordinal: 1,
    },
    {
      name: "name",
      type: { kind: "text", maxChars: null },
      sourceType: "text",
      nullable: true,
      ordinal: 2,
    },
  ],
  key: [0],
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = await mkdtemp(join(tmpdir(), "array-source-"));
  const defaults = taskDefaults("array");
  const sink = SINKS.jsonl({ path, statePath: join(path, "state") }, defaults);
  const source = new ArraySource(TEAS, [
    { op: "c", row: ["1", "Assam"] },
    { op: "c", row: ["2", "Darjeeling"] },
  ]);
  const task = createTask({ ...defaults, source, sink });
  await task.start();
  await task.caughtUp();
  source.push({ op: "u", row: ["2", "Darjeeling, first flush"] });
  source.push({ op: "d", row: ["1", null] });
  await task.caughtUp();
  await task.stop();
  process.stdout.write(await readFile(join(path, "public.teas.jsonl"), "utf8"));
  await rm(path, { recursive: true });
}
