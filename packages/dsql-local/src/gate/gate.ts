/**
 * The gate: SQL text in, statements out, or the refusal that Aurora DSQL would give.
 * Results are kept per text, because clients send the same text over and over.
 */
import { Profile } from "../rules/profile.ts";
import { violation } from "../rules/table.ts";
import { askingOf } from "./asking.ts";
import { copyInOf, takesRows } from "./copy-in.ts";
import { translateDialect, type DialectMark } from "./dialect.ts";
import {
  applyEdits,
  bareTypeEdits,
  charactersBefore,
  definesTypes,
  statementText,
} from "./edits.ts";
import { refuseBody } from "./functions.ts";
import { lateralDefect } from "./lateral.ts";
import { withoutLockWaits } from "./lock-waits.ts";
import { parseStatements, type ParsedStatement } from "./parser.ts";
import { refuseLength, refuseStatement } from "./refusals.ts";
import { settingName, showAllSql, shownAs } from "./settings.ts";
import {
  blankStatement,
  type Explains,
  type LocalAnswer,
  type Statement,
  type StatementKind,
} from "./statement.ts";
import { rowBoundOf } from "./row-bound.ts";
import { survey, type Survey } from "./survey.ts";
import { child, list, number, text, type Tree, unwrap } from "./tree.ts";

const NO_MARK: DialectMark = { async: false, using: false };
const MAX_CACHED_TEXT_LENGTH = 512 * 1024;
const MAX_CACHED_LENGTH = 16 * 1024 * 1024;

/** Statements of a text, or what is thrown for each part that is refused. */
export type Gated = Statement | Error;

/** Compiles texts and keeps what it compiled. */
export class Gate {
  readonly #cache = new Map<string, readonly Gated[]>();
  #cachedLength = 0;
  readonly #profile: Profile;

  constructor(profile: Profile = new Profile()) {
    this.#profile = profile;
  }

  /**
   * The statements of a text. A refused statement is the Violation itself, so that
   * those before it still run. Throws the Violation of a syntax error.
   */
  compile(sql: string): readonly Gated[] {
    const known = this.#cache.get(sql);
    if (known !== undefined) return known;
    const compiled = compileText(sql, this.#profile);
    if (sql.length <= MAX_CACHED_TEXT_LENGTH) this.#keep(sql, compiled);
    return compiled;
  }

  #keep(sql: string, compiled: readonly Gated[]): void {
    this.#cachedLength += sql.length;
    for (const oldest of this.#cache.keys()) {
      if (this.#cachedLength <= MAX_CACHED_LENGTH) break;
      this.#cache.delete(oldest);
      this.#cachedLength -= oldest.length;
    }
    this.#cache.set(sql, compiled);
  }
}

function compileText(sql: string, profile: Profile): readonly Gated[] {
  const { sql: translated, marks } = translateDialect(sql);
  const parsed = parseStatements(translated);
  return parsed.map((statement, index) => {
    try {
      const mark = marks[index] ?? NO_MARK;
      return compileOne({
        sql: translated,
        parsed: statement,
        mark,
        alone: parsed.length === 1,
        profile,
      });
    } catch (error) {
      // A tree that the parser could still make may be too deep to be walked.
      if (error instanceof RangeError) return violation("stackDepth");
      if (error instanceof Error) return error;
      throw error;
    }
  });
}

/** One statement of a text. */
interface Compiling {
  readonly sql: string;
  readonly parsed: ParsedStatement;
  readonly mark: DialectMark;
  readonly alone: boolean;
  readonly profile: Profile;
}

function compileOne({ sql, parsed, mark, alone, profile }: Compiling): Gated {
  if (mark.iam !== undefined) {
    const tag = `AWS IAM ${mark.iam.action.toUpperCase()}`;
    return { ...blankStatement("iam", sql), iam: mark.iam, tag };
  }
  refuseStatement(parsed.node, mark, profile);
  const found = survey(parsed.node);
  const own = alone ? sql : statementText(sql, parsed.startByte, parsed.lengthBytes);
  refuseLength(parsed.node, own);
  refuseBody(child(parsed.node, "CreateFunctionStmt"), profile);
  const offsetBytes = alone ? 0 : parsed.startByte;
  const [name, body] = unwrap(parsed.node);
  const relations = found.relations.map((use) => ({
    ...use,
    startByte: use.startByte - offsetBytes,
  }));
  const askedOf = { name, body, parsed, offsetBytes, sql: own, relations };
  const kind = kindOf(name, body, mark, found);
  const edits = definesTypes(name, body) ? bareTypeEdits(parsed.node, own, offsetBytes) : [];
  return {
    ...blankStatement(kind, applyEdits(found.sparesWaits ? withoutLockWaits(own) : own, edits)),
    ...found.parts,
    startsAt: charactersBefore(sql, alone ? 0 : parsed.startByte),
    calls: name === "ExplainStmt" && !analyzes(body) ? [] : found.parts.calls,
    relations,
    asking: found.writers === 1 ? askingOf(askedOf) : undefined,
    rowBound: found.writers === 1 ? rowBoundOf(name, body) : undefined,
    readOnly: isReadOnly(body),
    copyIn: name === "CopyStmt" && takesRows(body) ? copyInOf(body) : undefined,
    returnsRows: returnsRows(name, body),
    lateralDefect: kind === "read" ? lateralDefect(parsed.node, own) : undefined,
    explains: name === "ExplainStmt" ? explainsOf(body) : undefined,
    countByStatistics: found.parts.countByStatistics || hidesRows(name, body),
    ...dropsOf(name, body),
    renamesRole: name === "RenameStmt" && text(body, "renameType") === "OBJECT_ROLE",
    objectName: objectName(name, body),
    ifNotExists: body["if_not_exists"] === true,
    ...localParts(name, body, mark),
  };
}

const TRANSACTIONS: Readonly<Record<string, StatementKind>> = {
  TRANS_STMT_BEGIN: "begin",
  TRANS_STMT_START: "begin",
  TRANS_STMT_COMMIT: "commit",
  TRANS_STMT_ROLLBACK: "rollback",
};

const KINDS: Readonly<Record<string, StatementKind>> = {
  VariableSetStmt: "setting",
  ConstraintsSetStmt: "setting",
  VariableShowStmt: "read",
  CallStmt: "call",
  VacuumStmt: "utility",
  DeallocateStmt: "deallocate",
};

function kindOf(name: string, body: Tree, mark: DialectMark, found: Survey): StatementKind {
  if (name === "TransactionStmt") return TRANSACTIONS[text(body, "kind")] ?? "local";
  if (name === "IndexStmt") return "index-job";
  if (name === "AlterTableStmt" && mark.async) return "validate-job";
  if (name === "ExplainStmt") return found.writes && analyzes(body) ? "write" : "read";
  if (/^(Select|Insert|Update|Delete|Copy)Stmt$/.test(name)) {
    return found.writes || found.locks ? "write" : "read";
  }
  if (name === "VariableSetStmt" && settingName(body) === "disable_sync_create_index")
    return "local";
  return KINDS[name] ?? "ddl";
}

function returnsRows(name: string, body: Tree): boolean {
  if (/^(Insert|Update|Delete)Stmt$/.test(name)) return list(body, "returningList").length > 0;
  return /^(Select|Explain|VariableShow|Call)Stmt$/.test(name);
}

/** The tag of EXPLAIN ANALYZE tells no rows, that of COPY TO those that it gives. */
function hidesRows(name: string, body: Tree): boolean {
  return name === "ExplainStmt" || (name === "CopyStmt" && !takesRows(body));
}

function analyzes(explain: Tree): boolean {
  return asksFor(explain, "analyze");
}

/** Whether an option of EXPLAIN is on: it is where its value is left out. */
function asksFor(explain: Tree, wanted: string): boolean {
  return list(explain, "options").some((option) => {
    const element = child(option, "DefElem");
    return text(element, "defname") === wanted && !isOff(child(element, "arg"));
  });
}

function isOff(value: Tree): boolean {
  if (/^(?:false|off|0)$/i.test(text(child(value, "String"), "sval"))) return true;
  return "Integer" in value && number(child(value, "Integer"), "ival") === 0;
}

function explainsOf(explain: Tree): Explains | undefined {
  for (const option of list(explain, "options")) {
    const element = child(option, "DefElem");
    const value = text(child(child(element, "arg"), "String"), "sval");
    if (text(element, "defname") === "format" && value.toLowerCase() !== "text") return undefined;
  }
  return { analyze: asksFor(explain, "analyze"), verbose: asksFor(explain, "verbose") };
}

/** What a BEGIN says last. */
function isReadOnly(body: Tree): boolean | undefined {
  const elements = list(body, "options").map((option) => child(option, "DefElem"));
  const last = elements.findLast((one) => text(one, "defname") === "transaction_read_only");
  if (last === undefined) return undefined;
  return number(child(child(child(last, "arg"), "A_Const"), "ival"), "ival") === 1;
}

type Drops = Pick<Statement, "dropsColumns" | "dropsConstraints" | "dropsRoles">;

function dropsOf(name: string, body: Tree): Drops {
  return {
    dropsColumns: dropped(body, "AT_DropColumn"),
    dropsConstraints: dropped(body, "AT_DropConstraint"),
    dropsRoles: name === "DropRoleStmt" ? droppedRoles(body) : [],
  };
}

function dropped(body: Tree, subtype: string): readonly string[] {
  return list(body, "cmds")
    .map((item) => child(item, "AlterTableCmd"))
    .filter((command) => text(command, "subtype") === subtype)
    .map((command) => text(command, "name"));
}

function droppedRoles(body: Tree): readonly string[] {
  return list(body, "roles").map((item) => text(child(item, "RoleSpec"), "rolename"));
}

function objectName(name: string, body: Tree): string {
  if (name === "IndexStmt") return text(body, "idxname");
  const [command] = list(body, "cmds");
  return command === undefined ? "" : text(child(command, "AlterTableCmd"), "name");
}

interface LocalParts {
  readonly sql?: string;
  readonly tag?: string;
  readonly answer?: LocalAnswer;
}

const NO_ROWS: LocalAnswer = { columns: [], rows: [] };
const JOB_ROW: LocalAnswer = { columns: [{ name: "job_id", type: "text" }], rows: [] };

function localParts(name: string, body: Tree, mark: DialectMark): LocalParts {
  if (text(body, "kind") === "TRANS_STMT_START") return { tag: "START TRANSACTION" };
  if (name === "IndexStmt") return { tag: "CREATE INDEX", answer: JOB_ROW };
  if (name === "AlterTableStmt" && mark.async) return { tag: "ALTER TABLE", answer: JOB_ROW };
  if (name === "DeallocateStmt") return { tag: "DEALLOCATE ALL", answer: NO_ROWS };
  if (name === "VariableSetStmt" && settingName(body) === "disable_sync_create_index") {
    return { tag: "SET", answer: NO_ROWS };
  }
  if (name !== "VariableShowStmt") return {};
  const shown = text(body, "name").toLowerCase();
  if (shown === "all") return { sql: showAllSql, tag: "SHOW" };
  const value = shownAs[shown];
  return value === undefined ? {} : { sql: `SELECT '${value}'::text AS ${shown}`, tag: "SHOW" };
}

/** The only statement of a text for the extended protocol. Throws what the gate refuses. */
export function single(gated: readonly Gated[], sql: string): Statement {
  if (gated.length > 1) {
    throw violation("protocolMultiple");
  }
  const [first] = gated;
  if (first === undefined) return blankStatement("empty", sql);
  if (first instanceof Error) throw first;
  return first;
}
