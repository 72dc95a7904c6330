import { MillraceError } from "../../errors/millrace-error.ts";
import type { TargetChangeEvent, TargetMark, Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { canonical } from "./keys.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";
import { keepForeign, type WrittenRow } from "./sink-foreign.ts";
import { POISON, weigh } from "./values.ts";

/** A row as the model sink stores it: values by column name. */
export type StoredRow = Readonly<Record<string, Value>>;

/** What is missing, as a commit's result says it. */
export type MissingRow = { readonly write: number; readonly row: number };

export const catalogueKey = (table: Pick<TargetTable, "id">): string => `catalogue/${table.id}`;
/** Which table it is: another one, made later under its name, has another. */
export const identityKey = (table: Pick<TargetTable, "id">): string => `identity/${table.id}`;
export const rowPrefix = (table: Pick<TargetTable, "id">): string => `row/${table.id}/`;

/** Columns of a table in the catalogue, by name; the type text is the source's. */
export type Catalogue = Readonly<Record<string, string>>;

/** The catalogue's columns of a table as a transaction sees them; undefined where there is no such table. */
export function catalogueOf(
  db: SinkDatabase,
  tx: SinkTransaction,
  table: Pick<TargetTable, "id">,
): Catalogue | undefined {
  return db.read(tx, catalogueKey(table)) as Catalogue | undefined;
}

/** What SQL would do for one write, in the transaction's snapshot. */
export class WriteRunner {
  readonly #db: SinkDatabase;
  readonly #tx: SinkTransaction;
  readonly missing: MissingRow[] = [];
  deletedSome = 0;
  rows = 0;
  /** Of the rows that are sent. */
  bytes = 0;
  /** By the statement that runs. */
  readonly #written: WrittenRow[] = [];
  #index = 0;

  constructor(db: SinkDatabase, tx: SinkTransaction) {
    this.#db = db;
    this.#tx = tx;
  }

  run(write: Write, index: number): void {
    this.#index = index;
    this.#written.length = 0;
    this.#run(write, index);
    if (this.#db.foreign !== null) keepForeign(this.#db, this.#tx, this.#written, index);
  }

  #run(write: Write, index: number): void {
    if (write.kind === "changes") return write.changes.forEach((event) => this.#event(event));
    if (write.kind === "mark") return this.#mark(write.mark);
    this.#refuseOtherShape(write.table);
    if ("rows" in write) for (const row of write.rows) this.bytes += weigh(row);
    switch (write.kind) {
      case "upsert":
        return write.rows.forEach((row) => this.#put(write.table, row));
      case "insert":
        return write.rows.forEach((row) => this.#insert(write.table, row));
      case "update":
        return write.rows.forEach((row, i) =>
          this.#update(write.table, write.columns, row, { write: index, row: i }),
        );
      case "delete":
        return write.keys.forEach((key) => this.#delete(keyOf(write.table, key)));
      case "move":
        return this.#move(write.table, write.from, write.row, { write: index, row: 0 });
      case "delete-equal":
        return this.#deleteEqual(write.table, write.row, { write: index, row: 0 });
      case "delete-some":
        return this.#deleteSome(write.table, write.maxRows);
    }
  }

  #refuseOtherShape(table: TargetTable): void {
    const catalogue = catalogueOf(this.#db, this.#tx, table);
    this.#db.watch(this.#tx, catalogueKey(table));
    const strange =
      catalogue === undefined || table.columns.some((c) => catalogue[c.name] !== c.type);
    if (strange) throw new MillraceError("MR_SINK_SCHEMA", `(model) ${table.id} has other columns`);
  }

  #stored(key: string): StoredRow | undefined {
    return this.#db.read(this.#tx, key) as StoredRow | undefined;
  }

  #write(key: string, row: StoredRow | undefined): void {
    this.rows++;
    this.#tx.journal.push({ key, value: row });
    const before = this.#stored(key);
    this.#db.write(this.#tx, key, row);
    if (this.#db.foreign !== null) this.#written.push({ key, before, after: row });
    if (this.#db.unique && !key.includes(".bag")) this.#keepUnique(key, before, row);
  }

  /** A unique index on `v`: an entry for each value, which two transactions cannot write at once. */
  #keepUnique(key: string, before: StoredRow | undefined, row: StoredRow | undefined): void {
    const table = key.slice(0, key.lastIndexOf("/") + 1);
    if (before?.["v"] === row?.["v"]) return;
    for (const value of [before?.["v"], row?.["v"]])
      if (typeof value === "string") this.#db.write(this.#tx, `unique/${table}${value}`, key);
    const value = row?.["v"] ?? null;
    if (value === null) return;
    const other = this.#db
      .keys(this.#tx, table)
      .find((name) => name !== key && this.#stored(name)?.["v"] === value);
    if (other === undefined) return;
    this.#db.world.tell(() => `the sink refuses ${key}: ${other} has ${String(value)}`);
    throw new MillraceError("MR_SINK_CONSTRAINT", `(model) ${key}: ${other} has this value`, {
      facts: { write: this.#index },
    });
  }

  #put(table: TargetTable, row: Row): void {
    const key = keyOf(table, row);
    this.#write(key, { ...this.#stored(key), ...named(table, row) });
  }

  #insert(table: TargetTable, row: Row): void {
    const key = keyOf(table, row);
    if (this.#stored(key) !== undefined) throw refused(`${table.id}: a second row under one key`);
    this.#write(key, named(table, row));
  }

  #update(table: TargetTable, columns: readonly number[], row: Row, place: MissingRow): void {
    const key = keyOf(table, row);
    const before = this.#stored(key);
    if (before === undefined) return void this.missing.push(place);
    // The key's text too: it may be another spelling of the key that was found.
    const part = Object.entries(named(table, row, new Set([...columns, ...table.key])));
    this.#write(key, { ...before, ...Object.fromEntries(part) });
  }

  /**
   * A change as a log-like sink has it, and what its readers make of it: where a value is told to be unavailable, because
   * the source has deleted the row meanwhile, they keep the one they have. Without a key an update has the old row.
   */
  #event({ table, before, after, op, key: told, source, initSync }: TargetChangeEvent): void {
    if (op === "r" && !table.keyless && initSync !== undefined)
      this.#tx.loads.push({ target: table.id, source, key: told, generation: initSync.startMs });
    if (before !== null && table.keyless) this.#forget(table, before);
    else if (after === null && before !== null) this.#delete(keyOf(table, before));
    if (after === null) return;
    const key = keyOf(table, after);
    const known = new Set(after.flatMap((value, i) => (value === UNCHANGED ? [] : [i])));
    const old = known.size === after.length ? undefined : this.#stored(key);
    this.#write(key, { ...old, ...named(table, after, known) });
  }

  /** What readers do who keep a table: the end of a generation tells them of no row by name. */
  #mark(mark: TargetMark): void {
    this.#tx.marks.push(mark);
    const { kind, table } = mark;
    if (kind === "truncate") this.#deleteSome(table, Infinity);
  }

  /** A row that was too large has never come. */
  #forget(table: TargetTable, row: Row): void {
    if (row.some((value) => value instanceof Skimmed)) return;
    const rest = ["", ...row.slice(1).map((value) => (value === UNCHANGED ? null : value))];
    this.#deleteEqual(table, rest, { write: 0, row: 0 });
  }

  #delete(key: string): void {
    if (this.#stored(key) !== undefined) this.#write(key, undefined);
  }

  #move(table: TargetTable, from: Row, row: Row, place: MissingRow): void {
    const old = this.#stored(keyOf(table, from));
    if (old === undefined) return void this.missing.push(place);
    const known = new Set(row.flatMap((value, i) => (value === UNCHANGED ? [] : [i])));
    this.#write(keyOf(table, from), undefined);
    this.#write(keyOf(table, row), { ...old, ...named(table, row, known) });
  }

  #deleteEqual(table: TargetTable, row: Row, place: MissingRow): void {
    const wanted = Object.entries(named(table, row)).filter(
      ([name]) => name !== table.columns[0]?.name,
    );
    const found = this.#db.keys(this.#tx, rowPrefix(table)).find((key) => {
      const stored = this.#stored(key);
      return wanted.every(([name, value]) => (stored?.[name] ?? null) === value);
    });
    if (found === undefined) this.missing.push(place);
    else this.#write(found, undefined);
  }

  #deleteSome(table: TargetTable, maxRows: number): void {
    const keys = this.#db.keys(this.#tx, rowPrefix(table)).slice(0, maxRows);
    for (const key of keys) this.#write(key, undefined);
    this.deletedSome += keys.length;
  }
}

/** A row of a target, for checks. */
export function durableRows(
  db: SinkDatabase,
  table: Pick<TargetTable, "id">,
): Map<string, StoredRow> {
  const prefix = rowPrefix(table);
  return new Map(
    db.durableKeys(prefix).map((key) => [key.slice(prefix.length), db.durable(key) as StoredRow]),
  );
}

/** Under which key a row of a target is stored. */
export function keyOf(table: TargetTable, row: Row): string {
  const parts = table.key.map((index) => {
    const logical = table.columns[index]?.logical;
    return logical === undefined ? "" : canonical(logical, String(row[index]));
  });
  return rowPrefix(table) + parts.join("|");
}

function named(table: TargetTable, row: Row, only?: ReadonlySet<number>): StoredRow {
  const values: Record<string, Value> = {};
  for (const [i, column] of table.columns.entries()) {
    if (only !== undefined && !only.has(i)) continue;
    const value = row[i] ?? null;
    if (value === UNCHANGED)
      throw new Error(`UNCHANGED reached the sink in ${table.id}.${column.name}`);
    if (value instanceof Skimmed)
      throw new Error(`a skimmed value reached the sink in ${table.id}.${column.name}`);
    if (typeof value === "string" && value.startsWith(POISON))
      throw refused(`${table.id}.${column.name}`);
    values[column.name] = value;
  }
  return values;
}

function refused(what: string): MillraceError {
  return new MillraceError("MR_SINK_ROW_REFUSED", `(model) ${what}`);
}
