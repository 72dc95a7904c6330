import type { TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED, type Row, type Value } from "../../model/value.ts";
import type { AnsweredRow } from "./answer-reader.ts";
import { quote } from "./key-column.ts";
import type { ValueOptions } from "./row-plan.ts";
import type { TablePlan } from "./table-plan.ts";
import { fromText, selectExpression } from "./text-values.ts";
import { isGeometry, parseColumnType } from "./types.ts";

/** What a SELECT asks for, and how its rows become ours. Hot: `row` runs per row. */
export interface SnapshotColumns {
  readonly select: readonly string[];
  row(answered: AnsweredRow): Value[];
  /** The key after which a later read goes on; null for a table without key. */
  keyAfter(answered: AnsweredRow, row: Row): readonly string[] | null;
}

/** One column's part. */
interface ColumnRead {
  readonly select: readonly string[];
  readonly value: (answered: AnsweredRow) => Value;
}

/** How rows are read. */
export interface ReadOptions {
  readonly values: ValueOptions;
  /** Larger values are not sent: their length is. */
  readonly maxValueBytes: number;
}

/**
 * Full-width rows of `columns`, indexes of the shape; all others are UNCHANGED, never NULL (I9). `bounds`: keys are asked
 * for where their values do not tell them.
 */
export function snapshotColumns(
  shape: TableShape,
  plan: TablePlan,
  columns: readonly number[],
  options: ReadOptions & { readonly bounds: boolean },
): SnapshotColumns {
  const select: string[] = [];
  const reads: { readonly index: number; readonly value: ColumnRead["value"] }[] = [];
  for (const index of columns) {
    const read = columnRead(shape, plan, index, select.length, options);
    select.push(...read.select);
    reads.push({ index, value: read.value });
  }
  const keys = options.bounds ? boundReads(shape, plan, select) : [];
  return {
    select,
    row: (answered) => {
      const row = new Array<Value>(shape.columns.length);
      if (reads.length < row.length) row.fill(UNCHANGED);
      for (const { index, value } of reads) row[index] = value(answered);
      return row;
    },
    keyAfter: (answered, row) => (keys.length === 0 ? null : keys.map((key) => key(answered, row))),
  };
}

/** Adds what is asked for to `select`. */
function boundReads(
  shape: TableShape,
  plan: TablePlan,
  select: string[],
): ((answered: AnsweredRow, row: Row) => string)[] {
  return plan.key.map(({ bound, ofValue }, i) => {
    const index = shape.key[i] ?? -1;
    if (ofValue !== null) return (_, row) => ofValue(row[index] ?? null);
    const at = select.push(bound) - 1;
    return (answered) => answered.text(at) ?? "";
  });
}

function columnRead(
  shape: TableShape,
  plan: TablePlan,
  index: number,
  at: number,
  { values, maxValueBytes }: ReadOptions,
): ColumnRead {
  const column = shape.columns[index];
  if (column === undefined || plan.present[index] !== true)
    return { select: ["NULL"], value: () => null };
  // A row whose key is not known could not even become a letter.
  const isKey = shape.key.includes(index);
  const convert = fromText(column, values, isKey ? Number.POSITIVE_INFINITY : maxValueBytes);
  const expression = selectExpression(column);
  const ofText = (answered: AnsweredRow): Value => {
    const text = answered.text(at);
    return text === null ? null : convert(text);
  };
  const value = column.type.kind === "int" ? integerAt(at, ofText) : ofText;
  if (isKey || !mayExceed(column.sourceType, maxValueBytes)) return { select: [expression], value };
  const length = `OCTET_LENGTH(${quote(column.name)})`;
  return {
    select: [
      `IF(${length} > ${maxValueBytes}, NULL, ${expression})`,
      `IF(${length} > ${maxValueBytes}, ${length}, NULL)`,
    ],
    value: (answered) => {
      const skimmed = answered.integer(at + 1);
      return skimmed === null ? value(answered) : new Skimmed(Number(skimmed));
    },
  };
}

/** Made of its digits; of those that are not exact, the text is asked for. */
function integerAt(at: number, ofText: ColumnRead["value"]): ColumnRead["value"] {
  return (answered) => {
    const value = answered.integer(at);
    return typeof value === "string" ? ofText(answered) : value;
  };
}

const MOST_BYTES: Readonly<Record<string, number>> = {
  text: 65_535,
  blob: 65_535,
  mediumtext: 16_777_215,
  mediumblob: 16_777_215,
  longtext: 4_294_967_295,
  longblob: 4_294_967_295,
  json: 4_294_967_295,
};

/** In no charset does a character take more. */
const CHARACTER_BYTES = 4;

function mayExceed(sourceType: string, maxValueBytes: number): boolean {
  const type = parseColumnType(sourceType);
  if (type === null) return false;
  if (isGeometry(type)) return true;
  const { base, numbers } = type;
  const isString = /^(?:var)?(?:char|binary)$|^vector$/.test(base);
  const most = MOST_BYTES[base] ?? (isString ? (numbers[0] ?? 1) * CHARACTER_BYTES : 0);
  return most > maxValueBytes;
}
