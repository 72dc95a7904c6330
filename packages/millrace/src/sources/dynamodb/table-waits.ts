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
  readonly #throttled = new Set<string>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** The service refuses to read a shard any faster, or does not any more. */
  throttled(shard: string, isThrottled: boolean): void {
    if (isThrottled) this.#throttled.add(shard);
    else this.#throttled.delete(shard);
  }

  /** For `status`. */
  list({ isScanRefused, unlisted, gap, misfits }: WaitFacts): readonly SourceWait[] {
    const found: Omit<SourceWait, "sinceMs">[] = [];
    if (this.#throttled.size > 0)
      found.push({ what: "log", reason: "throttled", why: throttledText([...this.#throttled]) });
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

const SCAN_THROTTLED =
  "the table refuses reads, so its scan goes slower; a smaller init.sync.read-capacity.share leaves more to others, more read capacity makes it quicker";

function throttledText(shards: readonly string[]): string {
  return `DynamoDB refuses to give records of ${someOf(shards)} any faster; more than two readers of a shard (one of a global table) are too many`;
}

function unlistedText(shards: readonly string[]): string {
  return `DescribeStream does not list the parent or the children of ${someOf(shards)}; it is asked again`;
}

function someOf(shards: readonly string[]): string {
  const [first = ""] = shards;
  return `${first}${shards.length > 1 ? ` and ${shards.length - 1} more` : ""}`;
}

function gapText({ why }: Gap): string {
  return `for nothing, but changes are missing at the sink: the table ${why}`;
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
