import { describe, expect, it } from "vitest";
import { spanOf } from "./key-span.ts";

describe("spanOf", () => {
  it("gives dense keys their keys per row", () => {
    const bounds = { least: "1", greatest: "1000" };
    expect(spanOf({ ...bounds, estimatedRows: 1000 })).toEqual({ greatest: 1000n, stride: 1 });
    expect(spanOf({ ...bounds, estimatedRows: 800 })?.stride).toBeCloseTo(1.25);
  });

  it("never counts more rows than keys", () => {
    expect(spanOf({ least: "-5", greatest: "5", estimatedRows: 1_000_000 })?.stride).toBe(1);
  });

  it("does without arithmetic where keys are sparse or nothing is known", () => {
    const all = { least: "-9223372036854775808", greatest: "9223372036854775807" };
    expect(spanOf({ least: "1", greatest: "1000", estimatedRows: 499 })).toBeNull();
    expect(spanOf({ ...all, estimatedRows: 1e9 })).toBeNull();
    expect(spanOf({ least: "1", greatest: "1000", estimatedRows: 0 })).toBeNull();
    expect(spanOf({ least: null, greatest: null, estimatedRows: 10 })).toBeNull();
  });
});
