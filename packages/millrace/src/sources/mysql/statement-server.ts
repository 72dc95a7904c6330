import type { Session } from "./log-end.ts";
import type { StatementServer } from "./statement-reader.ts";

/** Asks a server for what statements of its log depend on. @throws MillraceError */
export async function readStatementServer(session: Session): Promise<StatementServer> {
  const [row] = await session.query(
    "SELECT @@GLOBAL.lower_case_table_names, @@GLOBAL.explicit_defaults_for_timestamp",
  );
  const [lowerCase, explicit] = row ?? [];
  const [native] = await session.query("SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'");
  return {
    version: session.version,
    lowerCaseNames: lowerCase === "1",
    // MySQL from 9.6 on, where foreign keys are no longer the engine's.
    logsCascades: native?.[1] === "OFF",
    explicitTimestamps: explicit === "1" && !(await saysTimestamps(session)),
  };
}

/** A MariaDB whose sessions may set it says in its log where it is on: unsaid, it is off. */
async function saysTimestamps(session: Session): Promise<boolean> {
  if (session.version.flavor !== "mariadb") return false;
  const rows = await session.query(
    `SELECT 1 FROM information_schema.system_variables
     WHERE variable_name = 'EXPLICIT_DEFAULTS_FOR_TIMESTAMP' AND variable_scope LIKE 'SESSION%'`,
  );
  return rows.length > 0;
}
