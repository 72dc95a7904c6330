/** How far back growth is looked at. */
const WINDOW_MS = 300_000;
/** Two halves of less than this tell nothing. */
const LEAST_MS = 20_000;
/** A time to the limit beyond this is as good as none. */
const FARTHEST_S = 30 * 86_400;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * Whether what a source keeps grows, and when it will be too much. It is let go of in leaps (PostgreSQL: once a snapshot
 * of running transactions was logged and read, every 15 s), so that its least of an older time is held against its least
 * of a newer one: a saw that goes up and down is no growth.
 */
export class RetentionTrend {
  #samples: Sample[] = [];

  /** One look, monotonic ms. */
  add(bytes: number, atMs: number): void {
    this.#samples = this.#samples.filter((sample) => atMs - sample.atMs <= WINDOW_MS);
    this.#samples.push({ atMs, bytes });
  }

  /** What was known tells nothing of what comes: the log was made anew. */
  forget(): void {
    this.#samples = [];
  }

  /** Seconds until so much is kept, at the pace of the last minutes; null while it does not grow. */
  secondsUntil(limitBytes: number): number | null {
    const newest = this.#samples.at(-1);
    const oldest = this.#samples[0];
    if (newest === undefined || oldest === undefined) return null;
    if (newest.bytes >= limitBytes) return 0;
    if (newest.atMs - oldest.atMs < LEAST_MS) return null;
    const middleMs = (oldest.atMs + newest.atMs) / 2;
    const before = least(this.#samples.filter(({ atMs }) => atMs <= middleMs));
    const since = least(this.#samples.filter(({ atMs }) => atMs > middleMs));
    if (before === null || since === null || since.bytes <= before.bytes) return null;
    const perSecond = ((since.bytes - before.bytes) / (since.atMs - before.atMs)) * 1_000;
    const seconds = (limitBytes - newest.bytes) / perSecond;
    return seconds > FARTHEST_S ? null : seconds;
  }
}

function least(samples: readonly Sample[]): Sample | null {
  return samples.reduce<Sample | null>(
    (found, sample) => (found === null || sample.bytes < found.bytes ? sample : found),
    null,
  );
}
