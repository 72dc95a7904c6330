import { describe, expect, it } from "vitest";
import { Windows } from "./windows.ts";

describe("Windows", () => {
  it("strikes keys in every window that is open, from its opening on", () => {
    const windows = new Windows();
    const early = windows.open(10_000);
    windows.strike("a");
    const late = windows.open(10_000);
    windows.strike("b");
    expect([early.has("a"), early.has("b"), late.has("a"), late.has("b")]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    windows.close(early);
    windows.strike("c");
    expect(early.has("c")).toBe(false);
    expect(windows.size).toBe(1);
  });

  it("gives up when more keys changed than it may remember, and holds no more of them", () => {
    const windows = new Windows();
    const window = windows.open(200);
    for (let i = 0; i < 100; i++) windows.strike(`key ${i}`);
    expect(window.overflowed).toBe(true);
    expect(window.has("key 99")).toBe(false);
  });

  it("counts a key once however often it changes", () => {
    const window = new Windows().open(200);
    for (let i = 0; i < 100; i++) window.strike("hot");
    expect(window.overflowed).toBe(false);
    expect(window.has("hot")).toBe(true);
  });
});
