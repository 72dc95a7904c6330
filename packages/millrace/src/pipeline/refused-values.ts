import type { LogicalType } from "../model/logical-type.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";

/** What a column has that a sink did not take; a sentence without the value, and what helps. */
interface RefusedValue {
  readonly column: string;
  readonly reason: string;
}

/** `2026-02-00`, and what a column of dates may hold behind it. */
const ZERO_DATE = /^(?:0000-\d\d-\d\d|\d{4}-00-\d\d|\d{4}-\d\d-00)/;
/** Below 0, or of 24 hours and more. */
const NO_TIME_OF_DAY = /^(?:-|24:(?!00:00(?:\.0*)?$)|2[5-9]|[3-9]\d|\d{3})/;
/** A text of JSON may have it as an escape only, whose backslash is not itself escaped. */
const ESCAPED_NUL = /(?<!\\)(?:\\\\)*\\u0000/;

const NUL =
  "U+0000, which PostgreSQL and DSQL cannot hold; take it out at the source, or leave the column out by a transform";

/**
 * Which columns of a row that a sink has refused have what other databases do not take; null where none has any that is
 * known. A server names no column for data that it refuses. Asked of refused rows only.
 */
export function refusedValue({ columns }: TargetTable, row: Row): RefusedValue | null {
  const found = columns.flatMap(({ name, logical }, index) => {
    const value = row[index];
    const reason = typeof value === "string" ? oddityOf(logical, value) : null;
    return reason === null ? [] : [{ column: name, reason }];
  });
  const [first] = found;
  if (first === undefined) return null;
  const same = found.filter(({ reason }) => reason === first.reason);
  const names = same.map(({ column }) => `"${column}"`).join(", ");
  const whose = same.length === 1 ? `column ${names} has` : `columns ${names} have`;
  return { column: first.column, reason: `${whose} ${first.reason}` };
}

function oddityOf(type: LogicalType, value: string): string | null {
  switch (type.kind) {
    case "date":
    case "timestamp":
    case "timestamptz":
      return ZERO_DATE.test(value)
        ? "a date with a zero part, which only MySQL knows; with `zero-dates: as-null` in the source it becomes NULL"
        : null;
    case "time":
      return NO_TIME_OF_DAY.test(value)
        ? "a time below 0 or beyond 24 hours; with `time-as-interval.enabled: true` in the source it becomes an interval"
        : null;
    case "json":
    case "jsonb":
      return ESCAPED_NUL.test(value) || value.includes("\u0000") ? NUL : null;
    default:
      return value.includes("\u0000") ? NUL : null;
  }
}
