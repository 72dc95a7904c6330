import type { DeadLetter, Refusal } from "../model/dead-letter.ts";
import type { Clock } from "../model/ports.ts";
import type { Write } from "../model/sink.ts";
import type { TableId, TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { lineOf, toWrites, type KeyOutcome, type TargetOutcomes } from "./compaction.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import { ClearItem, ReplayItem, type RowItem } from "./lane-item.ts";
import { letterFor, letterKeyOf } from "./letter.ts";
import type { TaskObserver } from "./observer.ts";
import { isPutOff } from "./put-off.ts";
import { unfit } from "./routes.ts";
import type { TaskEvent } from "./status.ts";

/** A key of a target whose dead letter goes. */
export interface Superseded {
  readonly target: TableId;
  readonly key: string;
}

interface ContentParts {
  readonly book: DeadLetterBook;
  readonly observer: TaskObserver;
  readonly clock: Clock;
}

/**
 * What one transaction of a lane is going to carry, as it grows: writes, the letters of rows that do not fit, and the
 * letters that later full changes take the place of, also of those in the same transaction.
 */
export class BatchContent {
  readonly writes: Write[] = [];
  /** For writes that may miss rows: the outcomes behind each row. */
  readonly outcomesOf: KeyOutcome[][] = [];
  readonly #parts: ContentParts;
  readonly #letters = new Map<string, DeadLetter>();
  readonly #superseded = new Map<string, Superseded>();

  constructor(parts: ContentParts) {
    this.#parts = parts;
  }

  /** What letters of larger values name. */
  get maxValueBytes(): number | null {
    return this.#parts.book.maxValueBytes;
  }

  get deadLetters(): DeadLetter[] {
    return [...this.#letters.values()];
  }

  get superseded(): Superseded[] {
    return [...this.#superseded.values()];
  }

  /** Adds what the keys of a run of items come to. */
  addKeyed(targets: Map<TargetTable, TargetOutcomes>): void {
    const made = toWrites(
      [...targets].map(([target, outcomes]) => {
        const fitting: KeyOutcome[] = [];
        // Hot: by forEach, since a Map's iterator makes an object for each key.
        outcomes.forEach((outcome) => {
          if (this.#fits(target, outcome)) fitting.push(outcome);
        });
        return [target, fitting];
      }),
    );
    this.writes.push(...made.writes);
    this.outcomesOf.push(...made.outcomesOf);
  }

  /** Adds rows without key: appends and removals in their own order. Rows in `absent` are known not to be at the sink. */
  addKeyless(run: readonly RowItem[], absent: ReadonlyMap<RowItem, Row | null>): void {
    let appended: { readonly table: TargetTable; readonly rows: Row[] } | null = null;
    for (const item of run) {
      const { target: table } = item.route;
      if (!table.keyless || absent.has(item) || !this.#fitsKeyless(item)) continue;
      if (item.write === "remove-equal") {
        appended = null;
        this.#push({ kind: "delete-equal", table, row: item.row }, [item]);
      } else if (appended === null || appended.table !== table) {
        appended = { table, rows: [item.row] };
        this.#push({ kind: "insert", ...appended }, []);
      } else appended.rows.push(item.row);
    }
  }

  /** An item that can never be applied. @throws MillraceError where there are too many. */
  park(item: RowItem, why: Refusal): void {
    const { book, clock } = this.#parts;
    const target = item.route.target.id;
    const key = letterKeyOf(item);
    const name = nameOf(target, key);
    const earlier = this.#letters.get(name) ?? book.get(target, key);
    const counts = earlier !== null && (!isPutOff(earlier) || isPutOff(why));
    if (!counts || !(item instanceof ReplayItem)) {
      const known = counts && book.has(target, key) ? 1 : 0;
      book.admit(item.table.id, why, this.#newLettersBeside(name, item.table.id) - known);
    }
    this.#letters.set(name, letterFor(item, why, clock.now(), earlier));
    this.#superseded.delete(name);
  }

  /** An item for a sink where every change matters: a full row takes the place of the key's letter. */
  applied(item: RowItem): void {
    const { target } = item.route;
    if (target.keyless || this.#hasNoLetters) return;
    const key = letterKeyOf(item);
    const name = nameOf(target.id, key);
    this.#letters.delete(name);
    if (this.#parts.book.has(target.id, key))
      this.#superseded.set(name, { target: target.id, key });
  }

  /** Letters of this transaction for keys of a table that had none. */
  #newLettersBeside(own: string, table: TableId): number {
    let count = 0;
    for (const [name, letter] of this.#letters) {
      const isNew = letter.table === table && !this.#parts.book.has(letter.target, letter.key);
      if (isNew && name !== own) count++;
    }
    return count;
  }

  /**
   * It is durable: its letters stand, and those that it took the place of are gone.
   * @throws TooManyRefused where they are too many together with those of other lanes.
   */
  durable(): void {
    const { book, observer } = this.#parts;
    for (const { target, key } of this.#superseded.values()) book.remove(target, key);
    for (const letter of this.#letters.values())
      if (!isPutOff(letter)) observer.event(parkedEvent(letter));
    book.addAll(this.deadLetters);
  }

  /** As nearly always: then no row needs a name. */
  get #hasNoLetters(): boolean {
    return this.#parts.book.size === 0 && this.#letters.size === 0 && this.#superseded.size === 0;
  }

  /** False where it became a letter, or stays behind the one that stands: what it left out never reached the sink. */
  #fits(target: TargetTable, outcome: KeyOutcome): boolean {
    const fitsForSure = outcome.write === "remove" || lineOf(outcome) !== null;
    const why = fitsForSure ? null : unfit(target, outcome.row, this.maxValueBytes);
    if (why !== null) {
      this.park(outcome.item, why);
      return false;
    }
    if (this.#hasNoLetters && !(outcome.item instanceof ClearItem)) return true;
    const key = letterKeyOf(outcome.item);
    const name = nameOf(target.id, key);
    const standing = this.#parts.book.has(target.id, key);
    if (outcome.item instanceof ClearItem) return standing && !this.#superseded.has(name);
    const behind = this.#letters.has(name) || (standing && !this.#superseded.has(name));
    if (behind && outcome.write === "patch") return false;
    this.#letters.delete(name);
    if (standing) this.#superseded.set(name, { target: target.id, key });
    return true;
  }

  #fitsKeyless(item: RowItem): boolean {
    const why = unfit(item.route.target, item.row, this.maxValueBytes);
    if (why === null) return true;
    if (item.write === "append") this.park(item, why);
    // A row that does not fit was parked when it came, so there is nothing to remove.
    return false;
  }

  #push(write: Write, outcomes: KeyOutcome[]): void {
    this.writes.push(write);
    this.outcomesOf.push(outcomes);
  }
}

/** What is told of a letter to logs and displays: the names of the key's columns, never their values. */
export function parkedEvent(letter: DeadLetter): TaskEvent {
  const { id, table, target, code, reason, column, position, op, attempts } = letter;
  const key = Object.keys(letter.keyColumns);
  return {
    type: "dead-letter",
    id,
    table,
    target,
    code,
    reason,
    column,
    position,
    op,
    key,
    attempts,
  };
}

function nameOf(target: TableId, key: string): string {
  return `${target}\u0000${key}`;
}
