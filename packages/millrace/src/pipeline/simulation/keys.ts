import type { ChunkKey } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";

/** Canonical key text of the model's tables, whose keys have one column of text. */
export function keyTextOf(shape: TableShape, row: Row): string {
  const value = row[shape.key[0] ?? -1];
  if (typeof value !== "string") throw new Error(`a row of ${shape.id} has no key`);
  return value;
}

/** A bound of a chunk, as it came back from the pipeline's state. */
export function chunkKeyText(key: ChunkKey | null): string | null {
  if (key === null || typeof key === "string") return key;
  throw new Error("not a chunk key of the model");
}
