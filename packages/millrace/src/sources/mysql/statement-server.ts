import type { Session } from "./log-end.ts";
import type { StatementServer } from "./statement-reader.ts";

/** Asks a server for what statements of its log depend on. @throws MillraceError */
export async function readStatementServer(session: Session): Promise<StatementServer> {
  const [row] = await session.query(
    "SELECT @@GLOBAL.lower_case_table_names, @@GLOBAL.explicit_defaults_for_timestamp",
  );
  const [lowerCase, explicit] = row ?? [];
  return {
    version: session.version,
    lowerCaseNames: lowerCase === "1",
    explicitTimestamps: explicit === "1",
  };
}
