import { describe, expect, it } from "vitest";
import { MillraceError } from "./errors/millrace-error.ts";
import type { KnownPipeline } from "./known-pipeline.ts";
import { ShareEnds } from "./share-ends.ts";

/** Two partitions that end at 5, at a sink whose frontiers the test sets, or which fails as the test says. */
class Bench {
  readonly calls: string[] = [];
  frontiers: Readonly<Record<string, number>> = {};
  failure: MillraceError | null = null;
  present: Readonly<Record<string, number>> = { "t-0": 5, "t-1": 5 };
  readonly ends = new ShareEnds({
    ends: () => {
      this.calls.push("ends");
      return Promise.resolve(new Map(Object.entries(this.present)));
    },
    comparePositions: (a, b) => Number(a) - Number(b),
    open: () => {
      this.calls.push("open");
      return Promise.resolve({
        read: () => (this.failure === null ? Promise.resolve(this.#known()) : this.#fail()),
        [Symbol.asyncDispose]: () => {
          this.calls.push("close");
          return Promise.resolve();
        },
      });
    },
  });

  #fail(): Promise<never> {
    return Promise.reject(this.failure ?? new Error("none"));
  }

  #known(): KnownPipeline {
    const logs = Object.entries(this.frontiers).map(
      ([share, position]) => [share, { position, history: null }] as const,
    );
    return { identity: null, tables: new Map(), followed: [], log: null, shareLogs: new Map(logs) };
  }
}

describe("what other processes have left", () => {
  it("is what is not durable up to where it ended, read over one session", async () => {
    const bench = new Bench();
    expect(await bench.ends.left(new Set())).toEqual(["t-0", "t-1"]);
    bench.frontiers = { "t-0": 5, "t-1": 4 };
    expect(await bench.ends.left(new Set())).toEqual(["t-1"]);
    bench.frontiers = { "t-1": 6 };
    expect(await bench.ends.left(new Set(["t-0"]))).toEqual([]);
    await bench.ends[Symbol.asyncDispose]();
    expect(bench.calls).toEqual(["ends", "open", "ends", "ends", "close"]);
  });

  it("is no more than there still is: neither a share that is gone, nor what came since", async () => {
    const bench = new Bench();
    bench.frontiers = { "t-0": 3, "t-1": 3 };
    expect(await bench.ends.left(new Set())).toEqual(["t-0", "t-1"]);
    bench.present = { "t-1": 9, "t-2": 9 };
    // A server that is behind the others does not know of it yet: it is gone where it is still missing then.
    expect(await bench.ends.left(new Set())).toEqual(["t-0", "t-1"]);
    expect(await bench.ends.left(new Set())).toEqual(["t-1"]);
    bench.frontiers = { "t-1": 5 };
    expect(await bench.ends.left(new Set())).toEqual([]);
  });

  it("is a share too that one answer has left out", async () => {
    const bench = new Bench();
    bench.frontiers = { "t-0": 3, "t-1": 5 };
    for (const present of [{ "t-1": 5 }, { "t-0": 5, "t-1": 5 }, { "t-1": 5 }]) {
      expect(await bench.ends.left(new Set())).toEqual(["t-0"]);
      bench.present = present;
    }
    expect(await bench.ends.left(new Set())).toEqual(["t-0"]);
  });

  it("is a share up to where it ends by now, where it was made anew", async () => {
    const bench = new Bench();
    bench.frontiers = { "t-0": 5, "t-1": 2 };
    expect(await bench.ends.left(new Set())).toEqual(["t-1"]);
    bench.present = { "t-0": 5, "t-1": 2 };
    expect(await bench.ends.left(new Set())).toEqual([]);
  });

  it("is nothing that a sink is asked for where this process has all of them", async () => {
    const bench = new Bench();
    expect(await bench.ends.left(new Set(["t-0", "t-1"]))).toEqual([]);
    expect(bench.calls).toEqual(["ends"]);
  });

  it("is asked for again, over another session, where the sink is not to be reached now", async () => {
    const bench = new Bench();
    bench.failure = new MillraceError("MR_SINK_LOST_CONNECTION", "broken");
    expect(await bench.ends.left(new Set(["t-0"]))).toEqual(["what could not be asked for yet"]);
    bench.failure = null;
    bench.frontiers = { "t-1": 5 };
    expect(await bench.ends.left(new Set(["t-0"]))).toEqual([]);
    expect(bench.calls).toEqual(["ends", "open", "close", "ends", "open"]);
  });

  it.each(["MR_SINK_REFUSED", "MR_BUG"] as const)(
    "is never known where it fails with %s, which says so",
    async (code) => {
      const bench = new Bench();
      bench.failure = new MillraceError(code, "of a test");
      await expect(bench.ends.left(new Set(["t-0"]))).rejects.toMatchObject({ code });
      expect(bench.calls.at(-1)).toBe("close");
    },
  );
});
