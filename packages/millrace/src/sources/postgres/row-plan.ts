import type { LogicalType } from "../../model/logical-type.ts";
import type { TableShape } from "../../model/table.ts";
import { type Row, UNCHANGED } from "../../model/value.ts";
import { rowOverheadBytes } from "../../tables/row-weight.ts";
import { conversionOf, TO_BOOLEAN, TO_BYTES } from "./types.ts";

/** How a column's text in the log becomes its canonical value; small integers for the hot loop. */
export const Form = {
  /** Text that is ASCII whatever the value: numbers, times, uuid. */
  ASCII: 0,
  /** Text that may hold any character. */
  TEXT: 1,
  BOOLEAN: 2,
  BYTES: 3,
} as const;

/** What the decoder needs to know of a shape, worked out once. */
export interface RowPlan {
  readonly shape: TableShape;
  /** A {@link Form} per column. */
  readonly forms: Uint8Array;
  /** 1 per key column: never skimmed. */
  readonly isKey: Uint8Array;
  /** Columns whose values in the log may be another column's: they count as left out. */
  readonly unproven: readonly number[];
  /** What a row weighs beside its bytes on the wire: objects, arrays, string headers. */
  readonly overheadBytes: number;
}

const ASCII_KINDS: ReadonlySet<LogicalType["kind"]> = new Set([
  "int",
  "float",
  "decimal",
  "date",
  "time",
  "timetz",
  "timestamp",
  "timestamptz",
  "interval",
  "uuid",
]);

/** Works out the plan of a shape. */
export function rowPlan(shape: TableShape): RowPlan {
  const isKey = new Uint8Array(shape.columns.length);
  for (const index of shape.key) isKey[index] = 1;
  return {
    shape,
    forms: Uint8Array.from(shape.columns, (column) => formOf(column.type)),
    isKey,
    unproven: unprovenOf(shape, isKey),
    overheadBytes: rowOverheadBytes(shape),
  };
}

/**
 * A row without key is found by all of its values, so that they are taken as they come. The table is loaded again with
 * the message that left them open (`relation-shape.ts`), and only what that load's snapshot does not see is applied: an
 * ALTER that the snapshot sees has waited for everybody who wrote a row before it.
 */
function unprovenOf(shape: TableShape, isKey: Uint8Array): number[] {
  if (shape.key.length === 0) return [];
  return shape.columns.flatMap((column, i) =>
    column.unproven === true && isKey[i] === 0 ? [i] : [],
  );
}

function formOf(type: LogicalType): number {
  const conversion = conversionOf(type);
  if (conversion === TO_BOOLEAN) return Form.BOOLEAN;
  if (conversion === TO_BYTES) return Form.BYTES;
  return ASCII_KINDS.has(type.kind) ? Form.ASCII : Form.TEXT;
}

/** What is not proven to be the column that it is taken for counts as left out (I9); nearly always nothing is. */
export function withoutUnproven({ unproven }: RowPlan, row: Row | null): Row | null {
  if (unproven.length === 0 || row === null) return row;
  return row.map((value, i) => (unproven.includes(i) ? UNCHANGED : value));
}
