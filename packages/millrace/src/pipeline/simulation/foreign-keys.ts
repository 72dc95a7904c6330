import {
  applyTo,
  KEY_ORDINAL,
  VALUE_ORDINAL,
  type Cells,
  type SourceOp,
  type StoredTable,
} from "./source-tables.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { TableId } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";

/** Names of the tables that have keys: `t0`, `t1`. */
const NUMBERED = /^t(\d+)$/;

/** The table whose keys the values of a table name, by their names alone: at the source and at the sink. Null where none. */
export function parentOf(name: string, isSelf: boolean): string | null {
  const number = NUMBERED.exec(name)?.[1];
  if (number === undefined) return null;
  if (number === "0") return isSelf ? name : null;
  return `t${Number(number) - 1}`;
}

/** The table whose values name keys of this one, other than itself. */
export function childOf(name: string): string | null {
  const number = NUMBERED.exec(name)?.[1];
  return number === undefined ? null : `t${Number(number) + 1}`;
}

type Tables = ReadonlyMap<TableId, StoredTable>;

/** How often a row points at one that comes behind it in its transaction, where that is allowed. */
const AHEAD = 0.3;

/** Makes of the source's changes such as its foreign keys allow. */
export class ForeignWork {
  readonly #random: SeededRandom;
  readonly #isSelf: boolean;
  /** Only the end of a transaction counts. */
  readonly #deferred: boolean;

  constructor(
    random: SeededRandom,
    { isSelf, deferred }: { readonly isSelf: boolean; readonly deferred: boolean },
  ) {
    this.#random = random;
    this.#isSelf = isSelf;
    this.#deferred = deferred;
  }

  /** What takes the place of a change; rows that point at what goes are pointed elsewhere first, or go too. */
  allowed(tables: Tables, op: SourceOp): readonly SourceOp[] {
    if (op.kind === "put") return this.#pointing(tables, op, null);
    if (op.kind === "delete") return this.#inAnyOrder([...this.#freed(tables, op), op]);
    if (op.kind !== "update") return [op];
    if (op.key === op.toKey) return this.#pointing(tables, op, op.key);
    const freed = this.#freed(tables, op);
    if (freed.length === 0) return this.#pointing(tables, op, op.key);
    const behind = new Map(tables);
    for (const change of freed) applyTo(behind, change);
    return [...freed, ...this.#keyKept(behind, op)];
  }

  /** A row that others have just been taken from stays where it is. */
  #keyKept(tables: Tables, op: Extract<SourceOp, { kind: "update" }>): readonly SourceOp[] {
    const old = tables.get(op.table)?.rows.get(op.key)?.get(KEY_ORDINAL) ?? op.key;
    const cells = new Map([...op.cells, [KEY_ORDINAL, old] as const]);
    return this.#pointing(tables, { ...op, toKey: op.key, cells }, op.key);
  }

  /** The row with a value that names a row, or none; at times with one that is inserted behind it. */
  #pointing(
    tables: Tables,
    op: Extract<SourceOp, { kind: "put" | "update" }>,
    own: string | null,
  ): readonly SourceOp[] {
    const parent = this.#parentOf(tables, op.table);
    if (parent === null) return [op];
    const { id } = parent.shape;
    const isOwn = id === op.table;
    // No circles: rows that point at one another could not be loaded one after the other.
    const of = op.kind === "put" ? op.key : op.toKey;
    const there = [...parent.rows.keys()].filter((key) => !isOwn || (key < of && key !== own));
    const value = this.#random.chance(0.2) || there.length === 0 ? null : this.#random.pick(there);
    const row = (points: string | null): SourceOp => ({
      ...op,
      cells: new Map([...op.cells, [VALUE_ORDINAL, points] as const]),
    });
    const isAhead = this.#deferred && !isOwn && this.#random.chance(AHEAD);
    const free = isAhead ? ["n0", "n1", "n2"].find((key) => !parent.rows.has(key)) : undefined;
    if (free === undefined) return [row(value)];
    const cells: Cells = new Map(
      parent.shape.columns.map(({ ordinal }) => [
        ordinal ?? 0,
        ordinal === KEY_ORDINAL ? free : null,
      ]),
    );
    return [row(free), { kind: "put", table: id, key: free, cells }];
  }

  /** Changes after which nothing points at a row. */
  #freed(
    tables: Tables,
    { table, key }: { readonly table: TableId; readonly key: string },
  ): SourceOp[] {
    return this.#childrenOf(tables, table).flatMap((child) =>
      [...child.rows]
        .filter(
          ([own, cells]) =>
            cells.get(VALUE_ORDINAL) === key && (child.shape.id !== table || own !== key),
        )
        .flatMap(([own, cells]) => this.#taken(tables, child, own, cells)),
    );
  }

  /** A row that pointed at what goes: it goes too, where nothing points at it, or points at nothing. */
  #taken(tables: Tables, { shape: { id } }: StoredTable, key: string, cells: Cells): SourceOp[] {
    const gone: SourceOp = { kind: "delete", table: id, key };
    if (this.#random.chance(0.5) && this.#freed(tables, { table: id, key }).length === 0)
      return [gone];
    const points = new Map([...cells, [VALUE_ORDINAL, null] as const]);
    return [{ kind: "update", table: id, key, toKey: key, cells: points, untouched: new Set() }];
  }

  #inAnyOrder(ops: readonly SourceOp[]): readonly SourceOp[] {
    return this.#deferred && this.#random.chance(0.5) ? ops.toReversed() : ops;
  }

  #parentOf(tables: Tables, id: TableId): StoredTable | null {
    const shape = tables.get(id)?.shape;
    const name = shape === undefined ? null : parentOf(shape.name, this.#isSelf);
    return name === null ? null : (tables.get(tableId(shape?.schema ?? "", name)) ?? null);
  }

  #childrenOf(tables: Tables, id: TableId): StoredTable[] {
    return [...tables.values()].filter(
      (table) => this.#parentOf(tables, table.shape.id)?.shape.id === id,
    );
  }
}

/** Rows of other tables that a change rests on, and rows that it takes away: no two transactions may do both to one row. */
export function foreignLocks(
  op: SourceOp,
  isSelf: boolean,
): { readonly rests: readonly string[]; readonly takes: readonly string[] } {
  const name = op.table.split(".").at(-1) ?? "";
  const parent = parentOf(name, isSelf);
  const value = op.kind === "put" || op.kind === "update" ? op.cells.get(VALUE_ORDINAL) : null;
  const rests = parent !== null && typeof value === "string" ? [`${parent}/${value}`] : [];
  const isGoing = op.kind === "delete" || (op.kind === "update" && op.key !== op.toKey);
  return { rests, takes: isGoing ? [`${name}/${op.key}`] : [] };
}
