import type { Queryable } from "./catalogue.ts";

/** What a publication lets through of a table. */
export interface PublishedTable {
  /** Attnums of the columns that it names; null where it names none, or the server is too old for that (before 15). */
  readonly columns: ReadonlySet<number> | null;
  /** Where it names none: generated columns that the log could carry (18 and later) are let through. */
  readonly generated: boolean;
  /** The row filter as SQL over the table's columns; null where all rows are published. */
  readonly filter: string | null;
}

interface PublishedRow {
  readonly oid: string;
  readonly columns: readonly number[] | null;
  readonly generated: boolean;
  readonly filter: string | null;
}

/**
 * What a publication publishes, by oid. Only a publication that the user made has filters and column lists: what the
 * log would leave out is left out of INIT_SYNC too, or it would stay at the sink for ever.
 *
 * Columns that a publication does not name are not listed here, though `attnames` has them: shapes are read at another
 * moment, and a column that was added or renamed between the two would pass for one that is left out.
 */
export async function readPublished(
  client: Queryable,
  publication: string,
): Promise<ReadonlyMap<string, PublishedTable>> {
  const { rows } = await client.query<PublishedRow>(
    `SELECT c.oid::text AS oid, NULLIF(pg_catalog.to_jsonb(r) -> 'prattrs', 'null') AS columns,
       (pg_catalog.to_jsonb(b) ->> 'pubgencols') IS DISTINCT FROM 'n' AS generated,
       pg_catalog.to_jsonb(p) ->> 'rowfilter' AS filter
     FROM pg_catalog.pg_publication_tables p
       JOIN pg_catalog.pg_publication b ON b.pubname = p.pubname
       JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname
       JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
       LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = b.oid AND r.prrelid = c.oid
     WHERE p.pubname = $1`,
    [publication],
  );
  return new Map(
    rows.map(({ oid, columns, generated, filter }) => [
      oid,
      { columns: columns === null ? null : new Set(columns), generated, filter },
    ]),
  );
}
