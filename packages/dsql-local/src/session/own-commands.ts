/** DSQL's own commands: asynchronous index builds and validations, AWS IAM GRANT. */
import type { JobPlan, Jobs } from "../definitions/jobs.ts";
import type { Definitions } from "../definitions/definitions.ts";
import { indexName } from "../definitions/index-name.ts";
import type { IamStatement } from "../gate/dialect.ts";
import { tokenize } from "../gate/tokens.ts";
import type { RelationUse, Statement } from "../gate/statement.ts";
import type { AdminSession } from "../postgres/admin.ts";
import { identifier, literal, readRow } from "../postgres/rows.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { commandComplete, dataRow } from "../wire/messages.ts";
import { Answer } from "./answer.ts";
import type { SearchPath } from "./search-path.ts";
import type { Transaction } from "./transaction.ts";
import type { Worker } from "./worker.ts";

/** Of roles and users, in any of AWS's partitions. */
const ARN = /^arn:aws[a-z-]*:iam::\d{12}:[\w+=,.@/-]+$/;

/** What the commands work with. */
export interface OwnCommandParts {
  readonly worker: Worker;
  readonly definitions: Definitions;
  readonly path: SearchPath;
  readonly jobs: Jobs;
  readonly admin: AdminSession;
}

/** Runs them for one session. All methods only in a turn, inside an open transaction. */
export class OwnCommands {
  readonly #parts: OwnCommandParts;

  constructor(parts: OwnCommandParts) {
    this.#parts = parts;
  }

  /** Runs an `index-job`, `validate-job` or `iam` statement; its effect comes with COMMIT. */
  async run(transaction: Transaction, statement: Statement): Promise<Answer> {
    await this.#parts.worker.open(transaction);
    if (statement.kind === "iam") return this.#iam(transaction, statement);
    const plan =
      statement.kind === "index-job"
        ? await this.#planIndex(statement)
        : await this.#planValidation(statement);
    const jobId = this.#parts.jobs.newId();
    transaction.afterCommit.push(() => this.#parts.jobs.start(jobId, plan));
    const answer = new Answer(0);
    answer.rows.push(dataRow([jobId]));
    answer.complete = commandComplete(statement.tag ?? "");
    return answer;
  }

  async #planIndex(statement: Statement): Promise<JobPlan> {
    const [use] = statement.relations;
    const schema = this.#schemaOf(use);
    const table = use?.name ?? "";
    const { definitions } = this.#parts;
    const columns = await definitions.tryIndex(statement);
    const objectName =
      statement.objectName === ""
        ? await this.#freeName(schema, table, columns)
        : statement.objectName;
    if (statement.objectName !== "" && (await definitions.exists(schema, objectName))) {
      if (!statement.ifNotExists) throw duplicate(objectName);
    }
    const sql = concurrently(statement.sql, statement.objectName === "" ? objectName : undefined);
    return {
      type: "INDEX_BUILD",
      table: `${schema}.${table}`,
      schema,
      objectName,
      sql,
      sqlBesideDuplicates: withoutUnique(sql),
    };
  }

  /** The role's number. Throws what refuses to trust it to an identity, or no longer. */
  async #trustedRole({ action, role, arn }: IamStatement): Promise<string> {
    const found = await this.#parts.worker.command(
      `SELECT oid, rolcanlogin, current_user = 'admin' FROM pg_roles WHERE rolname = ${literal(role)}`,
    );
    const [frame] = found.rows;
    if (frame === undefined) throw violation("iamRole", { role });
    const [oid, mayLogin, isAdmin] = readRow(frame);
    if (isAdmin !== "t") throw violation("iamPermission", { action, role });
    if (action === "grant" && mayLogin !== "t") throw violation("iamLogin", { role });
    if (action === "grant" && !ARN.test(arn)) throw violation("iamArn");
    return oid ?? "0";
  }

  #schemaOf(use: RelationUse | undefined): string {
    if (use === undefined) return this.#parts.path.schema;
    return use.schema === "" ? this.#parts.path.schemaOf(use.name) : use.schema;
  }

  async #freeName(schema: string, table: string, columns: readonly string[]): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const name = indexName(table, columns, attempt);
      if (!(await this.#parts.definitions.exists(schema, name))) return name;
    }
  }

  async #planValidation(statement: Statement): Promise<JobPlan> {
    await this.#parts.definitions.needConstraint(statement);
    const [use] = statement.relations;
    const schema = this.#schemaOf(use);
    return {
      type: "VALIDATE_CONSTRAINT",
      table: `${schema}.${use?.name ?? ""}`,
      schema,
      objectName: use?.name ?? "",
      sql: statement.sql,
      sqlBesideDuplicates: undefined,
    };
  }

  async #iam(transaction: Transaction, statement: Statement): Promise<Answer> {
    const { action = "grant", role = "", arn = "" } = statement.iam ?? {};
    const oid = await this.#trustedRole({ action, role, arn });
    const mapping = `arn = ${literal(arn)} AND pg_role_name = ${literal(role)}`;
    const grant = `INSERT INTO sys.iam_pg_role_mappings
      SELECT (SELECT coalesce(max(iam_oid::bigint), 26446) + 2 FROM sys.iam_pg_role_mappings), ${literal(arn)}, ${oid}, ${literal(role)}, r.oid, r.rolname FROM pg_roles AS r
      WHERE r.rolname = 'admin' AND NOT EXISTS (SELECT FROM sys.iam_pg_role_mappings WHERE ${mapping})`;
    const revoke = `DELETE FROM sys.iam_pg_role_mappings WHERE ${mapping}`;
    transaction.afterCommit.push(async () => {
      await this.#parts.admin.query(action === "grant" ? grant : revoke);
    });
    const answer = new Answer(0);
    answer.complete = commandComplete(statement.tag ?? "");
    return answer;
  }
}

function duplicate(name: string): Violation {
  return new Violation({
    severity: "ERROR",
    code: "42P07",
    message: `relation "${name}" already exists`,
  });
}

/** The statement that builds the index beside running writers; named where the client named it not. */
function concurrently(sql: string, name: string | undefined): string {
  const tokens = tokenize(sql);
  const index = tokens.find((token) => token.word && token.text === "index");
  const on = tokens.find((token) => token.word && token.text === "on");
  if (index === undefined || on === undefined) return sql;
  const named = name === undefined ? "" : `${identifier(name)} `;
  return `${sql.slice(0, index.end)} CONCURRENTLY ${sql.slice(index.end, on.start)}${named}${sql.slice(on.start)}`;
}

/** The same index without its rule; undefined where it has none. */
function withoutUnique(sql: string): string | undefined {
  const [, unique] = tokenize(sql);
  if (unique?.text !== "unique") return undefined;
  return sql.slice(0, unique.start) + sql.slice(unique.end);
}
