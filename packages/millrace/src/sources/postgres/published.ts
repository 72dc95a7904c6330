import type { Queryable } from "./catalogue.ts";

/** What a publication lets through of a table. */
export interface PublishedTable {
  /** Columns that are published, by name; null where the server is too old for column lists (before 15). */
  readonly columns: ReadonlySet<string> | null;
  /** The row filter as SQL over the table's columns; null where all rows are published. */
  readonly filter: string | null;
}

interface PublishedRow {
  readonly oid: string;
  readonly columns: readonly string[] | null;
  readonly filter: string | null;
}

/**
 * What a publication publishes, by oid. Only a publication that the user made has filters and column lists: what the
 * log would leave out is left out of INIT_SYNC too, or it would stay at the sink for ever.
 */
export async function readPublished(
  client: Queryable,
  publication: string,
): Promise<ReadonlyMap<string, PublishedTable>> {
  const { rows } = await client.query<PublishedRow>(
    `SELECT c.oid::text AS oid, pg_catalog.to_jsonb(p) -> 'attnames' AS columns,
       pg_catalog.to_jsonb(p) ->> 'rowfilter' AS filter
     FROM pg_catalog.pg_publication_tables p
       JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname
       JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
     WHERE p.pubname = $1`,
    [publication],
  );
  return new Map(
    rows.map(({ oid, columns, filter }) => [
      oid,
      { columns: columns === null ? null : new Set(columns), filter },
    ]),
  );
}
