import { MillraceError } from "../../errors/millrace-error.ts";
import type { Column, TableShape } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import type { AttributeValue, Item } from "./api.ts";
import { shapeFacts } from "./table-shape.ts";

/** The key that a row's item has. @throws MillraceError MR_BUG where the row lacks a part of it. */
export function keyItem(shape: TableShape, row: Row): Item {
  const { columns } = shapeFacts(shape);
  const entries = shape.key.map((index): [string, AttributeValue] => {
    const [name] = columns[index]?.path ?? [];
    const column = shape.columns[index];
    if (typeof name !== "string" || column === undefined)
      throw new MillraceError("MR_BUG", `${shape.id} has a key without attribute`);
    return [name, keyValue(column, row[index])];
  });
  return Object.fromEntries(entries);
}

function keyValue({ name, type }: Column, value: Value | undefined): AttributeValue {
  if (value instanceof Uint8Array) return { B: Buffer.from(value).toString("base64") };
  if (typeof value === "string") return type.kind === "decimal" ? { N: value } : { S: value };
  throw new MillraceError("MR_BUG", `a row came without its key "${name}"`);
}
