/** What every cluster holds before the first client comes: the role admin, the schema sys, DSQL's answers. */

/** Runs once per cluster, as superuser. Safe to run again. */
export const bootstrapSql = `
DO $body$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'admin') THEN
    CREATE ROLE admin LOGIN CREATEROLE;
  END IF;
  EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO admin', current_database());
END $body$;
ALTER SCHEMA public OWNER TO admin;
CREATE SCHEMA IF NOT EXISTS sys;
GRANT USAGE ON SCHEMA sys TO PUBLIC;
CREATE TABLE IF NOT EXISTS sys.jobs (
  job_id text NOT NULL,
  status text NOT NULL,
  details text,
  job_type text NOT NULL,
  class_id oid,
  object_id oid,
  object_name text,
  start_time timestamptz,
  update_time timestamptz
);
CREATE TABLE IF NOT EXISTS sys.iam_pg_role_mappings (
  iam_oid oid,
  arn text NOT NULL,
  pg_role_oid oid NOT NULL,
  pg_role_name text NOT NULL,
  grantor_pg_role_oid oid,
  grantor_pg_role_name text
);
GRANT SELECT ON sys.jobs, sys.iam_pg_role_mappings TO PUBLIC;
CREATE OR REPLACE FUNCTION sys.uuid_to_base32_str(id uuid) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $body$
  SELECT string_agg(substr('abcdefghijklmnopqrstuvwxyz234567',
    (('x' || encode(bits, 'hex'))::bit(136) << (5 * n))::bit(5)::int + 1, 1), '' ORDER BY n)
  FROM (SELECT decode(replace(id::text, '-', '') || '00', 'hex') AS bits) AS b,
    generate_series(0, 25) AS n
$body$;
CREATE OR REPLACE FUNCTION sys.dsql_major_version() RETURNS int
LANGUAGE sql IMMUTABLE AS $body$ SELECT 1 $body$;
CREATE OR REPLACE FUNCTION sys.current_session_id() RETURNS text
LANGUAGE sql STABLE AS $body$ SELECT pg_catalog.pg_backend_pid()::text $body$;
CREATE OR REPLACE FUNCTION sys.base32_str_to_uuid(id text) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT AS $body$
  WITH letters AS (SELECT string_agg((strpos('abcdefghijklmnopqrstuvwxyz234567', substr(id, n, 1)) - 1)::bit(5)::text, ''
    ORDER BY n) AS bits FROM generate_series(1, 26) AS n)
  SELECT string_agg(to_hex(substr(bits, 4 * n + 1, 4)::bit(4)::int), '' ORDER BY n)::uuid
  FROM letters, generate_series(0, 31) AS n
$body$;
CREATE OR REPLACE FUNCTION sys.current_transaction_id() RETURNS text
LANGUAGE sql STABLE AS $body$ SELECT pg_catalog.txid_current_if_assigned()::text $body$;
CREATE OR REPLACE FUNCTION sys.iam_session_user() RETURNS text
LANGUAGE sql STABLE AS $body$
  SELECT (SELECT arn FROM sys.iam_pg_role_mappings WHERE pg_role_name = session_user LIMIT 1)
$body$;
CREATE OR REPLACE FUNCTION sys.base_type_oid(type oid) RETURNS oid
LANGUAGE sql STABLE STRICT AS $body$
  SELECT CASE WHEN typbasetype = 0 THEN oid ELSE typbasetype END FROM pg_catalog.pg_type WHERE oid = type
$body$;
CREATE OR REPLACE FUNCTION sys.job_err_msg(job text) RETURNS text
LANGUAGE sql STABLE STRICT AS $body$ SELECT details FROM sys.jobs WHERE job_id = job AND status = 'failed' $body$;
CREATE OR REPLACE FUNCTION sys.supported_datatypes() RETURNS SETOF text
LANGUAGE sql STABLE AS $body$
  SELECT pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type
  WHERE typnamespace = 'pg_catalog'::regnamespace AND typname IN ('bool', 'int2', 'int4', 'int8', 'float4', 'float8',
    'numeric', 'bpchar', 'varchar', 'text', 'date', 'time', 'timestamp', 'timestamptz', 'timetz', 'interval', 'uuid',
    'bytea', 'json', 'jsonb') ORDER BY 1
$body$;
CREATE OR REPLACE FUNCTION sys.cluster_size() RETURNS bigint
LANGUAGE sql STABLE AS $body$ SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) $body$;
CREATE OR REPLACE FUNCTION sys.cluster_size_limit() RETURNS bigint
LANGUAGE sql IMMUTABLE AS $body$ SELECT 10995116277760 $body$;
CREATE OR REPLACE PROCEDURE sys.wait_for_job(job_id text, INOUT succeeded boolean DEFAULT NULL)
LANGUAGE plpgsql AS $body$
#variable_conflict use_column
DECLARE
  asked ALIAS FOR $1;
  now_is text;
BEGIN
  IF asked !~ '^[a-z2-7]{26}$' THEN
    RAISE EXCEPTION 'Unable to convert text to UUID' USING ERRCODE = '22P02';
  END IF;
  LOOP
    SELECT status INTO now_is FROM sys.jobs AS j WHERE j.job_id = asked;
    IF now_is IS NULL THEN
      RAISE EXCEPTION 'job "%" does not exist', asked USING ERRCODE = '42704';
    END IF;
    EXIT WHEN now_is IN ('completed', 'failed');
    COMMIT;
    PERFORM pg_catalog.pg_sleep(0.02);
  END LOOP;
  succeeded := now_is = 'completed';
END $body$;
`;

/** Only for the embedded server, each on its own: the only database is postgres (source Q). */
export const onlyDatabaseSql: readonly string[] = ["template1", "template0"].flatMap((name) => [
  `ALTER DATABASE ${name} IS_TEMPLATE false`,
  `DROP DATABASE ${name}`,
]);
