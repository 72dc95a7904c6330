import { describe, expect, it } from "vitest";
import { backoffMs, decide, MAX_CONFLICTS } from "./retry.ts";

const half = () => 0.5;

describe("decide", () => {
  it("sends the same again after what may or may not have happened", () => {
    for (const failure of ["transient", "unknown-outcome", "conflict"] as const) {
      expect(decide(failure, 0, false, half).action).toBe("again");
      expect(decide(failure, 0, true, half).action).toBe("again");
    }
  });

  it("looks for the row only where nothing is under way that may still land", () => {
    for (const failure of ["row", "too-large"] as const) {
      expect(decide(failure, 0, false, half)).toEqual({ action: "bisect" });
      expect(decide(failure, 0, true, half)).toEqual({ action: "restart" });
    }
  });

  it("takes over anew when someone else writes these rows all the time, or the target has another shape", () => {
    expect(decide("conflict", MAX_CONFLICTS, false, half)).toEqual({ action: "restart" });
    expect(decide("schema", 0, false, half)).toEqual({ action: "restart" });
  });

  it("stops for what no repetition mends", () => {
    for (const failure of ["fenced", "loss", "config", "bug"] as const)
      expect(decide(failure, 0, true, half)).toEqual({ action: "stop" });
  });
});

describe("backoffMs", () => {
  it("doubles up to its cap and never asks for no wait at all", () => {
    const waits = [0, 1, 2, 3, 10, 1_000].map((attempt) => backoffMs(attempt, 100, 1_000, () => 1));
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(backoffMs(0, 100, 1_000, () => 0)).toBe(25);
  });
});
