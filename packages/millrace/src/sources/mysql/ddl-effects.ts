import { tableId, type TableId } from "../../model/table.ts";
import { DEFAULT_CHARSET } from "./ddl-charset.ts";
import { alterTable } from "./ddl-alter-effects.ts";
import {
  type DdlEffect,
  type DdlSession,
  type DdlTables,
  type DdlView,
  renamed,
} from "./ddl-effect.ts";
import { columnOfSpec, isSameColumn, type MysqlShape, named, numbered } from "./ddl-shape.ts";
import type { DdlStatement, TableName } from "./ddl-statement.ts";

/** Pure: what the statement does to the tables that are known. */
export function applyDdl(
  statement: DdlStatement,
  tables: DdlTables,
  session: DdlSession,
): readonly DdlEffect[] {
  const view = viewOf(tables, session);
  switch (statement.kind) {
    case "createTable":
      return createTable(statement, view);
    case "createLike":
      return createLike(statement, view);
    case "alterTable":
      return alterTable(statement, view);
    case "renameTables":
      return renameTables(statement.pairs, tables, view);
    case "dropTables":
      return statement.tables.map((table) => ({ kind: "dropped", id: view.idOf(table) }));
    case "truncate":
      return [{ kind: "truncated", id: view.idOf(statement.table) }];
    case "notUnderstood":
      return [{ kind: "unknown", tables: statement.tables.map((table) => view.idOf(table)) }];
    default:
      return databaseEffects(statement, session);
  }
}

function viewOf(tables: DdlTables, session: DdlSession): DdlView {
  const fold = (text: string): string => (session.lowerCaseNames ? text.toLowerCase() : text);
  const nameOf = (table: TableName) => ({
    database: fold(table.database ?? session.database),
    name: fold(table.name),
  });
  return {
    session,
    nameOf,
    idOf: (table) => {
      const { database, name } = nameOf(table);
      return tableId(database, name);
    },
    table: (id) => tables.table(id),
    databaseCharset: (database) => tables.databaseCharset(database),
  };
}

function createTable(
  statement: Extract<DdlStatement, { kind: "createTable" }>,
  view: DdlView,
): readonly DdlEffect[] {
  const { database, name } = view.nameOf(statement.table);
  const asked = statement.charset === DEFAULT_CHARSET ? null : statement.charset;
  const charset = asked ?? view.databaseCharset(database);
  const unknown: DdlEffect = { kind: "unknown", tables: [tableId(database, name)] };
  const keyOf = statement.columns.map((spec) =>
    statement.key.findIndex((k) => isSameColumn(k, spec.name)),
  );
  const columns = statement.columns.flatMap((spec, index) => {
    const primary = spec.primary || (keyOf[index] ?? -1) >= 0;
    const column = columnOfSpec({ ...spec, primary }, charset, view.session);
    return column === null ? [] : [column];
  });
  const key = statement.key.map((k) => columns.findIndex((column) => isSameColumn(column.name, k)));
  if (columns.length < statement.columns.length || key.includes(-1)) return [unknown];
  const autoIncrement = statement.columns.find((spec) => spec.autoIncrement)?.name ?? null;
  const { columns: all, nextOrdinal } = numbered(columns, 1);
  const facts = { charset, autoIncrement, nextOrdinal };
  const shape: MysqlShape = { ...named(database, name), columns: all, key, facts };
  return [{ kind: "created", shape, ifNotExists: statement.ifNotExists }];
}

function createLike(
  { table, like, ifNotExists }: Extract<DdlStatement, { kind: "createLike" }>,
  view: DdlView,
): readonly DdlEffect[] {
  const model = view.table(view.idOf(like));
  const { database, name } = view.nameOf(table);
  if (model === undefined) return [{ kind: "unknown", tables: [tableId(database, name)] }];
  return [{ kind: "created", shape: { ...model, ...named(database, name) }, ifNotExists }];
}

/** One after the other: tables may swap their names by way of a third. */
function renameTables(
  pairs: readonly { readonly from: TableName; readonly to: TableName }[],
  tables: DdlTables,
  view: DdlView,
): readonly DdlEffect[] {
  const now = new Map<TableId, MysqlShape | undefined>();
  return pairs.map(({ from, to }) => {
    const [fromId, toId] = [view.idOf(from), view.idOf(to)];
    const known = now.has(fromId) ? now.get(fromId) : tables.table(fromId);
    const effect = renamed(known, fromId, view.nameOf(to));
    now.set(fromId, undefined);
    now.set(toId, effect.shape ?? undefined);
    return effect;
  });
}

function databaseEffects(
  statement: Extract<DdlStatement, { kind: "createDatabase" | "alterDatabase" | "dropDatabase" }>,
  session: DdlSession,
): readonly DdlEffect[] {
  const given = statement.database ?? session.database;
  const database = session.lowerCaseNames ? given.toLowerCase() : given;
  if (statement.kind === "dropDatabase") return [{ kind: "databaseDropped", database }];
  const isNew = statement.kind === "createDatabase";
  const dropped: DdlEffect[] =
    isNew && statement.replaces ? [{ kind: "databaseDropped", database }] : [];
  const asked = statement.charset === DEFAULT_CHARSET || isNew ? session.serverCharset : null;
  const charset =
    statement.charset === null || statement.charset === DEFAULT_CHARSET ? asked : statement.charset;
  return charset === null ? dropped : [...dropped, { kind: "databaseCharset", database, charset }];
}
