import { createHash } from "node:crypto";
import { MillraceError } from "../errors/millrace-error.ts";
import type { ErrorHandler } from "../model/error-handler.ts";
import type { DeadLetter } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import type { Value } from "../model/value.ts";
import type { RowItem } from "./lane-item.ts";

interface Limits {
  readonly policy: "park" | "fail";
  /** Asked in place of `policy` where there is one. */
  readonly handler?: ErrorHandler;
  readonly maxPerTable: number;
  /** Of the last 10,000 rows of a table. */
  readonly maxShare: number;
}

const SHARE_WINDOW_ROWS = 10_000;

/** The dead letters that stand at the sink, by target and key; and the limit past which a mapping must be wrong. */
export class DeadLetterBook {
  readonly #letters = new Map<TableId, Map<string, DeadLetter>>();
  readonly #recent = new Map<TableId, { rows: number; parked: number }>();
  readonly #limits: Limits;
  #size = 0;

  constructor(limits: Limits, standing: readonly DeadLetter[]) {
    this.#limits = limits;
    for (const letter of standing) this.add(letter);
  }

  get size(): number {
    return this.#size;
  }

  has(target: TableId, key: string): boolean {
    return this.#size > 0 && (this.#letters.get(target)?.has(key) ?? false);
  }

  /** How many stand for a source table. */
  countOf(table: TableId): number {
    let count = 0;
    for (const letters of this.#letters.values())
      for (const letter of letters.values()) if (letter.table === table) count++;
    return count;
  }

  /** Keys of a target that have one. */
  keysOf(target: TableId): string[] {
    return [...(this.#letters.get(target)?.keys() ?? [])];
  }

  add(letter: DeadLetter): void {
    const letters = this.#letters.get(letter.target) ?? new Map<string, DeadLetter>();
    this.#letters.set(letter.target, letters);
    if (!letters.has(letter.key)) this.#size++;
    letters.set(letter.key, letter);
  }

  remove(target: TableId, key: string): void {
    if (this.#letters.get(target)?.delete(key) === true) this.#size--;
  }

  /** Counts rows that were applied. */
  applied(table: TableId, rows: number): void {
    const recent = this.#recentOf(table);
    recent.rows += rows;
    if (recent.rows > SHARE_WINDOW_ROWS) {
      recent.parked = Math.floor((recent.parked * SHARE_WINDOW_ROWS) / recent.rows);
      recent.rows = SHARE_WINDOW_ROWS;
    }
  }

  /**
   * Says that one more is about to be parked, beside `pending` others of the same transaction.
   * @throws MillraceError MR_DEAD_LETTER_LIMIT when that is too many, or the row's own error where none may be parked.
   */
  admit(table: TableId, letter: Pick<DeadLetter, "code" | "reason">, pending = 0): void {
    const { policy, handler } = this.#limits;
    const { code, reason } = letter;
    if ((handler?.rowRefused({ table, code, reason }) ?? policy) === "fail") {
      const who = handler === undefined ? "dead letters are set to fail" : "its handler says fail";
      throw new MillraceError(
        "MR_DEAD_LETTER_LIMIT",
        `a row of ${table} was refused (${code}: ${reason}) and ${who}`,
      );
    }
    const recent = this.#recentOf(table);
    recent.parked++;
    const share =
      recent.rows >= SHARE_WINDOW_ROWS && recent.parked > this.#limits.maxShare * SHARE_WINDOW_ROWS;
    if (share || this.countOf(table) + pending >= this.#limits.maxPerTable) {
      throw new MillraceError(
        "MR_DEAD_LETTER_LIMIT",
        `${this.countOf(table) + 1} rows of ${table} were refused, the last one: ${letter.code}: ${letter.reason}`,
        { facts: { table, standing: this.countOf(table) } },
      );
    }
  }

  #recentOf(table: TableId): { rows: number; parked: number } {
    const recent = this.#recent.get(table) ?? { rows: 0, parked: 0 };
    this.#recent.set(table, recent);
    return recent;
  }
}

/** A dead letter for an item that cannot be applied. */
export function letterFor(item: RowItem, code: string, reason: string, nowMs: number): DeadLetter {
  const keyColumns: Record<string, string | null> = {};
  const source = item.change.after ?? item.change.before ?? [];
  for (const index of item.change.shape.key) {
    keyColumns[item.change.shape.columns[index]?.name ?? String(index)] = keyColumnText(
      source[index],
    );
  }
  const key = item.route.target.keyless ? keylessName(item) : item.key;
  return {
    id: idOf(item, key),
    table: item.table.id,
    target: item.route.target.id,
    key,
    keyColumns,
    op: item.op,
    position: item.position,
    code,
    reason,
    parkedAtMs: nowMs,
  };
}

/** A hash, because the sink keeps letters by it: the key of a row that is refused for its key may fit into none (I1). */
function idOf(item: RowItem, key: string): string {
  return createHash("sha256")
    .update(`${item.table.id}|${item.route.target.id}|${key}`)
    .digest("hex");
}

/** Each letter of a table without key stands for itself: no later change of a key can take its place. */
function keylessName(item: RowItem): string {
  const name = item.position === null ? keyColumnText(item.row[0]) : JSON.stringify(item.position);
  return `${item.op} ${name}`;
}

function keyColumnText(value: Value | undefined): string | null {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (
    value === null ||
    value === undefined ||
    typeof value === "symbol" ||
    typeof value === "object"
  )
    return null;
  return String(value);
}
