import { MillraceError } from "../errors/millrace-error.ts";
import { findLetter, type DeadLetter, type ReplayOutcome } from "../model/dead-letter.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { Lane } from "./lane.ts";
import type { LaneChoice } from "./lane-choice.ts";
import type { Discard } from "./lane-item.ts";
import { letterSourceKey } from "./letter.ts";
import type { TaskObserver } from "./observer.ts";
import type { Replay } from "./replay.ts";
import { until } from "./until.ts";
import type { Waits } from "./waits.ts";

interface LetterDeskParts {
  readonly book: DeadLetterBook;
  readonly replay: Replay;
  readonly lanes: readonly Lane[];
  readonly choice: LaneChoice;
  readonly observer: TaskObserver;
  readonly waits: Pick<Waits, "begin" | "end">;
  /** The run is paused, and began so: nothing can be read beside the log, which has not come to where it stood before. */
  readonly isHeld: () => boolean;
  readonly signal: AbortSignal;
}

/** What a replay that waits for a resume is called by. */
const HELD = "asked/replay";
const WHY =
  "a replay of dead letters was accepted, and begins after the pipeline's resume: it has been paused since it was started, and what its log has of before is read first";

/** What an operator may do about dead letters while a task runs. */
export class LetterDesk {
  readonly #parts: LetterDeskParts;

  constructor(parts: LetterDeskParts) {
    this.#parts = parts;
  }

  /** All that stand, the oldest first. */
  list(): DeadLetter[] {
    return this.#parts.book.list().sort((a, b) => a.parkedAtMs - b.parkedAtMs);
  }

  /** Reads the rows of these letters from the source once more. @throws MillraceError MR_NOT_FOUND */
  async replay(ids: readonly string[]): Promise<readonly ReplayOutcome[]> {
    const letters = this.#named(ids);
    if (this.#parts.isHeld()) this.#tellHeld();
    const replayed = this.#parts.replay.replay(letters);
    const outcomes = await replayed.finally(() => this.#parts.waits.end(HELD));
    for (const { id, table, outcome } of outcomes)
      this.#parts.observer.event({ type: "dead-letter-settled", id, table, outcome });
    return outcomes;
  }

  #tellHeld(): void {
    const { waits, observer, signal } = this.#parts;
    const wait = { what: "pipeline", reason: "paused", table: null, why: WHY } as const;
    if (waits.begin(HELD, wait, signal)) observer.event({ type: "notice", message: WHY });
  }

  /**
   * Takes letters away and nothing else: their rows stay as the sink has them. Behind everything that is in their lanes
   * now, in commits of their lanes. Those that went are told.
   * @throws MillraceError MR_NOT_FOUND
   */
  async discard(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    const gone = await Promise.all(this.#named(ids).map((letter) => this.#discardOne(letter)));
    const letters = gone.filter((letter) => letter !== null);
    for (const { id, table } of letters)
      this.#parts.observer.event({ type: "dead-letter-settled", id, table, outcome: "discarded" });
    return letters;
  }

  async #discardOne(letter: DeadLetter): Promise<DeadLetter | null> {
    const { target, key, keyColumns } = letter;
    const { lanes, choice, signal } = this.#parts;
    const done = Promise.withResolvers<DeadLetter | null>();
    // Rows without key are all in one lane, whatever the letter is called.
    // Where only the key's hash is known, any lane does: behind the letter nothing of its key is written as a part.
    const sourceKey = letterSourceKey(letter, false)?.key ?? key;
    const laneKey = Object.keys(keyColumns).length === 0 ? "" : sourceKey;
    const item: Discard = { kind: "discard", target, key, done };
    const lane = lanes[choice.laneOf(target, laneKey)];
    if (lane === undefined) throw new MillraceError("MR_BUG", "a letter's key hashes to no lane");
    lane.push(item);
    return until(signal, done.promise);
  }

  #named(ids: readonly string[]): DeadLetter[] {
    const all = this.list();
    return [...new Set(ids)].map((id) => {
      const letter = findLetter(all, id);
      if (letter === null)
        throw new MillraceError("MR_NOT_FOUND", `there is no one dead letter ${id}`);
      return letter;
    });
  }
}
