import { describe, expect, it } from "vitest";
import { temporalForm } from "./temporal-forms.ts";

/** As Debezium 3.5.0.Final told them of PostgreSQL 18; MySQL's text has all digits of the column. */
const RECORDED = [
  ["time", 6, "12:34:56.5", "12:34:56.5Z"],
  ["time", 6, "12:34:56.500000", "12:34:56.5Z"],
  ["time", 3, "12:00:00", "12:00:00Z"],
  ["time", 3, "12:00:00.120", "12:00:00.12Z"],
  ["timestamp", 6, "1969-12-31 23:59:59.5", "1969-12-31T23:59:59.5Z"],
  ["timestamp", 3, "1970-01-01 00:00:00.000", "1970-01-01T00:00:00Z"],
  ["timestamp", 3, "2024-02-29 12:00:00.12", "2024-02-29T12:00:00.12Z"],
] as const;

describe("time.precision.mode isostring", () => {
  it.each(RECORDED)("%s(%i) %s is %s", (kind, precision, value, wanted) => {
    const form = temporalForm({ kind, precision }, "isostring");
    expect(form.kind === "string" ? form.text(value) : form.kind).toBe(wanted);
  });
});
