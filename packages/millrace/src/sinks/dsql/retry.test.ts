import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { untilDone } from "./retry.ts";

describe("work that is refused in passing", () => {
  it("is done again almost at once, and then later each time: who comes second finds it done", async () => {
    const slept: number[] = [];
    const sleep = (ms: number): Promise<void> => Promise.resolve(void slept.push(ms));
    const ports = {
      clock: { ...systemClock, sleep },
      random: () => 0.75,
      log: silentLogger,
      signal: new AbortController().signal,
    };
    const work = (): Promise<never> =>
      Promise.reject(new MillraceError("MR_SINK_CONFLICT", "somebody else does the same"));
    await expect(untilDone(work, ports, "claiming")).rejects.toThrow("somebody else");
    expect(slept.slice(0, 5)).toEqual([40, 600, 900, 1_200, 1_200]);
  });
});
