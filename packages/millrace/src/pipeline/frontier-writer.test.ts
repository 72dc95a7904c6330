import { describe, expect, it } from "vitest";
import type { Position } from "../model/position.ts";
import { Frontier } from "./frontier.ts";
import { FrontierWriter } from "./frontier-writer.ts";
import { SentTransactions } from "./sent-transactions.ts";

interface IdleOptions {
  /** The second from which on the frontier rests. */
  readonly movesUntil?: number;
  readonly isDue?: (second: number) => boolean;
}

/** So many seconds of a log whose frontier moves each second; what was written in which of them. */
async function secondsWritten(
  seconds: number,
  frontierEveryMs?: number,
  { movesUntil = seconds, isDue = () => false }: IdleOptions = {},
) {
  const stop = new AbortController();
  const frontier = new Frontier(1, { position: 0, acknowledge: 0 });
  const at = { second: 0 };
  const [written, pruned]: [number[], number[]] = [[], []];
  const sent = new SentTransactions(["7"]);
  const clock = {
    now: () => at.second * 1_000,
    monotonic: () => at.second * 1_000,
    sleep: (ms: number) => {
      expect(ms).toBe(1_000);
      at.second++;
      if (at.second <= movesUntil) frontier.mark(at.second, at.second, null, true);
      if (at.second === seconds) stop.abort(new Error("over"));
      return Promise.resolve();
    },
  };
  const writer = new FrontierWriter({
    source: {
      ...(frontierEveryMs === undefined ? {} : { frontierEveryMs }),
      unseen: (ids) => Promise.resolve(void pruned.push(at.second)).then(() => ids),
      comparePositions: (a: Position, b: Position) => Number(a) - Number(b),
    },
    clock,
    frontier,
    sent,
    written: 0,
    writeState: (documents) => {
      for (const { read } of documents) read();
      written.push(at.second);
      return Promise.resolve();
    },
    acknowledge: () => undefined,
    refuseIfFenced: () => Promise.resolve(),
    isDue: () => isDue(at.second),
    signal: stop.signal,
  });
  await writer.run();
  return { written, pruned };
}

describe("the frontier's row", () => {
  it("is written once a second while it moves", async () => {
    expect(await secondsWritten(4)).toEqual({ written: [1, 2, 3, 4], pruned: [1, 2, 3, 4] });
  });

  it("is written where it rests, and sooner than the source wants it, when the sink has something to tell", async () => {
    const idle = { movesUntil: 1, isDue: (second: number) => second % 4 === 0 };
    expect((await secondsWritten(9, undefined, idle)).written).toEqual([1, 4, 8]);
    expect((await secondsWritten(9, 3_000, idle)).written).toEqual([3, 4, 8]);
  });

  it("is written as rarely as the source wants it, while transactions are forgotten each second", async () => {
    expect(await secondsWritten(7, 3_000)).toEqual({
      written: [3, 6],
      pruned: [1, 2, 3, 4, 5, 6, 7],
    });
  });
});
