import { GtidSet, parseGtid } from "./gtid-set.ts";
import { dumpStart, FIRST_OFFSET } from "./log-files.ts";
import { groupsFrom } from "./log-groups.ts";
import type { LogAt } from "./startup-place.ts";
import type { LogOffset } from "./transaction-id.ts";

/**
 * What was executed before the group at a place of the log, as the server writes it; null where its groups have no GTIDs.
 * MariaDB tells it; of MySQL the file is read from its beginning, which says what was executed before, to the place:
 * `gtid_executed` lacks what is in the log and not committed yet, and has what comes behind the place.
 */
export async function executedAt(log: LogAt, place: LogOffset): Promise<string | null> {
  const { server, standing } = log;
  if (!standing.hasGtids) return null;
  const start = dumpStart(standing, place);
  if (!("fileName" in start)) return null;
  if (server.flavor === "mariadb") return positionAt(log, start.fileName, start.at);
  let executed = await previousGtids(log, start.fileName);
  const beginning = { ...start, at: FIRST_OFFSET };
  for await (const { at, gtid, file } of groupsFrom(await server.config(), beginning)) {
    if (file !== place.file || at >= start.at) break;
    if (gtid !== null) executed = executed.with(parseGtid(gtid));
  }
  return executed.toString();
}

/** What was executed before a file of the log was begun, as the server writes it. */
export async function executedBeforeFile(log: LogAt, fileName: string): Promise<string> {
  return log.server.flavor === "mariadb"
    ? ((await positionAt(log, fileName, FIRST_OFFSET)) ?? "")
    : (await previousGtids(log, fileName)).toString();
}

/** MariaDB's. */
async function positionAt({ server }: LogAt, fileName: string, at: number): Promise<string | null> {
  const [row] = await server.control.query(`SELECT BINLOG_GTID_POS(?, ${at})`, [fileName]);
  return row?.[0] ?? null;
}

/** What the file says was executed before it was begun. */
async function previousGtids({ server }: LogAt, fileName: string): Promise<GtidSet> {
  const rows = await server.control.query("SHOW BINLOG EVENTS IN ? LIMIT 3", [fileName]);
  const [, , , , , info] = rows.find(([, , type]) => type === "Previous_gtids") ?? [];
  return GtidSet.parse(info ?? "");
}
