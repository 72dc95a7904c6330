import type { Row, Value } from "../../model/value.ts";
import { Skimmed } from "../../model/value.ts";

const ITEM_BYTES = 60;

/** What a row weighs in the byte budget. */
export function weigh(row: Row | null): number {
  return row === null
    ? 0
    : row.reduce<number>(
        (sum, value) => sum + (typeof value === "string" ? value.length : 4),
        ITEM_BYTES,
      );
}

/** A value as it travels: a marker where it is larger than may be held. */
export function skim(value: Value, maxBytes: number): Value {
  return typeof value === "string" && value.length > maxBytes ? new Skimmed(value.length) : value;
}

/** A value that the model sink refuses with its statement. */
export const POISON = "poison";
/** A value that the target column's own check refuses. */
export const MISFIT = "misfit";
