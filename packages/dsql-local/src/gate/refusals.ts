/** Which statements are refused whatever else they say. Texts in rules/statements.ts. */
import { bounds } from "../rules/bounds.ts";
import type { Profile } from "../rules/profile.ts";
import { violation, type RuleName } from "../rules/table.ts";
import {
  refuseAlterDomain,
  refuseAlterTable,
  refuseCache,
  refuseCreateIndex,
  refuseCreateTable,
} from "./definitions.ts";
import type { DialectMark } from "./dialect.ts";
import { settingName } from "./settings.ts";
import { isTemporary, isTemporarySchema } from "./temporary.ts";
import { child, flag, list, names, number, text, unwrap, type Tree } from "./tree.ts";

/** Statements that DSQL runs, some after a closer look. */
const KNOWN = new Set([
  "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "TransactionStmt", "VariableSetStmt",
  "VariableShowStmt", "ExplainStmt", "CreateStmt", "AlterTableStmt", "IndexStmt", "DropStmt",
  "RenameStmt", "CreateSchemaStmt", "ViewStmt", "CreateRoleStmt", "AlterRoleStmt", "DropRoleStmt",
  "GrantStmt", "GrantRoleStmt", "AlterDefaultPrivilegesStmt", "CommentStmt", "ConstraintsSetStmt",
  "VacuumStmt", "CreateSeqStmt", "AlterSeqStmt", "CreateDomainStmt", "AlterDomainStmt",
  "CreateFunctionStmt", "AlterFunctionStmt", "AlterObjectSchemaStmt", "AlterOwnerStmt", "CallStmt",
  "CreateStatsStmt", "AlterStatsStmt", "DeallocateStmt", "CopyStmt",
]); // prettier-ignore

const NAMED: Readonly<Record<string, RuleName>> = {
  CreateTrigStmt: "createTrigger",
  CreateEnumStmt: "createType",
  AlterEnumStmt: "alterType",
  AlterTypeStmt: "alterType",
  MergeStmt: "merge",
};

const DROPPABLE = new Set([
  "OBJECT_TABLE", "OBJECT_INDEX", "OBJECT_VIEW", "OBJECT_SCHEMA", "OBJECT_SEQUENCE",
  "OBJECT_DOMAIN", "OBJECT_FUNCTION", "OBJECT_STATISTIC_EXT",
]); // prettier-ignore

/** What is there to be renamed (source GR; roles since 2026-04-24, RN). */
const RENAMABLE = new Set([
  "OBJECT_TABLE", "OBJECT_INDEX", "OBJECT_VIEW", "OBJECT_SCHEMA", "OBJECT_SEQUENCE", "OBJECT_COLUMN", "OBJECT_TABCONSTRAINT",
  "OBJECT_FUNCTION", "OBJECT_ROUTINE", "OBJECT_ROLE", "OBJECT_DOMAIN", "OBJECT_DOMCONSTRAINT", "OBJECT_STATISTIC_EXT",
]); // prettier-ignore

const SETTABLE = new Set([
  "application_name", "client_encoding", "datestyle", "extra_float_digits", "intervalstyle",
  "timezone", "search_path", "role", "dsql.enable_batched_nestloop", "disable_sync_create_index",
]); // prettier-ignore

/** Whether DSQL lets a session set this parameter. */
export function isSettable(name: string): boolean {
  const folded = name.toLowerCase();
  return SETTABLE.has(folded) || folded.startsWith("enable_");
}

/** Throws the Violation that DSQL answers a statement with, by its top node. */
export function refuseStatement(node: Tree, mark: DialectMark, profile: Profile): void {
  const [name, body] = unwrap(node);
  const named = NAMED[name];
  if (named !== undefined) throw violation(named);
  if (!KNOWN.has(name)) throw violation("unsupportedStatement", { name: shortName(name) });
  if (isSystems(name, body)) throw violation("systemEntity");
  CHECKS[name]?.(body, mark, profile);
  if (mark.async && name !== "IndexStmt" && !validatesOne(name, body))
    throw violation("alterAsync");
}

/** All that is documented of ALTER TABLE ASYNC. */
function validatesOne(name: string, body: Tree): boolean {
  const [first = {}, ...more] = list(body, "cmds");
  const subtype = text(child(first, "AlterTableCmd"), "subtype");
  return name === "AlterTableStmt" && subtype === "AT_ValidateConstraint" && more.length === 0;
}

const SYSTEMS_OWN = new Set(["sys", "pg_catalog", "information_schema"]);
const DEFINES_RELATION = new Set(["CreateStmt", "ViewStmt", "CreateSeqStmt", "AlterTableStmt"]);

/** Whether something in a schema of the system is to be made, changed or dropped, or such a schema. */
function isSystems(name: string, body: Tree): boolean {
  if (DEFINES_RELATION.has(name)) {
    const named = ["relation", "view", "sequence"].map((key) =>
      text(child(body, key), "schemaname"),
    );
    return named.some((schema) => SYSTEMS_OWN.has(schema));
  }
  if (name === "CreateFunctionStmt") return isQualified(list(body, "funcname"));
  if (name !== "DropStmt") return false;
  const objects = list(body, "objects");
  if (text(body, "removeType") !== "OBJECT_SCHEMA") {
    return objects.some((object) => isQualified(list(child(object, "List"), "items")));
  }
  return names(objects).some((schema) => schema === "public" || SYSTEMS_OWN.has(schema));
}

function isQualified(parts: readonly Tree[]): boolean {
  return parts.length > 1 && SYSTEMS_OWN.has(names(parts)[0] ?? "");
}

/** Throws for a view whose text is too long. */
export function refuseLength(node: Tree, sql: string): void {
  if ("ViewStmt" in node && Buffer.byteLength(sql) > bounds.viewBytes) throw violation("viewSize");
}

/** A statement as refusals name it: by its node. */
export function shortName(nodeName: string): string {
  return nodeName.replace(/Stmt$/, "");
}

type Check = (body: Tree, mark: DialectMark, profile: Profile) => void;

const CHECKS: Readonly<Record<string, Check>> = {
  TransactionStmt: refuseTransaction,
  ExplainStmt: refuseExplained,
  VariableSetStmt: refuseSetting,
  DropStmt: refuseDrop,
  RenameStmt: refuseRename,
  CreateFunctionStmt: refuseFunction,
  AlterFunctionStmt: refuseFunctionChange,
  VacuumStmt: refuseVacuum,
  GrantStmt: refuseGrant,
  DeallocateStmt: refuseDeallocate,
  CreateSeqStmt: refuseSequence,
  AlterSeqStmt: refuseSequenceChange,
  CreateStmt: refuseCreateTable,
  AlterTableStmt: refuseAlterTable,
  AlterDomainStmt: refuseAlterDomain,
  CreateDomainStmt: refuseDomain,
  IndexStmt: refuseCreateIndex,
  SelectStmt: refuseSelectInto,
  ViewStmt: refuseTemporaryView,
  CreateStatsStmt: refuseStatistics,
  AlterStatsStmt: refuseStatisticsTarget,
};

const SAVEPOINTS: Readonly<Record<string, string>> = {
  TRANS_STMT_SAVEPOINT: "SAVEPOINT",
  TRANS_STMT_RELEASE: "RELEASE",
  TRANS_STMT_ROLLBACK_TO: "ROLLBACK TO",
  TRANS_STMT_PREPARE: "PREPARE TRANSACTION",
  TRANS_STMT_COMMIT_PREPARED: "COMMIT PREPARED",
  TRANS_STMT_ROLLBACK_PREPARED: "ROLLBACK PREPARED",
};

function refuseTransaction(body: Tree): void {
  const name = SAVEPOINTS[text(body, "kind")];
  if (name !== undefined) throw violation("savepoint", { name });
  if (flag(body, "chain")) throw violation("savepoint", { name: "AND CHAIN" });
  refuseLevels(list(body, "options"));
}

function refuseLevels(options: readonly Tree[]): void {
  for (const option of options) {
    const element = child(option, "DefElem");
    const value = child(child(child(element, "arg"), "A_Const"), "sval");
    const level = text(value, "sval");
    if (text(element, "defname") === "transaction_isolation" && level !== "repeatable read") {
      throw violation("isolationLevel", { level: level.toUpperCase() });
    }
  }
}

/** What may not run may not be explained: with ANALYZE it would run. */
function refuseExplained(body: Tree, mark: DialectMark, profile: Profile): void {
  refuseStatement(child(body, "query"), mark, profile);
}

function refuseSetting(body: Tree): void {
  if (text(body, "kind") === "VAR_RESET_ALL") return;
  const name = settingName(body);
  // Back to who has logged in (source GR).
  if (name === "session_authorization" && text(body, "kind") === "VAR_SET_DEFAULT") return;
  if (name === "SESSION CHARACTERISTICS") return refuseLevels(list(body, "args"));
  if (!isSettable(name)) throw violation("setting", { name });
}

function refuseDrop(body: Tree): void {
  if (!DROPPABLE.has(text(body, "removeType"))) throw violation("dropObject");
  if (flag(body, "concurrent")) throw violation("dropConcurrently");
}

function refuseRename(body: Tree): void {
  if (!RENAMABLE.has(text(body, "renameType"))) throw violation("renameObject");
}

function refuseFunction(body: Tree): void {
  if (flag(body, "is_procedure")) throw violation("procedure");
  refuseTemporaryName(list(body, "funcname"), "FUNCTION");
  refuseSettings(list(body, "options"));
  for (const option of list(body, "options")) {
    const element = child(option, "DefElem");
    if (text(element, "defname") !== "language") continue;
    const language = text(child(child(element, "arg"), "String"), "sval").toLowerCase();
    if (language !== "sql") throw violation("functionLanguage", { language });
  }
}

function refuseFunctionChange(body: Tree): void {
  refuseSettings(list(body, "actions"));
}

/** What a function sets while it runs is under the rules of SET. */
function refuseSettings(options: readonly Tree[]): void {
  for (const option of options) {
    const setting = child(child(child(option, "DefElem"), "arg"), "VariableSetStmt");
    if ("kind" in setting) refuseSetting(setting);
  }
}

function refuseTemporaryName(name: readonly Tree[], what: string): void {
  const [schema = "", ...more] = names(name);
  if (more.length > 0 && isTemporarySchema(schema)) throw violation("temporaryObject", { what });
}

function refuseDomain(body: Tree): void {
  refuseTemporaryName(list(body, "domainname"), "DOMAIN");
}

function refuseVacuum(body: Tree): void {
  if (flag(body, "is_vacuumcmd")) throw violation("vacuum");
}

const SYSTEM_SCHEMAS = new Set(["public", "sys", "pg_catalog", "information_schema"]);

/** What privileges may be given on. */
const GRANTABLE = new Set([
  "OBJECT_TABLE", "OBJECT_COLUMN", "OBJECT_SEQUENCE", "OBJECT_SCHEMA", "OBJECT_FUNCTION", "OBJECT_ROUTINE",
  "OBJECT_DOMAIN",
]); // prettier-ignore

function refuseGrant(body: Tree): void {
  if (!GRANTABLE.has(text(body, "objtype"))) throw violation("grantObject");
  for (const object of list(body, "objects")) {
    const schema = schemaOf(object, text(body, "objtype"));
    if (SYSTEM_SCHEMAS.has(schema)) throw violation("systemEntity");
  }
}

/** The schema that privileges are given on, or whose relation; public counts as the system's only by itself. */
function schemaOf(object: Tree, type: string): string {
  if (type === "OBJECT_SCHEMA") return names([object])[0] ?? "";
  const schema = text(child(object, "RangeVar"), "schemaname");
  return schema === "public" ? "" : schema;
}

function refuseDeallocate(body: Tree): void {
  if (text(body, "name") !== "") throw violation("preparedBySql", { name: "Deallocate" });
}

function refuseSequence(body: Tree): void {
  if (isTemporary(child(body, "sequence"))) {
    throw violation("temporaryObject", { what: "SEQUENCE" });
  }
  refuseCache(list(body, "options"), "CREATE SEQUENCE");
}

function refuseSequenceChange(body: Tree): void {
  const options = list(body, "options");
  const caches = options.some((option) => text(child(option, "DefElem"), "defname") === "cache");
  if (caches) refuseCache(options, "ALTER SEQUENCE");
}

function refuseSelectInto(body: Tree): void {
  if ("intoClause" in body) throw violation("unsupportedStatement", { name: "CreateTableAs" });
}

function refuseTemporaryView(body: Tree): void {
  if (isTemporary(child(body, "view"))) throw violation("temporaryObject", { what: "VIEW" });
}

function refuseStatistics(_body: Tree, _mark: DialectMark, profile: Profile): void {
  if (profile.holds("extendedStatistics")) {
    throw violation("extendedStatistics", { name: "CreateStats" });
  }
}

function refuseStatisticsTarget(body: Tree): void {
  const target = number(child(child(body, "stxstattarget"), "Integer"), "ival");
  if (target > bounds.statisticsTarget) throw violation("statisticsTarget", { target });
}
