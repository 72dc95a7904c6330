import type { LogStart } from "../../model/source.ts";
import { CapturedTables } from "./captured-tables.ts";
import { readMoment } from "./catalogue-moment.ts";
import type { ControlPool } from "./control-pool.ts";
import type { MysqlSourceOptions } from "./options.ts";
import { StatementReader } from "./statement-reader.ts";
import { readStatementServer } from "./statement-server.ts";

/** The tables of a log that is about to be opened. @throws MillraceError */
export async function openTables(
  control: ControlPool,
  {
    types,
    values,
    startup,
    onlineSchemaChanges,
    ignoredDatabases,
    unloggedCascades,
  }: Pick<
    MysqlSourceOptions,
    "types" | "values" | "startup" | "onlineSchemaChanges" | "ignoredDatabases" | "unloggedCascades"
  >,
  { tables, adopted = new Set(), paused = new Set(), ahead = [] }: LogStart,
): Promise<CapturedTables> {
  const server = await control.use((session) => readStatementServer(session));
  return new CapturedTables({
    tables,
    adopted,
    paused,
    ahead,
    values,
    statements: new StatementReader(server, types, { onlineSchemaChanges, ignoredDatabases }),
    unloggedCascades,
    readCatalogue: (names) => control.use((session) => readMoment(session, names, types)),
    assumesCatalogue: startup.mode !== "initial",
  });
}
