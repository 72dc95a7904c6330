import { DEFAULT_CHARSET, takeCharset, takeCollation } from "./ddl-charset.ts";
import { takeColumn, takePlace } from "./ddl-columns.ts";
import { takeElement, takeKey, takeOptions, takeTable } from "./ddl-create.ts";
import { NotUnderstood, type TokenCursor } from "./ddl-cursor.ts";
import type { SqlDialect } from "./ddl-lexer.ts";
import type { AlterClause, TableName } from "./ddl-statement.ts";

const MOVE: AlterClause = { kind: "moveRows", others: [] };
/** What PRIMARY is called where an index is dropped by its name. */
const PRIMARY = "PRIMARY";

/** What follows the name in ALTER TABLE. @throws NotUnderstood */
export function parseClauses(cursor: TokenCursor, dialect: SqlDialect): AlterClause[] {
  const partitions = takePartitionClause(cursor);
  if (partitions !== null) return partitions;
  if (cursor.isAtEnd) return [];
  const clauses: AlterClause[] = [];
  let isOrder = false;
  for (const part of cursor.rest()) {
    if (isOrder) skipOrder(part);
    else if (part.has("ORDER BY")) {
      isOrder = true;
      skipOrder(part);
    } else clauses.push(...takeClause(part, dialect));
    part.expectEnd();
  }
  return clauses;
}

function skipOrder(cursor: TokenCursor): void {
  cursor.columnName();
  cursor.hasOne("ASC", "DESC");
}

/** Clauses on partitions and tablespaces, which stand alone; null where another comes. */
function takePartitionClause(cursor: TokenCursor): AlterClause[] | null {
  if (cursor.hasOne("DISCARD", "IMPORT", "TRUNCATE PARTITION", "DROP PARTITION"))
    return done(cursor, MOVE);
  if (cursor.has("EXCHANGE PARTITION")) {
    cursor.name();
    cursor.expect("WITH TABLE");
    return done(cursor, { kind: "moveRows", others: [takeTable(cursor)] });
  }
  if (cursor.hasOne("CONVERT PARTITION", "CONVERT TABLE")) throw new NotUnderstood();
  const isHarmless = cursor.hasOne(
    "ADD PARTITION",
    "COALESCE PARTITION",
    "REORGANIZE PARTITION",
    "ANALYZE PARTITION",
    "CHECK PARTITION",
    "OPTIMIZE PARTITION",
    "REBUILD PARTITION",
    "REPAIR PARTITION",
    "REMOVE PARTITIONING",
    "SECONDARY_LOAD",
    "SECONDARY_UNLOAD",
  );
  return isHarmless ? done(cursor) : null;
}

function done(cursor: TokenCursor, ...clauses: AlterClause[]): AlterClause[] {
  cursor.skipRest();
  return clauses;
}

function takeClause(cursor: TokenCursor, dialect: SqlDialect): AlterClause[] {
  if (cursor.has("ADD")) return takeAdd(cursor, dialect);
  if (cursor.has("CHANGE")) return [takeChange(cursor, dialect, false)];
  if (cursor.has("MODIFY")) return [takeChange(cursor, dialect, true)];
  if (cursor.has("DROP")) return takeDrop(cursor);
  if (cursor.has("RENAME")) return takeRename(cursor);
  // Defaults, visibility, checks and keys: of no meaning to rows that are there.
  if (cursor.has("ALTER")) return done(cursor);
  if (cursor.has("CONVERT TO")) return [takeConvert(cursor)];
  if (cursor.hasOne("ENABLE KEYS", "DISABLE KEYS", "FORCE")) return [];
  if (cursor.hasOne("WITH VALIDATION", "WITHOUT VALIDATION")) return [];
  if (cursor.hasOne("ALGORITHM", "LOCK")) {
    cursor.has("=");
    cursor.take();
    return [];
  }
  return takeTableOptions(cursor);
}

const KEEPING_ENGINES = new Set(["INNODB", "MYISAM", "ARIA", "ROCKSDB", "MEMORY"]);

function takeTableOptions(cursor: TokenCursor): AlterClause[] {
  const isEngine = cursor.key() === "ENGINE" || cursor.key() === "TYPE";
  const engine = cursor.key(1) === "=" ? cursor.key(2) : cursor.key(1);
  const charset = takeOptions(cursor);
  const clauses: AlterClause[] = [];
  // BLACKHOLE takes the rows and has none; of others we know as little.
  if (isEngine && !KEEPING_ENGINES.has(engine)) clauses.push(MOVE);
  if (charset !== null)
    clauses.push({ kind: "charset", charset: charset === DEFAULT_CHARSET ? null : charset });
  return clauses;
}

function takeAdd(cursor: TokenCursor, dialect: SqlDialect): AlterClause[] {
  const isColumn = cursor.has("COLUMN");
  const ifNotExists = cursor.has("IF NOT EXISTS");
  if (cursor.key() === "(")
    return cursor.groupParts().flatMap((part) => added(part, dialect, ifNotExists));
  const key = isColumn ? undefined : takeKey(cursor);
  if (key !== undefined) return key === null ? [] : [{ kind: "primaryKey", columns: key.key }];
  const column = takeColumn(cursor, cursor.columnName(), dialect);
  return [{ kind: "add", column, place: takePlace(cursor), ifNotExists }];
}

function added(cursor: TokenCursor, dialect: SqlDialect, ifNotExists: boolean): AlterClause[] {
  const element = takeElement(cursor, dialect);
  if (element === null) return [];
  if ("key" in element) return [{ kind: "primaryKey", columns: element.key }];
  return [{ kind: "add", column: element, place: null, ifNotExists }];
}

function takeChange(cursor: TokenCursor, dialect: SqlDialect, isModify: boolean): AlterClause {
  cursor.has("COLUMN");
  const ifExists = cursor.has("IF EXISTS");
  const from = cursor.columnName();
  const name = isModify ? from : cursor.columnName();
  const column = takeColumn(cursor, name, dialect);
  return { kind: "change", from, column, place: takePlace(cursor), ifExists };
}

function takeDrop(cursor: TokenCursor): AlterClause[] {
  if (cursor.has("PRIMARY KEY")) return [{ kind: "dropPrimaryKey" }];
  if (cursor.hasOne("FOREIGN KEY", "CHECK")) return done(cursor);
  if (cursor.hasOne("INDEX", "KEY", "CONSTRAINT")) {
    cursor.has("IF EXISTS");
    const isPrimary = cursor.name().toUpperCase() === PRIMARY;
    return isPrimary ? [{ kind: "dropPrimaryKey" }] : [];
  }
  const isColumn = cursor.has("COLUMN");
  const ifExists = cursor.has("IF EXISTS");
  if (!isColumn && (cursor.key() === "PERIOD" || cursor.key() === "SYSTEM") && cursor.key(1) !== "")
    throw new NotUnderstood();
  const column = cursor.columnName();
  cursor.hasOne("RESTRICT", "CASCADE");
  return [{ kind: "drop", column, ifExists }];
}

function takeRename(cursor: TokenCursor): AlterClause[] {
  if (cursor.hasOne("INDEX", "KEY")) return done(cursor);
  if (cursor.has("COLUMN")) {
    const ifExists = cursor.has("IF EXISTS");
    const from = cursor.columnName();
    cursor.expect("TO");
    return [{ kind: "renameColumn", from, to: cursor.columnName(), ifExists }];
  }
  cursor.hasOne("TO", "AS", "=");
  const to: TableName = takeTable(cursor);
  return [{ kind: "renameTable", to }];
}

function takeConvert(cursor: TokenCursor): AlterClause {
  const charset = takeCharset(cursor);
  if (charset === undefined) throw new NotUnderstood();
  const collation = takeCollation(cursor);
  const named = collation ?? (charset === DEFAULT_CHARSET ? null : charset);
  return { kind: "convert", charset: named };
}
