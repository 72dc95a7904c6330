import { describe, expect, it } from "vitest";
import { StopSignals } from "./stop-signals.ts";

describe("signals to stop", () => {
  it("are one wish when they come together, and another one later", () => {
    const signals = new StopSignals();
    const heard = [1_000, 1_000, 1_299, 1_300].map((nowMs) => signals.heard(nowMs));
    expect(heard).toEqual(["stop", "same", "same", "exit"]);
  });

  it("count from the first one, so that repeating quickly does not put off the end", () => {
    const signals = new StopSignals();
    const heard = [0, 200, 400].map((nowMs) => signals.heard(nowMs));
    expect(heard).toEqual(["stop", "same", "exit"]);
  });
});
