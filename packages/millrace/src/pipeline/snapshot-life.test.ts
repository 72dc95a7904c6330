import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { ByteBudget } from "./byte-budget.ts";
import { SnapshotLife } from "./snapshot-life.ts";

const NEVER = new Promise<void>(() => undefined);

/** A clock on which the time of a snapshot is over when {@link passes} is called. */
function timeToLive() {
  const { promise, resolve: passes } = Promise.withResolvers<void>();
  const asked: number[] = [];
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    asked.push(ms);
    return Promise.race([
      promise,
      new Promise<void>((_resolve, reject) =>
        signal?.addEventListener("abort", () => reject(signal.reason)),
      ),
    ]);
  };
  return { clock: { ...systemClock, sleep }, passes, asked };
}

describe("the life of a snapshot", () => {
  it("ends the waiting for room, and takes none", async () => {
    const { clock, passes, asked } = timeToLive();
    const life = new SnapshotLife(clock, { mayLiveMs: 1_440_000 }, new AbortController().signal);
    const room = new ByteBudget(100).account(1);
    await room.take(100);
    const waiting = life.outlasts(room.take(50, life.signal));
    passes();
    expect([await waiting, life.isOver, asked]).toEqual([false, true, [1_440_000]]);
    room.give(100);
    expect(room.usedBytes).toBe(0);
  });

  it("does not take away what was got in time", async () => {
    const { clock, passes } = timeToLive();
    const life = new SnapshotLife(clock, { mayLiveMs: 10 }, new AbortController().signal);
    const room = new ByteBudget(100).account(1);
    const waiting = life.outlasts(room.take(50, life.signal));
    passes();
    expect([await waiting, room.usedBytes]).toEqual([true, 50]);
  });

  it("is not what the end of the work is told as", async () => {
    const { clock } = timeToLive();
    const ending = new AbortController();
    const life = new SnapshotLife(clock, { mayLiveMs: 10 }, ending.signal);
    const room = new ByteBudget(100).account(1);
    await room.take(100);
    const waiting = life.outlasts(room.take(50, life.signal));
    ending.abort(new Error("the run has ended"));
    await expect(waiting).rejects.toThrow("the run has ended");
    expect(life.isOver).toBe(false);
  });

  it("is without end where the source does not mind, and leaves no timer behind where it ends first", async () => {
    const endless = timeToLive();
    const life = new SnapshotLife(endless.clock, {}, new AbortController().signal);
    void life.outlasts(NEVER);
    expect(endless.asked).toEqual([]);
    const short = timeToLive();
    const other = new SnapshotLife(short.clock, { mayLiveMs: 5 }, new AbortController().signal);
    other.end();
    await Promise.resolve();
    short.passes();
    await new Promise((resolve) => setImmediate(resolve));
    expect(other.isOver).toBe(false);
  });
});
