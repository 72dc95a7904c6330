/** What the size rules need to know of a table, kept for a while. */
import type { CatalogueVersions, TableKey } from "../concurrency/catalogue-versions.ts";
import type { Statement } from "../gate/statement.ts";
import { isTree, type Tree } from "../gate/tree.ts";
import type { AdminSession } from "../postgres/admin.ts";
import { identifier, literal, type TextRow } from "../postgres/rows.ts";
import { bounds, type Limits } from "../rules/bounds.ts";

/** A column. */
export interface ColumnFacts {
  readonly name: string;
  /** Its type's name, or that of its domain's type. */
  readonly type: string;
  /** The characters that it may have; undefined where none are declared. */
  readonly characters: number | undefined;
}

const TYPE_BYTES: Readonly<Record<string, number>> = {
  bpchar: bounds.charBytes,
  varchar: bounds.varcharBytes,
};
const MOST_BYTES_PER_CHARACTER = 4;

/** The bytes that a type has room for; Infinity where it has no limit of its own, or fewer characters than reach it. */
export function typeBytes({ type, characters }: ColumnFacts): number {
  const most = TYPE_BYTES[type] ?? Infinity;
  const declared = (characters ?? Infinity) * MOST_BYTES_PER_CHARACTER;
  return declared > most ? most : Infinity;
}

/** An index without an expression in its key. */
export interface IndexFacts {
  readonly primary: boolean;
  /** Holds keys that no two rows may share: neither partial nor over expressions. */
  readonly unique: boolean;
  /** It is built: until then, or where that failed, rows of before may share a key all the same. */
  readonly valid: boolean;
  /** Its key columns. */
  readonly columns: readonly string[];
}

/** A foreign key of a table. */
export interface ForeignKeyFacts {
  readonly parent: TableKey;
  /** Its columns, with that of the parent which each refers to, and its type. */
  readonly columns: readonly {
    readonly name: string;
    readonly parent: string;
    readonly type: string;
  }[];
}

/** Facts of one table. */
export interface TableFacts {
  /** Rows of a view have no place, and nothing of them is measured. */
  readonly isTable: boolean;
  readonly columns: readonly ColumnFacts[];
  readonly indexes: readonly IndexFacts[];
  /** Secondary indexes: each row costs an entry in each (source T). */
  readonly secondaryIndexes: number;
  /** Bytes of the columns of fixed width in all of these, per row. */
  readonly fixedEntryBytes: number;
  /** How many columns of other types these have. */
  readonly longEntryColumns: number;
  /** A value longer than this could break a key's limit; Infinity when no key holds texts. */
  readonly keyValueBytes: number;
  /** A value longer than this could break the limit of its column's type; Infinity when no column's type has one of its own. */
  readonly typeValueBytes: number;
  readonly averageRowBytes: number;
  readonly tableBytes: number;
  /** PostgreSQL has counted rows in it: it does so some time after they came. */
  readonly isCounted: boolean;
  /** Columns of unique indexes: changing one takes a key away and brings another. */
  readonly keyColumns: readonly string[];
  readonly foreignKeys: readonly ForeignKeyFacts[];
  /** Other tables, or itself, refer to its rows. */
  readonly isParent: boolean;
  /** Columns whose default is another value each time: identities, random(), clock_timestamp(). */
  readonly drawnColumns: readonly string[];
  /** A generated column, or a default that is no short constant, may give a row long values that no statement carries. */
  readonly makesLongValues: boolean;
  /** Rows of other tables, or others of its own, change with a row that is deleted. */
  readonly cascadesDeletes: boolean;
  /** Columns with which they do when they change. */
  readonly cascadingColumns: readonly string[];
}

/** Whether a statement may write rows that refer to parents, by columns that it sets. */
export function refersToParents(
  { inserts, updatedColumns }: Statement,
  { foreignKeys }: TableFacts,
): boolean {
  if (foreignKeys.length === 0) return false;
  if (inserts) return true;
  return foreignKeys.some(({ columns }) =>
    columns.some(({ name }) => updatedColumns.includes(name)),
  );
}

interface Kept {
  readonly facts: TableFacts;
  readonly version: number;
  readonly untilMs: number;
}

const KEPT_MS = 10_000;
/** A row of a new table seems to be as large as the whole table until its rows are counted. */
const UNCOUNTED_KEPT_MS = 1_000;
const UNKNOWN: TableFacts = {
  isTable: false, columns: [], indexes: [], secondaryIndexes: 0, fixedEntryBytes: 0, longEntryColumns: 0,
  keyValueBytes: Infinity, typeValueBytes: Infinity, averageRowBytes: 0, tableBytes: 0, isCounted: false, keyColumns: [], foreignKeys: [],
  isParent: false,  drawnColumns: [], makesLongValues: false, cascadesDeletes: false, cascadingColumns: [],
}; // prettier-ignore

/** One per cluster. */
export class TableFactsCache {
  readonly #admin: AdminSession;
  readonly #versions: CatalogueVersions;
  readonly #limits: Limits;
  readonly #kept = new Map<TableKey, Kept>();

  constructor(admin: AdminSession, versions: CatalogueVersions, limits: Limits) {
    this.#limits = limits;
    this.#admin = admin;
    this.#versions = versions;
  }

  /** The facts of a table; asks PostgreSQL when it changed or some seconds have passed. */
  async of(table: TableKey): Promise<TableFacts> {
    const kept = this.#kept.get(table);
    const version = this.#versions.of(table);
    if (kept !== undefined && kept.version === version && kept.untilMs > performance.now()) {
      return kept.facts;
    }
    const facts = await this.#ask(table);
    const forMs = facts.isCounted ? KEPT_MS : UNCOUNTED_KEPT_MS;
    this.#kept.set(table, { facts, version, untilMs: performance.now() + forMs });
    return facts;
  }

  /** Limits have changed. */
  clear(): void {
    this.#kept.clear();
  }

  /** What was known of a table has turned out to be wrong. */
  forget(table: TableKey): void {
    this.#kept.delete(table);
  }

  async #ask(table: TableKey): Promise<TableFacts> {
    const [row] = await this.#admin.query(`
      SELECT c.relkind = 'r', (${COLUMNS}), (${INDEXES}),
        (SELECT count(*) FROM pg_index WHERE indrelid = c.oid AND NOT indisprimary),
        (SELECT concat_ws(' ', coalesce(sum(greatest(a.attlen, 0)), 0), count(*) FILTER (WHERE a.attlen < 0))
          FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indexrelid
          WHERE i.indrelid = c.oid AND NOT i.indisprimary),
        (SELECT count(*) FROM pg_index AS i JOIN pg_attribute AS a
          ON a.attrelid = i.indexrelid AND a.attnum <= i.indnkeyatts
          JOIN pg_type AS t ON t.oid = a.atttypid
          WHERE i.indrelid = c.oid AND t.typcategory = 'S'),
        (pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0))
          / greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 1), (${FOREIGN_KEYS}),
        EXISTS (SELECT FROM pg_constraint WHERE confrelid = c.oid AND contype = 'f' AND confdeltype IN ('c', 'n', 'd')),
        (${CASCADING}), greatest(c.reltuples, pg_stat_get_live_tuples(c.oid)) > 0,
        pg_table_size(c.oid), (${DRAWN}), EXISTS (${MADE_LONG}),
        EXISTS (SELECT FROM pg_constraint WHERE confrelid = c.oid AND contype = 'f')
      FROM pg_class AS c WHERE c.oid = to_regclass(${literal(tableName(table))})`);
    return row === undefined ? UNKNOWN : factsIn(row, this.#limits);
  }
}

const COLUMNS = `SELECT json_agg(json_build_object('name', a.attname, 'type', coalesce(b.typname, t.typname),
    'characters', greatest(a.atttypmod, t.typtypmod) - 4)
    ORDER BY a.attnum)
  FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

const INDEXES = `SELECT json_agg(json_build_object('primary', i.indisprimary, 'valid', i.indisvalid,
    'unique', i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL, 'columns', ARRAY(
      SELECT a.attname FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, n)
      JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.n)))
  FROM pg_index AS i WHERE i.indrelid = c.oid`;

const FOREIGN_KEYS = `SELECT json_agg(json_build_object('schema', n.nspname, 'name', p.relname, 'columns', (
    SELECT json_agg(json_build_object('name', a.attname, 'parent', r.attname, 'type', format_type(r.atttypid, r.atttypmod)) ORDER BY k.n)
    FROM unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (own, other, n)
    JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = k.own
    JOIN pg_attribute AS r ON r.attrelid = f.confrelid AND r.attnum = k.other)))
  FROM pg_constraint AS f JOIN pg_class AS p ON p.oid = f.confrelid JOIN pg_namespace AS n ON n.oid = p.relnamespace
  WHERE f.conrelid = c.oid AND f.contype = 'f'`;

const CASCADING = `SELECT json_agg(json_build_object('name', a.attname))
  FROM pg_constraint AS f JOIN pg_attribute AS a ON a.attrelid = f.confrelid AND a.attnum = ANY (f.confkey)
  WHERE f.confrelid = c.oid AND f.contype = 'f' AND f.confupdtype IN ('c', 'n', 'd')`;

const DRAWN = `SELECT json_agg(json_build_object('name', a.attname))
  FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND (a.attidentity <> '' OR EXISTS (
    SELECT FROM regexp_matches(coalesce(d.adbin, t.typdefaultbin)::text, ':funcid (\\d+)', 'g') AS called (ids)
    JOIN pg_proc AS p ON p.oid = called.ids[1]::oid WHERE p.provolatile = 'v' OR p.proname = 'statement_timestamp'))`;

/** Short enough for eight of them in a key. */
const SHORT_DEFAULT = "^(''([^'']|'''')*''|NULL)(::[a-z ]+(\\(\\d+\\))?)?$";
const SHORT_DEFAULT_BYTES = 200;

const MADE_LONG = `SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum,
  LATERAL (SELECT coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault) AS made) AS m
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND coalesce(b.typlen, t.typlen) < 0
    AND coalesce(b.typname, t.typname) <> 'numeric' AND m.made IS NOT NULL
    AND (a.attgenerated <> '' OR m.made !~ '${SHORT_DEFAULT}' OR octet_length(m.made) > ${SHORT_DEFAULT_BYTES})`;

function factsIn(row: TextRow, { keyBytes }: Limits): TableFacts {
  const columns = listIn(row[1]).map(readColumn);
  const indexes = listIn(row[2]).map(readIndex);
  const [fixedEntryBytes = 0, longEntryColumns = 0] = (row[4] ?? "").split(" ").map(Number);
  const textKeys = Number(row[5]);
  return {
    isTable: row[0] === "t",
    columns,
    indexes,
    secondaryIndexes: Number(row[3]),
    fixedEntryBytes,
    longEntryColumns,
    keyValueBytes: textKeys === 0 ? Infinity : keyBytes / (textKeys + 1),
    typeValueBytes: Math.min(...columns.map(typeBytes)),
    averageRowBytes: Number(row[6]),
    keyColumns: indexes.flatMap((index) => (index.unique ? index.columns : [])),
    foreignKeys: listIn(row[7]).map(readForeignKey),
    isParent: row[14] === "t",
    drawnColumns: listIn(row[12]).map(({ name }) => String(name)),
    makesLongValues: row[13] === "t",
    cascadesDeletes: row[8] === "t",
    cascadingColumns: listIn(row[9]).map(({ name }) => String(name)),
    isCounted: row[10] === "t",
    tableBytes: Number(row[11]),
  };
}

function readColumn({ name, type, characters }: Tree): ColumnFacts {
  const declared = Number(characters);
  return {
    name: String(name),
    type: String(type),
    characters: declared > 0 ? declared : undefined,
  };
}

function readForeignKey({ schema, name, columns }: Tree): ForeignKeyFacts {
  const pairs = Array.isArray(columns) ? columns.filter(isTree) : [];
  return {
    parent: `${String(schema)}.${String(name)}`,
    columns: pairs.map((pair) => ({
      name: String(pair["name"]),
      parent: String(pair["parent"]),
      type: String(pair["type"]),
    })),
  };
}

function readIndex({ primary, unique, valid, columns }: Tree): IndexFacts {
  const names = Array.isArray(columns) ? columns.map(String) : [];
  return {
    primary: primary === true,
    unique: unique === true,
    valid: valid === true,
    columns: names,
  };
}

function listIn(json: string | null | undefined): readonly Tree[] {
  const parsed: unknown = JSON.parse(json ?? "[]");
  return Array.isArray(parsed) ? parsed.filter(isTree) : [];
}

/** A table's name in SQL. */
export function tableName(table: TableKey): string {
  const dot = table.indexOf(".");
  return `${identifier(table.slice(0, dot))}.${identifier(table.slice(dot + 1))}`;
}
