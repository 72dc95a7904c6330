import { describe, expect, it } from "vitest";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { estimateRowBytes } from "./size-estimate.ts";

describe("estimateRowBytes", () => {
  it.each([
    [["1", "short"], 6],
    [["x".repeat(10_000)], 10_000],
    [["漢".repeat(10_000)], 30_000],
    [[new Uint8Array(5_000), null, true, 1.5], 5_000],
  ])("is not under the bytes of its values", (row, bytes) => {
    expect(estimateRowBytes(row)).toBeGreaterThanOrEqual(bytes);
    expect(estimateRowBytes(row)).toBeLessThan(bytes + 48 + 8 * row.length + 64 * row.length);
  });

  it("counts what is not there as little", () => {
    expect(estimateRowBytes([UNCHANGED, new Skimmed(9_999_999), null])).toBe(48 + 3 * 8);
  });

  it("counts an empty row, so that no number of rows weighs nothing", () => {
    expect(estimateRowBytes([])).toBe(48);
  });
});
