import { describe, expect, it } from "vitest";
import { spanOf } from "./chunks.ts";

describe("spanOf", () => {
  it("gives dense keys their keys per row", () => {
    expect(spanOf({ least: "1", greatest: "1000" }, 1000)).toEqual({ greatest: 1000n, stride: 1 });
    expect(spanOf({ least: "1", greatest: "1000" }, 800)?.stride).toBeCloseTo(1.25);
  });

  it("never counts more rows than keys", () => {
    expect(spanOf({ least: "-5", greatest: "5" }, 1_000_000)?.stride).toBe(1);
  });

  it("does without arithmetic where keys are sparse or nothing is known", () => {
    expect(spanOf({ least: "1", greatest: "1000" }, 499)).toBeNull();
    expect(
      spanOf({ least: "-9223372036854775808", greatest: "9223372036854775807" }, 1e9),
    ).toBeNull();
    expect(spanOf({ least: "1", greatest: "1000" }, 0)).toBeNull();
    expect(spanOf({ least: null, greatest: null }, 10)).toBeNull();
    expect(spanOf(undefined, 10)).toBeNull();
  });
});
