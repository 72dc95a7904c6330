/** A session that changes tables' columns while rows are written, by it and by others. */
import pg from "pg";
import type { Numbers } from "./writer.ts";
import type { Dice } from "./random.ts";
import type { SampleTable } from "./schema.ts";
import { fullName, insertRange, quote } from "./schema.ts";

/** A column that the session has added. */
interface AddedColumn {
  readonly name: string;
  readonly type: "integer" | "text" | "numeric(8,2)";
}

/** What the session works on. */
export interface DdlOptions {
  readonly url: string;
  readonly tables: readonly SampleTable[];
  readonly dice: Dice;
  readonly numbers: Numbers;
  readonly steps: number;
  /** Retype columns too (each rebuilds its table at the sink). */
  readonly retypes: boolean;
  readonly signal?: AbortSignal;
  readonly pauseMs: number;
}

/** Adds, fills, renames, retypes and drops columns; gives the statements that it ran. */
export async function changeColumns(options: DdlOptions): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: options.url });
  client.on("error", () => undefined);
  await client.connect();
  const added = new Map<SampleTable, AddedColumn[]>();
  const done: string[] = [];
  try {
    for (let step = 0; step < options.steps && !options.signal?.aborted; step += 1) {
      const table = options.dice.pick(options.tables);
      const columns = added.get(table) ?? [];
      added.set(table, columns);
      const unique = options.numbers.take(1);
      const statement = nextStatement(unique, table, columns, options);
      await inTransaction(client, [statement, ...rowsAround(table, columns, options)]);
      done.push(statement);
      await inTransaction(client, rowsAround(table, columns, options));
      await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
    }
  } finally {
    await client.end();
  }
  return done;
}

async function inTransaction(client: pg.Client, statements: readonly string[]): Promise<void> {
  for (;;) {
    try {
      for (const statement of ["BEGIN", ...statements, "COMMIT"]) await client.query(statement);
      return;
    } catch (error) {
      await client.query("ROLLBACK");
      // Sessions lock rows in any order; who loses tries again.
      if (!(error instanceof pg.DatabaseError) || !/^40(P01|001)$/.test(error.code ?? ""))
        throw error;
    }
  }
}

/** Picks the next change and keeps `columns` in step with it. */
function nextStatement(
  unique: number,
  table: SampleTable,
  columns: AddedColumn[],
  { dice, retypes }: DdlOptions,
): string {
  const alter = `ALTER TABLE ${fullName(table)}`;
  const kind =
    columns.length === 0
      ? "add"
      : dice.weighted([
          [3, "add"],
          [2, "add default"],
          [2, "rename"],
          [2, "drop"],
          [1, "remake"],
          [columns.length > 1 ? 1 : 0, "exchange"],
          [retypes ? 1 : 0, "retype"],
        ] as const);
  if (kind === "add" || kind === "add default") {
    const type = dice.pick(["integer", "text", "numeric(8,2)"] as const);
    columns.push({ name: `x${unique}`, type });
    const byDefault = kind === "add" ? "" : ` DEFAULT '${type === "text" ? "made" : "7"}'`;
    return `${alter} ADD COLUMN x${unique} ${type}${byDefault}`;
  }
  const at = dice.between(0, columns.length - 1);
  const column = columns[at] ?? { name: "", type: "text" };
  if (kind === "drop") {
    columns.splice(at, 1);
    return `${alter} DROP COLUMN ${quote(column.name)}`;
  }
  if (kind === "rename") {
    columns[at] = { ...column, name: `y${unique}` };
    return `${alter} RENAME COLUMN ${quote(column.name)} TO y${unique}`;
  }
  // The same name and type, and another column.
  if (kind === "remake")
    return `${alter} DROP COLUMN ${quote(column.name)}, ADD COLUMN ${quote(column.name)} ${column.type}`;
  if (kind === "exchange") return exchange(alter, columns, at);
  columns[at] = { ...column, type: "text" };
  return `${alter} ALTER COLUMN ${quote(column.name)} TYPE text`;
}

/** Two columns exchange their names, so that the log shows nothing but the end of it. */
function exchange(alter: string, columns: AddedColumn[], at: number): string {
  const [one, other] = [columns[at], columns[(at + 1) % columns.length]];
  if (one === undefined || other === undefined) throw new Error("nothing to exchange with");
  columns[at] = { ...one, name: other.name };
  columns[(at + 1) % columns.length] = { ...other, name: one.name };
  const renames = [
    [one.name, "between"],
    [other.name, one.name],
    ["between", other.name],
  ] as const;
  return renames
    .map(([from, to]) => `${alter} RENAME COLUMN ${quote(from)} TO ${quote(to)}`)
    .join("; ");
}

/** Rows in the shape of this moment: new ones, and old ones that get values in the added columns. */
function rowsAround(
  table: SampleTable,
  columns: readonly AddedColumn[],
  { dice, numbers }: DdlOptions,
): readonly string[] {
  const first = numbers.take(3, table);
  const filled = columns.map(({ name, type }) => {
    const value = type === "text" ? `'value ' || n` : "(n % 1000)";
    return `${quote(name)} = ${value}`;
  });
  const known = Array.from({ length: 3 }, () => numbers.known(dice, table));
  return [
    insertRange(table, first, first + 2),
    ...(filled.length === 0
      ? []
      : [
          `UPDATE ${fullName(table)} SET ${filled.join(", ")} WHERE n IN (${first}, ${known.join(", ")})`,
        ]),
    `UPDATE ${fullName(table)} SET int4 = int4 / 2 WHERE n = ${first + 1}`,
    ...(dice.chance(0.3) ? [`DELETE FROM ${fullName(table)} WHERE n = ${known[0]}`] : []),
  ];
}
