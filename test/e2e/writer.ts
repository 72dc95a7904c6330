/** Writers: sessions that do to the source what applications do, chosen by a seed. */
import { firstFreeN } from "./database.ts";
import type { Dice } from "./random.ts";
import { fullName, insertRange, type SampleTable, writtenColumns } from "./sample-table.ts";
import { codeOf, openClient, type SqlClient } from "./sql-client.ts";

/** Gives out the numbers from which rows are made, and remembers where they went; shared by the sessions. */
export class Numbers {
  #next: number;
  readonly #given = new Map<SampleTable, number[]>();

  constructor(next = firstFreeN) {
    this.#next = next;
  }

  /** The first of `count` fresh numbers. */
  take(count: number, table?: SampleTable): number {
    const first = this.#next;
    this.#next += count;
    if (table !== undefined) this.#remember(table, first, count);
    return first;
  }

  /** A number of which the table probably has a row: an initial one, or one that was given out for it. */
  known(dice: Dice, table: SampleTable): number {
    const given = this.#given.get(table) ?? [];
    if (given.length === 0 || dice.chance(0.3)) {
      return dice.between(1, Math.max(1, table.initialRows));
    }
    return dice.pick(given);
  }

  #remember(table: SampleTable, first: number, count: number): void {
    const given = this.#given.get(table) ?? [];
    for (let index = 0; index < Math.min(count, 3); index += 1) given.push(first + index);
    if (given.length > 300) given.splice(0, 100);
    this.#given.set(table, given);
  }
}

/** What a session did. */
export interface WriterReport {
  readonly committed: number;
  readonly rolledBack: number;
  /** Transactions that the server refused (a key that was taken, a deadlock), by the server's code. */
  readonly refused: Readonly<Record<string, number>>;
}

/** What a session works on. */
export interface WriterOptions {
  readonly url: string;
  readonly tables: readonly SampleTable[];
  readonly dice: Dice;
  readonly numbers: Numbers;
  /** Transactions to make at most. */
  readonly transactions: number;
  /** Rows of the occasional large transaction. */
  readonly largeRows: number;
  /** Ends the session between two transactions. */
  readonly signal?: AbortSignal;
  /** What the session sets at its beginning. */
  readonly settings?: readonly string[];
  /** Waits between transactions, milliseconds. */
  readonly pauseMs?: number;
  /** From the beginning of one transaction to that of the next at least, milliseconds: a pace that no machine changes. */
  readonly everyMs?: number;
}

/** One session: transactions one after the other until its number is reached. */
export async function writeSession(options: WriterOptions): Promise<WriterReport> {
  const client = await openClient(options.url);
  const refused: Record<string, number> = {};
  let committed = 0;
  let rolledBack = 0;
  try {
    for (const setting of options.settings ?? []) await client.query(`SET SESSION ${setting}`);
    for (let count = 0; count < options.transactions && !options.signal?.aborted; count += 1) {
      const began = performance.now();
      const outcome = await oneTransaction(client, options);
      if (outcome === "committed") committed += 1;
      else if (outcome === "rolled back") rolledBack += 1;
      else refused[outcome] = (refused[outcome] ?? 0) + 1;
      const early = (options.everyMs ?? 0) - (performance.now() - began);
      const waitMs = Math.max(early, options.pauseMs ?? 0);
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  } finally {
    await client.end();
  }
  return { committed, rolledBack, refused };
}

/** What applications meet and live with: a key that is taken, a deadlock, a row that moved to another partition, … */
const expectedRefusals = new Set(
  ["23505 40P01 40001 42703 23514 22003"]
    // Of MySQL; a TRUNCATE ends the transaction with its savepoints, and tables and columns come and go.
    .concat("1062 1213 1205 1054 1146 1264 1305 1412 1451 1452")
    .flatMap((codes) => codes.split(" ")),
);

async function oneTransaction(client: SqlClient, options: WriterOptions): Promise<string> {
  const { dice } = options;
  try {
    await client.query("BEGIN");
    for (const statement of statementsOf(options)) await client.query(statement);
    const ending = dice.chance(0.08) ? "ROLLBACK" : "COMMIT";
    await client.query(ending);
    return ending === "COMMIT" ? "committed" : "rolled back";
  } catch (error) {
    await client.query("ROLLBACK");
    const code = codeOf(error) ?? "";
    if (expectedRefusals.has(code)) return code;
    throw error;
  }
}

function* statementsOf(options: WriterOptions): Generator<string> {
  const { dice } = options;
  const kind = dice.weighted([
    [60, "small"],
    [12, "middle"],
    [10, "savepoints"],
    [1, "large"],
  ] as const);
  if (kind === "large") yield largeInsert(options);
  else if (kind === "savepoints") yield* withSavepoints(options);
  else {
    const count = kind === "small" ? dice.between(1, 4) : dice.between(20, 60);
    for (let index = 0; index < count; index += 1) yield* change(options);
  }
}

function largeInsert({ dice, tables, numbers, largeRows }: WriterOptions): string {
  const candidates = tables.filter(({ name }) =>
    /^big$|^t_numbers$|^k_int8$|^s_keyless$/.test(name),
  );
  const table = dice.pick(candidates.length === 0 ? tables : candidates);
  const rows = dice.between(Math.ceil(largeRows / 10), largeRows);
  const first = numbers.take(rows, table);
  return insertRange(table, first, first + rows - 1);
}

function* withSavepoints(options: WriterOptions): Generator<string> {
  yield* change(options);
  for (const name of ["one", "two"]) {
    yield `SAVEPOINT ${name}`;
    yield* change(options);
    yield* change(options);
    const ending = options.dice.pick(["ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT", null]);
    if (ending !== null) yield `${ending} ${name}`;
    yield* change(options);
  }
}

function* change(options: WriterOptions): Generator<string> {
  const { dice, numbers } = options;
  const table = dice.pick(options.tables);
  const { manners } = table;
  const action = dice.weighted([
    [40, "insert"],
    [manners.updates ? 40 : 0, "update"],
    [manners.updates ? 12 : 0, "delete"],
    [manners.updates ? 6 : 0, "replace"],
    [manners.keyChanges ? 10 : 0, "key change"],
    [manners.keyChanges ? 3 : 0, "swap"],
    [manners.truncates ? 2 : 0, "truncate"],
  ] as const);
  switch (action) {
    case "insert": {
      const count = dice.between(1, 3);
      const first = numbers.take(count, table);
      yield insertRange(table, first, first + count - 1);
      return;
    }
    case "update":
      yield update(table, numbers.known(dice, table), numbers.take(1), dice);
      return;
    case "delete":
      yield remove(table, numbers.known(dice, table));
      return;
    case "replace": {
      const n = numbers.known(dice, table);
      yield remove(table, n);
      yield insertRange(table, n, n);
      return;
    }
    case "key change":
      yield changeKey(table, numbers.known(dice, table), numbers.take(1, table));
      return;
    case "swap":
      yield* swap(table, numbers.known(dice, table), numbers.known(dice, table), numbers.take(1));
      return;
    case "truncate":
      yield `TRUNCATE ${fullName(table)}`;
      return;
  }
}

function remove(table: SampleTable, n: number): string {
  return `DELETE FROM ${fullName(table)} WHERE n = ${n}`;
}

/** Changes some columns that are not in the key to what they would be for another number; `n` itself stays. */
function update(table: SampleTable, n: number, other: number, dice: Dice): string {
  const free = writtenColumns(table).filter(([name]) => name !== "n" && !table.key.includes(name));
  const chosen = free.filter(() => dice.chance(0.4));
  const columns = chosen.length === 0 ? free.slice(0, 1) : chosen;
  if (columns.length === 0) return remove(table, n);
  const written = columns.map(
    ([name, value]) => [name, dice.chance(0.15) && isNullable(value) ? "NULL" : value] as const,
  );
  return table.dialect.update(fullName(table), written, n, other);
}

/** A NULL has to have a type where it is selected; columns of plain text take any. */
function isNullable(value: string): boolean {
  return /(md5\(n::text\)|SHA2\(n, 256\), 32\)) END/.test(value);
}

function changeKey(table: SampleTable, n: number, other: number): string {
  const key = writtenColumns(table).filter(([name]) => table.key.includes(name) || name === "n");
  return table.dialect.update(fullName(table), key, n, other);
}

/** Two rows change keys by way of a third, in one transaction. */
function* swap(table: SampleTable, a: number, b: number, spare: number): Generator<string> {
  if (a === b) return;
  yield changeKey(table, a, spare);
  yield changeKey(table, b, a);
  yield changeKey(table, spare, b);
}
