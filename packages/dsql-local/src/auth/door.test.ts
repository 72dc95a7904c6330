import { describe, expect, it } from "vitest";
import { TokenBucket } from "./door.ts";

describe("the connect rate", () => {
  it("lets a burst through and then so many a second", () => {
    let nowMs = 0;
    const bucket = new TokenBucket(1_000, 100, () => nowMs);
    const takeAll = (tries: number): number =>
      Array.from({ length: tries }, () => bucket.take()).filter(Boolean).length;
    expect(takeAll(1_500)).toBe(1_000);
    nowMs += 1_000;
    expect(takeAll(500)).toBe(100);
    nowMs += 5;
    expect(takeAll(5)).toBe(0);
    nowMs += 5;
    expect(takeAll(5)).toBe(1);
    nowMs += 3_600_000;
    expect(takeAll(5_000)).toBe(1_000);
  });

  it("does not gain by a clock that goes back", () => {
    let nowMs = 10_000;
    const bucket = new TokenBucket(1, 1, () => nowMs);
    expect(bucket.take()).toBe(true);
    nowMs = 0;
    expect(bucket.take()).toBe(false);
  });
});
