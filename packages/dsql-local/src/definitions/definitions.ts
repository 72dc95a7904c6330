/** DDL inside a transaction: what PostgreSQL would allow and DSQL does not, and DSQL's asynchronous jobs. */
import type { TableKey } from "../concurrency/catalogue-versions.ts";
import { nameLengthBytes, applyEdits } from "../gate/edits.ts";
import type { RelationUse, Statement } from "../gate/statement.ts";
import { identifier, literal, readRow, type TextRow } from "../postgres/rows.ts";
import type { Limits } from "../rules/bounds.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import type { SearchPath } from "../session/search-path.ts";
import type { Worker } from "../session/worker.ts";
import { tableName } from "../sizes/table-facts.ts";
import { brokenRule, catalogueQuery } from "./catalogue-rules.ts";

const TRIAL = "_dl_trial_";

const RELATION_KINDS: Readonly<Record<string, string>> = {
  v: "view",
  S: "sequence",
  i: "index",
};

/** As PostgreSQL says it. */
function refusal(code: string, message: string, detail?: string): Violation {
  const more = detail === undefined ? {} : { detail };
  return new Violation({ severity: "ERROR", code, message, ...more });
}

function notIndexable(name: string, kind: string): Violation {
  const many = kind === "index" ? "indexes" : `${kind}s`;
  const detail = `This operation is not supported for ${many}.`;
  return refusal("42809", `cannot create index on relation "${name}"`, detail);
}

/** Checks one session's DDL. All methods only in a turn, inside an open transaction. */
export class Definitions {
  readonly #worker: Worker;

  readonly #path: SearchPath;

  readonly #limits: Limits;

  constructor(worker: Worker, path: SearchPath, limits: Limits) {
    this.#limits = limits;
    this.#worker = worker;
    this.#path = path;
  }

  /** Before a DDL runs: refuses to drop key columns and trusted roles; gives the tables whose indexes it names. */
  async before(statement: Statement): Promise<TableKey[]> {
    if (statement.dropsRoles.length > 0) await this.#keepTrusted(statement.dropsRoles);
    const named = statement.relations.map((use) => this.#regclass(use));
    if (named.length === 0) return [];
    if (statement.dropsColumns.length > 0) await this.#keepKeys(named, statement.dropsColumns);
    const { dropsConstraints } = statement;
    if (dropsConstraints.length > 0) await this.#keepPrimary(named, dropsConstraints);
    const rows = await this.#rows(`
      SELECT n.nspname, t.relname FROM pg_index AS i
      JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
      WHERE i.indexrelid IN (${named.map((name) => `to_regclass(${literal(name)})`).join(", ")})`);
    return rows.map(([schema, name]) => `${schema}.${name}`);
  }

  /** A role that AWS identities are trusted with stays until that is revoked. */
  async #keepTrusted(roles: readonly string[]): Promise<void> {
    const [row] = await this.#rows(`
      SELECT r.rolname FROM sys.iam_pg_role_mappings AS m JOIN pg_roles AS r ON r.oid = m.pg_role_oid
      WHERE r.rolname IN (${roles.map(literal).join(", ")}) LIMIT 1`);
    const role = row?.[0];
    if (role !== undefined && role !== null) throw violation("iamDependent", { role });
  }

  async #keepKeys(tables: readonly string[], columns: readonly string[]): Promise<void> {
    const rows = await this.#rows(`
      SELECT a.attname FROM pg_index AS i JOIN pg_attribute AS a
        ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indisprimary AND i.indrelid = to_regclass(${literal(tables[0] ?? "")})
        AND a.attname IN (${columns.map(literal).join(", ")})`);
    const column = rows[0]?.[0];
    if (column !== undefined && column !== null) throw violation("dropKeyColumn", { column });
  }

  async #keepPrimary(tables: readonly string[], constraints: readonly string[]): Promise<void> {
    const rows = await this.#rows(`
      SELECT 1 FROM pg_constraint WHERE contype = 'p' AND conrelid = to_regclass(${literal(tables[0] ?? "")})
        AND conname IN (${constraints.map(literal).join(", ")})`);
    if (rows.length > 0) throw violation("alterTable", { action: "DROP CONSTRAINT" });
  }

  /** Those of these tables that are not there. */
  async missing(tables: readonly TableKey[]): Promise<TableKey[]> {
    if (tables.length === 0) return [];
    const rows = await this.#rows(
      `SELECT k FROM (VALUES ${tables.map((key) => `(${literal(key)}, ${literal(tableName(key))})`).join(", ")}) AS named (k, name)
       WHERE to_regclass(name) IS NULL`,
    );
    return rows.map(([key]) => key ?? "");
  }

  /** After a DDL ran: throws the Violation of a rule that it broke. */
  async after(statement: Statement): Promise<void> {
    // What is made goes into the first schema of the path, though another may have one of its name.
    const made = statement.relations.filter(({ schema }) => schema === "");
    const tables = new Set([
      ...statement.relations.map((use) => this.#regclass(use)),
      ...made.map((use) => `${identifier(this.#path.schema)}.${identifier(use.name)}`),
    ]);
    await this.#check([...tables]);
  }

  /**
   * Tries CREATE INDEX on an empty table of the same shape: columns, expressions, key types and
   * sizes are refused now, the build comes later. Gives the names of the index's columns. Throws the Violation.
   */
  async tryIndex(statement: Statement): Promise<readonly string[]> {
    const [use] = statement.relations;
    if (use === undefined) return [];
    const table = this.#regclass(use);
    const kind = await this.#needOwned(use);
    if (kind !== "table") throw notIndexable(use.name, kind);
    // In the schema where the index is to come: what is temporary would leave a schema behind.
    const name = `${TRIAL}${this.#worker.pid}`;
    const trial = `${identifier(this.#schemaOf(use))}.${name}`;
    await this.#worker.command(`CREATE TABLE ${trial} (LIKE ${table})`);
    const lengthBytes = nameLengthBytes(statement.sql, use.startByte);
    const edit = { atByte: use.startByte, lengthBytes, insert: trial };
    await this.#retold(use, name, applyEdits(statement.sql, [edit]));
    await this.#check([trial]);
    const columns = await this.#rows(
      `SELECT a.attname FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indexrelid
       WHERE i.indrelid = to_regclass(${literal(trial)}) ORDER BY a.attnum`,
    );
    await this.#worker.command(`DROP TABLE ${trial}`);
    const [count] = await this.#rows(
      `SELECT count(*) >= ${this.#limits.indexesPerTable} FROM pg_index WHERE indrelid = to_regclass(${literal(table)})`,
    );
    if (count?.[0] === "t")
      throw violation("tableIndexes", { limit: this.#limits.indexesPerTable });
    return columns.map(([column]) => column ?? "");
  }

  async #retold(use: RelationUse, trial: string, sql: string): Promise<void> {
    try {
      await this.#worker.command(sql);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const message = error.message.replaceAll(trial, use.name);
      throw new Violation({ ...error.report, message });
    }
  }

  /** What a relation is that the client may define anew. Throws where it is not there, or another's: jobs would not ask. */
  async #needOwned(use: RelationUse): Promise<string> {
    const [row] = await this.#rows(
      `SELECT c.relkind, pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c
       WHERE c.oid = to_regclass(${literal(this.#regclass(use))})`,
    );
    const { name, schema } = use;
    if (row === undefined) {
      throw refusal(
        "42P01",
        `relation "${schema === "" ? name : `${schema}.${name}`}" does not exist`,
      );
    }
    const kind = RELATION_KINDS[row[0] ?? ""] ?? "table";
    if (row[1] !== "t") throw refusal("42501", `must be owner of ${kind} ${name}`);
    return kind;
  }

  /** Whether the schema of a table holds a relation of this name already. */
  async exists(schema: string, name: string): Promise<boolean> {
    const qualified = `${identifier(schema)}.${identifier(name)}`;
    const [row] = await this.#rows(`SELECT to_regclass(${literal(qualified)}) IS NOT NULL`);
    return row?.[0] === "t";
  }

  /** Throws 42704 when a table has no such constraint. */
  async needConstraint(statement: Statement): Promise<void> {
    const [use] = statement.relations;
    const name = statement.objectName ?? "";
    if (use === undefined) return;
    await this.#needOwned(use);
    const table = this.#regclass(use);
    const rows = await this.#rows(
      `SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(${literal(table)}) AND conname = ${literal(name)}`,
    );
    if (rows.length > 0) return;
    throw refusal("42704", `constraint "${name}" of relation "${use.name}" does not exist`);
  }

  async #check(tables: readonly string[]): Promise<void> {
    const [row] = await this.#rows(catalogueQuery(tables, this.#limits));
    const broken = brokenRule(row, this.#limits);
    if (broken !== undefined) throw broken;
  }

  #regclass(use: RelationUse): string {
    return `${identifier(this.#schemaOf(use))}.${identifier(use.name)}`;
  }

  #schemaOf(use: RelationUse): string {
    return use.schema === "" ? this.#path.schemaOf(use.name) : use.schema;
  }

  async #rows(sql: string): Promise<TextRow[]> {
    const answer = await this.#worker.command(sql);
    return answer.rows.map(readRow);
  }
}
