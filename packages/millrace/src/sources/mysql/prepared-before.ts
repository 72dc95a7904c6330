import { MillraceError } from "../../errors/millrace-error.ts";
import type { CatchUpOptions } from "./failover.ts";
import { dumpStart } from "./log-files.ts";
import { readLogEnd } from "./log-end.ts";
import { eventsFrom } from "./log-probe.ts";
import type { PreparedGroup } from "./position.ts";
import { readXaStretch } from "./prepared-scan.ts";
import { preparedBefore } from "./prepared-search.ts";
import { readLogFiles } from "./retention.ts";
import type { LogAt } from "./startup-place.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import { readPrepared } from "./xa-recover.ts";

const LOOK_AGAIN_MS = 50;
/** Of many, how many are named. */
const MOST_NAMED = 5;

/**
 * A log that begins between XA PREPARE and XA COMMIT would have only the second, and no snapshot has the rows before that
 * (I7). So before a log begins all that is prepared has to end; what is prepared from then on is looked for in the log, up to
 * the place where it begins. Gives where that search begins; null where the user may not ask, so that such a commit is found
 * only when it comes.
 * @throws MillraceError MR_SOURCE_REFUSED where transactions stay prepared
 */
export async function preparedEnded(
  log: LogAt,
  options: CatchUpOptions,
): Promise<LogOffset | null> {
  const since = await log.server.control.use((session) => readLogEnd(session));
  const first = await preparedNow(log);
  if (first === null) return null;
  await ended(log, new Set(first), options);
  return since;
}

/**
 * XA transactions that are prepared where the log begins, as {@link preparedEnded} found its search may begin. Those that
 * ended before that place are seen by every snapshot when it returns.
 */
export async function preparedAt(
  log: LogAt,
  { since, place, ...options }: CatchUpOptions & { since: LogOffset | null; place: LogOffset },
): Promise<readonly PreparedGroup[]> {
  if (since === null || compareOffsets(since, place) >= 0) return [];
  const events = eventsFrom(await log.server.config(), dumpStart(log.standing, since));
  const stretch = await readXaStretch(events, place);
  await ended(log, stretch.ended, options);
  return stretch.prepared;
}

/**
 * The same where the log begins in the past, of those that are prepared still: the server keeps what is read again. Of what
 * has ended since its reader looks when its end comes.
 */
export async function preparedInThePast(
  log: LogAt,
  place: LogOffset,
): Promise<readonly PreparedGroup[]> {
  const listed = (await preparedNow(log)) ?? [];
  if (listed.length === 0) return [];
  const config = await log.server.config();
  const searched = {
    files: () => readLogFiles(log.server.control),
    eventsAt: (from: LogOffset) => eventsFrom(config, dumpStart(log.standing, from)),
  };
  return [...(await preparedBefore(searched, new Set(listed), place)).values()];
}

/** Waits until none of these is prepared, be it for a moment. */
async function ended(
  log: LogAt,
  xids: ReadonlySet<string>,
  { clock, withinMs }: CatchUpOptions,
): Promise<void> {
  const giveUpAt = clock.monotonic() + withinMs;
  for (let left = [...xids]; left.length > 0;) {
    const now = new Set(await preparedNow(log));
    left = left.filter((xid) => now.has(xid));
    if (left.length === 0) return;
    if (clock.monotonic() > giveUpAt) throw stillPrepared(left);
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

function preparedNow({ server }: LogAt): Promise<readonly string[] | null> {
  return server.control.use((session) => readPrepared(session));
}

function stillPrepared(xids: readonly string[]): MillraceError {
  const named = xids.slice(0, MOST_NAMED).join("; ");
  const more = xids.length > MOST_NAMED ? ` and ${xids.length - MOST_NAMED} more` : "";
  return new MillraceError(
    "MR_SOURCE_REFUSED",
    `XA transactions are prepared since before the log begins, and neither a load nor the log would have their rows: ${named}${more}`,
    {
      remedy:
        "End each by XA COMMIT or XA ROLLBACK, and start again. XA RECOVER lists them; the server does not tell which tables they wrote to.",
    },
  );
}
