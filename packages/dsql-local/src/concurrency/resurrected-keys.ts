/**
 * A gap between PostgreSQL's repeatable read and snapshot isolation: a key that the snapshot sees,
 * but that another transaction has deleted since, may be inserted again without any conflict.
 * Aurora DSQL checks keys against the snapshot, and the row's deletion against COMMIT.
 */
import type { Statement } from "../gate/statement.ts";
import { identifier } from "../postgres/rows.ts";
import { isOwn, isSmall, rowsAt, type CommandRunner } from "../sizes/measure.ts";
import { tableName, type TableFacts } from "../sizes/table-facts.ts";
import type { TableKey } from "./catalogue-versions.ts";

/** For so long after rows of a table were deleted, statements that bring keys are asked for the places of their rows. */
const WATCHED_MS = 10 * 60_000;

interface Deletion {
  readonly commit: number;
  readonly atMs: number;
}

/** When rows of a table were last deleted, by the number of the COMMIT. */
export class Deletions {
  readonly #last = new Map<TableKey, Deletion>();
  /** How many statements delete rows of a table whose COMMIT goes with them. */
  readonly #underWay = new Map<TableKey, number>();

  /** A statement is sent that deletes rows of a table, and its COMMIT with it: whether that is there already nobody knows. */
  begin(table: TableKey): void {
    this.#underWay.set(table, (this.#underWay.get(table) ?? 0) + 1);
  }

  /** It was answered. */
  end(table: TableKey, commit: number): void {
    const left = (this.#underWay.get(table) ?? 0) - 1;
    if (left > 0) this.#underWay.set(table, left);
    else this.#underWay.delete(table);
    this.note(table, commit);
  }

  /** Notes that the COMMIT of this number deletes rows, or keys, of a table. */
  note(table: TableKey, commit: number): void {
    this.#last.set(table, { commit, atMs: performance.now() });
  }

  /** Whether a COMMIT behind this number deleted rows of the table. */
  since(table: TableKey, commit: number): boolean {
    return this.#underWay.has(table) || (this.#last.get(table)?.commit ?? 0) > commit;
  }

  /** Whether rows of the table were deleted lately, and so may be while the next statement runs. */
  lately(table: TableKey): boolean {
    const last = this.#last.get(table);
    const wasLately = last !== undefined && performance.now() - last.atMs < WATCHED_MS;
    return wasLately || this.#underWay.has(table);
  }
}

/** Whether a statement deletes rows, or changes keys of a table with these key columns. */
export function removesKeys(statement: Statement, keyColumns: readonly string[]): boolean {
  return statement.deletes || changesKeys(statement, keyColumns);
}

/** Whether a statement inserts rows, or changes keys of a table with these key columns. */
export function bringsKeys(statement: Statement, keyColumns: readonly string[]): boolean {
  if (keyColumns.length === 0) return false;
  return statement.inserts || changesKeys(statement, keyColumns);
}

function changesKeys(statement: Statement, keyColumns: readonly string[]): boolean {
  return statement.updatedColumns.some((column) => keyColumns.includes(column));
}

/** What was written to a table. */
export interface WrittenTo {
  readonly table: TableKey;
  readonly facts: TableFacts;
  /** Where the rows are; undefined where that is not known. */
  readonly places: readonly string[] | undefined;
}

/** Whether the running transaction wrote a key of which its snapshot still sees another row. */
export async function hasResurrectedKey(
  runner: CommandRunner,
  { table, facts, places }: WrittenTo,
): Promise<boolean> {
  if (!facts.isTable || places?.length === 0) return false;
  if (places === undefined && !(await isSmall(runner, table))) return false;
  const from =
    places === undefined
      ? `${tableName(table)} AS new WHERE ${isOwn("new")} AND`
      : `${rowsAt(table, places, "new")} WHERE`;
  for (const { columns } of facts.indexes.filter((index) => index.unique)) {
    const same = columns.map(identifier).map((column) => `old.${column} = new.${column}`);
    // A subquery for each row: as EXISTS it would become a join that reads the whole table.
    const found = await runner.command(
      `SELECT 1 FROM ${from} (SELECT true FROM ${tableName(table)} AS old
         WHERE ${same.join(" AND ")} AND NOT (${isOwn("old")}) LIMIT 1) LIMIT 1`,
    );
    if (found.rows.length > 0) return true;
  }
  return false;
}
