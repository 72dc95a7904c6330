import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import { charsetOfCollation } from "./collations.ts";
import type { DdlEffect, DdlSession } from "./ddl-effect.ts";
import { applyDdl } from "./ddl-effects.ts";
import type { SqlDialect } from "./ddl-lexer.ts";
import { isOfNoTable, parseDdl } from "./ddl-parser.ts";
import type { DdlStatement, TableName } from "./ddl-statement.ts";
import { OnlineChanges } from "./online-changes.ts";
import type { QueryEvent } from "./query-event.ts";
import type { ServerVersion } from "./server-version.ts";
import {
  addsCascade,
  isServersOwn,
  type StatementKind,
  statementKind,
  writtenTable,
} from "./statement-kind.ts";
import { type Outcome, outcomesOf, type OutcomeTables } from "./statement-outcomes.ts";
import type { TypeOptions } from "./types.ts";

/** What a server's statements depend on beside what the log says of each. */
export interface StatementServer {
  readonly version: ServerVersion;
  /** `lower_case_table_names` is 1. */
  readonly lowerCaseNames: boolean;
  /** Deletes and updates that foreign keys cascade are in the log. */
  readonly logsCascades: boolean;
  /** What `explicit_defaults_for_timestamp` is where the log does not say it. */
  readonly explicitTimestamps: boolean;
}

/** Tables as a statement finds them. */
export interface StatementTables extends OutcomeTables {
  /** All that are captured. */
  all(): readonly TableShape[];
}

/** What a user says of statements. */
export interface StatementOptions {
  /** Tables that gh-ost and pt-osc swap are followed through the swap. */
  readonly onlineSchemaChanges: boolean;
  /** What is written there in words is passed by, where none of their tables is captured. */
  readonly ignoredDatabases: readonly string[];
}

const NOTHING: ReadonlyMap<TableId, Outcome> = new Map();

/** Says what statements of the log mean for captured tables. */
export class StatementReader {
  readonly #server: StatementServer;
  readonly #types: TypeOptions;
  /** Default charsets of databases, as far as the log told them. */
  readonly #charsets = new Map<string, string>();
  /** Null where such tools are like everybody else. */
  readonly #online: OnlineChanges | null;
  readonly #ignored: ReadonlySet<string>;

  constructor(
    server: StatementServer,
    types: TypeOptions,
    { onlineSchemaChanges, ignoredDatabases }: StatementOptions,
  ) {
    this.#server = server;
    this.#types = types;
    this.#online = onlineSchemaChanges ? new OnlineChanges() : null;
    this.#ignored = new Set(ignoredDatabases.map((name) => this.#fold(name)));
  }

  /** What it does at all; null where it is too long to be read, and may do anything. */
  kindOf({ sql, sqlMode, isCut }: QueryEvent): StatementKind | null {
    const dialect = this.#dialect(sqlMode);
    const kind = statementKind(sql, dialect);
    if (!isCut || kind === "rows") return kind;
    // Nothing that leaves everything alone is that long.
    return kind === "ddl" && isOfNoTable(sql, dialect) ? "nothing" : null;
  }

  /** Of DDL: it gives a captured table a foreign key that changes rows from there on without the log. */
  cascades(query: QueryEvent, tables: StatementTables): boolean {
    const dialect = this.#dialect(query.sqlMode);
    if (this.#server.logsCascades || !addsCascade(query.sql, dialect)) return false;
    const parsed = parseDdl(query.sql, dialect);
    if (parsed === "unknown") return mentioned(query.sql, tables.all()).length > 0;
    return tablesOf(parsed).some(({ database, name }) =>
      tables.isCaptured(tableId(this.#fold(database ?? query.database), this.#fold(name))),
    );
  }

  /**
   * Of a statement that changes rows: it may change those of databases that `isCaptured` says so of, by triggers and
   * functions too.
   */
  mayChange(query: QueryEvent, isCaptured: (database: string) => boolean): boolean {
    const { databases, sql, sqlMode, database, isCut } = query;
    if (!isCut && this.#isIgnored(query, isCaptured)) return false;
    if (databases !== null && databases.length > 0) return databases.some(isCaptured);
    return isCut || !isServersOwn(sql, this.#dialect(sqlMode), database);
  }

  /** It writes where the user says that nothing follows from that for captured tables. */
  #isIgnored(
    { sql, sqlMode, database }: QueryEvent,
    isCaptured: (database: string) => boolean,
  ): boolean {
    if (this.#ignored.size === 0) return false;
    const written = writtenTable(sql, this.#dialect(sqlMode), database);
    const name = written === null ? null : this.#fold(written.database);
    return name !== null && this.#ignored.has(name) && !isCaptured(name);
  }

  #fold(name: string): string {
    return this.#server.lowerCaseNames ? name.toLowerCase() : name;
  }

  /** What DDL does, by captured table, in its order. */
  read(query: QueryEvent, tables: StatementTables): ReadonlyMap<TableId, Outcome> {
    this.#online?.see(query.sql);
    const parsed = parseDdl(query.sql, this.#dialect(query.sqlMode));
    if (parsed === null) return NOTHING;
    const effects: readonly DdlEffect[] =
      parsed === "unknown"
        ? [{ kind: "unknown", tables: mentioned(query.sql, tables.all()) }]
        : applyDdl(parsed, this.#known(tables), this.#session(query));
    for (const effect of effects)
      if (effect.kind === "databaseCharset") this.#charsets.set(effect.database, effect.charset);
      else if (effect.kind === "databaseDropped") this.#charsets.delete(effect.database);
    const swap = this.#online?.swap(effects, (id) => tables.isCaptured(id)) ?? null;
    this.#online?.take(effects, (id) => tables.shape(id));
    return swap ?? outcomesOf(effects, tables);
  }

  #known(tables: StatementTables) {
    return {
      table: (id: TableId) => tables.shape(id) ?? this.#online?.shape(id),
      databaseCharset: (database: string) => this.#charsets.get(database) ?? null,
    };
  }

  #dialect(sqlMode: number): SqlDialect {
    const { flavor, text } = this.#server.version;
    const [, major, minor, patch] = /(\d+)\.(\d+)\.(\d+)/.exec(text.replace(/^5\.5\.5-/, "")) ?? [];
    const version = Number(major ?? 0) * 10_000 + Number(minor ?? 0) * 100 + Number(patch ?? 0);
    return { flavor, version, sqlMode };
  }

  #session(query: QueryEvent): DdlSession {
    const { database, sqlMode, serverCollation } = query;
    const { lowerCaseNames } = this.#server;
    const explicitTimestamps = query.explicitTimestamps ?? this.#server.explicitTimestamps;
    const serverCharset = serverCollation === null ? null : charsetOfCollation(serverCollation);
    return {
      database,
      sqlMode,
      serverCharset,
      lowerCaseNames,
      explicitTimestamps,
      types: this.#types,
    };
  }
}

function tablesOf(statement: DdlStatement | null): readonly TableName[] {
  if (statement === null) return [];
  if (statement.kind === "notUnderstood") return statement.tables;
  const isOfOne = statement.kind === "createTable" || statement.kind === "alterTable";
  return isOfOne ? [statement.table] : [];
}

/** What is printed as it is, in any charset of a client. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Tables that a text may be about that is not understood: those whose name, or whose database's, stands in it. */
function mentioned(sql: string, tables: readonly TableShape[]): TableId[] {
  const text = sql.toLowerCase();
  const isOfDatabase = /database|schema/.test(text);
  return tables
    .filter(({ schema, name }) => {
      if (!PLAIN.test(name) || !PLAIN.test(schema)) return true;
      return (
        text.includes(name.toLowerCase()) || (isOfDatabase && text.includes(schema.toLowerCase()))
      );
    })
    .map(({ id }) => id);
}
