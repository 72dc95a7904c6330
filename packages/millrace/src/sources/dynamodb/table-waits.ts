import type { Clock } from "../../model/ports.ts";
import type { SourceWait } from "../../model/source.ts";
import type { ColumnMisfits } from "./misfit-counts.ts";
import type { Gap } from "./position.ts";

/** Shards are missing from listings for a moment now and then: worth a word after this, milliseconds. */
const UNLISTED_MS = 30_000;

/** What a table's log and load wait for, since when. */
export class TableWaits {
  readonly #clock: Pick<Clock, "now">;
  readonly #since = new Map<string, number>();
  #isThrottled = false;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** The service refuses to read the stream any faster. */
  throttled(isThrottled: boolean): void {
    this.#isThrottled = isThrottled;
  }

  /** For `status`. */
  list({ isScanRefused, unlisted, gap, misfits }: WaitFacts): readonly SourceWait[] {
    const found: Omit<SourceWait, "sinceMs">[] = [];
    if (this.#isThrottled) found.push({ what: "log", reason: "throttled", why: STREAM_THROTTLED });
    if (isScanRefused) found.push({ what: "load", reason: "throttled", why: SCAN_THROTTLED });
    if (unlisted.length > 0)
      found.push({ what: "log", reason: "shards-unlisted", why: unlistedText(unlisted) });
    if (misfits.length > 0)
      found.push({ what: "log", reason: "values-misfit", why: misfitText(misfits) });
    const waits = this.#dated(found).filter(
      ({ reason, sinceMs }) =>
        reason !== "shards-unlisted" || this.#clock.now() - sinceMs >= UNLISTED_MS,
    );
    if (gap === undefined) return waits;
    return [...waits, { what: "log", reason: "gap", why: gapText(gap), sinceMs: gap.timeMs }];
  }

  #dated(found: readonly Omit<SourceWait, "sinceMs">[]): SourceWait[] {
    const names = new Set(found.map(nameOf));
    for (const name of this.#since.keys()) if (!names.has(name)) this.#since.delete(name);
    return found.map((wait) => {
      const sinceMs = this.#since.get(nameOf(wait)) ?? this.#clock.now();
      this.#since.set(nameOf(wait), sinceMs);
      return { ...wait, sinceMs };
    });
  }
}

/** What waits are made of. */
export interface WaitFacts {
  readonly isScanRefused: boolean;
  /** Shards that cannot be read on because the service does not list their relatives yet. */
  readonly unlisted: readonly string[];
  readonly gap: Gap | undefined;
  /** Values that their columns do not hold. */
  readonly misfits: readonly ColumnMisfits[];
}

const STREAM_THROTTLED =
  "DynamoDB refuses to give the stream's records any faster; more than two readers of a shard (one of a global table) are too many";
const SCAN_THROTTLED =
  "the table refuses reads, so its scan goes slower; a smaller init.sync.read-capacity.share leaves more to others, more read capacity makes it quicker";

function unlistedText(shards: readonly string[]): string {
  const [first = ""] = shards;
  const more = shards.length > 1 ? ` and ${shards.length - 1} more` : "";
  return `DescribeStream does not list the parent or the children of ${first}${more}; it is asked again`;
}

function gapText({ why }: Gap): string {
  return `for nothing, but changes are missing at the sink: the table ${why}, and on-loss is continue`;
}

function misfitText(misfits: readonly ColumnMisfits[]): string {
  const columns = misfits.map(
    ({ column, tag, count }) => `"${column}" (${count}, the last one ${tag})`,
  );
  return `for nothing, but values do not fit their columns and are in the document alone, or dead letters: ${columns.join(", ")}`;
}

function nameOf({ what, reason }: Omit<SourceWait, "sinceMs">): string {
  return `${what}/${reason}`;
}
