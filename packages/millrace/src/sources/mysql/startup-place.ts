import { MillraceError } from "../../errors/millrace-error.ts";
import type { DumpStart } from "./binlog-dump.ts";
import { executedBeforeFile } from "./executed-at.ts";
import { GtidSet } from "./gtid-set.ts";
import { readLogEnd } from "./log-end.ts";
import { dumpStart, FIRST_OFFSET } from "./log-files.ts";
import { type FoundGroup, groupsFrom } from "./log-groups.ts";
import { probeLog } from "./log-probe.ts";
import { MariaDbPosition } from "./mariadb-gtid.ts";
import type { MysqlStartup } from "./options.ts";
import { readLogFiles } from "./retention.ts";
import type { ServerStanding } from "./server-standing.ts";
import type { SourceServer } from "./source-server.ts";
import type { LogOffset } from "./transaction-id.ts";

/** Where to look. */
export interface LogAt {
  readonly server: SourceServer;
  readonly standing: ServerStanding;
}

/**
 * Where the log of a new pipeline begins: at its end, or where the file says. @throws MillraceError MR_SOURCE_REFUSED
 * where the log has no such place (any more).
 */
export async function startupPlace(log: LogAt, startup: MysqlStartup): Promise<LogOffset> {
  switch (startup.mode) {
    case "initial":
    case "latest-offset":
      return endOf(log);
    case "earliest-offset":
      return oldestOf(log);
    case "timestamp":
      return since(log, startup.timestampMs);
    case "specific-offset":
      if (!("gtidSet" in startup)) return named(log, startup);
      await refuseGone(log, startup);
      return behindGtids(log, startup.gtidSet);
  }
}

/**
 * Asks whether the log has the place that a file names, and reads nothing of it; all other modes find one.
 * @throws MillraceError MR_SOURCE_REFUSED where it has not
 */
export async function refuseGone(log: LogAt, startup: MysqlStartup): Promise<void> {
  if (startup.mode !== "specific-offset") return;
  if (!("gtidSet" in startup)) {
    await named(log, startup);
    return;
  }
  refuseOtherServers(log.server.flavor, startup.gtidSet);
  const gone = await goneBehind(log, startup.gtidSet);
  if (gone === null) return;
  throw noPlace(
    `the server no longer has all that comes behind scan.startup.specific-offset.gtid-set in its log: it has purged ${gone}`,
  );
}

/** What comes behind a set of GTIDs and is not in the server's log any more; null where all of it is. */
export async function goneBehind(log: LogAt, gtids: string): Promise<string | null> {
  const { server, standing } = log;
  if (server.flavor === "mysql") {
    const [row] = await server.control.query("SELECT @@GLOBAL.gtid_purged");
    const gone = GtidSet.parse(row?.[0] ?? "").without(GtidSet.parse(gtids));
    return gone.isEmpty ? null : gone.toString();
  }
  const start = dumpStart(standing, await oldestOf(log));
  if (!("fileName" in start)) return null;
  const before = MariaDbPosition.parse(await executedBeforeFile(log, start.fileName));
  return MariaDbPosition.parse(gtids).contains(before) ? null : `all up to ${before.toString()}`;
}

function endOf({ server }: LogAt): Promise<LogOffset> {
  return server.control.use((session) => readLogEnd(session));
}

async function oldestOf({ server }: LogAt): Promise<LogOffset> {
  const [oldest] = await readLogFiles(server.control);
  if (oldest === undefined) throw noPlace("the server has no log");
  return { file: oldest.file, at: FIRST_OFFSET };
}

async function named(
  log: LogAt,
  { file: name, pos }: { readonly file: string; readonly pos: number },
): Promise<LogOffset> {
  const file = Number(/\.(\d+)$/.exec(name)?.[1] ?? -1);
  const files = await readLogFiles(log.server.control);
  const found = files.find((each) => each.file === file);
  if (found === undefined)
    throw noPlace(`the server has no file ${name} of its log: it has been purged, or never was`);
  if (pos > found.bytes)
    throw noPlace(`offset ${pos} is behind the end of ${name}, which has ${found.bytes} bytes`);
  return { file, at: Math.max(pos, FIRST_OFFSET) };
}

/** The first group that was committed then or later; the log's end where none was. */
async function since(log: LogAt, timestampMs: number): Promise<LogOffset> {
  const { server, standing } = log;
  const end = await endOf(log);
  const files = await readLogFiles(server.control);
  const config = await server.config();
  let from: LogOffset | null = null;
  for (const { file } of files.toReversed()) {
    from = { file, at: FIRST_OFFSET };
    if ((await probeLog(config, dumpStart(standing, from))) * 1000 <= timestampMs) break;
  }
  if (from === null) return end;
  const isSince = ({ commitTimeMs }: FoundGroup): boolean => commitTimeMs >= timestampMs;
  return (await firstGroup(log, dumpStart(standing, from), isSince)) ?? end;
}

/** The first group that is not in the set; the server looks for it. @throws MillraceError */
export async function behindGtids(log: LogAt, text: string): Promise<LogOffset> {
  const end = await endOf(log);
  return (await firstGroup(log, behind(log.server.flavor, text), () => true)) ?? end;
}

/** What a file says may be meant for another kind of server. @throws MillraceError MR_SOURCE_REFUSED */
function refuseOtherServers(flavor: "mysql" | "mariadb", text: string): void {
  try {
    behind(flavor, text);
  } catch (thrown) {
    const [server, where] =
      flavor === "mysql" ? ["MySQL", "gtid_executed"] : ["MariaDB", "gtid_binlog_pos"];
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      `scan.startup.specific-offset.gtid-set is no set of GTIDs of ${server}`,
      { remedy: `Write what ${where} was at the server.`, cause: thrown },
    );
  }
}

/** A dump that leaves out what was executed. @throws MillraceError MR_SOURCE_PROTOCOL where nobody can read the set. */
export function behind(flavor: "mysql" | "mariadb", gtids: string): DumpStart {
  return flavor === "mysql"
    ? { executed: GtidSet.parse(gtids) }
    : { mariaDbPosition: MariaDbPosition.parse(gtids).toString() };
}

async function firstGroup(
  { server }: LogAt,
  start: DumpStart,
  isWanted: (group: FoundGroup) => boolean,
): Promise<LogOffset | null> {
  for await (const group of groupsFrom(await server.config(), start))
    if (isWanted(group)) return { file: group.file, at: group.at };
  return null;
}

function noPlace(why: string): MillraceError {
  return new MillraceError("MR_SOURCE_REFUSED", why, {
    remedy:
      "SHOW BINARY LOGS lists what the server has, @@GLOBAL.gtid_purged what it has not; or write scan.startup.mode: initial, which loads the tables.",
  });
}
