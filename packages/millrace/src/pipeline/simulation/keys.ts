import { keyNormalisation } from "../../model/key-text.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";

/** Canonical key text of the model's tables, whose keys have one column. */
export function keyTextOf(shape: TableShape, row: Row): string {
  const index = shape.key[0] ?? -1;
  const value = row[index];
  const column = shape.columns[index];
  if (typeof value !== "string" || column === undefined)
    throw new Error(`a row of ${shape.id} has no key`);
  return canonical(column.type, value);
}

/** What all spellings of a value have in common. */
export function canonical(type: LogicalType, text: string): string {
  return keyNormalisation(type)?.(text) ?? text;
}

/** A bound of a chunk, as it came back from the pipeline's state. */
export function chunkKeyText(key: ChunkKey | null): string | null {
  if (key === null || typeof key === "string") return key;
  throw new Error("not a chunk key of the model");
}
