import { MillraceError } from "../errors/millrace-error.ts";
import { NotArray } from "./array-text.ts";
import { NotDecimal } from "./decimal.ts";
import { NotHstore } from "./hstore-text.ts";
import { NotTemporal } from "./temporal.ts";

/** A value that a format has no form for: why, in words that hold no value. */
export class RefusedValue extends Error {}

/** The error of a row whose column cannot be told; what is none of a value's faults is thrown as it is. */
export function refusedColumn(thrown: unknown, column: string): Error {
  const why = reasonOf(thrown);
  if (why === null) return thrown instanceof Error ? thrown : new Error(String(thrown));
  return new MillraceError("MR_VALUE_DOES_NOT_FIT", `column "${column}": ${why}`, {
    facts: { column },
  });
}

function reasonOf(thrown: unknown): string | null {
  if (thrown instanceof RefusedValue) return thrown.message;
  if (thrown instanceof NotTemporal)
    return "a date or time that the format has no form for (another time.precision.mode may have one)";
  if (thrown instanceof NotDecimal)
    return "a decimal that the format has no form for (decimal.handling.mode string has)";
  if (thrown instanceof NotArray || thrown instanceof NotHstore) return "a text of another type";
  return null;
}
