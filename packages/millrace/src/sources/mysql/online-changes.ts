import { tableId, type TableId, tableParts } from "../../model/table.ts";
import type { DdlEffect } from "./ddl-effect.ts";
import { type MysqlShape, named } from "./ddl-shape.ts";
import { reconciled } from "./kept-shape.ts";
import type { Outcome } from "./statement-outcomes.ts";

/** What gh-ost (`_t_gho`, `_t_ghc`, `_t_del`) and pt-online-schema-change (`_t_new`, `_t_old`) call their tables. */
const GHOST = /^_+(.+)_(gho|ghc|del|new|old)$/s;

/** Whether a table of this name is a tool's, and not the application's. */
export function isGhostName(name: string): boolean {
  return GHOST.test(name);
}

/** A copy that a tool alters in place of the table. */
interface Ghost {
  readonly shape: MysqlShape;
  /** Columns whose values may not be those of the table. */
  readonly rewritten: ReadonlySet<string>;
  /** Rows of the table may be missing in it. */
  readonly isOtherRows: boolean;
}

/**
 * Follows the copies that gh-ost and pt-online-schema-change make of captured tables, so that their swap is what it means:
 * an ALTER of the table. A copy that was not seen from its beginning on is not known, and the catalogue is asked.
 */
export class OnlineChanges {
  readonly #ghosts = new Map<TableId, Ghost>();
  /** Captured tables that were named away while a copy of them is there, and how they are called. */
  readonly #away = new Map<TableId, TableId>();

  /** Of a copy; undefined for all else. */
  shape(id: TableId): MysqlShape | undefined {
    return this.#ghosts.get(id)?.shape;
  }

  /** A statement comes: a new unique key refuses rows of the table, which are left out of the copy without a word. */
  see(sql: string): void {
    if (this.#ghosts.size === 0 || !/\bunique\b/i.test(sql)) return;
    for (const [id, { shape }] of this.#ghosts) if (sql.includes(shape.name)) this.#lose(id);
  }

  /** Takes in what a statement did; `shapeOf` gives captured tables as they were before. */
  take(effects: readonly DdlEffect[], shapeOf: (id: TableId) => MysqlShape | undefined): void {
    for (const effect of effects) {
      // Another table has the name of one that was named away.
      if (effect.kind === "created") this.#away.delete(effect.shape.id);
      if (effect.kind === "renamed") this.#away.delete(effect.to);
      if (effect.kind === "created") this.#created(effect.shape, shapeOf);
      else if (effect.kind === "altered") this.#altered(effect);
      else if (effect.kind === "moved") this.#lose(effect.id);
      else if (effect.kind === "dropped") this.#ghosts.delete(effect.id);
      else if (effect.kind === "renamed") this.#ghosts.delete(effect.from);
      else if (effect.kind === "unknown") for (const id of effect.tables) this.#ghosts.delete(id);
    }
  }

  #created(shape: MysqlShape, shapeOf: (id: TableId) => MysqlShape | undefined): void {
    const base = GHOST.exec(shape.name)?.[1];
    const table = base === undefined ? undefined : shapeOf(tableId(shape.schema, base));
    if (table === undefined) return;
    // pt-online-schema-change writes the table's definition out: its columns are the table's.
    const copy = reconciled(shape, table);
    this.#ghosts.set(shape.id, { shape: copy, rewritten: new Set(), isOtherRows: false });
  }

  #lose(id: TableId): void {
    const ghost = this.#ghosts.get(id);
    if (ghost !== undefined) this.#ghosts.set(id, { ...ghost, isOtherRows: true });
  }

  #altered({ id, shape, renames, rewritten }: Extract<DdlEffect, { kind: "altered" }>): void {
    const before = this.#ghosts.get(id);
    if (before === undefined) return;
    const to = new Map(renames.map((rename) => [rename.from, rename.to]));
    const earlier = [...before.rewritten].map((name) => to.get(name) ?? name);
    const isOtherRows = before.isOtherRows || keyOf(shape) !== keyOf(before.shape);
    // A renamed column is one that the tool may not have copied.
    const all = new Set([...earlier, ...rewritten, ...to.values()]);
    this.#ghosts.set(id, { shape, rewritten: all, isOtherRows });
  }

  /**
   * The swap of a captured table with its copy, as the change of the table that it is; null for every other statement. Tools
   * that cannot do it at once (gh-ost's two-step) name the table away first, and the copy back in a statement of its own.
   */
  swap(
    effects: readonly DdlEffect[],
    isCaptured: (id: TableId) => boolean,
  ): ReadonlyMap<TableId, Outcome> | null {
    const [first, second] = effects;
    const dropped = effects.flatMap((effect) => (effect.kind === "dropped" ? [effect.id] : []));
    if (dropped.length === effects.length) return this.#dropped(dropped, isCaptured);
    if (first?.kind !== "renamed" || effects.length > 2) return null;
    if (second === undefined) return this.#half(first, isCaptured);
    const { from: id } = first;
    if (second.kind !== "renamed" || second.to !== id || !isCaptured(id)) return null;
    const isSwap = [first.to, second.from].every((other) => isGhostOf(other, id));
    return isSwap ? this.#swapped(id, second.from) : null;
  }

  #half(
    { from, to }: Extract<DdlEffect, { kind: "renamed" }>,
    isCaptured: (id: TableId) => boolean,
  ): ReadonlyMap<TableId, Outcome> | null {
    if (isCaptured(from) && isGhostOf(to, from) && this.#hasCopy(from)) {
      this.#away.set(from, to);
      return NOTHING;
    }
    const away = this.#away.get(to);
    if (away === undefined) return null;
    this.#away.delete(to);
    if (from === away) return NOTHING;
    return isGhostOf(from, to) ? this.#swapped(to, from) : null;
  }

  /** What was named away does not come back. */
  #dropped(
    ids: readonly TableId[],
    isCaptured: (id: TableId) => boolean,
  ): ReadonlyMap<TableId, Outcome> | null {
    const gone = [...this.#away].flatMap(([table, away]) => (ids.includes(away) ? [table] : []));
    if (gone.length === 0) return null;
    for (const table of gone) this.#away.delete(table);
    return new Map([...gone, ...ids.filter(isCaptured)].map((id) => [id, { kind: "dropped" }]));
  }

  #hasCopy(table: TableId): boolean {
    const { schema, name } = tableParts(table);
    return [...this.#ghosts.values()].some(
      ({ shape }) => shape.schema === schema && GHOST.exec(shape.name)?.[1] === name,
    );
  }

  #swapped(id: TableId, from: TableId): ReadonlyMap<TableId, Outcome> {
    const ghost = this.#ghosts.get(from);
    if (ghost === undefined)
      return new Map([[id, { kind: "shape", shape: null, rewritten: [], rows: "moved" }]]);
    const { schema, name } = tableParts(id);
    const shape = { ...ghost.shape, ...named(schema, name) };
    const rows = ghost.isOtherRows ? "moved" : "same";
    const rewritten = ghost.isOtherRows
      ? shape.columns.map((column) => column.name)
      : [...ghost.rewritten];
    return new Map([[id, { kind: "shape", shape, rewritten, rows }]]);
  }
}

const NOTHING: ReadonlyMap<TableId, Outcome> = new Map();

function isGhostOf(ghost: TableId, table: TableId): boolean {
  const { schema, name } = tableParts(ghost);
  return schema === tableParts(table).schema && isGhostName(name);
}

function keyOf({ columns, key }: MysqlShape): string {
  return JSON.stringify(key.map((index) => columns[index]?.ordinal));
}
