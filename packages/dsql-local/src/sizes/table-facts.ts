/** What the size rules need to know of a table, kept for a while. */
import type { CatalogueVersions, TableKey } from "../concurrency/catalogue-versions.ts";
import type { AdminSession } from "../postgres/admin.ts";
import { identifier, literal } from "../postgres/rows.ts";
import { bounds } from "../rules/limits.ts";

/** Facts of one table. */
export interface TableFacts {
  readonly columns: number;
  /** Secondary indexes: each row costs an entry in each (source T). */
  readonly secondaryIndexes: number;
  /** A value longer than this could break a key's limit; Infinity when no key holds texts. */
  readonly keyValueBytes: number;
  readonly averageRowBytes: number;
  /** Columns of unique indexes: changing one takes a key away and brings another. */
  readonly keyColumns: readonly string[];
}

interface Kept {
  readonly facts: TableFacts;
  readonly version: number;
  readonly untilMs: number;
}

const KEPT_MS = 10_000;
const UNKNOWN: TableFacts = {
  columns: 0,
  secondaryIndexes: 0,
  keyValueBytes: Infinity,
  averageRowBytes: 0,
  keyColumns: [],
};

/** One per cluster. */
export class TableFactsCache {
  readonly #admin: AdminSession;
  readonly #versions: CatalogueVersions;
  readonly #kept = new Map<TableKey, Kept>();

  constructor(admin: AdminSession, versions: CatalogueVersions) {
    this.#admin = admin;
    this.#versions = versions;
  }

  /** The facts of a table; asks PostgreSQL when it changed or ten seconds have passed. */
  async of(table: TableKey): Promise<TableFacts> {
    const kept = this.#kept.get(table);
    const version = this.#versions.of(table);
    if (kept !== undefined && kept.version === version && kept.untilMs > performance.now()) {
      return kept.facts;
    }
    const facts = await this.#ask(table);
    this.#kept.set(table, { facts, version, untilMs: performance.now() + KEPT_MS });
    return facts;
  }

  async #ask(table: TableKey): Promise<TableFacts> {
    const dot = table.indexOf(".");
    const name = `${identifier(table.slice(0, dot))}.${identifier(table.slice(dot + 1))}`;
    const [row] = await this.#admin.query(`
      SELECT (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0),
        (SELECT count(*) FROM pg_index WHERE indrelid = c.oid AND NOT indisprimary),
        (SELECT count(*) FROM pg_index AS i JOIN pg_attribute AS a
          ON a.attrelid = i.indexrelid AND a.attnum <= i.indnkeyatts
          JOIN pg_type AS t ON t.oid = a.atttypid
          WHERE i.indrelid = c.oid AND t.typcategory = 'S'),
        pg_table_size(c.oid) / greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 1),
        (SELECT json_agg(a.attname) FROM pg_index AS i JOIN pg_attribute AS a
          ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
          WHERE i.indrelid = c.oid AND i.indisunique)
      FROM pg_class AS c WHERE c.oid = to_regclass(${literal(name)})`);
    if (row === undefined) return UNKNOWN;
    const textKeys = Number(row[2]);
    return {
      columns: Number(row[0]),
      secondaryIndexes: Number(row[1]),
      keyValueBytes: textKeys === 0 ? Infinity : bounds.keyBytes / (textKeys + 1),
      averageRowBytes: Number(row[3]),
      keyColumns: namesIn(row[4]),
    };
  }
}

function namesIn(json: string | null | undefined): string[] {
  const parsed: unknown = JSON.parse(json ?? "[]");
  return Array.isArray(parsed) ? parsed.filter((name) => typeof name === "string") : [];
}
