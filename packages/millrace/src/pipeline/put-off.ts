import type { DeadLetter, Refusal } from "../model/dead-letter.ts";

/**
 * A row that a constraint refuses while its table is in INIT_SYNC: its letter stands for a row to be read again when the
 * load is over, not for one that is given up (design/002). Only then, refused once more, it counts.
 */
export const PUT_OFF: Refusal = {
  code: "MR_ROW_PUT_OFF",
  reason:
    "a constraint of the target besides the key does not allow the row yet; it is tried again when the table is loaded",
  column: null,
};

/** How many rows of a table may be put off (I10). */
export const MAX_PUT_OFF = 10_000;

/** The letter is of a row that was put off. */
export function isPutOff({ code }: Pick<DeadLetter, "code">): boolean {
  return code === PUT_OFF.code;
}
