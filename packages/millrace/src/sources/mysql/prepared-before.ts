import { MillraceError } from "../../errors/millrace-error.ts";
import type { CatchUpOptions } from "./failover.ts";
import { dumpStart } from "./log-files.ts";
import { readLogEnd } from "./log-end.ts";
import { eventsFrom } from "./log-probe.ts";
import type { PreparedGroup } from "./position.ts";
import { readXaStretch } from "./prepared-scan.ts";
import { preparedBefore, type SearchedLog } from "./prepared-search.ts";
import { readLogFiles } from "./retention.ts";
import type { LogAt } from "./startup-place.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import { readPrepared } from "./xa-recover.ts";

const LOOK_AGAIN_MS = 50;
/** Most transactions are committed as soon as they are prepared: those that are need not be looked for. */
const SOON_MS = 500;
/** Of many, how many are named. */
const MOST_NAMED = 5;

/** What a new log has to find out about XA transactions once its place is known. */
export interface PreparedSince {
  /** What is prepared from here on is in the log that comes next. */
  readonly since: LogOffset;
  /** What was prepared before, and stays so. */
  readonly stayed: ReadonlySet<string>;
}

/**
 * A log that begins between XA PREPARE and XA COMMIT has only the second, and no snapshot has the rows before that (I7). So
 * before a log begins it is asked what is prepared. Null where the user may not ask, so that such a commit is found only when
 * it comes. @throws MillraceError
 */
export async function preparedSince(
  log: LogAt,
  { clock, withinMs }: CatchUpOptions,
): Promise<PreparedSince | null> {
  const since = await log.server.control.use((session) => readLogEnd(session));
  const first = await preparedNow(log);
  if (first === null) return null;
  const soon = { clock, withinMs: Math.min(withinMs, SOON_MS) };
  return { since, stayed: await preparedStill(log, new Set(first), soon) };
}

/**
 * XA transactions that are prepared where the log begins, and where each one's rows are: those of before are looked for in the
 * log, too. What ended before that place is seen by every snapshot when it returns, and what the log does not have has ended.
 * @throws MillraceError MR_SOURCE_REFUSED where a transaction stays prepared that the log does not have
 */
export async function preparedAt(
  log: LogAt,
  { since, stayed }: PreparedSince,
  { place, ...options }: CatchUpOptions & { readonly place: LogOffset },
): Promise<readonly PreparedGroup[] | null> {
  const { eventsAt, files } = searchedLog(log);
  const { prepared, ended } =
    compareOffsets(since, place) < 0 ? await readXaStretch(eventsAt(since), place) : NOTHING;
  const known = new Set(prepared.map(({ xid }) => xid));
  const sought = [...stayed].filter((xid) => !known.has(xid) && !ended.has(xid));
  const older = await preparedBefore({ files, eventsAt }, new Set(sought), since);
  const unknown = sought.filter((xid) => !older.has(xid));
  // Who is prepared anew under a name has ended before, in the engine too.
  const over = [...ended].filter((xid) => !known.has(xid));
  const still = await preparedStill(log, new Set([...over, ...unknown]), options);
  const anew = still.size > 0 ? await preparedBehind(log, place) : NOTHING.ended;
  const left = [...still].filter((xid) => !anew.has(xid));
  if (left.length > 0) throw stillPrepared(left);
  if (unknown.length > 0) return null;
  return [...older.values(), ...prepared];
}

const NOTHING = { prepared: [], ended: new Set<string>() } as const;

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
  return [...(await preparedBefore(searchedLog(log), new Set(listed), place)).values()];
}

function searchedLog({ server, standing }: LogAt): SearchedLog {
  return {
    files: () => readLogFiles(server.control),
    eventsAt: async function* eventsAt(from) {
      yield* eventsFrom(await server.config(), dumpStart(standing, from));
    },
  };
}

/** Names that the log prepares behind a place, and does not end: each that was prepared before has ended. */
async function preparedBehind(log: LogAt, place: LogOffset): Promise<ReadonlySet<string>> {
  const end = await log.server.control.use((session) => readLogEnd(session));
  if (compareOffsets(place, end) >= 0) return NOTHING.ended;
  const { prepared } = await readXaStretch(searchedLog(log).eventsAt(place), end);
  return new Set(prepared.map(({ xid }) => xid));
}

/** Waits until none of these is prepared, be it for a moment. Gives those that stayed so. */
async function preparedStill(
  log: LogAt,
  xids: ReadonlySet<string>,
  { clock, withinMs }: CatchUpOptions,
): Promise<ReadonlySet<string>> {
  const giveUpAt = clock.monotonic() + withinMs;
  for (let left = xids; left.size > 0;) {
    left = new Set((await preparedNow(log))?.filter((xid) => left.has(xid)));
    if (left.size === 0 || clock.monotonic() > giveUpAt) return left;
    await clock.sleep(LOOK_AGAIN_MS);
  }
  return NOTHING.ended;
}

function preparedNow({ server }: LogAt): Promise<readonly string[] | null> {
  return server.control.use((session) => readPrepared(session));
}

function stillPrepared(xids: readonly string[]): MillraceError {
  const named = xids.slice(0, MOST_NAMED).join("; ");
  const more = xids.length > MOST_NAMED ? ` and ${xids.length - MOST_NAMED} more` : "";
  return new MillraceError(
    "MR_SOURCE_REFUSED",
    `XA transactions are prepared, and neither a load nor the log that the server still has would have their rows: ${named}${more}`,
    {
      remedy:
        "End each by XA COMMIT or XA ROLLBACK, and start again. XA RECOVER lists them; the server does not tell which tables they wrote to.",
    },
  );
}
