import type { LogicalType } from "../../packages/millrace/src/model/logical-type.ts";
import type { TargetChangeEvent } from "../../packages/millrace/src/model/sink.ts";
import { tableId, type TargetTable } from "../../packages/millrace/src/model/table.ts";
import type { Row } from "../../packages/millrace/src/model/value.ts";

const COLUMNS = 200;
/** Rows of a transaction of the source. */
const TRANSACTION_ROWS = 1_000;

/** What stands in every fifth column: its type, and a row's value there. */
const KINDS: readonly (readonly [logical: LogicalType, value: (n: number) => string | boolean])[] =
  [
    [{ kind: "text", maxChars: null }, (n) => `${n}`.padStart(32, "0123456789abcdef")],
    [{ kind: "int", bits: 32 }, String],
    [{ kind: "decimal", precision: 12, scale: 2 }, (n) => (n / 7).toFixed(2)],
    [
      { kind: "timestamptz", precision: 6 },
      (n) => `2026-01-01 00:${String(n % 60).padStart(2, "0")}:00+00`,
    ],
    [{ kind: "boolean" }, (n) => n % 2 === 0],
  ];

const kindOf = (column: number): (typeof KINDS)[number] =>
  KINDS[column % KINDS.length] ?? [{ kind: "boolean" }, () => false];

/** A table of 200 columns, as the sink is given it. */
export const WIDE: TargetTable = {
  id: tableId("public", "wide"),
  schema: "public",
  name: "wide",
  columns: [
    { name: "id", type: "bigint", logical: { kind: "int", bits: 64 }, nullable: false },
    ...Array.from({ length: COLUMNS - 1 }, (_, column) => {
      const [logical] = kindOf(column);
      return { name: `c${column}`, type: logical.kind, logical, nullable: true };
    }),
  ],
  key: [0],
  keyless: false,
};

/** So many of its rows from the `first` on, as PostgreSQL's log brings them: inserted, or changed without their old values. */
export function wideChanges(op: "c" | "u", first: number, rows: number): TargetChangeEvent[] {
  return Array.from({ length: rows }, (_, at) => {
    const n = first + at;
    const nth = Math.floor(n / TRANSACTION_ROWS) + 1;
    const commitTimeMs = 1_700_000_000_000 + nth;
    return {
      table: WIDE,
      op,
      key: String(n),
      before: null,
      after: rowOf(n, op === "u"),
      position: [nth * 1_000_000, n, 0],
      transaction: { id: `${nth}@0/${nth.toString(16)}`, commitTimeMs },
      source: WIDE.id,
      counterpart: null,
    };
  });
}

/** Changed ones have another text in their first column. */
function rowOf(n: number, isChanged: boolean): Row {
  const values = Array.from({ length: COLUMNS - 1 }, (_, column) => kindOf(column)[1](n));
  return [String(n), ...(isChanged ? ["changed", ...values.slice(1)] : values)];
}
