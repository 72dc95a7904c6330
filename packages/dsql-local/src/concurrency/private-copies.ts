/**
 * Where a doomed transaction goes on: private copies of its tables as its snapshot sees them.
 * PostgreSQL refuses to change a row that somebody changed since the snapshot; Aurora DSQL lets
 * the statement through and refuses at COMMIT. The copies give that statement its answer.
 */
import type { RelationUse } from "../gate/statement.ts";
import { applyEdits, nameLengthBytes } from "../gate/edits.ts";
import type { Statement } from "../gate/statement.ts";
import { identifier, literal, readRow } from "../postgres/rows.ts";
import { violation } from "../rules/table.ts";
import type { Answer } from "../session/answer.ts";
import { tableKey, type Path, type TableKey } from "./catalogue-versions.ts";

/** Copying more than this would take longer than the answer is worth: the conflict shows at the statement. */
const MAX_COPY_BYTES = 64 * 1024 * 1024;

/** What the copies need of the worker. */
export interface CommandRunner {
  command(sql: string): Promise<Answer>;
}

/** The copies of one doomed transaction. */
export class PrivateCopies {
  readonly #runner: CommandRunner;
  readonly #path: Path;
  readonly #names = new Map<TableKey, string>();

  constructor(runner: CommandRunner, path: Path) {
    this.#runner = runner;
    this.#path = path;
  }

  /** The statement over the copies; tables that it writes are copied first. Throws OC000 where that cannot be. */
  async translate(statement: Statement): Promise<string> {
    for (const use of statement.relations) {
      const key = tableKey(use, this.#path);
      if (use.written && key !== undefined && !this.#names.has(key)) await this.#copy(key);
    }
    const edits = statement.relations.flatMap((use) => this.#edit(use, statement.sql));
    return applyEdits(statement.sql, edits);
  }

  /** An error's text in terms of the real tables. */
  retell(text: string): string {
    let told = text;
    for (const [key, name] of this.#names) {
      told = told.replaceAll(name, key.slice(key.indexOf(".") + 1));
    }
    return told;
  }

  #edit(use: RelationUse, sql: string): { atByte: number; lengthBytes: number; insert: string }[] {
    const key = tableKey(use, this.#path);
    const name = key === undefined ? undefined : this.#names.get(key);
    if (name === undefined) return [];
    const alias = use.alias === "" && !use.bare ? ` AS ${identifier(use.name)}` : "";
    const lengthBytes = nameLengthBytes(sql, use.startByte);
    return [{ atByte: use.startByte, lengthBytes, insert: `pg_temp.${name}${alias}` }];
  }

  async #copy(key: TableKey): Promise<void> {
    const dot = key.indexOf(".");
    const table = `${identifier(key.slice(0, dot))}.${identifier(key.slice(dot + 1))}`;
    const columns = await this.#columns(table);
    const name = `_dl_copy${this.#names.size}`;
    await this.#runner.command(
      `CREATE TEMP TABLE ${name} (LIKE ${table} INCLUDING ALL EXCLUDING IDENTITY)`,
    );
    for (const column of columns.identities) {
      const sequence = `pg_get_serial_sequence(${literal(table)}, ${literal(column)})`;
      await this.#runner.command(
        `ALTER TABLE pg_temp.${name} ALTER COLUMN ${identifier(column)} SET DEFAULT nextval(${sequence})`,
      );
    }
    const list = columns.stored.map(identifier).join(", ");
    if (list !== "") {
      await this.#runner.command(
        `INSERT INTO pg_temp.${name} (${list}) SELECT ${list} FROM ${table}`,
      );
    }
    this.#names.set(key, name);
  }

  async #columns(table: string): Promise<{ stored: string[]; identities: string[] }> {
    const answer = await this.#runner.command(`
      SELECT a.attname, a.attidentity <> '', a.attgenerated <> '',
        c.relkind = 'r' AND pg_table_size(c.oid) <= ${MAX_COPY_BYTES}
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
      WHERE c.oid = to_regclass(${literal(table)}) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum`);
    const rows = answer.rows.map(readRow);
    if (rows.length === 0 || rows[0]?.[3] !== "t") throw violation("dataConflict");
    return {
      stored: rows.filter((row) => row[2] !== "t").map((row) => row[0] ?? ""),
      identities: rows.filter((row) => row[1] === "t").map((row) => row[0] ?? ""),
    };
  }
}
