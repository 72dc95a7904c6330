import { GtidSet, parseGtid } from "./gtid-set.ts";
import { dumpStart, FIRST_OFFSET } from "./log-files.ts";
import { groupsFrom } from "./log-groups.ts";
import { executedBeforeFile } from "./executed-at.ts";
import { MariaDbPosition, parseMariaDbGtid } from "./mariadb-gtid.ts";
import type { PreparedGroup } from "./position.ts";
import { readLogFiles } from "./retention.ts";
import type { LogAt } from "./startup-place.ts";

/**
 * Where a group that was prepared at another server is in this one's log: it has the same GTID there. Null where it has none,
 * or the log no longer reaches back to it.
 */
export async function preparedHere(
  log: LogAt,
  { xid, gtid }: PreparedGroup,
): Promise<PreparedGroup | null> {
  if (gtid === undefined) return null;
  const file = await fileOf(log, gtid);
  if (file === null) return null;
  const start = dumpStart(log.standing, { file, at: FIRST_OFFSET });
  for await (const group of groupsFrom(await log.server.config(), start)) {
    if (group.file !== file) break;
    if (group.gtid === gtid) return { xid, file, at: group.at, gtid };
  }
  return null;
}

/** The newest file before which it was not executed. */
async function fileOf(log: LogAt, gtid: string): Promise<number | null> {
  const files = await readLogFiles(log.server.control);
  for (const { file } of files.toReversed()) {
    const start = dumpStart(log.standing, { file, at: FIRST_OFFSET });
    if (!("fileName" in start)) continue;
    if (!has(log, await executedBeforeFile(log, start.fileName), gtid)) return file;
  }
  return null;
}

function has({ server }: LogAt, executed: string, gtid: string): boolean {
  if (server.flavor === "mysql") return GtidSet.parse(executed).has(parseGtid(gtid));
  const { domain, server: id, sequence } = parseMariaDbGtid(gtid);
  return MariaDbPosition.parse(executed).contains(
    MariaDbPosition.parse(`${domain}-${id}-${sequence}`),
  );
}
