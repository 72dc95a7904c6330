import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { tableId } from "../model/table.ts";
import { LoadControl } from "./load-control.ts";
import { LoadRate } from "./load-rate.ts";

describe("loads of several tasks", () => {
  it("keep to the pipeline's rate together: what one has read the other waits for", async () => {
    const settings = { maxRowsPerSecond: 100, maxBytesPerSecond: null };
    let nowMs = 0;
    const slept: number[] = [];
    const clock = {
      ...systemClock,
      now: () => nowMs,
      monotonic: () => nowMs,
      sleep: (ms: number) => {
        slept.push(ms);
        nowMs += ms;
        return Promise.resolve();
      },
    };
    const rate = new LoadRate(settings, clock);
    const [one, other] = [
      new LoadControl(settings, clock, { rate }),
      new LoadControl(settings, clock, { rate }),
    ];
    one.rate.took(1_000, 0, tableId("public", "a"));
    await other.rate.paid(new AbortController().signal);
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(9_000);
    expect(one.status()).toEqual(other.status());
  });
});
