import type { Json } from "../../model/position.ts";
import type { TableLook } from "../../model/source.ts";
import type { CarrierNow } from "./carriers.ts";
import type { Queryable } from "./catalogue.ts";
import { sqlStateOf } from "./connection-error.ts";
import { quote } from "./table-plan.ts";

/*
 * What becomes of a table's rows without the log. `SET UNLOGGED` and `SET LOGGED` write all of them anew, and what was
 * written in between is in no log. The file alone does not show it: VACUUM FULL, CLUSTER, TRUNCATE and SET TABLESPACE
 * give another one too. Of a table whose values may be too long for a row the table of those does: only what writes all
 * rows anew makes another one.
 */

/** The file that holds a table's rows, as it is kept. */
export interface KnownFile {
  readonly file: string;
  /** The oid of the table for long values, "0" where there is none. What writes all rows anew gives another one, and nothing else does. */
  readonly toast?: string;
  /** Every transaction below this had ended when the file was seen. */
  readonly seen: string;
}

/** A table's file as the catalogue has it now. */
export interface FileRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly file: string;
  readonly toast: string;
  readonly seen: string;
  /** The role may look at its rows. */
  readonly readable: boolean;
}

/** The file of an ordinary table that may be made unlogged. */
export interface LooseFile extends FileRow {
  readonly unlogged: boolean;
}

/**
 * The files of ordinary tables, by oid, that a publication covers by all tables, a schema or what they are a partition of.
 * One that it names itself is none of them: the server does not make it unlogged.
 */
export async function readLooseFiles(
  client: Queryable,
  carriers: ReadonlyMap<string, CarrierNow> | null,
): Promise<ReadonlyMap<string, LooseFile>> {
  const loose = [...(carriers ?? [])].filter(([, { isBound }]) => !isBound).map(([oid]) => oid);
  if (loose.length === 0) return new Map();
  const { rows } = await client.query<LooseFile>(
    `SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relfilenode::text AS file,
       c.reltoastrelid::text AS toast, c.relpersistence <> 'p' AS unlogged,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text AS seen,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'r'`,
    [loose],
  );
  return new Map(rows.map((row) => [row.oid, row]));
}

/** What a table's document keeps of its file. */
export function storedFile({ file, toast, seen }: FileRow): Json {
  return { file, toast, seen };
}

/** What a look at an ordinary table's file found, against what is kept; a table without one was never looked at so. */
export async function lookAtFile(
  client: Queryable,
  now: FileRow,
  known: Json | null,
): Promise<Pick<TableLook, "rows" | "parts" | "moved">> {
  const parts = storedFile(now);
  if (!isFile(known)) return { parts, rows: "same", moved: true };
  if (known.file === now.file) return { parts, rows: "same", moved: false };
  const toast = newToast(now, known);
  if (toast !== null) return { parts, rows: toast ? "rewritten" : "same", moved: true };
  const fate = await fateOfRows(client, now, known);
  if (fate === "kept") return { parts, rows: "same", moved: true };
  // A TRUNCATE of the log would explain its file, and not rows that went behind that, unlogged.
  const isEmpty = fate === "renewed" && !(await hasRow(client, now, ANY_ROW));
  return { parts, rows: isEmpty ? "fewer" : fate, moved: true };
}

const ANY_ROW = { where: "true", parameters: [], unknown: true };

/** What became of the rows of a table that has another file. `renewed`: all are younger than its last look, and no more is known. */
export type RowsFate = "kept" | "renewed" | "rewritten";

/** See {@link RowsFate}. */
export async function fateOfRows(
  client: Queryable,
  table: FileRow,
  before: KnownFile,
): Promise<RowsFate> {
  const toast = newToast(table, before);
  if (toast === true) return (await hasRow(client, table, ANY_ROW)) ? "rewritten" : "renewed";
  if (await keptItsRows(client, table, before)) return "kept";
  return toast === null && (await wasRewritten(client, table)) ? "rewritten" : "renewed";
}

/** Whether all rows were written anew, by the table for long ones; null where it lacks one, or did. */
function newToast(now: FileRow, { toast = NO_TOAST }: KnownFile): boolean | null {
  return now.toast === NO_TOAST || toast === NO_TOAST ? null : now.toast !== toast;
}

const NO_TOAST = "0";

function isFile(known: Json | null): known is { file: string; toast: string; seen: string } {
  return known !== null && typeof known === "object" && "file" in known && "seen" in known;
}

/** It has a row of a transaction that had ended when it had its former file: so it was not emptied since. */
function keptItsRows(client: Queryable, table: FileRow, before: KnownFile): Promise<boolean> {
  const older = "pg_catalog.age(l.xmin) > pg_catalog.age($1::text::xid8::xid)";
  return hasRow(client, table, { where: older, parameters: [before.seen], unknown: false });
}

/**
 * It has a row that was written together with its file, as by SET LOGGED: what was written to it while it was unlogged is in
 * no log. Rows that come behind a TRUNCATE of the same transaction are of a later command. The file is that of the
 * transaction that last wrote the row in `pg_class` of the table, of an index of it or of what is too long for its rows: an ALTER
 * writes but some of these.
 */
function wasRewritten(client: Queryable, table: FileRow): Promise<boolean> {
  const where = `EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.xmin = l.xmin AND c.cmin::text::bigint >= l.cmin::text::bigint
    AND (c.oid = $1::oid OR c.oid = (SELECT o.reltoastrelid FROM pg_catalog.pg_class o WHERE o.oid = $1::oid)
      OR c.oid IN (SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = $1::oid)))`;
  return hasRow(client, table, { where, parameters: [table.oid], unknown: true });
}

const INSUFFICIENT_PRIVILEGE = "42501";
const UNDEFINED_TABLE = "42P01";

/** Whether the table has such a row; `unknown` where the role may not look, or it is gone again. */
export async function hasRow(
  client: Queryable,
  table: FileRow,
  { where, parameters, unknown }: { where: string; parameters: unknown[]; unknown: boolean },
): Promise<boolean> {
  if (!table.readable) return unknown;
  try {
    const { rows } = await client.query<{ has: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM ONLY ${quote(table.schema)}.${quote(table.name)} l WHERE ${where}) AS has`,
      parameters,
    );
    return rows[0]?.has === true;
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === INSUFFICIENT_PRIVILEGE || state === UNDEFINED_TABLE) return unknown;
    throw error;
  }
}
