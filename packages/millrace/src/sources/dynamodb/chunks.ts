import { MillraceError } from "../../errors/millrace-error.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { ChunkRange } from "../../model/source.ts";
import type { AttributeValue, Item, TableDescription } from "./api.ts";

/**
 * A place in a segment of a Scan: behind the key where a page ended, or at the segment's beginning (null). `of` is how many
 * segments the table was begun with: a place means something else with another number.
 */
export interface SegmentPlace {
  readonly segment: number;
  readonly of: number;
  readonly key: Item | null;
}

/** About what one worker reads in some minutes; more segments are read at once where the pipeline has more workers. */
const SEGMENT_BYTES = 256 * 1_048_576;
const MOST_SEGMENTS = 1_000;

/** How many segments a table's scan has: as the file says, else by the table's size as the service tells it. */
export function segmentsOf(asked: number | null, { sizeBytes }: TableDescription): number {
  return asked ?? Math.min(MOST_SEGMENTS, Math.max(1, Math.ceil(sizeBytes / SEGMENT_BYTES)));
}

/** The segment that comes after `from` (null: the first of `segments`), whole. A segment is a chunk. */
export function segmentAfter(from: ChunkKey | null, segments: number): ChunkRange {
  const { segment, of } = from === null ? { segment: 0, of: segments } : parseChunkKey(from);
  const next = segment + 1;
  return { from: beginOf(segment, of), to: next < of ? beginOf(next, of) : null };
}

/** The key of a place. */
export function chunkKey({ segment, of, key }: SegmentPlace): ChunkKey {
  return { segment, of, key };
}

/** @throws MillraceError MR_BUG where state holds something else. */
export function parseChunkKey(key: ChunkKey | null): SegmentPlace {
  if (typeof key === "object" && key !== null && "segment" in key) {
    const { segment, of, key: item } = key;
    const isPlace = typeof segment === "number" && typeof of === "number" && segment < of;
    if (isPlace && item === null) return { segment, of, key: null };
    if (isPlace && isItem(item)) return { segment, of, key: item };
  }
  throw new MillraceError("MR_BUG", "this is no place in a table's scan");
}

function beginOf(segment: number, of: number): ChunkKey {
  return chunkKey({ segment, of, key: null });
}

/** Keys have texts, numbers and binary values, each in one member. */
function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null && Object.values(value).every(isKeyValue);
}

function isKeyValue(value: unknown): value is AttributeValue {
  if (typeof value !== "object" || value === null) return false;
  const [[tag, text] = [], ...rest] = Object.entries(value);
  return rest.length === 0 && typeof text === "string" && /^[SNB]$/.test(tag ?? "");
}
