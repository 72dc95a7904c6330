import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock } from "../../model/ports.ts";
import { GtidSet } from "./gtid-set.ts";
import { MariaDbPosition } from "./mariadb-gtid.ts";
import type { LogGroup, PreparedGroup } from "./position.ts";
import { preparedHere } from "./prepared-elsewhere.ts";
import { behindGtids, goneBehind, type LogAt } from "./startup-place.ts";
import type { LogOffset } from "./transaction-id.ts";

const LOOK_AGAIN_MS = 200;

/** How long a server that is behind may take to catch up. */
export interface CatchUpOptions {
  readonly clock: Clock;
  readonly withinMs: number;
}

/** Where a log goes on in another server's files. */
export interface PlaceElsewhere {
  readonly place: LogOffset;
  /** What was prepared before, as its files have it. */
  readonly prepared: readonly PreparedGroup[];
}

/**
 * Where the log of another server goes on behind what was read of the one before, told by GTIDs: that has other files and
 * other offsets (docs/design/006, "Failover"). @throws MillraceError MR_SOURCE_LOSS
 */
export async function placeElsewhere(
  log: LogAt,
  { gtids, prepared = [] }: LogGroup,
  options: CatchUpOptions,
): Promise<PlaceElsewhere> {
  if (!log.standing.hasGtids) throw lost("without GTIDs nobody can say where its log goes on");
  if (gtids === undefined)
    throw lost("what had been executed where the log was read to is not known by GTIDs");
  await caughtUp(log, gtids, options);
  await refusePurged(log, gtids);
  const here: PreparedGroup[] = [];
  for (const group of prepared) {
    const found = await preparedHere(log, group);
    if (found === null)
      throw lost(
        `its log does not have the rows of the XA transaction ${group.xid}, which was prepared and has not ended`,
      );
    here.push(found);
  }
  return { place: await behindGtids(log, gtids), prepared: here };
}

/**
 * The server has to have what lanes have been given behind the place where its log goes on. Whether it comes in the same
 * place there its reader finds out; what never was there would be missed only once as much has been written again.
 * @throws MillraceError MR_SOURCE_LOSS
 */
export async function refuseMissing(
  log: LogAt,
  ahead: readonly LogGroup[],
  options: CatchUpOptions,
): Promise<void> {
  for (const { gtid, gtids } of ahead) {
    const given = [gtids, gtid].filter((text) => text !== undefined && text !== "");
    if (given.length > 0) await caughtUp(log, given.join(","), options);
  }
}

/** Waits until the server has executed all that was read before. */
async function caughtUp(log: LogAt, gtids: string, options: CatchUpOptions): Promise<void> {
  const { clock, withinMs } = options;
  const giveUpAt = clock.monotonic() + withinMs;
  for (;;) {
    const missing = await missingOf(log, gtids);
    if (missing === null) return;
    if (clock.monotonic() > giveUpAt)
      throw lost(`it has not executed what the sink has been given: ${missing}`);
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

async function missingOf({ server }: LogAt, gtids: string): Promise<string | null> {
  if (server.flavor === "mysql") {
    const [row] = await server.control.query("SELECT @@GLOBAL.gtid_executed");
    const missing = GtidSet.parse(gtids).without(GtidSet.parse(row?.[0] ?? ""));
    return missing.isEmpty ? null : missing.toString();
  }
  const [row] = await server.control.query("SELECT @@GLOBAL.gtid_binlog_pos");
  const now = MariaDbPosition.parse(row?.[0] ?? "");
  return now.contains(MariaDbPosition.parse(gtids)) ? null : gtids;
}

/** MariaDB says so itself when its log is asked for. */
async function refusePurged(log: LogAt, gtids: string): Promise<void> {
  if (log.server.flavor !== "mysql") return;
  const gone = await goneBehind(log, gtids);
  if (gone !== null) throw lost(`its log no longer has what comes next: ${gone}`);
}

function lost(why: string): MillraceError {
  return new MillraceError(
    "MR_SOURCE_LOSS",
    `hostname leads to another server than the one whose log was read, and ${why}`,
  );
}
