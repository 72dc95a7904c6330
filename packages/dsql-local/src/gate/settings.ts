/** SET and SHOW. */
import { text, type Tree } from "./tree.ts";

/** The parameter that a VariableSetStmt names. */
export function settingName(body: Tree): string {
  return text(body, "name");
}

/**
 * Answers of SHOW that differ from those of the PostgreSQL behind (source E, D, G, P). What is set there for our own sake
 * is told as PostgreSQL has it by default.
 */
export const shownAs: Readonly<Record<string, string>> = {
  server_version: "16.15",
  server_version_num: "160015",
  max_connections: "20",
  default_toast_compression: "lz4",
  client_connection_check_interval: "0",
  client_min_messages: "notice",
  deadlock_timeout: "1s",
  fsync: "on",
  full_page_writes: "on",
  log_lock_waits: "off",
  log_min_messages: "warning",
};

/** SHOW ALL. */
export const showAllSql = `SELECT name, pg_catalog.current_setting(name) AS setting, short_desc AS description
  FROM pg_catalog.pg_settings ORDER BY pg_catalog.lower(name)`;
