import type { TableId } from "../../model/table.ts";
import type { Value } from "../../model/value.ts";
import { ForeignWork } from "./foreign-keys.ts";
import type { Profile } from "./profile.ts";
import type { SourceServer, SourceTransaction } from "./source-server.ts";
import {
  applyTo,
  KEY_ORDINAL,
  LARGE_ORDINAL,
  VALUE_ORDINAL,
  type Cells,
  type SourceOp,
  type StoredTable,
} from "./source-tables.ts";
import { MISFIT, POISON } from "./values.ts";
import { SchemaWork } from "./workload-schema.ts";

type Scratch = Map<TableId, StoredTable>;

/** The source's applications: transactions on a few keys, by the seed. */
export class Workload {
  readonly #server: SourceServer;
  readonly #profile: Profile;
  readonly #schema: SchemaWork;
  readonly #foreign: ForeignWork | null;
  #values = 0;
  #rowNumbers = 0;
  #left: number;

  constructor(server: SourceServer, profile: Profile) {
    this.#server = server;
    this.#profile = profile;
    this.#left = profile.transactions;
    const { random } = server.world;
    this.#schema = new SchemaWork(random, profile, () => ++this.#values);
    this.#foreign = profile.foreign === null ? null : new ForeignWork(random, profile.foreign);
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
      const ops = this.#allowed(this.#server.committed, this.#insert(table));
      const tx = this.#server.begin(ops);
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
    const life = this.#schema.life(scratch);
    if (life.length > 0) {
      if (this.#server.begin(life) !== null) this.#left--;
      return;
    }
    const ops: SourceOp[] = this.#exchange(scratch);
    for (
      let left = ops.length > 0 ? random.between(0, 1) : random.between(1, 3);
      left > 0;
      left--
    ) {
      const table = random.pick([...scratch.values()]);
      const op = this.#silent(table, this.#op(table, ops));
      if (op === null) continue;
      for (const done of this.#allowed(scratch, op)) {
        ops.push(done);
        applyTo(scratch, done);
      }
    }
    if (ops.length > 0 && this.#server.begin(ops) !== null) this.#left--;
  }

  #allowed(tables: Scratch, op: SourceOp): readonly SourceOp[] {
    return this.#foreign?.allowed(tables, op) ?? [op];
  }

  /** Unique values that change places, in an order that the source's constraint allows. */
  #exchange(scratch: Scratch): SourceOp[] {
    const { random } = this.#server.world;
    const { unique } = this.#profile;
    if (unique === null || !random.chance(unique.exchanges)) return [];
    const table = random.pick([...scratch.values()]);
    const rows = [...table.rows].filter(
      ([, cells]) => typeof cells.get(VALUE_ORDINAL) === "string",
    );
    if (table.shape.key.length === 0 || rows.length < 2) return [];
    const a = random.pick(rows);
    const b = random.pick(rows.filter((row) => row !== a));
    const ops = this.#exchangeOf(table, a, b, unique.deferred);
    for (const op of ops) applyTo(scratch, op);
    return ops;
  }

  #exchangeOf(
    table: StoredTable,
    [a, cellsA]: readonly [string, Cells],
    [b, cellsB]: readonly [string, Cells],
    deferred: boolean,
  ): SourceOp[] {
    const { random } = this.#server.world;
    const [ofA, ofB] = [
      cellsA.get(VALUE_ORDINAL) ?? null,
      cellsB.get(VALUE_ORDINAL) ?? null,
    ] as const;
    const set = (key: string, cells: Cells, value: Value) =>
      this.#withValue(table, key, cells, value);
    if (deferred && random.chance(0.7)) return [set(a, cellsA, ofB), set(b, cellsB, ofA)];
    const free = this.#uniqueValue(table, null);
    if (random.chance(0.5)) return [set(a, cellsA, free), set(b, cellsB, ofA), set(a, cellsA, ofB)];
    const { id } = table.shape;
    if (random.chance(0.5)) return [{ kind: "delete", table: id, key: b }, set(a, cellsA, ofB)];
    return [set(b, cellsB, free), set(a, cellsA, ofB)];
  }

  #withValue(table: StoredTable, key: string, cells: Cells, value: Value): SourceOp {
    const large = cells.get(LARGE_ORDINAL) ?? null;
    const keeps =
      this.#profile.unchanged && large !== null && this.#server.world.random.chance(0.5);
    return {
      kind: "update",
      table: table.shape.id,
      key,
      toKey: key,
      cells: new Map([...cells, [VALUE_ORDINAL, value] as const]),
      untouched: new Set(keeps ? [LARGE_ORDINAL] : []),
    };
  }

  /** A value that no row but `own` has. */
  #uniqueValue(table: StoredTable, own: string | null): Value {
    const { random } = this.#server.world;
    if (random.chance(0.05)) return null;
    const taken = new Set(
      [...table.rows].filter(([key]) => key !== own).map(([, cells]) => cells.get(VALUE_ORDINAL)),
    );
    const pool = Array.from({ length: this.#profile.keys + 2 }, (_, i) => `u${i}`);
    return random.pick(pool.filter((value) => !taken.has(value)));
  }

  #end(tx: SourceTransaction): void {
    if (this.#server.world.random.chance(0.1)) this.#server.rollBack(tx);
    else this.#server.commit(tx);
  }

  #op(table: StoredTable, before: readonly SourceOp[]): SourceOp | null {
    const { random } = this.#server.world;
    const { truncates, ddl, midway } = this.#profile;
    const often = this.#altersBehind(before, table);
    if (often > 0 && random.chance(often)) {
      if (truncates && random.chance(0.5)) return { kind: "truncate", table: table.shape.id };
      if (ddl) return this.#schema.reshape(table);
    }
    if (midway === 0 && before.some((op) => op.kind === "truncate" || op.kind === "reshape"))
      return null;
    const keys = [...table.rows.keys()];
    if (keys.length === 0 || random.chance(0.3)) return this.#insert(table);
    return this.#change(table, random.pick(keys));
  }

  /** How often a transaction takes a whole table: by itself, or among other changes. */
  #altersBehind(before: readonly SourceOp[], { shape: { id } }: StoredTable): number {
    if (before.length === 0) return this.#profile.alters;
    return before.some((op) => op.table === id) ? 0 : this.#profile.midway;
  }

  /** The same, at times with a log that says less than it does. */
  #silent(table: StoredTable, op: SourceOp | null): SourceOp | null {
    if (op === null || !this.#profile.unsure || table.shape.key.length === 0) return op;
    const says =
      (op.kind !== "put" && op.kind !== "update") || this.#server.world.random.chance(0.6);
    return says ? op : { ...op, unsure: true };
  }

  #insert(table: StoredTable): SourceOp {
    const { random } = this.#server.world;
    if (table.shape.key.length === 0) {
      const number = String(++this.#rowNumbers).padStart(4, "0");
      return {
        kind: "put",
        table: table.shape.id,
        key: `#${number}`,
        cells: this.#cells(table, `same${random.between(0, 2)}`, null),
      };
    }
    const free = this.#keyNames().filter((key) => !table.rows.has(key));
    const key = free.length === 0 ? null : random.pick(free);
    if (key === null) return this.#change(table, random.pick([...table.rows.keys()]));
    return { kind: "put", table: table.shape.id, key, cells: this.#cells(table, key, null) };
  }

  #change(table: StoredTable, key: string): SourceOp {
    const { random } = this.#server.world;
    const { id: tableId } = table.shape;
    if (random.chance(0.25)) return { kind: "delete", table: tableId, key };
    const keyed = table.shape.key.length > 0;
    const free = this.#keyNames().filter((name) => !table.rows.has(name));
    const spelled = this.#profile.spellings && keyed && random.chance(0.3);
    const moves = keyed && this.#profile.keyChanges && free.length > 0 && random.chance(0.3);
    const toKey = moves ? random.pick(free) : key;
    const old = table.rows.get(key) ?? new Map<number, Value>();
    const id = keyed ? this.#spelling(toKey, old, spelled) : String(old.get(KEY_ORDINAL));
    const fresh = this.#cells(table, id, key);
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
      table: tableId,
      key,
      toKey,
      cells,
      untouched: new Set(keeps ? [LARGE_ORDINAL] : []),
    };
  }

  /** A key's text: as it was, unless it moves or gets another spelling. */
  #spelling(key: string, old: Cells, spelled: boolean): string {
    const before = old.get(KEY_ORDINAL);
    if (spelled) return `${key}.${"0".repeat(this.#server.world.random.between(1, 2))}`;
    return typeof before === "string" && before.split(".")[0] === key ? before : key;
  }

  /** Cells of a row that takes the place of `own`, where there is one. */
  #cells(table: StoredTable, id: string, own: string | null): Cells {
    const keyless = table.shape.key.length === 0;
    const valueOf = (ordinal: number): Value => {
      if (ordinal === KEY_ORDINAL) return id;
      if (ordinal !== VALUE_ORDINAL || keyless || this.#profile.unique === null)
        return this.#value(ordinal, keyless);
      const old = own === null ? undefined : table.rows.get(own)?.get(VALUE_ORDINAL);
      const keeps = old !== undefined && this.#server.world.random.chance(0.3);
      return keeps ? old : this.#uniqueValue(table, own);
    };
    return new Map(
      table.shape.columns.map((c): [number, Value] => {
        const ordinal = c.ordinal ?? 0;
        return [ordinal, valueOf(ordinal)];
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
}
