import { MillraceError } from "../../errors/millrace-error.ts";
import { Change } from "../../model/change.ts";
import type { Json, Position, TransactionId } from "../../model/position.ts";
import { RowLine } from "../../model/row-line.ts";
import type { ChunkBatch, ChunkOptions, ChunkRange, SourceSnapshot } from "../../model/source.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { byNames } from "./followed-shape.ts";
import { chunkKeyText, keyTextOf } from "./keys.ts";
import type { ModelLink } from "./source-link.ts";
import { rowOf, type StoredTable } from "./source-tables.ts";
import { skim, weigh } from "./values.ts";
import { Violation } from "./violation.ts";
import type { Process, World } from "./world.ts";

function mayBeLine(shape: TableShape, { after }: Change): boolean {
  const isWhole = after?.every((value) => !(value instanceof Skimmed)) === true;
  return shape.key.length > 0 && isWhole && shape.key.every((index) => after[index] !== null);
}

/** No sink of the model looks at its text. */
function lineOf(shape: TableShape, row: Change): RowLine {
  const value = (_start: number, _end: number, column: number): Value =>
    row.after?.[column] ?? null;
  const text = { buffer: NO_TEXT, read: () => row, value };
  return new RowLine(text, 0, 0, keyTextOf(shape, row.after ?? []), row.bytes);
}

const NO_TEXT = Buffer.alloc(0);

/** What a snapshot's token says: everything below `next` but for these. */
export function sees(token: Json, transaction: TransactionId): boolean {
  if (typeof token !== "object" || token === null || !("next" in token)) return false;
  const { next, unseen } = token;
  if (typeof next !== "number" || !Array.isArray(unseen)) return false;
  const [, commit] = transaction.split("@");
  if (commit !== undefined) return "replayed" in token && Number(commit) < Number(token.replayed);
  const [id = ""] = transaction.split("#");
  return Number(id) < next && !unseen.includes(id);
}

/** @throws Violation where a snapshot of one server is asked about a transaction of another (`PreparedLog.elsewhere`). */
export function refuseOtherServer(token: Json, transaction: TransactionId): void {
  const [id, era] = transaction.split("#");
  const of = typeof token === "object" && token !== null && "era" in token ? token.era : 0;
  if (era !== undefined && Number(era) !== of)
    throw new Violation(`a snapshot of server ${String(of)} is asked about ${id} of server ${era}`);
}

/** A snapshot that somebody holds, and the tables that it has read: DDL waits for it. */
export interface HeldSnapshot {
  readonly owner: Process;
  readonly locks: Set<TableId>;
}

/** A server that snapshots are taken at. */
export interface SnapshotHost {
  readonly world: World;
  readonly visible: ReadonlyMap<TableId, StoredTable>;
  readonly snapshots: Set<HeldSnapshot>;
  readonly logEnd: Position;
  /** What a snapshot that is taken now sees. */
  token(): { readonly unseen: readonly TransactionId[] } & Json;
  tableLocked(table: TableId): boolean;
  /** So much was given at once. */
  handedOut(bytes: number): void;
  /** What is told where a snapshot is gone. */
  lost(): MillraceError;
}

/** A REPEATABLE READ transaction of the model source. */
export class ModelSnapshot implements SourceSnapshot {
  readonly token: Json;
  readonly logEnd: Position;
  /** Often less than a chunk takes. */
  readonly mayLiveMs: number;
  readonly #server: SnapshotHost;
  readonly #link: ModelLink;
  readonly #tables: ReadonlyMap<TableId, StoredTable>;
  readonly #held: HeldSnapshot;

  private constructor(
    server: SnapshotHost,
    link: ModelLink,
    taken: { token: Json; tables: ReadonlyMap<TableId, StoredTable> },
    held: HeldSnapshot,
  ) {
    this.#server = server;
    this.#link = link;
    this.token = taken.token;
    this.#tables = taken.tables;
    this.#held = held;
    this.logEnd = server.logEnd;
    this.mayLiveMs = server.world.random.between(1, 60);
  }

  static async open(server: SnapshotHost, link: ModelLink): Promise<ModelSnapshot> {
    await link.call("snapshot open");
    const token = server.token();
    const taken = { token, tables: new Map(server.visible) };
    const held = { owner: link.owner, locks: new Set<TableId>() };
    server.snapshots.add(held);
    server.world.tell(
      () => `${link.owner.name} takes a snapshot without ${token.unseen.join(" ")}`,
    );
    await link.step("snapshot log end");
    return new ModelSnapshot(server, link, taken, held);
  }

  sees(transaction: TransactionId): boolean {
    this.#link.tellCare(() => refuseOtherServer(this.token, transaction));
    return sees(this.token, transaction);
  }

  async *readChunk(
    shape: TableShape,
    range: ChunkRange,
    options: ChunkOptions,
  ): AsyncGenerator<ChunkBatch, void, undefined> {
    const table = await this.#lock(shape, false);
    if (table === null) return;
    const from = chunkKeyText(range.from);
    const to = chunkKeyText(range.to);
    const keys = [...table.rows.keys()]
      .filter((k) => (from === null || k > from) && (to === null || k <= to))
      .sort();
    while (keys.length > 0) {
      await this.#link.call("chunk read");
      this.#refuseCut();
      const part = keys.splice(0, this.#server.world.random.between(1, 3));
      const rows = part.map((key) => {
        const row = rowOf(byName(shape, table.shape), table.rows.get(key) ?? new Map());
        const after = row.map((value, i) =>
          shape.key.includes(i) ? value : skim(value, options.maxValueBytes),
        );
        return new Change("r", shape, null, after, null, null, null, weigh(after));
      });
      const isLine = (row: Change): boolean => options.lines !== undefined && mayBeLine(shape, row);
      const bytes = rows.reduce((sum, change) => sum + change.bytes, 0);
      this.#server.handedOut(bytes);
      if (keys.length === 0 && options.closes === true) this.#server.snapshots.delete(this.#held);
      yield {
        rows: rows.filter((row) => !isLine(row)),
        lines: rows.filter(isLine).map((row) => lineOf(shape, row)),
        bytes,
        sentBytes: bytes,
        lastKey: shape.key.length === 0 ? null : (part.at(-1) ?? null),
      };
      // Who takes no more has not used them.
      this.#link.tellCare((care, owner) => care.read(owner, rows.length));
    }
  }

  async readRows(
    shape: TableShape,
    keys: readonly Row[],
    options: { maxValueBytes: number; keysOnly?: boolean },
  ): Promise<ReadonlyMap<string, Row>> {
    const table = await this.#lock(shape, true);
    await this.#link.call("rows read");
    this.#refuseCut();
    const found = new Map<string, Row>();
    if (table === null) return found;
    for (const key of keys.map((row) => keyTextOf(shape, row))) {
      const cells = table.rows.get(key);
      if (cells === undefined) continue;
      const whole = rowOf(byName(shape, table.shape), cells);
      const row = whole.map((value, i) => {
        if (shape.key.includes(i)) return value;
        return options.keysOnly === true ? UNCHANGED : skim(value, options.maxValueBytes);
      });
      found.set(key, row);
    }
    return found;
  }

  async close(): Promise<void> {
    this.#server.snapshots.delete(this.#held);
    await this.#link.step("snapshot close");
  }

  /** Its connection is gone, and its transaction with it. */
  #refuseCut(): void {
    if (this.#server.snapshots.has(this.#held)) return;
    throw this.#server.lost();
  }

  /**
   * Locks the table against DDL, then compares it with the catalogue. Where the log tells schema changes, rows are asked
   * for by their keys whatever columns are there, and a table that is gone has none (`tables/changed-table.ts`).
   */
  async #lock(shape: TableShape, areAsked: boolean): Promise<StoredTable | null> {
    await this.#link.call("table lock");
    while (this.#server.tableLocked(shape.id)) await this.#link.step("waits for a lock");
    this.#refuseCut();
    this.#held.locks.add(shape.id);
    const now = this.#server.visible.get(shape.id);
    const then = this.#tables.get(shape.id);
    if (areAsked && shape.facts !== undefined) {
      if (now === undefined) return null;
      if (then?.rewrites === now.rewrites && then.shape === now.shape) return then;
    }
    if (now === undefined || then === undefined || !isStill(shape, now, then))
      throw new MillraceError("MR_SOURCE_TABLE_CHANGED", `(model) ${shape.id} is not as it was`);
    return then;
  }
}

/** The table has all columns of the shape, and was not rewritten since the snapshot. */
function isStill(shape: TableShape, now: StoredTable, then: StoredTable): boolean {
  const { columns, identity } = now.shape;
  const there = new Set(columns.map((c) => `${c.ordinal}/${c.sourceType}`));
  const isThere = byName(shape, now.shape).columns.every((c) =>
    there.has(`${c.ordinal}/${c.sourceType}`),
  );
  const isSameTable = identity === shape.identity && then.shape.identity === identity;
  return isThere && isSameTable && now.rewrites === then.rewrites;
}

/** A SELECT names columns: one whose ordinal is not known, or our own, is the one that has its name now. */
function byName(shape: TableShape, now: TableShape): TableShape {
  if (shape.facts !== undefined) return byNames(shape, now);
  if (shape.columns.every(({ ordinal }) => ordinal !== null)) return shape;
  const columns = shape.columns.map((c) =>
    c.ordinal === null
      ? { ...c, ordinal: now.columns.find(({ name }) => name === c.name)?.ordinal ?? null }
      : c,
  );
  return { ...shape, columns };
}
