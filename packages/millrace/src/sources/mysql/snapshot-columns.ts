import type { TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED, type Row, type Value } from "../../model/value.ts";
import type { AnsweredRow } from "./answer-reader.ts";
import { quote } from "./key-column.ts";
import type { ValueOptions } from "./row-plan.ts";
import type { TablePlan } from "./table-plan.ts";
import { type FromText, fromText, selectExpression } from "./text-values.ts";
import { isGeometry, parseColumnType } from "./types.ts";

/** What a SELECT asks for, and how its rows become ours. Hot: `row` runs per row. */
export interface SnapshotColumns {
  readonly select: readonly string[];
  row(answered: AnsweredRow): Value[];
  /** What is asked for of each column, in their order. */
  readonly reads: readonly ColumnPart[];
  readonly lastKey: LastKey;
}

/** The key after which a later read goes on. */
export interface LastKey {
  /** The last row is this one; of `row` only the key has to be there, and stays until the next one. */
  passed(answered: AnsweredRow, row: Row): void;
  /** Of the row that was passed last; null where none was, and for a table without key. */
  read(): readonly string[] | null;
}

/** One column's part. */
interface ColumnRead {
  readonly select: readonly string[];
  readonly value: (answered: AnsweredRow) => Value;
  readonly ofText: FromText;
  /** Where the answer has the length of a value that was left out, or NULL; itself null where nothing is ever left out. */
  readonly skimmedAt: number | null;
}

/** A column of the shape, and where an answer has it. */
export interface ColumnPart extends ColumnRead {
  readonly index: number;
  readonly at: number;
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
  const reads: ColumnPart[] = [];
  for (const index of columns) {
    const at = select.length;
    const read = columnRead(shape, plan, index, at, options);
    select.push(...read.select);
    reads.push({ ...read, index, at });
  }
  const lastKey = options.bounds ? lastKeyOf(shape, plan, select) : NO_KEY;
  return {
    select,
    lastKey,
    reads,
    row: (answered) => {
      const row = new Array<Value>(shape.columns.length);
      if (reads.length < row.length) row.fill(UNCHANGED);
      for (const { index, value } of reads) row[index] = value(answered);
      return row;
    },
  };
}

const NO_KEY: LastKey = { passed: () => undefined, read: () => null };

/** Adds what is asked for to `select`; what values tell is made once per batch, and not of each row. */
function lastKeyOf(shape: TableShape, plan: TablePlan, select: string[]): LastKey {
  if (plan.key.length === 0) return NO_KEY;
  const texts: string[] = plan.key.map(() => "");
  let last: Row | null = null;
  const asked = plan.key.flatMap(({ bound, ofValue }, i) =>
    ofValue === null ? [{ i, at: select.push(bound) - 1 }] : [],
  );
  return {
    passed: (answered, row) => {
      last = row;
      for (const { i, at } of asked) texts[i] = answered.text(at) ?? "";
    },
    read: () =>
      last === null
        ? null
        : plan.key.map(
            ({ ofValue }, i) => ofValue?.(last?.[shape.key[i] ?? -1] ?? null) ?? texts[i] ?? "",
          ),
  };
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
    return { select: ["NULL"], value: () => null, ofText: () => null, skimmedAt: null };
  // A row whose key is not known could not even become a letter.
  const isKey = shape.key.includes(index);
  const convert = fromText(column, values, isKey ? Number.POSITIVE_INFINITY : maxValueBytes);
  const expression = selectExpression(column);
  const ofText = (answered: AnsweredRow): Value => {
    const text = answered.text(at);
    return text === null ? null : convert(text);
  };
  const value = column.type.kind === "int" ? integerAt(at, ofText) : ofText;
  if (isKey || !mayExceed(column.sourceType, maxValueBytes))
    return { select: [expression], value, ofText: convert, skimmedAt: null };
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
    ofText: convert,
    skimmedAt: at + 1,
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
