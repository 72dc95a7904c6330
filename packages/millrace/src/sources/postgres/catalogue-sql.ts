/*
 * The catalogue queries. They name everything by pg_catalog, hold on PostgreSQL 13 to 18, and trust nothing in the
 * search_path; `format_type` gives complete names because our sessions' search_path is empty.
 */

/** Tables that could be captured at all, and those that a pattern might name though they cannot. */
export const TABLES_SQL = `
SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS relkind,
  c.relpersistence AS persistence, c.relreplident AS identity, c.relispartition AS partition,
  pg_catalog.row_security_active(c.oid) AS "rowSecurity",
  EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid) AS "hasChildren",
  (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')) AS "maySelect",
  pg_catalog.pg_has_role(c.relowner, 'USAGE') AS "isOwner", pg_catalog.pg_get_userbyid(c.relowner) AS owner
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'millrace_ddl') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname, c.relname`;

/**
 * A column's base type: a domain is unwrapped, however deep, and its typmod is the one that counts. A generated column
 * that no log carries (virtual ones, and all of them before 18) is not part of what flows.
 */
const BASE_TYPE = `
LATERAL (
  WITH RECURSIVE unwrapped AS (
    SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, c.typmod FROM pg_catalog.pg_type t WHERE t.oid = c.type
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, u.typtypmod
    FROM unwrapped u JOIN pg_catalog.pg_type t ON t.oid = u.typbasetype WHERE u.typtype = 'd'
  )
  SELECT u.oid, u.typmod FROM unwrapped u WHERE u.typtype <> 'd'
) base JOIN pg_catalog.pg_type bt ON bt.oid = base.oid JOIN pg_catalog.pg_namespace bn ON bn.oid = bt.typnamespace`;

const TYPE_FIELDS = `
  pg_catalog.format_type(c.type, c.typmod) AS "sourceType",
  pg_catalog.format_type(base.oid, base.typmod) AS formatted,
  bt.typname AS "typeName", base.typmod AS typmod, bt.typtype AS "typeKind",
  (bn.nspname = 'pg_catalog' AND bt.oid < 16384) AS "builtIn",
  (bt.typelem <> 0 AND EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = bt.oid)) AS "array",
  pg_catalog.quote_ident(bn.nspname) || '.' || pg_catalog.quote_ident(bt.typname) AS cast`;

/**
 * The values of an enumeration, or of the one that the type is an array of, in their order. Not part of what the event trigger
 * tells: whoever made that would have to make it anew for what rows do not depend on.
 */
const LABELS = `
  (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
   WHERE e.enumtypid IN (bt.oid, bt.typelem)) AS labels`;

const columnsSql = (fields: string): string => `
SELECT c."table"::text AS "table", c.name, c.ordinal, c.nullable, c.generated, c.virtual, c.logged,
  (c.defaults OR EXISTS (SELECT FROM pg_catalog.pg_type d WHERE d.oid = c.type AND d.typtype = 'd')) AS filled, ${fields}
FROM (
  SELECT a.attrelid AS "table", a.attname AS name, a.attnum AS ordinal, a.atttypid AS type, a.atttypmod AS typmod,
    (NOT a.attnotnull OR EXISTS (
      SELECT FROM pg_catalog.pg_constraint k
      WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey)
    )) AS nullable,
    a.attgenerated <> '' AS generated, a.attgenerated = 'v' AS virtual,
    (a.atthasdef OR a.atthasmissing OR a.attidentity <> '') AS defaults,
    (a.attgenerated = '' OR a.attgenerated = 's'
      AND pg_catalog.current_setting('server_version_num')::int >= 180000) AS logged
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
) c, ${BASE_TYPE}
ORDER BY c."table", c.ordinal`;

/** Columns of tables `$1` (oid[]), those that the log can carry. */
export const COLUMNS_SQL = columnsSql(TYPE_FIELDS);

/** Types by (oid, typmod), as a Relation message names them. */
export const TYPES_SQL = `
SELECT c.nth, ${TYPE_FIELDS}, ${LABELS}
FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int[])) WITH ORDINALITY AS c(type, typmod, nth),
  ${BASE_TYPE}
ORDER BY c.nth`;

/** Where tables `$1` (oid[]) stand now, and the columns of their primary key and of their replica identity index. */
export const KEYS_SQL = `
SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS relkind, c.relreplident AS identity,
  (SELECT pg_catalog.array_agg(DISTINCT l.relreplident::text)
   FROM pg_catalog.pg_partition_tree(c.oid) p JOIN pg_catalog.pg_class l ON l.oid = p.relid
   WHERE p.isleaf AND c.relkind = 'p') AS "leafIdentities",
  (SELECT pg_catalog.array_agg(k.attnum ORDER BY k.nth)
   FROM pg_catalog.pg_index i, pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, nth)
   WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND i.indisvalid AND k.nth <= i.indnkeyatts
  )::int[] AS "primaryKey",
  (SELECT pg_catalog.array_agg(k.attnum ORDER BY k.nth)
   FROM pg_catalog.pg_index i, pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, nth)
   WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid AND k.nth <= i.indnkeyatts
  )::int[] AS "identityIndex"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[])`;

/** Each of the tables `$1` (oid[]) with its columns, as {@link KEYS_SQL} and {@link COLUMNS_SQL} say them at one moment, and the labels of enumerations. */
export const TABLES_WITH_COLUMNS_SQL = `
SELECT pg_catalog.row_to_json(t) AS "table", c.columns AS columns
FROM (${KEYS_SQL}) t LEFT JOIN (
  SELECT c."table", pg_catalog.json_agg(c ORDER BY c.ordinal) AS columns FROM (${columnsSql(`${TYPE_FIELDS}, ${LABELS}`)}) c GROUP BY c."table"
) c ON c."table" = t.oid`;

/**
 * Rows of tables `$1` (oid[]) by the statistics, scaled to the table's present size as the planner does; null where
 * there are none. Leaves of a partitioned table are added up.
 */
export const ESTIMATES_SQL = `
SELECT t.oid::text AS oid, pg_catalog.sum(
  CASE WHEN size.bytes = 0 THEN 0
    WHEN l.reltuples > 0 AND l.relpages > 0 THEN l.reltuples::float8 / l.relpages * size.pages
  END)::float8 AS rows
FROM pg_catalog.unnest($1::oid[]) AS t(oid)
  CROSS JOIN LATERAL (
    SELECT t.oid AS relid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(t.oid) p WHERE p.isleaf
  ) part
  JOIN pg_catalog.pg_class l ON l.oid = part.relid AND l.relkind = 'r'
  CROSS JOIN LATERAL (
    SELECT pg_catalog.pg_relation_size(l.oid) AS bytes,
      pg_catalog.pg_relation_size(l.oid)::float8 / pg_catalog.current_setting('block_size')::int AS pages
  ) size
GROUP BY t.oid`;
