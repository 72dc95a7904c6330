/**
 * What the catalogue of the embedded server tells otherwise than PostgreSQL's own. A function that PostgreSQL has built in
 * is run by its number, whatever its definition says: ours are plain expressions, which the planner puts in its place.
 */
import { shownAs } from "../gate/settings.ts";
import { literal } from "./rows.ts";

/** pg_settings tells times without their unit. */
const withoutUnit: Readonly<Record<string, string>> = { ...shownAs, deadlock_timeout: "1000" };

function cases(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `WHEN ${literal(name)} THEN ${literal(value)}`)
    .join(" ");
}

const shownNames = Object.keys(shownAs).map(literal).join(", ");

/** The version, and settings wherever they can be read (source E, G). */
const settingsSql = `
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $body$ SELECT 'PostgreSQL 16' $body$;
CREATE OR REPLACE FUNCTION pg_catalog._dl_setting(text) RETURNS text
LANGUAGE internal STABLE PARALLEL SAFE STRICT AS 'show_config_by_name';
CREATE OR REPLACE FUNCTION pg_catalog._dl_setting(text, bool) RETURNS text
LANGUAGE internal STABLE PARALLEL SAFE STRICT AS 'show_config_by_name_missing_ok';
-- Not STRICT: they have to be inlined.
CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE CALLED ON NULL INPUT AS $body$
  SELECT CASE pg_catalog.lower($1) ${cases(shownAs)} ELSE pg_catalog._dl_setting($1) END
$body$;
CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text, bool) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE CALLED ON NULL INPUT AS $body$
  SELECT CASE pg_catalog.lower($1) ${cases(shownAs)} ELSE pg_catalog._dl_setting($1, $2) END
$body$;
CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
  SELECT name, CASE name ${cases(withoutUnit)} ELSE setting END AS setting, unit, category, short_desc, extra_desc, context,
    vartype, CASE WHEN name IN (${shownNames}) THEN 'default' ELSE source END AS source, min_val, max_val, enumvals,
    CASE name ${cases(withoutUnit)} ELSE boot_val END AS boot_val,
    CASE name ${cases(withoutUnit)} ELSE reset_val END AS reset_val, sourcefile, sourceline, pending_restart
  FROM pg_catalog.pg_show_all_settings();
-- It would set what SET may not.
REVOKE UPDATE ON pg_catalog.pg_settings FROM PUBLIC;
`;

/** What runs behind a client's back is not its own; there are no extensions to be had (source P). */
const viewsSql = `
CREATE OR REPLACE VIEW pg_catalog.pg_prepared_statements AS
  SELECT * FROM pg_catalog.pg_prepared_statement() AS p WHERE NOT pg_catalog.starts_with(p.name, '_dl_');
CREATE OR REPLACE VIEW pg_catalog.pg_cursors AS
  SELECT * FROM pg_catalog.pg_cursor() AS c WHERE NOT pg_catalog.starts_with(c.name, '_dl_');
CREATE OR REPLACE VIEW pg_catalog.pg_available_extensions AS
  SELECT e.name, e.default_version, NULL::text COLLATE "C" AS installed_version, e.comment
  FROM pg_catalog.pg_available_extensions() AS e WHERE false;
CREATE OR REPLACE VIEW pg_catalog.pg_available_extension_versions AS
  SELECT e.name, e.version, false AS installed, e.superuser, e.trusted, e.relocatable, e.schema, e.requires, e.comment
  FROM pg_catalog.pg_available_extension_versions() AS e WHERE false;
`;

/** A name as the catalogue writes it: with quotes where it needs them. */
const NAME = '(?:"(?:[^"]|"")*"|[^ "]+)';
/** All before the method of an index, whatever it and its table are called. */
const BEFORE_METHOD = `^(CREATE (?:UNIQUE )?INDEX ${NAME} ON (?:ONLY )?(?:${NAME}\\.)?${NAME} USING )btree `;

/** Indexes are of the method btree_index, and that of the primary key is the table: it holds all other columns (source IX, P). */
const indexesSql = `
CREATE OR REPLACE FUNCTION pg_catalog._dl_indexdef(oid, int, bool) RETURNS text
LANGUAGE internal STABLE PARALLEL SAFE STRICT AS 'pg_get_indexdef_ext';
CREATE OR REPLACE FUNCTION pg_catalog._dl_indexdef(oid) RETURNS text
LANGUAGE internal STABLE PARALLEL SAFE STRICT AS 'pg_get_indexdef';
CREATE OR REPLACE FUNCTION pg_catalog._dl_constraintdef(oid, bool) RETURNS text
LANGUAGE internal STABLE PARALLEL SAFE STRICT AS 'pg_get_constraintdef_ext';
CREATE OR REPLACE FUNCTION pg_catalog._dl_whole_key(definition text, index oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $body$
  SELECT coalesce((
    SELECT pg_catalog.regexp_replace($1, ' INCLUDE \\(.*\\)$', '')
      || coalesce(' INCLUDE (' || string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')', '')
    FROM pg_catalog.pg_index AS i LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum > 0
      AND NOT a.attisdropped AND a.attnum <> ALL ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    WHERE i.indexrelid = $2 AND i.indisprimary GROUP BY i.indexrelid), $1)
$body$;
CREATE OR REPLACE FUNCTION pg_catalog._dl_shown_index(definition text, index oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $body$
  SELECT pg_catalog._dl_whole_key(pg_catalog.regexp_replace($1, ${literal(BEFORE_METHOD)}, ${literal("\\1btree_index ")}), $2)
$body$;
CREATE OR REPLACE FUNCTION pg_catalog._dl_shown_index(index oid, number int, pretty bool) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $body$
  SELECT CASE $2 WHEN 0 THEN pg_catalog._dl_shown_index(pg_catalog._dl_indexdef($1, 0, $3), $1)
    ELSE pg_catalog._dl_indexdef($1, $2, $3) END
$body$;
CREATE OR REPLACE FUNCTION pg_catalog._dl_shown_index(index oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $body$
  SELECT pg_catalog._dl_shown_index(pg_catalog._dl_indexdef($1), $1)
$body$;
CREATE OR REPLACE FUNCTION pg_catalog._dl_shown_constraint(number oid, pretty bool) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $body$
  SELECT CASE c.contype WHEN 'p' THEN pg_catalog._dl_whole_key(pg_catalog._dl_constraintdef($1, $2), c.conindid)
    ELSE pg_catalog._dl_constraintdef($1, $2) END FROM pg_catalog.pg_constraint AS c WHERE c.oid = $1
$body$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE CALLED ON NULL INPUT AS $body$ SELECT pg_catalog._dl_shown_index($1) $body$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(oid, int, bool) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE CALLED ON NULL INPUT AS $body$ SELECT pg_catalog._dl_shown_index($1, $2, $3) $body$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE CALLED ON NULL INPUT AS $body$ SELECT pg_catalog._dl_shown_constraint($1, false) $body$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(oid, bool) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE CALLED ON NULL INPUT AS $body$ SELECT pg_catalog._dl_shown_constraint($1, $2) $body$;
`;

/** The language that sys.wait_for_job is written in is no extension of anybody's (source P: there are none). */
const extensionsSql = `
DELETE FROM pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_extension'::regclass;
DELETE FROM pg_catalog.pg_extension;
`;

/**
 * Only for the embedded server, whose catalogue is ours. No text search configurations are left (source E) but the one that a
 * parallel worker's own settings begin with, without which none starts.
 */
export const shownCatalogueSql = `
SET allow_system_table_mods = on;
${settingsSql}${viewsSql}${indexesSql}${extensionsSql}
DELETE FROM pg_catalog.pg_ts_config WHERE cfgname <> 'simple';
RESET allow_system_table_mods;
`;
