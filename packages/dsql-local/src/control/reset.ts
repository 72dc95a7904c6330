/** Empties a cluster without restarting it. */

/** Drops what clients made, as superuser; open transactions give their locks up by themselves. */
export const resetSql = `
DO $body$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_catalog.pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'sys', 'public') LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
  DROP SCHEMA IF EXISTS public CASCADE;
  CREATE SCHEMA public AUTHORIZATION admin;
  GRANT USAGE ON SCHEMA public TO PUBLIC;
  FOR name IN SELECT rolname FROM pg_catalog.pg_roles
    WHERE rolname NOT LIKE 'pg\\_%' AND rolname <> 'admin' AND NOT rolsuper LOOP
    EXECUTE format('DROP OWNED BY %I CASCADE', name);
    EXECUTE format('DROP ROLE %I', name);
  END LOOP;
  DELETE FROM sys.jobs;
  DELETE FROM sys.iam_pg_role_mappings;
END $body$;
`;
