/** A session that changes tables' columns while rows are written, by it and by others. */
import type { Numbers } from "./writer.ts";
import type { Dice } from "./random.ts";
import { fullName, insertRange, type SampleTable } from "./sample-table.ts";
import { lostRace, openClient, patiently, type SqlClient } from "./sql-client.ts";

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
  /** Truncate, rebuild and exchange whole tables too, in the words of MySQL. */
  readonly remakes?: boolean;
  readonly signal?: AbortSignal;
  readonly pauseMs: number;
}

/** Adds, fills, renames, retypes and drops columns; gives the statements that it ran. */
export async function changeColumns(options: DdlOptions): Promise<readonly string[]> {
  const client = await openClient(options.url);
  const added = new Map<SampleTable, AddedColumn[]>();
  const done: string[] = [];
  try {
    for (let step = 0; step < options.steps && !options.signal?.aborted; step += 1) {
      const table = options.dice.pick(options.tables);
      const columns = added.get(table) ?? [];
      added.set(table, columns);
      const unique = options.numbers.take(1);
      const statement = nextStatement(unique, table, columns, options);
      const rows = rowsAround(table, columns, options);
      if (table.dialect.ddlCommits) {
        await patiently(client, statement);
        await inTransaction(client, rows);
      } else await inTransaction(client, [statement, ...rows]);
      done.push(statement);
      await inTransaction(client, rowsAround(table, columns, options));
      await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
    }
  } finally {
    await client.end();
  }
  return done;
}

async function inTransaction(client: SqlClient, statements: readonly string[]): Promise<void> {
  for (;;) {
    try {
      for (const statement of ["BEGIN", ...statements, "COMMIT"]) await client.query(statement);
      return;
    } catch (error) {
      await client.query("ROLLBACK");
      if (!lostRace(error)) throw error;
    }
  }
}

/** Picks the next change and keeps `columns` in step with it. */
function nextStatement(
  unique: number,
  table: SampleTable,
  columns: AddedColumn[],
  { dice, retypes, remakes = false }: DdlOptions,
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
          [remakes ? 2 : 0, "table"],
        ] as const);
  if (kind === "add" || kind === "add default") {
    const type = dice.pick(["integer", "text", "numeric(8,2)"] as const);
    columns.push({ name: `x${unique}`, type });
    const byDefault = kind === "add" ? "" : ` DEFAULT (${type === "text" ? "'made'" : "7"})`;
    return `${alter} ADD COLUMN x${unique} ${type}${byDefault}`;
  }
  if (kind === "table") return changeTable(table, columns, dice);
  const at = dice.between(0, columns.length - 1);
  const column = columns[at] ?? { name: "", type: "text" };
  if (kind === "drop") {
    columns.splice(at, 1);
    return `${alter} DROP COLUMN ${column.name}`;
  }
  if (kind === "rename") {
    columns[at] = { ...column, name: `y${unique}` };
    return `${alter} RENAME COLUMN ${column.name} TO y${unique}`;
  }
  // The same name and type, and another column.
  if (kind === "remake")
    return `${alter} DROP COLUMN ${column.name}, ADD COLUMN ${column.name} ${column.type}`;
  if (kind === "exchange") return exchange(table, columns, at);
  columns[at] = { ...column, type: "text" };
  return `${alter} ${table.dialect.retype(column.name, "text")}`;
}

/** Two columns exchange their names, so that the log shows nothing but the end of it. */
function exchange(table: SampleTable, columns: AddedColumn[], at: number): string {
  const [one, other] = [columns[at], columns[(at + 1) % columns.length]];
  if (one === undefined || other === undefined) throw new Error("nothing to exchange with");
  columns[at] = { ...one, name: other.name };
  columns[(at + 1) % columns.length] = { ...other, name: one.name };
  return table.dialect.exchange(fullName(table), one.name, other.name);
}

/** What happens to a table as a whole. A copy takes its place as schema change tools do it, with fewer rows. */
function changeTable(table: SampleTable, columns: AddedColumn[], dice: Dice): string {
  const full = fullName(table);
  const named = (suffix: string): string => fullName({ ...table, name: table.name + suffix });
  const kind = dice.pick(["truncate", "rebuild", "reorder", "swap", "anew"] as const);
  switch (kind) {
    case "truncate":
      return `TRUNCATE TABLE ${full}`;
    case "rebuild":
      return `ALTER TABLE ${full} FORCE, COMMENT 'again'`;
    case "reorder":
      return `ALTER TABLE ${full} MODIFY COLUMN n bigint NOT NULL ${dice.pick(["FIRST", "AFTER id"])}`;
    case "swap":
      return `CREATE TABLE ${named("_new")} LIKE ${full}; INSERT INTO ${named("_new")} SELECT * FROM ${full} WHERE n % 7 > 0;
        RENAME TABLE ${full} TO ${named("_old")}, ${named("_new")} TO ${full}; DROP TABLE ${named("_old")}`;
    case "anew":
      columns.splice(0);
      return `DROP TABLE ${full}; ${table.ddl.join("; ")}`;
  }
}

/** Rows in the shape of this moment: new ones, and old ones that get values in the added columns. */
function rowsAround(
  table: SampleTable,
  columns: readonly AddedColumn[],
  { dice, numbers }: DdlOptions,
): readonly string[] {
  const first = numbers.take(3, table);
  const int4 = table.dialect.quote("int4");
  const filled = columns.map(({ name, type }) => {
    const value = type === "text" ? "concat('value ', n)" : "(n % 1000)";
    return `${name} = ${value}`;
  });
  const known = Array.from({ length: 3 }, () => numbers.known(dice, table));
  return [
    insertRange(table, first, first + 2),
    ...(filled.length === 0
      ? []
      : [
          `UPDATE ${fullName(table)} SET ${filled.join(", ")} WHERE n IN (${first}, ${known.join(", ")})`,
        ]),
    `UPDATE ${fullName(table)} SET ${int4} = ${int4} / 2 WHERE n = ${first + 1}`,
    ...(dice.chance(0.3) ? [`DELETE FROM ${fullName(table)} WHERE n = ${known[0]}`] : []),
  ];
}
