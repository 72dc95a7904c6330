import { MillraceError } from "../errors/millrace-error.ts";
import { keyNormalisation } from "../model/key-text.ts";
import type { TableShape } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";

/*
 * Hot: once per change. What depends on the shape alone is worked out once per shape.
 *
 * Two keys have one text when a sink that keeps the column's type would hold them to be equal: numbers by value,
 * intervals by length, `char(n)` without its padding. Text is taken byte for byte even where the source's collation or
 * type holds `a` and `A` to be equal: sinks compare bytes, so that an update from `a` to `A` must be a key change, or the
 * row `a` would stay at the sink. The log gives both spellings (I2).
 */

type Part = (value: Value) => string;
type KeyOf = (row: Row) => string;

/** A source's spelling of keys. */
export interface KeySpelling {
  /** What stands between the parts of a key: no part can hold it as {@link text} and {@link other} spell them. */
  readonly between: string;
  /** Null where text is taken as it is. */
  readonly text: ((value: string) => string) | null;
  readonly other: (value: boolean | number | bigint | Uint8Array) => string;
}

const NULL_PART = "\u0000null";

/**
 * Gives the canonical text of a row's key, which throws MillraceError MR_BUG where a key column is UNCHANGED or skimmed, or
 * the table has no key.
 */
export function keyTexts(spelling: KeySpelling): (shape: TableShape, row: Row) => string {
  const compiled = new WeakMap<TableShape, KeyOf>();
  return (shape, row) => {
    let keyOf = compiled.get(shape);
    if (keyOf === undefined) compiled.set(shape, (keyOf = compile(shape, spelling)));
    return keyOf(row);
  };
}

function compile(shape: TableShape, spelling: KeySpelling): KeyOf {
  const { between } = spelling;
  const parts = shape.key.map((index) => ({ index, text: partOf(shape, index, spelling) }));
  const [first, ...rest] = parts;
  if (first === undefined)
    throw new MillraceError("MR_BUG", `${shape.id} has no key to make a text of`);
  if (rest.length === 0) return (row) => first.text(row[first.index] ?? null);
  return (row) => {
    let text = first.text(row[first.index] ?? null);
    for (const part of rest) text += between + part.text(row[part.index] ?? null);
    return text;
  };
}

function partOf(shape: TableShape, index: number, { text, other }: KeySpelling): Part {
  const column = shape.columns[index];
  if (column === undefined) throw new MillraceError("MR_BUG", `${shape.id} has no column ${index}`);
  const noText = (value: Exclude<Value, string>): string =>
    value === null ? NULL_PART : other(spellable(value, shape, column.name));
  const plain: Part =
    text === null
      ? (value) => (typeof value === "string" ? value : noText(value))
      : (value) => (typeof value === "string" ? text(value) : noText(value));
  const normalise = keyNormalisation(column.type);
  if (normalise === null) return plain;
  return (value) => (value === null ? NULL_PART : normalise(plain(value)));
}

function spellable(
  value: Exclude<Value, string | null>,
  shape: TableShape,
  column: string,
): boolean | number | bigint | Uint8Array {
  if (typeof value === "symbol")
    throw new MillraceError("MR_BUG", `key column ${column} of ${shape.id} came as unchanged`);
  if (typeof value === "object" && !(value instanceof Uint8Array))
    throw new MillraceError("MR_BUG", `key column ${column} of ${shape.id} was skimmed`);
  return value;
}
