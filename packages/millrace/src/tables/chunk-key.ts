import { MillraceError } from "../errors/millrace-error.ts";
import type { ChunkKey } from "../model/position.ts";

/** The texts of a chunk key's columns: it is the array of them. @throws MillraceError MR_BUG where it is not that long. */
export function chunkKeyTexts(key: ChunkKey, columns: number): readonly string[] {
  if (Array.isArray(key) && key.length === columns) {
    const texts: readonly unknown[] = key;
    if (texts.every((text) => typeof text === "string")) return texts;
  }
  throw new MillraceError("MR_BUG", `not a key of ${columns} columns`);
}
