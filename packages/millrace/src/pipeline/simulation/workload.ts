import type { TableId, TableShape } from "../../model/table.ts";
import type { Value } from "../../model/value.ts";
import type { Profile } from "./profile.ts";
import type { SourceServer, SourceTransaction } from "./source-server.ts";
import {
  applyOp,
  column,
  firstShape,
  KEY_ORDINAL,
  LARGE_ORDINAL,
  VALUE_ORDINAL,
  type Cells,
  type SourceOp,
  type StoredTable,
} from "./source-tables.ts";
import { MISFIT, POISON } from "./values.ts";

type Scratch = Map<TableId, StoredTable>;

/** The source's applications: transactions on a few keys, by the seed. */
export class Workload {
  readonly #server: SourceServer;
  readonly #profile: Profile;
  #values = 0;
  #rowNumbers = 0;
  #ordinals = 10;
  #left: number;

  constructor(server: SourceServer, profile: Profile) {
    this.#server = server;
    this.#profile = profile;
    this.#left = profile.transactions;
  }

  /** Something left to do, other than to end what is open. */
  get busy(): boolean {
    return this.#left > 0;
  }

  /** Begins, commits, shows or rolls back a transaction. */
  act(): void {
    const { random } = this.#server.world;
    const { open, logged } = this.#server;
    const drawn = random.next();
    if (drawn < 0.4 && this.#left > 0) this.#begin();
    else if (drawn < 0.7 && open.size > 0) this.#end(random.pick([...open]));
    else if (logged.size > 0) this.#server.show(random.pick([...logged]));
  }

  /** Ends and shows everything, then writes each table once more, so that the log tells its last shape. */
  finish(): void {
    this.#settle();
    this.#left = 0;
    for (const table of this.#server.committed.values()) {
      const tx = this.#server.begin([this.#insert(table)]);
      if (tx !== null) this.#server.commit(tx);
      this.#settle();
    }
  }

  #settle(): void {
    for (const tx of this.#server.open) this.#server.commit(tx);
    for (const tx of this.#server.logged) this.#server.show(tx);
  }

  #begin(): void {
    const { random } = this.#server.world;
    const scratch: Scratch = new Map(this.#server.committed);
    const ops: SourceOp[] = [];
    for (let left = random.between(1, 3); left > 0; left--) {
      const table = random.pick([...scratch.values()]);
      const op = this.#op(table, ops);
      if (op === null) continue;
      ops.push(op);
      scratch.set(op.table, applyOp(table, op));
    }
    if (ops.length > 0 && this.#server.begin(ops) !== null) this.#left--;
  }

  #end(tx: SourceTransaction): void {
    if (this.#server.world.random.chance(0.1)) this.#server.rollBack(tx);
    else this.#server.commit(tx);
  }

  #op(table: StoredTable, before: readonly SourceOp[]): SourceOp | null {
    const { random } = this.#server.world;
    const { truncates, ddl } = this.#profile;
    // What takes the whole table goes into a transaction of its own.
    if (before.length === 0 && random.chance(0.08)) {
      if (truncates && random.chance(0.5)) return { kind: "truncate", table: table.shape.id };
      if (ddl) return this.#reshape(table);
    }
    if (before.some((op) => op.kind === "truncate" || op.kind === "reshape")) return null;
    const keys = [...table.rows.keys()];
    if (keys.length === 0 || random.chance(0.3)) return this.#insert(table);
    return this.#change(table, random.pick(keys));
  }

  #insert(table: StoredTable): SourceOp {
    const { random } = this.#server.world;
    if (table.shape.key.length === 0) {
      const number = String(++this.#rowNumbers).padStart(4, "0");
      return {
        kind: "put",
        table: table.shape.id,
        key: `#${number}`,
        cells: this.#cells(table, `same${random.between(0, 2)}`),
      };
    }
    const free = this.#keyNames().filter((key) => !table.rows.has(key));
    const key = free.length === 0 ? null : random.pick(free);
    if (key === null) return this.#change(table, random.pick([...table.rows.keys()]));
    return { kind: "put", table: table.shape.id, key, cells: this.#cells(table, key) };
  }

  #change(table: StoredTable, key: string): SourceOp {
    const { random } = this.#server.world;
    const { id } = table.shape;
    if (random.chance(0.25)) return { kind: "delete", table: id, key };
    const keyed = table.shape.key.length > 0;
    const free = this.#keyNames().filter((name) => !table.rows.has(name));
    const moves = keyed && this.#profile.keyChanges && free.length > 0 && random.chance(0.3);
    const toKey = moves ? random.pick(free) : key;
    const old = table.rows.get(key) ?? new Map<number, Value>();
    const fresh = this.#cells(table, keyed ? toKey : String(old.get(KEY_ORDINAL)));
    const keeps =
      this.#profile.unchanged &&
      random.chance(0.6) &&
      old.get(LARGE_ORDINAL) !== null &&
      old.has(LARGE_ORDINAL);
    const cells = keeps
      ? new Map([...fresh, [LARGE_ORDINAL, old.get(LARGE_ORDINAL) ?? null] as const])
      : fresh;
    return {
      kind: "update",
      table: id,
      key,
      toKey,
      cells,
      untouched: new Set(keeps ? [LARGE_ORDINAL] : []),
    };
  }

  #cells(table: StoredTable, id: string): Cells {
    const keyless = table.shape.key.length === 0;
    return new Map(
      table.shape.columns.map((c): [number, Value] => {
        const ordinal = c.ordinal ?? 0;
        return [ordinal, ordinal === KEY_ORDINAL ? id : this.#value(ordinal, keyless)];
      }),
    );
  }

  #value(ordinal: number, keyless: boolean): Value {
    const { random } = this.#server.world;
    const { badRows, hugeValues } = this.#profile;
    if (keyless && random.chance(0.6)) return "same";
    const value = `${ordinal === LARGE_ORDINAL ? "t" : "v"}${++this.#values}`;
    if (badRows && ordinal === VALUE_ORDINAL && random.chance(0.15))
      return `${random.pick([POISON, MISFIT])}${value}`;
    if (hugeValues && ordinal === LARGE_ORDINAL && random.chance(0.2))
      return value + "x".repeat(1_000);
    return ordinal !== LARGE_ORDINAL && random.chance(0.05) ? null : value;
  }

  #keyNames(): string[] {
    return Array.from({ length: this.#profile.keys }, (_, i) => `k${i}`);
  }

  #reshape(table: StoredTable): SourceOp {
    const { random } = this.#server.world;
    const { shape } = table;
    const own = shape.columns.filter((c) => (c.ordinal ?? 0) > LARGE_ORDINAL);
    const drawn = random.next();
    const chosen = own.length === 0 ? undefined : random.pick(own);
    if (chosen !== undefined && drawn < 0.25)
      return this.#withColumns(
        shape,
        shape.columns.filter((c) => c !== chosen),
        new Map(),
      );
    if (chosen !== undefined && drawn < 0.5) return this.#renamed(shape, chosen.ordinal);
    if (chosen !== undefined && drawn < 0.65) return this.#retyped(shape, chosen.ordinal);
    const ordinal = ++this.#ordinals;
    // Few names, so that a name comes back with another column.
    const name =
      ["c0", "c1"].find((free) => shape.columns.every((c) => c.name !== free)) ?? `c${ordinal}`;
    const added = [...shape.columns, column(name, ordinal)];
    return this.#withColumns(
      shape,
      added,
      random.chance(0.4) ? new Map([[ordinal, `default${ordinal}`]]) : new Map(),
    );
  }

  #renamed(shape: TableShape, ordinal: number | null): SourceOp {
    const name = `r${++this.#values}`;
    return this.#withColumns(
      shape,
      shape.columns.map((c) => (c.ordinal === ordinal ? { ...c, name } : c)),
      new Map(),
    );
  }

  /** A converting ALTER: all values become others, without row events. */
  #retyped(shape: TableShape, ordinal: number | null): SourceOp {
    const number = ++this.#values;
    const columns = shape.columns.map((c) =>
      c.ordinal === ordinal ? { ...c, sourceType: `type${number}` } : c,
    );
    return this.#withColumns(shape, columns, new Map([[ordinal ?? 0, `converted${number}`]]));
  }

  #withColumns(
    shape: TableShape,
    columns: TableShape["columns"],
    filled: ReadonlyMap<number, Value>,
  ): SourceOp {
    return { kind: "reshape", table: shape.id, shape: { ...shape, columns }, filled };
  }
}

/** A table of the model with some rows. */
export function initialTable(name: string, keyed: boolean, rows: number): StoredTable {
  const shape = firstShape(name, keyed);
  const cells = (i: number): Cells =>
    new Map<number, Value>([
      [KEY_ORDINAL, keyed ? `k${i}` : `same${i % 2}`],
      [VALUE_ORDINAL, `v-${name}-${i}`],
      [LARGE_ORDINAL, keyed ? `t-${name}-${i}` : "same"],
    ]);
  const made = Array.from(
    { length: rows },
    (_, i) => [keyed ? `k${i}` : `#0000${i}`, cells(i)] as const,
  );
  return { shape, rows: new Map(made), rewrites: 0 };
}
