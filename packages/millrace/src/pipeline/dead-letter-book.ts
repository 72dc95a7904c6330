import { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter, Refusal } from "../model/dead-letter.ts";
import type { ErrorHandler } from "../model/error-handler.ts";
import type { TableId } from "../model/table.ts";
import { LetterArrivals } from "./letter-arrivals.ts";
import { isPutOff, MAX_PUT_OFF } from "./put-off.ts";

interface Limits {
  readonly policy: "park" | "fail";
  /** Asked in place of `policy` where there is one. */
  readonly handler?: ErrorHandler;
  readonly maxPerTable: number;
  /** Of the last 10,000 rows of a table. */
  readonly maxShare: number;
  /** What a value may have: letters of larger ones name it. Null where nobody knows. */
  readonly maxValueBytes?: number;
}

const SHARE_WINDOW_ROWS = 10_000;

/** So many rows of one table are refused that its mapping must be wrong: the table is stopped, not the pipeline. */
export class TooManyRefused extends MillraceError {
  readonly table: TableId;

  constructor(table: TableId, standing: number, last: Refusal) {
    const rows = `${standing} ${standing === 1 ? "row" : "rows"} of ${table} stand as dead letters, and one more was refused`;
    super("MR_DEAD_LETTER_LIMIT", `${rows}: ${last.code}: ${last.reason}`, {
      facts: { table, standing },
    });
    this.table = table;
  }
}

/** Of a table's last rows, those that are durable: how many went by, and how many of them got a letter. */
interface Recent {
  rows: number;
  parked: number;
}

/** The dead letters that stand at the sink, by target and key; and the limit past which a mapping must be wrong. */
export class DeadLetterBook {
  readonly #letters = new Map<TableId, Map<string, DeadLetter>>();
  readonly #counts = new Map<TableId, number>();
  readonly #putOff = new Map<TableId, number>();
  readonly #recent = new Map<TableId, Recent>();
  readonly #limits: Limits;
  /** Of rows that are put off. */
  readonly arrivals = new LetterArrivals();
  #size = 0;

  constructor(limits: Limits, standing: readonly DeadLetter[]) {
    this.#limits = limits;
    for (const letter of standing) this.#put(letter);
  }

  get size(): number {
    return this.#size;
  }

  /** What a value may have, bytes; null where nobody knows. */
  get maxValueBytes(): number | null {
    return this.#limits.maxValueBytes ?? null;
  }

  /** All that stand. */
  list(): DeadLetter[] {
    return [...this.#letters.values()].flatMap((letters) => [...letters.values()]);
  }

  has(target: TableId, key: string): boolean {
    return this.get(target, key) !== null;
  }

  /** The letter of a key; null where there is none. */
  get(target: TableId, key: string): DeadLetter | null {
    return this.#size === 0 ? null : (this.#letters.get(target)?.get(key) ?? null);
  }

  /** How many stand for a source table. */
  countOf(table: TableId): number {
    return this.#counts.get(table) ?? 0;
  }

  /** How many rows of a source table wait for the end of its load; they are no dead letters yet. */
  putOffOf(table: TableId): number {
    return this.#putOff.get(table) ?? 0;
  }

  /** Keys of a target that have one. */
  keysOf(target: TableId): string[] {
    return [...(this.#letters.get(target)?.keys() ?? [])];
  }

  /** A letter is durable. One of a key that has one already takes its place and counts once: then false. */
  add(letter: DeadLetter): boolean {
    const counts = this.#put(letter);
    if (counts) this.#recentOf(letter.table).parked++;
    return counts;
  }

  /**
   * Letters are durable. Lanes do not know what the others are about to park, so that together they may be too many.
   * @throws TooManyRefused
   */
  addAll(letters: readonly DeadLetter[]): void {
    const added = letters.filter((letter) => this.add(letter));
    const last = added.find(({ table }) => this.countOf(table) > this.#limits.maxPerTable);
    if (last !== undefined)
      throw new TooManyRefused(last.table, this.countOf(last.table) - 1, last);
  }

  remove(target: TableId, key: string): void {
    const letters = this.#letters.get(target);
    const letter = letters?.get(key);
    if (letters === undefined || letter === undefined) return;
    letters.delete(key);
    this.#count(letter, -1);
  }

  /** Counts rows that are durable, the parked ones among them. Each once, however often its batch was cut. */
  passed(table: TableId, rows: number): void {
    const recent = this.#recentOf(table);
    recent.rows += rows;
    if (recent.rows > SHARE_WINDOW_ROWS) {
      recent.parked = Math.floor((recent.parked * SHARE_WINDOW_ROWS) / recent.rows);
      recent.rows = SHARE_WINDOW_ROWS;
    }
  }

  /**
   * Says that one more key is about to be parked, beside `pending` others of its table in the same transaction. Changes
   * nothing: only what is durable counts, and a batch that is cut asks again for the same rows.
   * @throws TooManyRefused when that is too many.
   * @throws MillraceError MR_DEAD_LETTER_LIMIT where none may be parked.
   */
  admit(table: TableId, refusal: Refusal, pending = 0): void {
    if (isPutOff(refusal)) {
      const putOff = this.putOffOf(table) + pending;
      if (putOff >= MAX_PUT_OFF) throw new TooManyRefused(table, putOff, refusal);
      return;
    }
    this.#refuseByPolicy(table, refusal);
    const standing = this.countOf(table) + pending;
    const { rows, parked } = this.#recentOf(table);
    const share =
      rows >= SHARE_WINDOW_ROWS &&
      parked + pending + 1 > Math.round(this.#limits.maxShare * SHARE_WINDOW_ROWS);
    if (share || standing >= this.#limits.maxPerTable)
      throw new TooManyRefused(table, standing, refusal);
  }

  #refuseByPolicy(table: TableId, { code, reason }: Refusal): void {
    const { policy, handler } = this.#limits;
    if ((handler?.rowRefused({ table, code, reason }) ?? policy) !== "fail") return;
    const who = handler === undefined ? "dead letters are set to fail" : "its handler says fail";
    throw new MillraceError(
      "MR_DEAD_LETTER_LIMIT",
      `a row of ${table} was refused (${code}: ${reason}) and ${who}`,
    );
  }

  /** True where the key had none that counts. */
  #put(letter: DeadLetter): boolean {
    const letters = this.#letters.get(letter.target) ?? new Map<string, DeadLetter>();
    this.#letters.set(letter.target, letters);
    const before = letters.get(letter.key);
    if (before !== undefined) this.remove(letter.target, letter.key);
    letters.set(letter.key, letter);
    if (isPutOff(letter)) this.arrivals.came(letter, before);
    this.#count(letter, 1);
    return !isPutOff(letter) && (before === undefined || isPutOff(before));
  }

  #count(letter: DeadLetter, by: number): void {
    this.#size += by;
    const counts = isPutOff(letter) ? this.#putOff : this.#counts;
    counts.set(letter.table, (counts.get(letter.table) ?? 0) + by);
  }

  #recentOf(table: TableId): Recent {
    const recent = this.#recent.get(table) ?? { rows: 0, parked: 0 };
    this.#recent.set(table, recent);
    return recent;
  }
}
