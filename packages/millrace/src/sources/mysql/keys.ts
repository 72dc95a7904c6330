import { MillraceError } from "../../errors/millrace-error.ts";
import { keyNormalisation } from "../../model/key-text.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";

/*
 * Hot: once per change. What depends on the shape alone is worked out once per shape.
 *
 * Two keys have one text when a sink that keeps the column's type would hold them to be equal: numbers by value. Text is
 * taken byte for byte even where the column's collation holds `a` and `A`, or `a` and `a `, to be equal: sinks compare
 * bytes, so that an update from `a` to `A` must be a key change, or the row `a` would stay at the sink. The log gives
 * both spellings (I2).
 */

type Part = (value: Value) => string;
type KeyOf = (row: Row) => string;

/** Text of MySQL may hold it, so that it is doubled there. */
const SEPARATOR = "\u0000";
const DOUBLED = "\u0000\u0000";
const BETWEEN = "\u0000|";
const NULL_PART = "\u0000null";

const compiled = new WeakMap<TableShape, KeyOf>();

/**
 * Canonical text of a row's key.
 * @throws MillraceError MR_BUG where a key column is UNCHANGED or skimmed, or the table has no key.
 */
export function keyText(shape: TableShape, row: Row): string {
  let keyOf = compiled.get(shape);
  if (keyOf === undefined) compiled.set(shape, (keyOf = compile(shape)));
  return keyOf(row);
}

function compile(shape: TableShape): KeyOf {
  const parts = shape.key.map((index) => ({ index, text: partOf(shape, index) }));
  const [first, ...rest] = parts;
  if (first === undefined)
    throw new MillraceError("MR_BUG", `${shape.id} has no key to make a text of`);
  if (rest.length === 0) return (row) => first.text(row[first.index] ?? null);
  return (row) => {
    let text = first.text(row[first.index] ?? null);
    for (const part of rest) text += BETWEEN + part.text(row[part.index] ?? null);
    return text;
  };
}

function partOf(shape: TableShape, index: number): Part {
  const column = shape.columns[index];
  if (column === undefined) throw new MillraceError("MR_BUG", `${shape.id} has no column ${index}`);
  const plain = (value: Value): string => plainText(value, shape, column.name);
  const normalise = keyNormalisation(column.type);
  if (normalise === null) return plain;
  return (value) => (value === null ? NULL_PART : normalise(plain(value)));
}

function plainText(value: Value, shape: TableShape, column: string): string {
  if (typeof value === "string")
    return value.includes(SEPARATOR) ? value.replaceAll(SEPARATOR, DOUBLED) : value;
  if (value === null) return NULL_PART;
  if (typeof value === "symbol")
    throw new MillraceError("MR_BUG", `key column ${column} of ${shape.id} came as unchanged`);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "object")
    throw new MillraceError("MR_BUG", `key column ${column} of ${shape.id} was skimmed`);
  return String(value);
}
