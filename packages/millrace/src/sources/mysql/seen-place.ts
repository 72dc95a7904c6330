import type { Clock } from "../../model/ports.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { CommittedXa, type ReadXaStretch, type Until, type XaStanding } from "./committed-xa.ts";
import { errnoOf } from "./connection-error.ts";
import { GtidSet } from "./gtid-set.ts";
import {
  beginMariaDbSnapshot,
  type GtidState,
  readGtidState,
  readLogEnd,
  readOngoingAnonymous,
  type Session,
} from "./log-end.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import { Visibility } from "./visibility.ts";
import { readXaSeen } from "./xa-recover.ts";

/** First and longest wait between two looks, milliseconds. */
const LOOK_AGAIN_MS = 2;
const LOOK_AGAIN_MOST_MS = 100;
/** After so many milliseconds of looks in vain the log is made to go on to another file. */
const FLUSH_AFTER_MS = 500;
const FLUSH_EVERY_MS = 10_000;
const ACCESS_DENIED = 1227;

/** What the place waits for. */
export interface PlaceWait {
  readonly sinceMs: number;
  /** A new file would end the wait, and the user may not make one. */
  readonly mayNotFlush: boolean;
}

/** What {@link SeenPlace} goes by. */
export interface SeenPlaceOptions {
  readonly clock: Clock;
  /** At MariaDB: other servers' snapshots need no log to tell. */
  readonly readXaStretch: ReadXaStretch;
}

/**
 * Up to where in the log every transaction is committed in the engine too, so that whoever opens a snapshot from now on
 * sees it. The log's end is no such place: it is written before the engine commits. One for a server and a process.
 */
export class SeenPlace {
  readonly #clock: Clock;
  #proven: LogOffset = { file: 0, at: 0 };
  /** The same for MySQL's transactions without GTID alone: a log may have both, while or after GTIDs were turned on. */
  #anonymous: LogOffset = { file: 0, at: 0 };
  /** Looks at those in vain. */
  #vainSinceMs: number | null = null;
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  #mayNotFlush = false;
  readonly #waits = new Set<number>();
  readonly #xa: CommittedXa;

  constructor({ clock, readXaStretch }: SeenPlaceOptions) {
    this.#clock = clock;
    this.#xa = new CommittedXa(readXaStretch);
  }

  /** The log is followed from here on. */
  begin(standing: XaStanding): void {
    this.#xa.begin(standing);
  }

  /** Since when somebody waits; null while nobody does. */
  get wait(): PlaceWait | null {
    if (this.#waits.size === 0) return null;
    return { sinceMs: Math.min(...this.#waits), mayNotFlush: this.#mayNotFlush };
  }

  /** What every snapshot sees that is opened from now on, as far as one look can tell. */
  async visibility(session: Session): Promise<Visibility> {
    if (session.version.flavor === "mariadb") {
      const xa = await readXaSeen(session);
      return Visibility.of(GtidSet.EMPTY, await lookAtMariaDb(session), xa);
    }
    const state = await readGtidState(session);
    return this.visibilityOf(session, state);
  }

  /** The same of MySQL, whose transactions with GTIDs have been read. */
  async visibilityOf(session: Session, { executed }: GtidState): Promise<Visibility> {
    return Visibility.of(GtidSet.parse(executed), await this.#lookAtAnonymous(session));
  }

  /** Waits until all that begins before `place` is seen. */
  async reach(session: Session, place: LogOffset, signal: AbortSignal): Promise<void> {
    if (compareOffsets(this.#proven, place) >= 0) return;
    const since = this.#clock.now();
    this.#waits.add(since);
    try {
      await this.#reach(session, place, signal);
    } finally {
      this.#waits.delete(since);
    }
  }

  async #reach(session: Session, place: LogOffset, signal: AbortSignal): Promise<void> {
    if (session.version.flavor === "mariadb")
      return this.#reachAtMariaDb(session, place, (isDone) => this.#until(signal, isDone));
    const end = await readLogEnd(session);
    const { owned } = await readGtidState(session);
    const first = GtidSet.parse(owned);
    await this.#until(signal, async () => {
      const { owned: now } = await readGtidState(session);
      return disjoint(first, GtidSet.parse(now));
    });
    await this.#until(signal, async () => {
      return compareOffsets(await this.#lookAtAnonymous(session), place) >= 0;
    });
    this.#prove(least(end, this.#anonymous));
  }

  async #reachAtMariaDb(session: Session, place: LogOffset, until: Until): Promise<void> {
    await until(async () => compareOffsets(await lookAtMariaDb(session), place) >= 0);
    await this.#xa.reach(session, place, until);
    this.#prove(place);
  }

  async #until(signal: AbortSignal, isDone: () => Promise<boolean>): Promise<void> {
    for (let waitMs = LOOK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MOST_MS)) {
      signal.throwIfAborted();
      if (await isDone()) return;
      await this.#clock.sleep(waitMs, signal);
    }
  }

  #prove(place: LogOffset): void {
    this.#proven = greatest(this.#proven, place);
  }

  /**
   * MySQL's transactions without GTID, of which there may be some behind the place that GTIDs were turned on at. The end is
   * read first: what is before it was counted, unless the engine has committed it.
   */
  async #lookAtAnonymous(session: Session): Promise<LogOffset> {
    const end = await readLogEnd(session);
    this.#proveFilesBefore(end);
    if ((await readOngoingAnonymous(session)) === 0) {
      this.#vainSinceMs = null;
      return (this.#anonymous = greatest(this.#anonymous, end));
    }
    this.#vainSinceMs ??= this.#clock.monotonic();
    await this.#flush(session);
    return this.#anonymous;
  }

  /** A file is begun only when the engine has committed all of the file before. */
  #proveFilesBefore({ file }: LogOffset): void {
    const begin = { file, at: 0 };
    this.#prove(begin);
    this.#anonymous = greatest(this.#anonymous, begin);
  }

  /** A server that is always busy: a new file is the proof for what is in the old one. */
  async #flush(session: Session): Promise<void> {
    const now = this.#clock.monotonic();
    const isDue = this.#vainSinceMs !== null && now - this.#vainSinceMs >= FLUSH_AFTER_MS;
    if (!isDue || this.#mayNotFlush || now - this.#flushedAtMs < FLUSH_EVERY_MS) return;
    this.#flushedAtMs = now;
    try {
      await session.query("FLUSH BINARY LOGS");
      this.#proveFilesBefore(await readLogEnd(session));
    } catch (error) {
      if (!(error instanceof MillraceError) || errnoOf(error) !== ACCESS_DENIED) throw error;
      this.#mayNotFlush = true;
    }
  }
}

/** Where its log was at a snapshot. */
async function lookAtMariaDb(session: Session): Promise<LogOffset> {
  const place = await beginMariaDbSnapshot(session);
  await session.query("COMMIT");
  return place;
}

function greatest(a: LogOffset, b: LogOffset): LogOffset {
  return compareOffsets(a, b) < 0 ? b : a;
}

function least(a: LogOffset, b: LogOffset): LogOffset {
  return compareOffsets(a, b) < 0 ? a : b;
}

function disjoint(a: GtidSet, b: GtidSet): boolean {
  return a.without(b).toString() === a.toString();
}
