import { writeDeadLetter, writeLetterKey } from "../../formats/meta-messages.ts";
import type { Commit } from "../../model/sink.ts";
import type { SideOutput } from "./side-output.ts";
import type { SideTeller } from "./side-teller.ts";

/** Dead letters as they are parked, with their reason in headers; a tombstone where one is gone. */
export class LetterTeller implements SideTeller {
  readonly #output: SideOutput;

  constructor(output: SideOutput) {
    this.#output = output;
  }

  /** See {@link SideTeller.begin}. */
  begin({ deadLetters, superseded }: Commit, nowMs: number): void {
    const output = this.#output;
    for (const letter of superseded) {
      writeLetterKey(letter, output.key);
      output.message(nowMs, false);
    }
    for (const letter of deadLetters)
      output.message(nowMs, true, writeDeadLetter(letter, output.key, output.value));
  }

  /** The commit itself says what stands: nothing is kept here. */
  done(): void {}

  /** See {@link done}. */
  undone(): void {}
}
