import { COLUMNS_SQL, KEYS_SQL } from "./catalogue-sql.ts";
import { quote } from "./table-plan.ts";

/** Prefix of a whole message about a table, or of the last piece of one; its number is that of the document's form. */
export const DDL_PREFIX = "millrace.ddl.1";
/** Prefix of a piece that others follow. */
export const DDL_PIECE_PREFIX = "millrace.ddl.1+";
/** What the objects at the source are called. */
export const DDL_SCHEMA = "millrace_ddl";
export const DDL_FUNCTION = "tell";
/** Holds the key that messages are sealed with; only who owns it and Millrace's role may read it. */
export const DDL_SECRET = "secret";
/**
 * What the function runs under, whatever the session that does the DDL is set to: names mean what they say, a document is
 * spelled in one way, and no plan is shown in which the key stands as a constant.
 */
export const DDL_FUNCTION_SETTINGS = {
  search_path: "pg_catalog, pg_temp",
  quote_all_identifiers: "off",
  debug_print_plan: "off",
} as const;
export const DDL_EVENTS = ["ddl_command_end", "sql_drop", "table_rewrite"] as const;

/** A piece, however its characters are encoded, is below what the log reader holds of one message. */
const PIECE_CHARACTERS = 60_000;
/** Publications of whole schemas, and column lists, came with it. */
const PUBLISHES_SCHEMAS = 15;
/** Of `pg_event_trigger_table_rewrite_reason`: a default was computed for each row, a type was changed. */
const VALUES_REWRITTEN = 2 | 4;

/**
 * The event trigger's function for one version of the server, as the catalogue keeps it: whether the one that is there
 * is up to date is told by comparing.
 *
 * - What it sends is what {@link COLUMNS_SQL} and {@link KEYS_SQL} say within the transaction of the DDL: the same words
 *   as a look at the catalogue, at the place of the change.
 * - It never makes a DDL fail: what goes wrong is a warning, and a message that says that one is missing.
 * - What it writes is sealed with a key, for its transaction: anybody may write messages into the log, and who reads that
 *   could write old ones again. It reads that with the rights of who
 *   made it (SECURITY DEFINER), whoever does the DDL; so every name that it says is qualified or of pg_catalog.
 */
export function ddlFunctionBody(version: number): string {
  return `
DECLARE
  tables oid[];
  target oid;
  document text;
  sealing text;
  size CONSTANT int := ${PIECE_CHARACTERS};
BEGIN
  SELECT s.key INTO STRICT sealing FROM ${DDL_SCHEMA}.${DDL_SECRET} s;
${rewriteSql(version)}
${touchedSql()}
${tellSql(version)}
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'millrace could not tell of this change: %', SQLERRM;
  BEGIN
    document := '{"kind":"lost"}';
    PERFORM pg_catalog.pg_logical_emit_message(true, '${DDL_PREFIX}', ${bytesOf(sealedSql())});
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
END;
`;
}

/** The document and, in a line of its own, what proves that who wrote it here knew the key (seal.ts). */
function sealedSql(): string {
  const digest = (text: string) =>
    `pg_catalog.encode(pg_catalog.sha256(${bytesOf(`sealing || ${text}`)}), 'hex')`;
  return `document || pg_catalog.chr(10) || ${digest(digest("pg_catalog.pg_current_xact_id()::text || pg_catalog.chr(10) || document"))}`;
}

function bytesOf(text: string): string {
  return `pg_catalog.convert_to(${text}, 'UTF8')`;
}

/** Values that are being computed anew: the shape alone may look as it did before. */
function rewriteSql(version: number): string {
  return `  IF TG_EVENT = 'table_rewrite' THEN
    IF pg_catalog.pg_event_trigger_table_rewrite_reason() & ${VALUES_REWRITTEN} = 0 THEN RETURN; END IF;
    SELECT pg_catalog.json_build_object('kind', 'rewrite', 'tables', pg_catalog.json_agg(t.oid::text))::text
    INTO document FROM (
      SELECT pg_catalog.pg_event_trigger_table_rewrite_oid() AS oid
      UNION SELECT a.relid FROM pg_catalog.pg_partition_ancestors(pg_catalog.pg_event_trigger_table_rewrite_oid()) a
    ) t JOIN pg_catalog.pg_class c ON c.oid = t.oid
    WHERE ${publishedSql(version)} HAVING pg_catalog.count(*) > 0;
    IF document IS NOT NULL THEN
      PERFORM pg_catalog.pg_logical_emit_message(true, '${DDL_PREFIX}', ${bytesOf(sealedSql())});
    END IF;
    RETURN;
  END IF;`;
}

/** The tables that a command touched: by name, by their schema's, or because a column went with its type. */
function touchedSql(): string {
  return `  IF TG_EVENT = 'sql_drop' THEN
    tables := ARRAY(SELECT DISTINCT d.objid FROM pg_catalog.pg_event_trigger_dropped_objects() d
      WHERE d.object_type = 'table column');
  ELSE
    tables := ARRAY(
      SELECT d.objid FROM pg_catalog.pg_event_trigger_ddl_commands() d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      UNION
      SELECT c.oid FROM pg_catalog.pg_event_trigger_ddl_commands() d
        JOIN pg_catalog.pg_class c ON c.relnamespace = d.objid
      WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass);
  END IF;`;
}

/** A message for each of them, and for those that inherit. */
function tellSql(version: number): string {
  return `  FOR target IN
    WITH RECURSIVE family AS (
      SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid = ANY (tables) AND c.relkind IN ('r', 'p')
      UNION
      SELECT i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid
    )
    SELECT t.oid FROM family t JOIN pg_catalog.pg_class c ON c.oid = t.oid WHERE ${publishedSql(version)} ORDER BY t.oid
  LOOP
    SELECT pg_catalog.json_build_object('kind', 'shape', 'table', pg_catalog.row_to_json(t), 'columns',
      (SELECT coalesce(pg_catalog.json_agg(c), '[]') FROM (${ofTarget(COLUMNS_SQL)}) c),
      'publications', (SELECT coalesce(pg_catalog.json_agg(p), '[]') FROM (${columnListsSql(version)}) p))::text
    INTO document FROM (${ofTarget(KEYS_SQL)}) t;
    document := ${sealedSql()};
    WHILE pg_catalog.length(document) > size LOOP
      PERFORM pg_catalog.pg_logical_emit_message(true, '${DDL_PIECE_PREFIX}',
        pg_catalog.convert_to(pg_catalog.left(document, size), 'UTF8'));
      document := pg_catalog.substr(document, size + 1);
    END LOOP;
    PERFORM pg_catalog.pg_logical_emit_message(true, '${DDL_PREFIX}', pg_catalog.convert_to(document, 'UTF8'));
    -- A message counts from the end of its record, which may be where the next one begins: a row of the transaction
    -- around this block would come before it.
    PERFORM pg_catalog.pg_logical_emit_message(true, '${DDL_PREFIX}.', ''::text);
  END LOOP;`;
}

/** The tables that some publication carries under their own name; `t.oid` and its `c` of pg_class. */
function publishedSql(version: number): string {
  const ancestors = "SELECT a.relid FROM pg_catalog.pg_partition_ancestors(t.oid) a";
  const bySchema =
    version < PUBLISHES_SCHEMAS
      ? ""
      : `
        OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s JOIN pg_catalog.pg_class k ON k.relnamespace = s.pnnspid
          WHERE s.pnpubid = p.oid AND (k.oid = t.oid OR k.oid IN (${ancestors})))`;
  return `c.relpersistence = 'p' AND c.relkind IN ('r', 'p') AND (
      EXISTS (SELECT FROM pg_catalog.pg_publication_rel r WHERE r.prrelid = t.oid)
      OR EXISTS (SELECT FROM pg_catalog.pg_publication p WHERE NOT (c.relispartition AND p.pubviaroot) AND (p.puballtables
        OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid IN (${ancestors}))${bySchema})))`;
}

/** Which columns publications that name columns let through, and which have generated ones (18 and later). */
function columnListsSql(version: number): string {
  if (version < PUBLISHES_SCHEMAS) return "SELECT NULL WHERE false";
  return `SELECT p.pubname AS name, r.prattrs::int2[] AS columns, pg_catalog.to_jsonb(p) ->> 'pubgencols' AS generated
      FROM pg_catalog.pg_publication p LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
        AND (r.prrelid = target OR r.prrelid IN (SELECT a.relid FROM pg_catalog.pg_partition_ancestors(target) a))`;
}

function ofTarget(sql: string): string {
  return sql.trim().replaceAll("$1::oid[]", "ARRAY[target]");
}

/**
 * The table of the key. One that somebody else had made, or made into something that runs what he likes when it is read,
 * is not kept: the function reads it with its owner's rights.
 */
function secretSql(): string {
  const table = `${DDL_SCHEMA}.${DDL_SECRET}`;
  return `DO $millrace$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
    WHERE n.nspname = '${DDL_SCHEMA}' AND c.relname = '${DDL_SECRET}' AND c.relkind = 'r' AND r.rolname = current_user
      AND NOT (c.relrowsecurity OR c.relhasrules OR c.relhastriggers)) THEN
    DROP TABLE IF EXISTS ${table};
    CREATE TABLE ${table} (key text NOT NULL);
    INSERT INTO ${table} VALUES (pg_catalog.gen_random_uuid()::text || pg_catalog.gen_random_uuid()::text);
  END IF;
END $millrace$;`;
}

/**
 * Makes the schema, the key, the function and its triggers, or puts them right, for a pipeline of this role; for a
 * superuser, in one transaction.
 */
export function installDdlTriggerSql(version: number, role: string): string {
  const name = `${DDL_SCHEMA}.${DDL_FUNCTION}`;
  const settings = Object.entries(DDL_FUNCTION_SETTINGS).map(
    ([setting, value]) => `SET ${setting} = ${value}`,
  );
  const triggers = DDL_EVENTS.map(
    (event) =>
      `DROP EVENT TRIGGER IF EXISTS millrace_${event};\n` +
      `CREATE EVENT TRIGGER millrace_${event} ON ${event} EXECUTE FUNCTION ${name}();\n` +
      `ALTER EVENT TRIGGER millrace_${event} ENABLE ALWAYS;`,
  );
  return [
    "BEGIN;",
    `SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('${DDL_SCHEMA}'));`,
    `CREATE SCHEMA IF NOT EXISTS ${DDL_SCHEMA};`,
    `ALTER SCHEMA ${DDL_SCHEMA} OWNER TO CURRENT_USER;`,
    secretSql(),
    `REVOKE ALL ON ${DDL_SCHEMA}.${DDL_SECRET} FROM PUBLIC;`,
    `GRANT USAGE ON SCHEMA ${DDL_SCHEMA} TO ${quote(role)};`,
    `GRANT SELECT ON ${DDL_SCHEMA}.${DDL_SECRET} TO ${quote(role)};`,
    `CREATE OR REPLACE FUNCTION ${name}() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER`,
    `${settings.join(" ")} AS $millrace$${ddlFunctionBody(version)}$millrace$;`,
    // One that somebody had made before would stay his, and he could have it do what he likes at a superuser's DDL.
    `ALTER FUNCTION ${name}() OWNER TO CURRENT_USER;`,
    ...triggers,
    "COMMIT;",
  ].join("\n");
}

/** Takes all of it away. */
export const REMOVE_DDL_TRIGGER_SQL = [
  ...DDL_EVENTS.map((event) => `DROP EVENT TRIGGER IF EXISTS millrace_${event};`),
  `DROP FUNCTION IF EXISTS ${DDL_SCHEMA}.${DDL_FUNCTION}();`,
  `DROP TABLE IF EXISTS ${DDL_SCHEMA}.${DDL_SECRET};`,
  `DROP SCHEMA IF EXISTS ${DDL_SCHEMA};`,
].join("\n");
