import type { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock } from "../../model/ports.ts";
import type { Commit, Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { parameterText } from "./array-literal.ts";
import { Rests } from "./rests.ts";

/** Fewer rows than this go as an upsert: there is little to gain, and that is how few keys that change all the time look. */
export const LEAST_REPLACED_ROWS = 100;

/** One key of so many is remembered; a power of two. */
const SAMPLED = 64;
/** Remembered keys of all tables together (I10): what stands for a million rows. */
const MOST_REMEMBERED = 16_384;
/** Until then a vacuum has seen the table. */
const REMEMBERED_MS = 5 * 60_000;
/** So many keys that come back within one write are no chance. */
const REVISITS = 2;

const NONE: ReadonlySet<TargetTable> = new Set();

/**
 * Which tables take large batches of known rows as a DELETE and a COPY in one transaction, which costs a server a third
 * less than an upsert. Only once per row and while: a row that changes again and again would leave a dead one behind
 * each time, where an UPDATE finds room beside the old one and no index has to know (HOT). So keys that come back send
 * the table's rows as upserts for a while, and so does whatever the server refuses. That nobody could tell the two apart
 * (no trigger, foreign key, index or column besides) the DELETE makes sure of by itself.
 */
export class Replacements {
  readonly #clock: Clock;
  readonly #rests = new Rests();
  /** Hashes of sampled keys, oldest first, with the monotonic time at which their rows were replaced. */
  readonly #remembered = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Tables of this commit whose known rows are worth replacing. */
  choose({ writes }: Commit): ReadonlySet<TargetTable> {
    if (!writes.some(isReplaceable)) return NONE;
    return new Set(writes.filter(isReplaceable).flatMap((write) => this.#chosen(write)));
  }

  /** True where the server refused a write of rows to be replaced; then it goes as an upsert, which tells why. */
  refused(error: MillraceError, { writes }: Commit, chosen: ReadonlySet<TargetTable>): boolean {
    const { sqlState, write: index } = error.facts;
    const write = typeof index === "number" ? writes[index] : undefined;
    if (typeof sqlState !== "string" || write === undefined || !isReplaceable(write)) return false;
    if (!chosen.has(write.table) || !REFUSALS.has(error.class)) return false;
    this.#rests.begin(write.table);
    return true;
  }

  #chosen({ table, rows }: Replaceable): TargetTable[] {
    if (this.#rests.passes(table)) return [];
    const now = this.#clock.monotonic();
    const sample = sampleOf(table, rows);
    const revisits = sample.filter(
      (key) => now - (this.#remembered.get(key) ?? -Infinity) < REMEMBERED_MS,
    );
    if (revisits.length >= REVISITS) {
      this.#rests.begin(table);
      return [];
    }
    for (const key of sample) this.#remember(key, now);
    return [table];
  }

  #remember(key: number, now: number): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, now);
    if (this.#remembered.size <= MOST_REMEMBERED) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}

type Replaceable = Extract<Write, { kind: "upsert" }>;

const REFUSALS: ReadonlySet<MillraceError["class"]> = new Set<MillraceError["class"]>([
  "row",
  "config",
  "schema",
]);

function isReplaceable(write: Write): write is Replaceable {
  return (
    write.kind === "upsert" && write.fresh !== true && write.rows.length >= LEAST_REPLACED_ROWS
  );
}

/** Hashes of some keys, the same ones each time. Another hash than the lanes', which would sample in one lane only. */
function sampleOf(table: TargetTable, rows: readonly Row[]): number[] {
  const seed = hashOf(table.id, 0);
  const sample: number[] = [];
  for (const row of rows) {
    let hash = seed;
    for (const column of table.key) hash = hashOf(parameterText(row[column]) ?? "", hash);
    if ((hash & (SAMPLED - 1)) === 0) sample.push(hash);
  }
  return sample;
}

/** MurmurHash3's steps over UTF-16 units. */
function hashOf(text: string, seed: number): number {
  let hash = seed ^ text.length;
  for (let i = 0; i < text.length; i++) {
    hash ^= Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
