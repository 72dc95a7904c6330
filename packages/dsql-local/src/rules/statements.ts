/** Statements that Aurora DSQL refuses, and what it says. */
import type { Rule } from "./rule.ts";

const FEATURE = "0A000";

function byParser(text: string, source: string, fidelity: Rule["fidelity"] = "exact"): Rule {
  return {
    code: FEATURE,
    text,
    source,
    fidelity,
    kept: "by the parse tree, when the statement arrives",
  };
}

/** Rows keyed by a short name that the gate uses. */
export const statementRules = {
  unsupportedStatement: byParser("unsupported statement: {name}", "E, PROXY"),
  createTrigger: byParser("CREATE TRIGGER not supported", "E"),
  createType: byParser("CREATE TYPE not supported", "E"),
  alterType: byParser("ALTER TYPE not supported", "E"),
  dropObject: byParser("unsupported object in DROP statement", "E"),
  renameObject: byParser("unsupported object in RENAME statement", "E"),
  functionLanguage: byParser("CREATE FUNCTION with language {language} not supported", "E"),
  functionBody: {
    ...byParser("unsupported statement in a function: {name}", "ours", "unknown"),
    kept: "by the parse tree, when CREATE FUNCTION arrives, of DDL, GRANT and REVOKE in its body: called by a SELECT they would come by all rules of DDL. What the service says is not known",
  },
  procedure: byParser("PROCEDURE is not supported", "T"),
  temporaryTable: byParser("TEMPORARY or TEMP table not supported for CREATE TABLE", "E"),
  unloggedTable: byParser("UNLOGGED table not supported for CREATE TABLE", "E"),
  tableClause: {
    ...byParser("{clause} clause not supported for CREATE TABLE", "CT, P", "close"),
    kept: "by the parse tree, when the statement arrives; recorded of PARTITION BY and PARTITION OF, the others by their pattern",
  },
  vacuum: byParser("unsupported VACUUM statement", "E"),
  merge: byParser("unsupported statement type: MERGE", "E"),
  tableSample: byParser("TABLESAMPLE clause not supported", "E"),
  savepoint: byParser("unsupported transaction statement: {name}", "E"),
  systemEntity: {
    ...byParser("feature not supported on system entity", "S"),
    kept: "by the parse tree, when the statement arrives; recorded of GRANT, and taken to be so of DROP SCHEMA public or sys, and of DDL in the schemas of the system",
  },
  lockingClause: byParser(
    "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported",
    "E",
  ),
  isolationLevel: byParser("Unsupported isolation level: {level}", "E"),
  setting: byParser('setting configuration parameter "{name}" not supported', "E, D, PROXY"),
  indexMode: byParser("unsupported mode. please use CREATE INDEX ASYNC.", "E"),
  indexConcurrently: byParser("CONCURRENTLY not supported for CREATE INDEX", "E"),
  dropConcurrently: byParser("DROP INDEX CONCURRENTLY must be first action in transaction", "P"),
  indexMethod: byParser("USING not supported for CREATE INDEX", "J"),
  indexClause: byParser("{clause} not supported for CREATE INDEX", "IX", "unknown"),
  indexOrder: byParser("specifying sort order not supported for index keys", "E"),
  foreignKey: {
    ...byParser("FOREIGN KEY constraint not supported", "RN; told before by clusters of users"),
    until: "2026-08-26",
  },
  exclusion: byParser("EXCLUDE constraint not supported", "unsupported features page", "unknown"),
  deferrableKey: byParser("DEFERRABLE not supported for {what}", "CT", "unknown"),
  partialIndex: {
    ...byParser("WHERE not supported for CREATE INDEX", "RN; told before by clusters of users"),
    until: "2026-09-15",
  },
  extendedStatistics: {
    ...byParser("unsupported statement: {name}", "RN", "unknown"),
    until: "2026-08-27",
  },
  grantObject: byParser("unsupported object type in GRANT", "told by clusters of users"),
  temporaryObject: {
    ...byParser("TEMPORARY or TEMP not supported for CREATE {what}", "GR", "unknown"),
    kept: "by the parse tree, when the statement arrives: by the word and by the schema pg_temp; by the catalogue, right after the DDL ran, where the search path led there",
  },
  indexOperatorClass: byParser("opclass not supported for index keys", "E"),
  addColumnConstraint: byParser("ALTER TABLE ADD COLUMN with constraint not supported", "E, S"),
  alterColumn: byParser("unsupported ALTER TABLE ALTER COLUMN ... {action} statement", "E, S"),
  alterDomain: {
    ...byParser("unsupported ALTER DOMAIN {action} statement", "P", "close"),
    kept: "by the parse tree, when the statement arrives; that ADD CONSTRAINT and SET NOT NULL are refused was recorded, the text is by the pattern of ALTER TABLE",
  },
  refusedFunction: {
    ...byParser("function {name} not supported", "P; told by clusters of users"),
    kept: "by the parse tree, when the statement arrives: the functions of advisory locks, as recorded; of geometry those that make its values, pg_notify and those of large objects, by the same pattern. pg_backend_pid was refused so in May 2025 and is taken here",
  },
  alterAsync: {
    ...byParser("unsupported ALTER TABLE ASYNC statement", "AT", "unknown"),
    kept: "by the parse tree, when the statement arrives: of all but one VALIDATE CONSTRAINT, which is what is documented",
  },
  alterTable: byParser("unsupported ALTER TABLE {action} statement", "E, S"),
  dropKeyColumn: {
    ...byParser("cannot drop primary key column {column}", "E, AT"),
    kept: "by the catalogue, before the statement runs",
  },
  collation: byParser("COLLATE clause not supported", "CT, P"),
  compression: {
    ...byParser("COMPRESSION clause not supported", "P", "close"),
    kept: "by the parse tree, when the statement arrives; that it is refused was recorded, the text is by the pattern of COLLATE",
  },
  sequenceCache: byParser(
    "{what} is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1",
    "E",
  ),
  identityType: byParser("datatype {type} not supported, identity column type must be bigint", "E"),
  columnType: {
    ...byParser("datatype {type} not supported", "E, DT"),
    kept: "by the catalogue, inside the transaction, right after the DDL ran",
  },
  keyType: {
    ...byParser("datatype {type} is not supported in a key", "S, DT"),
    kept: "by the catalogue, inside the transaction, right after the DDL ran",
  },
  serialType: {
    code: "42704",
    text: 'type "{type}" does not exist',
    source: "E",
    fidelity: "exact",
    kept: "by the parse tree, when the statement arrives",
  },
  waitForJobSelect: {
    code: "42809",
    text: "sys.wait_for_job(text) is a procedure",
    hint: "To call a procedure, use CALL.",
    source: "E",
    fidelity: "close",
    kept: "by the parse tree, when the statement arrives",
  },
  lateralDefect: {
    code: "42804",
    text: "attribute {number} of type record has wrong type",
    source: "E",
    fidelity: "close",
    kept: "a defect of the service's planner: a LEFT JOIN LATERAL whose subquery projects a column of what it is joined to, as it is and with the name of its table, fails where a statement that only reads gives a row. By the parse tree, after it ran; the type's name is ours, and no detail is told. Not within views and functions",
  },
  preparedBySql: byParser("unsupported statement: {name}", "LINT, PROXY", "close"),
  protocolMultiple: {
    code: "42601",
    text: "cannot insert multiple commands into a prepared statement",
    source: "PostgreSQL",
    fidelity: "exact",
    kept: "at Parse of the extended protocol",
  },
} as const satisfies Record<string, Rule>;
