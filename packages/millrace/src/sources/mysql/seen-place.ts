import type { Clock } from "../../model/ports.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
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
}

/**
 * Up to where in the log every transaction is committed in the engine too, so that whoever opens a snapshot from now on
 * sees it. The log's end is no such place: it is written before the engine commits. One for a server and a process.
 */
export class SeenPlace {
  readonly #clock: Clock;
  #proven: LogOffset = { file: 0, at: 0 };
  /** Looks of MySQL without GTIDs in vain. */
  #vainSinceMs: number | null = null;
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  #mayNotFlush = false;
  readonly #waits = new Set<number>();

  constructor({ clock }: SeenPlaceOptions) {
    this.#clock = clock;
  }

  /** Everything that begins before it is seen from now on. */
  get proven(): LogOffset {
    return this.#proven;
  }

  /** Since when somebody waits; null while nobody does. */
  get wait(): PlaceWait | null {
    if (this.#waits.size === 0) return null;
    return { sinceMs: Math.min(...this.#waits), mayNotFlush: this.#mayNotFlush };
  }

  /** What every snapshot sees that is opened from now on, as far as one look can tell. */
  async visibility(session: Session): Promise<Visibility> {
    if (session.version.flavor === "mariadb")
      return Visibility.of(GtidSet.EMPTY, await this.#lookAtMariaDb(session));
    const state = await readGtidState(session);
    return this.visibilityOf(session, state);
  }

  /** The same of MySQL, whose transactions with GTIDs have been read. */
  async visibilityOf(session: Session, { isOn, executed }: GtidState): Promise<Visibility> {
    const before = isOn ? null : await this.#lookAtAnonymous(session);
    return Visibility.of(GtidSet.parse(executed), before);
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
      return this.#until(signal, async () => {
        return compareOffsets(await this.#lookAtMariaDb(session), place) >= 0;
      });
    const end = await readLogEnd(session);
    const { isOn, owned } = await readGtidState(session);
    const first = GtidSet.parse(owned);
    await this.#until(signal, async () => {
      const { owned: now } = await readGtidState(session);
      return disjoint(first, GtidSet.parse(now));
    });
    if (isOn) this.#prove(end);
    else
      await this.#until(signal, async () => {
        return compareOffsets(await this.#lookAtAnonymous(session), place) >= 0;
      });
  }

  async #until(signal: AbortSignal, isDone: () => Promise<boolean>): Promise<void> {
    for (let waitMs = LOOK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MOST_MS)) {
      signal.throwIfAborted();
      if (await isDone()) return;
      await this.#clock.sleep(waitMs, signal);
    }
  }

  #prove(place: LogOffset): LogOffset {
    if (compareOffsets(place, this.#proven) > 0) this.#proven = place;
    return this.#proven;
  }

  async #lookAtMariaDb(session: Session): Promise<LogOffset> {
    const place = await beginMariaDbSnapshot(session);
    await session.query("COMMIT");
    return this.#prove(place);
  }

  /**
   * MySQL without GTIDs. The end is read first: what is before it was counted, unless the engine has committed it. A file
   * is begun only when the engine has committed all of the file before.
   */
  async #lookAtAnonymous(session: Session): Promise<LogOffset> {
    const end = await readLogEnd(session);
    this.#prove({ file: end.file, at: 0 });
    if ((await readOngoingAnonymous(session)) === 0) {
      this.#vainSinceMs = null;
      return this.#prove(end);
    }
    this.#vainSinceMs ??= this.#clock.monotonic();
    await this.#flush(session);
    return this.#proven;
  }

  /** A server that is always busy: a new file is the proof for what is in the old one. */
  async #flush(session: Session): Promise<void> {
    const now = this.#clock.monotonic();
    const isDue = this.#vainSinceMs !== null && now - this.#vainSinceMs >= FLUSH_AFTER_MS;
    if (!isDue || this.#mayNotFlush || now - this.#flushedAtMs < FLUSH_EVERY_MS) return;
    this.#flushedAtMs = now;
    try {
      await session.query("FLUSH BINARY LOGS");
      this.#prove({ file: (await readLogEnd(session)).file, at: 0 });
    } catch (error) {
      if (!(error instanceof MillraceError) || errnoOf(error) !== ACCESS_DENIED) throw error;
      this.#mayNotFlush = true;
    }
  }
}

function disjoint(a: GtidSet, b: GtidSet): boolean {
  return a.without(b).toString() === a.toString();
}
