/** Refusals in CREATE TABLE, ALTER TABLE and CREATE INDEX. Texts in rules/statements.ts. */
import type { Profile } from "../rules/profile.ts";
import { violation } from "../rules/table.ts";
import type { DialectMark } from "./dialect.ts";
import { isTemporary } from "./temporary.ts";
import { child, flag, list, names, number, text, type Tree } from "./tree.ts";

const SERIAL = new Set([
  "serial", "bigserial", "smallserial", "serial2", "serial4", "serial8",
]); // prettier-ignore

/** Refuses what CREATE TABLE may not say. */
export function refuseCreateTable(body: Tree, _mark: DialectMark, profile: Profile): void {
  const relation = child(body, "relation");
  if (isTemporary(relation)) throw violation("temporaryTable");
  if (text(relation, "relpersistence") === "u") throw violation("unloggedTable");
  if ("partspec" in body) throw clause("PARTITION BY");
  if ("partbound" in body) throw clause("PARTITION OF");
  if (list(body, "inhRelations").length > 0) throw clause("INHERITS");
  if ("tablespacename" in body) throw clause("TABLESPACE");
  if (list(body, "options").length > 0) throw clause("WITH");
  if (text(body, "oncommit") !== "ONCOMMIT_NOOP") throw clause("ON COMMIT");
  if (text(body, "accessMethod") !== "") throw clause("USING");
  if ("ofTypename" in body) throw clause("OF");
  for (const element of list(body, "tableElts")) {
    const column = child(element, "ColumnDef");
    if ("colname" in column) refuseColumn(column);
    refuseExclusion(element);
    refuseDeferrable(child(element, "Constraint"));
    if (profile.holds("foreignKey")) refuseForeignKeys([element, ...list(column, "constraints")]);
  }
}

function refuseExclusion(element: Tree): void {
  const type = text(child(element, "Constraint"), "contype");
  if (type === "CONSTR_EXCLUSION") throw violation("exclusion");
}

const KEYS: Readonly<Record<string, string>> = {
  CONSTR_PRIMARY: "PRIMARY KEY",
  CONSTR_UNIQUE: "UNIQUE",
};

/** Only foreign keys may be deferred (source CT). */
function refuseDeferrable(constraint: Tree): void {
  const what = KEYS[text(constraint, "contype")];
  if (what !== undefined && flag(constraint, "deferrable")) {
    throw violation("deferrableKey", { what });
  }
}

const DEFERS = new Set(["CONSTR_ATTR_DEFERRABLE", "CONSTR_ATTR_DEFERRED"]);

/** Of a column the parser leaves the word to stand behind the constraint that it is of. */
function refuseDeferrableColumn(constraints: readonly Tree[]): void {
  let what: string | undefined;
  for (const item of constraints) {
    const type = text(child(item, "Constraint"), "contype");
    if (!type.startsWith("CONSTR_ATTR_")) what = KEYS[type];
    else if (what !== undefined && DEFERS.has(type)) throw violation("deferrableKey", { what });
  }
}

function refuseForeignKeys(constraints: readonly Tree[]): void {
  for (const item of constraints) {
    if (text(child(item, "Constraint"), "contype") === "CONSTR_FOREIGN") {
      throw violation("foreignKey");
    }
  }
}

function clause(name: string): Error {
  return violation("tableClause", { clause: name });
}

/** Refuses types and clauses of one column that the parse tree already shows. */
function refuseColumn(column: Tree): void {
  const typeName = child(column, "typeName");
  const type = names(list(typeName, "names")).at(-1) ?? "";
  if (SERIAL.has(type)) throw violation("serialType", { type }, position(typeName));
  if ("collClause" in column) throw violation("collation");
  if (text(column, "compression") !== "") throw violation("compression");
  refuseDeferrableColumn(list(column, "constraints"));
  for (const item of list(column, "constraints")) {
    const constraint = child(item, "Constraint");
    if (text(constraint, "contype") === "CONSTR_IDENTITY") refuseIdentity(constraint, type);
  }
}

function position(tree: Tree): number {
  return number(tree, "location") + 1;
}

function refuseIdentity(constraint: Tree, type: string): void {
  if (type !== "int8") {
    throw violation("identityType", { type: DISPLAY[type] ?? type });
  }
  refuseCache(list(constraint, "options"), "identity column");
}

const DISPLAY: Readonly<Record<string, string>> = { int4: "integer", int2: "smallint" };

/** Sequences and identities need an explicit cache of 1 or at least 65,536 (source E). */
export function refuseCache(options: readonly Tree[], what: string): void {
  for (const option of options) {
    const element = child(option, "DefElem");
    if (text(element, "defname") !== "cache") continue;
    const size = integerOf(child(element, "arg"));
    if (size === 1 || size >= 65_536) return;
  }
  throw violation("sequenceCache", { what });
}

/** An integer of the tree; beyond 32 bits the parser calls it a Float. */
function integerOf(value: Tree): number {
  if ("Float" in value) return Number(text(child(value, "Float"), "fval"));
  return number(child(value, "Integer"), "ival");
}

/** Refuses what ALTER TABLE may not do. */
export function refuseAlterTable(body: Tree, mark: DialectMark, profile: Profile): void {
  if (text(body, "objtype") === "OBJECT_TYPE") throw violation("alterType");
  for (const item of list(body, "cmds")) refuseAction(child(item, "AlterTableCmd"), mark, profile);
}

const ACTIONS = new Set([
  "AT_ColumnDefault", "AT_DropNotNull", "AT_DropColumn", "AT_DropConstraint", "AT_AddIdentity",
  "AT_SetIdentity", "AT_DropIdentity", "AT_SetStorage", "AT_DropExpression", "AT_ChangeOwner",
]); // prettier-ignore

const COLUMN_ACTIONS: Readonly<Record<string, string>> = {
  AT_SetNotNull: "SET NOT NULL",
  AT_AlterColumnType: "SET DATA TYPE",
  AT_SetStatistics: "SET STATISTICS",
  AT_SetOptions: "SET",
  AT_ResetOptions: "RESET",
  AT_SetCompression: "SET COMPRESSION",
  AT_AlterColumnGenericOptions: "OPTIONS",
};

/** As PostgreSQL names its actions, where that is not the parser's own name in words: those of the recorded ones are. */
const TABLE_ACTIONS: Readonly<Record<string, string>> = {
  AT_DropCluster: "SET WITHOUT CLUSTER", AT_SetUnLogged: "SET UNLOGGED", AT_DropOids: "SET WITHOUT OIDS",
  AT_SetTableSpace: "SET TABLESPACE", AT_SetRelOptions: "SET", AT_ResetRelOptions: "RESET",
  AT_ReplaceRelOptions: "SET", AT_AddInherit: "INHERIT", AT_DropInherit: "NO INHERIT", AT_AddOf: "OF",
  AT_DropOf: "NOT OF", AT_GenericOptions: "OPTIONS", AT_DetachPartitionFinalize: "DETACH PARTITION ... FINALIZE",
}; // prettier-ignore

function refuseAction(command: Tree, mark: DialectMark, profile: Profile): void {
  const subtype = text(command, "subtype");
  if (subtype === "AT_AddColumn") return refuseAddColumn(child(child(command, "def"), "ColumnDef"));
  if (subtype === "AT_AddConstraint") {
    return refuseAddConstraint(child(command, "def"), profile);
  }
  if (subtype === "AT_ValidateConstraint" && mark.async) return;
  if (subtype === "AT_AddIdentity") {
    const options = list(child(child(command, "def"), "Constraint"), "options");
    return refuseCache(options, "identity column");
  }
  if (subtype === "AT_AlterConstraint" && !profile.holds("foreignKey")) return;
  if (ACTIONS.has(subtype)) return;
  const action = COLUMN_ACTIONS[subtype];
  if (action !== undefined) throw violation("alterColumn", { action });
  throw violation("alterTable", { action: TABLE_ACTIONS[subtype] ?? wordsOf(subtype) });
}

/** AT_EnableRowSecurity → ENABLE ROW SECURITY, AT_DisableTrigAll → DISABLE TRIGGER ALL. */
function wordsOf(subtype: string): string {
  const words = subtype.slice(3).replace(/(?<=[a-z])(?=[A-Z])/g, " ");
  return words.replace(/ Trig\b/, " Trigger").toUpperCase();
}

function refuseAddColumn(column: Tree): void {
  for (const item of list(column, "constraints")) {
    if (text(child(item, "Constraint"), "contype") !== "CONSTR_NULL") {
      throw violation("addColumnConstraint");
    }
  }
  refuseColumn(column);
}

function refuseAddConstraint(definition: Tree, profile: Profile): void {
  const constraint = child(definition, "Constraint");
  const type = text(constraint, "contype");
  if (text(constraint, "indexname") !== "") refuseDeferrable(constraint);
  const references = type === "CONSTR_FOREIGN" && !profile.holds("foreignKey");
  const checked = type === "CONSTR_CHECK" || references;
  if (checked && flag(constraint, "skip_validation")) return;
  if (type === "CONSTR_UNIQUE" && text(constraint, "indexname") !== "") return;
  throw violation("alterTable", { action: "ADD CONSTRAINT" });
}

const DOMAIN_ACTIONS: Readonly<Record<string, string>> = { C: "ADD CONSTRAINT", O: "SET NOT NULL" };

/** Refuses what ALTER DOMAIN may not do. */
export function refuseAlterDomain(body: Tree): void {
  const action = DOMAIN_ACTIONS[text(body, "subtype")];
  if (action !== undefined) throw violation("alterDomain", { action });
}

/** What the service's grammar of CREATE INDEX does not have. */
function refuseIndexClauses(body: Tree): void {
  if (list(body, "options").length > 0) throw violation("indexClause", { clause: "WITH" });
  if (text(body, "tableSpace") !== "") throw violation("indexClause", { clause: "TABLESPACE" });
  const isOnly = !flag(child(body, "relation"), "inh");
  if (isOnly) throw violation("indexClause", { clause: "ONLY" });
}

/** Refuses what CREATE INDEX may not say. */
export function refuseCreateIndex(body: Tree, mark: DialectMark, profile: Profile): void {
  if (flag(body, "concurrent")) throw violation("indexConcurrently");
  if (!mark.async) throw violation("indexMode");
  if (mark.using) throw violation("indexMethod");
  refuseIndexClauses(body);
  if ("whereClause" in body && profile.holds("partialIndex")) throw violation("partialIndex");
  for (const item of list(body, "indexParams")) {
    const element = child(item, "IndexElem");
    if (text(element, "ordering") !== "SORTBY_DEFAULT") throw violation("indexOrder");
    if (list(element, "opclass").length > 0) throw violation("indexOperatorClass");
    if (list(element, "collation").length > 0) throw violation("collation");
  }
}
