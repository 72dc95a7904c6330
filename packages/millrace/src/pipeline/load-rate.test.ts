import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Clock } from "../model/ports.ts";
import { tableId } from "../model/table.ts";
import { LoadRate, TokenBucket } from "./load-rate.ts";

/** Time that moves when somebody sleeps, and by {@link VirtualTime.pass}. */
class VirtualTime implements Clock {
  #nowMs = 1_000;
  #sleepers: { dueMs: number; wake: () => void }[] = [];

  now = (): number => this.#nowMs;
  monotonic = (): number => this.#nowMs;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#sleepers.push({ dueMs: this.#nowMs + ms, wake: resolve });
    });
  }

  /** Lets so much time pass, waking whoever is due, in order. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      // Until everybody sleeps, however many pages were read before.
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#sleepers.toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#sleepers = this.#sleepers.filter((s) => s !== next);
      next.wake();
    }
    this.#nowMs = endMs;
  }
}

const NO_SIGNAL = new AbortController().signal;

describe("a token bucket", () => {
  it("has what was taken paid for by time, and saves no more than a second of what was not used", () => {
    const bucket = new TokenBucket(100);
    bucket.take(50, 0);
    expect([bucket.owedMs(0), bucket.owedMs(200), bucket.owedMs(500)]).toEqual([500, 300, 0]);
    bucket.take(150, 60_000);
    expect(bucket.owedMs(60_000)).toBe(500);
  });
});

/** A worker that reads pages for as long as it may. */
async function read(
  rate: LoadRate,
  pages: readonly { rows: number; bytes: number }[],
  onPage: (rows: number, bytes: number) => void,
): Promise<void> {
  for (let at = 0; ; at = (at + 1) % pages.length) {
    await rate.paid(NO_SIGNAL);
    for (let n = 0; n < 3; n++) {
      await rate.inTime(NO_SIGNAL);
      const { rows, bytes } = pages[at] ?? { rows: 1, bytes: 1 };
      rate.took(rows, bytes);
      onPage(rows, bytes);
    }
  }
}

const table = (name: string) => tableId("a", name);

describe("the rate of a load", () => {
  it("holds for all workers together, whatever the pages are, within a moment and a page of each", async () => {
    const page = fc.record({
      rows: fc.integer({ min: 1, max: 500 }),
      bytes: fc.integer({ min: 1, max: 50_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 50, max: 2_000 }),
        fc.integer({ min: 1_000, max: 1_000_000 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(page, { minLength: 1, maxLength: 4 }),
        async (maxRowsPerSecond, maxBytesPerSecond, workers, pages) => {
          const time = new VirtualTime();
          const rate = new LoadRate({ maxRowsPerSecond, maxBytesPerSecond }, time);
          const sum = { rows: 0, bytes: 0, seconds: 0 };
          for (let n = 0; n < workers; n++)
            void read(rate, pages, (rows, bytes) => {
              sum.rows += rows;
              sum.bytes += bytes;
              sum.seconds += Math.max(rows / maxRowsPerSecond, bytes / maxBytesPerSecond);
            });
          const seconds = 20;
          await time.pass(seconds * 1_000);
          const ahead = (most: number) => 2 * workers * most;
          const mostRows = Math.max(...pages.map((p) => p.rows));
          const mostBytes = Math.max(...pages.map((p) => p.bytes));
          expect(sum.rows).toBeLessThanOrEqual(
            maxRowsPerSecond * (seconds + 1.5) + ahead(mostRows),
          );
          expect(sum.bytes).toBeLessThanOrEqual(
            maxBytesPerSecond * (seconds + 1.5) + ahead(mostBytes),
          );
          // No page is waited for longer than the nearer of both asks for.
          expect(sum.seconds).toBeGreaterThanOrEqual(seconds - 1);
        },
      ),
      {
        numRuns: 25,
        examples: [
          [
            50,
            3_010,
            1,
            [
              { rows: 1, bytes: 1 },
              { rows: 1, bytes: 202 },
            ],
          ],
        ], // several pages at once
      },
    );
  });

  it("is no rate where nothing is bounded", async () => {
    const rate = new LoadRate(
      { maxRowsPerSecond: null, maxBytesPerSecond: null },
      new VirtualTime(),
    );
    rate.took(1e9, 1e12);
    await rate.paid(NO_SIGNAL);
    expect([rate.isWaitedFor, rate.waitedMs, rate.chunkRows(8_096, table("b"))]).toEqual([
      false,
      0,
      8_096,
    ]);
  });

  it("tells that it is waited for, and for how long it was", async () => {
    const time = new VirtualTime();
    const rate = new LoadRate({ maxRowsPerSecond: 10, maxBytesPerSecond: null }, time);
    rate.took(30, 0);
    const waiting = rate.paid(NO_SIGNAL);
    await time.pass(1_000);
    expect([rate.isWaitedFor, rate.waitedMs]).toEqual([true, 0]);
    await time.pass(2_000);
    await waiting;
    expect([rate.isWaitedFor, rate.waitedMs]).toEqual([false, 3_000]);
  });

  it("lets go of who waits when the work is to end", async () => {
    const rate = new LoadRate({ maxRowsPerSecond: 1, maxBytesPerSecond: null }, new VirtualTime());
    rate.took(100, 0);
    const ending = new AbortController();
    const waiting = rate.paid(ending.signal);
    ending.abort(new Error("the end"));
    await expect(waiting).rejects.toThrow("the end");
    expect(rate.isWaitedFor).toBe(false);
  });

  it("makes chunks smaller where they would last for long, never tiny", () => {
    const rowsAt = (maxRowsPerSecond: number) =>
      new LoadRate({ maxRowsPerSecond, maxBytesPerSecond: null }, new VirtualTime()).chunkRows(
        8_096,
        table("b"),
      );
    expect([rowsAt(1_000_000), rowsAt(1_000), rowsAt(1)]).toEqual([8_096, 5_000, 100]);
  });

  it("makes chunks as small as the bytes of a table's rows ask for, and the first of a table small", () => {
    const rate = new LoadRate(
      { maxRowsPerSecond: null, maxBytesPerSecond: 1e6 },
      new VirtualTime(),
    );
    expect(rate.chunkRows(8_096, table("wide"))).toBe(100);
    rate.took(10, 1e6, table("wide"));
    rate.took(1_000, 100_000, table("narrow"));
    rate.took(3, 0); // keys of ghosts: no table's rows
    expect([rate.chunkRows(8_096, table("wide")), rate.chunkRows(8_096, table("narrow"))]).toEqual([
      50, 8_096,
    ]);
    rate.took(1, 1e9, table("huge"));
    expect([rate.chunkRows(8_096, table("huge")), rate.chunkRows(8_096, table("new"))]).toEqual([
      1, 100,
    ]);
  });

  it("has so many rows read at once as a second pays for, and any number without a rate", () => {
    const pageRows = (maxRowsPerSecond: number | null, name = "b") =>
      new LoadRate({ maxRowsPerSecond, maxBytesPerSecond: null }, new VirtualTime()).pageRows(
        table(name),
      );
    expect([pageRows(1_000), pageRows(1), pageRows(null)]).toEqual([1_000, 20, Infinity]);
    const rate = new LoadRate(
      { maxRowsPerSecond: null, maxBytesPerSecond: 1e6 },
      new VirtualTime(),
    );
    rate.took(1, 1e9, table("huge"));
    expect([rate.pageRows(table("new")), rate.pageRows(table("huge"))]).toEqual([20, 1]);
  });

  it("follows a table whose rows grow", () => {
    const rate = new LoadRate(
      { maxRowsPerSecond: null, maxBytesPerSecond: 1e6 },
      new VirtualTime(),
    );
    for (let n = 0; n < 1_000; n++) rate.took(1_000, 100_000, table("grows"));
    for (let n = 0; n < 300; n++) rate.took(50, 5e6, table("grows"));
    expect(rate.chunkRows(8_096, table("grows"))).toBeLessThan(100);
  });
});
