import { describe, expect, it } from "vitest";
import type { ChunkKey } from "../../model/position.ts";
import type { TableDescription } from "./api.ts";
import { chunkKey, parseChunkKey, segmentAfter, segmentsOf } from "./chunks.ts";

const GIB = 1_073_741_824;

describe("segments of a scan", () => {
  it("follow one another, each a chunk from its beginning to the next one", () => {
    const ranges = [];
    for (let from: ChunkKey | null = null; ;) {
      const range = segmentAfter(from, 3);
      ranges.push(range);
      if (range.to === null) break;
      from = range.to;
    }
    expect(ranges.map(({ from }) => from)).toEqual([
      { segment: 0, of: 3, key: null },
      { segment: 1, of: 3, key: null },
      { segment: 2, of: 3, key: null },
    ]);
  });

  it("keep their number from the first on, whatever is asked for later", () => {
    const second = segmentAfter(null, 2).to;
    expect(segmentAfter(second, 50)).toEqual({ from: { segment: 1, of: 2, key: null }, to: null });
  });

  it("are as many as the file says, else by the table's size", () => {
    const sized = (sizeBytes: number) => ({ sizeBytes }) as TableDescription;
    expect(segmentsOf(7, sized(0))).toBe(7);
    expect(segmentsOf(null, sized(0))).toBe(1);
    expect(segmentsOf(null, sized(GIB))).toBe(4);
    expect(segmentsOf(null, sized(GIB * GIB))).toBe(1_000);
  });

  it("are kept with keys of texts, numbers and binary values", () => {
    const place = {
      segment: 1,
      of: 4,
      key: { id: { S: "" }, at: { N: "-1.5" }, b: { B: "AA==" } },
    };
    expect(parseChunkKey(JSON.parse(JSON.stringify(chunkKey(place))) as ChunkKey)).toEqual(place);
  });

  it("are nothing else", () => {
    const bad: readonly (ChunkKey | null)[] = [
      null,
      7,
      { segment: 4, of: 4, key: null },
      { segment: 0, of: 1, key: { id: { M: {} } } },
      { segment: 0, of: 1, key: { id: { S: "a", N: "1" } } },
    ];
    for (const key of bad) expect(() => parseChunkKey(key)).toThrow("MR_BUG");
  });
});
