import type { InitSync } from "../../model/init-sync.ts";
import type { StreamRecord } from "./api.ts";
import type { Loss } from "./log-errors.ts";
import type { Standing } from "./position.ts";

/** Milliseconds. */
export const HOUR_MS = 3_600_000;
/** How long records can be read for certain. Source: DynamoDB Streams developer guide. */
export const RETENTION_MS = 24 * HOUR_MS;

/** Ages that decide what is read, milliseconds. */
export interface AgeLimits {
  /** What was not read for so long may have lost something (20 hours). */
  readonly safeZoneMs: number;
  /** The same while the table is being loaded, which would begin anew all the same (19 hours). */
  readonly restartAfterMs: number;
  /** Records older than the table's INIT_SYNC by so much are left out (1 hour). */
  readonly overlapMs: number;
}

/** What is to be done with a record by its age. */
export class AgeRules {
  readonly #limits: AgeLimits;
  readonly #initSync: InitSync | null;
  readonly #sinceMs: number;
  readonly #startMs: number;
  /** What was written before this and is wanted no scan has seen: where a start was asked for at a time. */
  readonly #backlogToMs: number;

  /**
   * `initSync` is the table's; null where it was never loaded. `sinceMs`: records before that are not wanted, and the first INIT_SYNC is
   * one of no rows, which covers nothing. The INIT_SYNC's start is told by this machine's clock, which may be hours fast: it counts
   * as `begunMs`, the service's, where that is earlier (I1).
   */
  constructor(
    limits: AgeLimits,
    initSync: InitSync | null,
    { sinceMs, begunMs = Infinity }: Pick<Standing, "sinceMs" | "begunMs"> = {},
  ) {
    this.#limits = limits;
    this.#initSync = sinceMs !== undefined && initSync?.isRepeated === false ? null : initSync;
    this.#sinceMs = sinceMs ?? 0;
    this.#startMs = Math.min(initSync?.startMs ?? 0, begunMs);
    this.#backlogToMs = sinceMs === undefined ? 0 : begunMs;
  }

  /**
   * The drop rule: what is older than this every page of the scan has seen. It leaves out nothing where an earlier load may
   * have left rows at the sink: a delete that it left out would leave one there for ever.
   */
  isLeftOut({ timeMs }: Pick<StreamRecord, "timeMs">): boolean {
    return timeMs <= this.droppedToMs || timeMs < this.#sinceMs;
  }

  /** Records up to here are left out; -Infinity where none is. */
  get droppedToMs(): number {
    if (this.#initSync === null || this.#initSync.isRepeated) return Number.NEGATIVE_INFINITY;
    return this.#startMs - this.#limits.overlapMs;
  }

  /** Up to here nothing is missed, whether it is left out or was loaded by the scan. */
  get coveredToMs(): number {
    const overlapMs = Math.min(HOUR_MS, this.#limits.overlapMs);
    const loaded = this.#initSync === null ? 0 : this.#startMs - overlapMs;
    return Math.max(loaded, this.#sinceMs);
  }

  /**
   * Whether everything was read up to a time too long ago (boundary included): what came then may be trimmed, and the records
   * that are still there do not tell.
   */
  isTooOld(readToMs: number, nowMs: number): boolean {
    const coveredToMs = Math.max(readToMs, this.coveredToMs);
    return nowMs - coveredToMs >= this.#limitMs(coveredToMs);
  }

  /** What {@link isTooOld} comes to, for people. */
  tooOld(readToMs: number, nowMs: number): Loss {
    const coveredToMs = Math.max(readToMs, this.coveredToMs);
    const hours = Math.round((nowMs - coveredToMs) / HOUR_MS);
    return {
      why: "too-old",
      hours,
      limitHours: Math.round(this.#limitMs(coveredToMs) / HOUR_MS),
    };
  }

  /** Records that are trimmed now were read before, or are wanted by nobody. */
  mayBeTrimmed(readToMs: number, nowMs: number): boolean {
    return nowMs - RETENTION_MS <= Math.max(readToMs, this.coveredToMs);
  }

  /** What was old when the log was begun has no safe zone to be read in: what is certain counts, 24 hours. */
  #limitMs(coveredToMs: number): number {
    const { safeZoneMs, restartAfterMs } = this.#limits;
    if (coveredToMs < this.#backlogToMs) return Math.max(RETENTION_MS, safeZoneMs);
    const isLoading = this.#initSync !== null && this.#initSync.endMs === null;
    return isLoading ? Math.min(restartAfterMs, safeZoneMs) : safeZoneMs;
  }
}
