import type { TableId, TableShape } from "../../model/table.ts";
import { charsetOfCollation } from "./collations.ts";
import type { DdlEffect, DdlSession } from "./ddl-effect.ts";
import { applyDdl } from "./ddl-effects.ts";
import type { SqlDialect } from "./ddl-lexer.ts";
import { parseDdl } from "./ddl-parser.ts";
import { OnlineChanges } from "./online-changes.ts";
import type { QueryEvent } from "./query-event.ts";
import type { ServerVersion } from "./server-version.ts";
import { type Outcome, outcomesOf, type OutcomeTables } from "./statement-outcomes.ts";
import type { TypeOptions } from "./types.ts";

/** What a server's statements depend on beside what the log says of each. */
export interface StatementServer {
  readonly version: ServerVersion;
  /** `lower_case_table_names` is 1. */
  readonly lowerCaseNames: boolean;
  /** What `explicit_defaults_for_timestamp` is where the log does not say it. */
  readonly explicitTimestamps: boolean;
}

/** Tables as a statement finds them. */
export interface StatementTables extends OutcomeTables {
  /** All that are captured. */
  all(): readonly TableShape[];
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

  constructor(server: StatementServer, types: TypeOptions, onlineSchemaChanges = false) {
    this.#server = server;
    this.#types = types;
    this.#online = onlineSchemaChanges ? new OnlineChanges() : null;
  }

  /** What it does, by captured table, in its order. */
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
    return swap === null ? outcomesOf(effects, tables) : new Map([swap]);
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
