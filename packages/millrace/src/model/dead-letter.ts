import type { Position } from "./position.ts";
import type { TableId } from "./table.ts";

/** Why a row is refused. No values of it. */
export interface Refusal {
  /** Our code, such as MR_VALUE_DOES_NOT_FIT. */
  readonly code: string;
  /** A sentence without values. */
  readonly reason: string;
  /** The target's column that refuses, where that is known. */
  readonly column: string | null;
}

/** A change that can never be applied. No values, but the key that finds it. */
export interface DeadLetter extends Refusal {
  readonly id: string;
  readonly table: TableId;
  readonly target: TableId;
  /** Canonical key text. */
  readonly key: string;
  /** The key's columns by name, as the source's text; what replay reads the row by. Empty where the table has no key. */
  readonly keyColumns: Readonly<Record<string, string | null>>;
  /** Of the change that was refused; `r` where a load read the row. */
  readonly op: string;
  /** Of that change in the log; null where a load read the row. */
  readonly position: Position | null;
  /** How often a row of this key was refused since it was first parked: changes and replays. */
  readonly attempts: number;
  /** When it was first parked, milliseconds since 1970. */
  readonly parkedAtMs: number;
  /** When it was refused last. */
  readonly triedAtMs: number;
}

/** What replaying one letter came to. */
export interface ReplayOutcome {
  readonly id: string;
  readonly table: TableId;
  /**
   * `replayed`: the sink has the source's row. `deleted`: the source has no such row, and now neither has the sink.
   * `superseded`: a change of the row did it first. `refused`: it stands, with its new reason. `impossible`: it was not
   * tried, and `why` says what to do instead.
   */
  readonly outcome: "replayed" | "deleted" | "superseded" | "refused" | "impossible";
  readonly why: string | null;
  /** The letter as it stands now; null where it is gone. */
  readonly letter: DeadLetter | null;
}

/** A letter as a sink keeps it; one of an earlier version lacks what it did not know. */
export function deadLetterOf(stored: Omit<DeadLetter, keyof Newer> & Partial<Newer>): DeadLetter {
  const { column = null, attempts = 1, triedAtMs = stored.parkedAtMs } = stored;
  return { ...stored, column, attempts, triedAtMs };
}

type Newer = Pick<DeadLetter, "column" | "attempts" | "triedAtMs">;

/** The letter with this id, or with the one id that begins so; null where there is none or there are several. */
export function findLetter<L extends { readonly id: string }>(
  letters: readonly L[],
  id: string,
): L | null {
  const exact = letters.find((letter) => letter.id === id);
  if (exact !== undefined) return exact;
  const [found, ...others] = id === "" ? [] : letters.filter((letter) => letter.id.startsWith(id));
  return found !== undefined && others.length === 0 ? found : null;
}
