import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import type { SourceRetention } from "../model/source.ts";
import { systemClock } from "../model/ports.ts";
import { LoadControl } from "./load-control.ts";
import { RetentionWatch } from "./retention-watch.ts";
import type { TaskSettings } from "./settings.ts";
import type { TaskEvent } from "./status.ts";

const MIB = 1024 * 1024;

/** A watch that looks once for each of these, and what came of it. */
async function watching(
  settings: Pick<TaskSettings, "maxRetainedBytes" | "maxRetainedAction">,
  looks: readonly (SourceRetention | null | "fails")[],
  outcomes: readonly (MillraceError | "not-yet")[] = [],
) {
  const told: string[] = [];
  const givenUp: string[] = [];
  const paused: boolean[] = [];
  const times: number[] = [];
  const failed: unknown[] = [];
  const over = new AbortController();
  let atMs = 0;
  const clock = {
    ...systemClock,
    monotonic: () => atMs,
    sleep: async () => {
      atMs += 1_000;
      paused.push(load.pausedBecause !== null);
      if (left.length === 0) over.abort();
      await Promise.resolve();
    },
  };
  const load = new LoadControl({ maxRowsPerSecond: null, maxBytesPerSecond: null }, clock);
  const left = [...looks];
  const retention = async (): Promise<SourceRetention | null> => {
    await Promise.resolve();
    const next = left.shift() ?? null;
    if (next === "fails") throw new Error("the source cannot be asked");
    return next;
  };
  const watch = new RetentionWatch({
    source: { retention },
    clock,
    settings,
    observer: {
      event: (event: TaskEvent) => void (event.type === "notice" && told.push(event.message)),
    },
    load,
    sourceClock: { told: (timeMs) => void times.push(timeMs) },
    giveUp: async (why) => {
      const outcome = outcomes[givenUp.push(why.code) - 1] ?? "done";
      await Promise.resolve();
      if (outcome instanceof MillraceError) throw outcome;
      return outcome;
    },
    failed: (thrown) => void failed.push(thrown),
  });
  await watch.run(over.signal);
  return { told, givenUp, paused, times, failed, status: watch.status() };
}

const kept = (
  mib: number,
  limitMib: number | null = null,
  acknowledgedMib = 0,
): SourceRetention => ({
  retainedBytes: mib * MIB,
  limitBytes: limitMib === null ? null : limitMib * MIB,
  acknowledgedBytes: acknowledgedMib * MIB,
});
const bound = (action: TaskSettings["maxRetainedAction"], mib: number | null = 100) => ({
  maxRetainedBytes: mib === null ? null : mib * MIB,
  maxRetainedAction: action,
});

describe("what a source keeps", () => {
  it("is told once when it is near its limit, once when it is over, and once when it is calm again", async () => {
    const looks = [10, 85, 90, 79, 85, 110, 120, 95, 79, 60, 85].map((mib) => kept(mib));
    const { told, givenUp, paused } = await watching(bound("warn"), looks);
    expect(told).toEqual([
      "the source keeps 85 MiB of its log for this pipeline, 85 % of slot.max-retained (100 MiB)",
      "the source keeps 110 MiB of its log for this pipeline, 110 % of slot.max-retained (100 MiB)",
      "the source keeps 60 MiB of its log for this pipeline again",
      "the source keeps 85 MiB of its log for this pipeline, 85 % of slot.max-retained (100 MiB)",
    ]);
    expect([givenUp, paused.includes(true)]).toEqual([[], false]);
  });

  it("is held against the source's own limit where that is nearer, or the only one", async () => {
    const near = await watching(bound("warn"), [kept(45, 50)]);
    expect(near.status).toEqual({
      retainedBytes: 45 * MIB,
      limitBytes: 50 * MIB,
      limitOf: "server",
      expireSeconds: null,
      limitSeconds: null,
    });
    const only = await watching(bound("warn", null), [kept(45, 50)]);
    expect([near.told, only.told]).toEqual([
      [
        "the source keeps 45 MiB of its log for this pipeline, 90 % of its own limit (50 MiB), where it gives the log up",
      ],
      near.told,
    ]);
    expect((await watching(bound("warn"), [kept(45, 500)])).status?.limitOf).toBe("pipeline");
  });

  it("says whose doing it is where most of it was acknowledged", async () => {
    const { told } = await watching(bound("warn"), [kept(120, null, 110)]);
    expect(told).toEqual([
      "the source keeps 120 MiB of its log for this pipeline, 120 % of slot.max-retained (100 MiB); 110 MiB of that are acknowledged, and kept because a transaction at the source is open for long",
    ]);
  });

  it("pauses the load from the limit on until it is less than four fifths of it", async () => {
    const looks = [99, 100, 90, 80, 79, 99].map((mib) => kept(mib));
    const { paused } = await watching(bound("pause-load"), looks);
    expect(paused).toEqual([false, true, true, true, false, false]);
  });

  it("pauses the load before the source's own limit is met", async () => {
    const { paused } = await watching(bound("pause-load"), [
      kept(44, 50),
      kept(45, 50),
      kept(37, 50),
      kept(35, 50),
    ]);
    expect(paused).toEqual([false, true, true, false]);
  });

  it("lets the load go on where nothing is kept any more, and stays as it was while nobody answers", async () => {
    const { paused } = await watching(bound("pause-load"), [kept(100), "fails", null]);
    expect(paused).toEqual([true, true, false]);
  });

  it("tells what it failed with to whoever runs it, who knows whether it may be made again", async () => {
    const { failed } = await watching(bound("pause-load"), ["fails", null]);
    expect(failed).toEqual([new Error("the source cannot be asked")]);
    const bug = new MillraceError("MR_BUG", "it cannot be given up");
    expect((await watching(bound("resync"), [kept(101)], [bug])).failed).toEqual([bug]);
  });

  it("is given up over the limit where that is asked for, again and again until it is gone", async () => {
    const { givenUp, status } = await watching(bound("resync"), [
      kept(99),
      kept(101),
      kept(102),
      null,
    ]);
    expect([givenUp, status]).toEqual([["MR_SOURCE_RETAINED", "MR_SOURCE_RETAINED"], null]);
  });

  it("that cannot be given up is told once for each reason, with what to do, and tried again until it is gone", async () => {
    const busy = (pid: number) =>
      new MillraceError(
        "MR_SOURCE_SLOT_BUSY",
        `replication slot s is being read by backend ${pid}`,
      );
    const looks = [kept(101), kept(102), kept(103), kept(104), kept(105), kept(10), kept(101)];
    const refused = new MillraceError("MR_SOURCE_REFUSED", "no");
    const { told, givenUp } = await watching(bound("resync"), looks, [
      "not-yet",
      busy(1),
      busy(2),
      refused,
      busy(3),
      busy(4),
    ]);
    expect(givenUp).toHaveLength(6);
    const hindered = told.filter((message) => message.includes("given up"));
    expect(hindered).toEqual([
      expect.stringMatching(/not given up before the pipeline has begun/),
      expect.stringMatching(/tried again: MR_SOURCE_SLOT_BUSY.*backend 1\. /),
      expect.stringMatching(/MR_SOURCE_REFUSED/),
      expect.stringMatching(/MR_SOURCE_SLOT_BUSY.*backend 4/),
    ]);
    expect(hindered[1]).toContain(busy(1).remedy);
  });
});
