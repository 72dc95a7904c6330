import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock } from "../../model/ports.ts";
import { GtidSet } from "./gtid-set.ts";
import { beginMariaDbSnapshot, readGtidState, readLogEnd, type Session } from "./log-end.ts";
import type { SeenPlace } from "./seen-place.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import { Visibility } from "./visibility.ts";
import { readXaSeen } from "./xa-recover.ts";

/** How long a moment is looked for in which it is known exactly what a snapshot sees. */
const EXACT_WITHIN_MS = 30_000;
const EXACT_AGAIN_MS = 5;

/** What a transaction that was begun sees, and the log's end as read after that (I7). */
export interface Begun {
  readonly visibility: Visibility;
  readonly end: LogOffset;
}

/** What it takes to begin one. */
export interface BeginOptions {
  readonly seen: SeenPlace;
  readonly clock: Clock;
  /** What it is not known to see it does not see. */
  readonly exact: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the transaction. What it sees is known before it is opened (MySQL) or was fixed in the same moment (MariaDB).
 * @throws MillraceError MR_SOURCE_LOCKED where it must be exact and the server commits without a pause.
 */
export async function beginSnapshot(session: Session, options: BeginOptions): Promise<Begun> {
  const xa = session.version.flavor === "mariadb" ? await readXaSeen(session) : null;
  // Holds for the next transaction alone.
  await session.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  if (xa !== null) {
    const before = await beginMariaDbSnapshot(session);
    const visibility = Visibility.of(GtidSet.EMPTY, before, xa);
    return { visibility, end: await readLogEnd(session) };
  }
  const { clock, exact, signal } = options;
  const giveUpAt = clock.monotonic() + EXACT_WITHIN_MS;
  for (;;) {
    const { begun, isExact } = await beginMysql(session, options.seen);
    if (!exact || isExact) return begun;
    await session.query("ROLLBACK");
    if (clock.monotonic() > giveUpAt) throw neverExact();
    await clock.sleep(EXACT_AGAIN_MS, signal);
    await session.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  }
}

/**
 * It is exact where nothing was committed in between: all that is in the log is in the proof, and nothing is on its way
 * from the one to the other.
 */
async function beginMysql(
  session: Session,
  seen: SeenPlace,
): Promise<{ begun: Begun; isExact: boolean }> {
  const before = await readGtidState(session);
  const visibility = await seen.visibilityOf(session, before);
  await session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  const end = await readLogEnd(session);
  const after = await readGtidState(session);
  const isSame = after.owned === "" && after.executed === before.executed;
  const isPlaced = visibility.before === null || compareOffsets(end, visibility.before) === 0;
  return { begun: { visibility, end }, isExact: isSame && isPlaced };
}

function neverExact(): MillraceError {
  return new MillraceError(
    "MR_SOURCE_LOCKED",
    "the server commits without a pause, so that no snapshot can be told exactly, as a table without key needs it",
  );
}
