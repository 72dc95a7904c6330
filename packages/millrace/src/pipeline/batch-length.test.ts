import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchLength, BatchScan } from "./batch-length.ts";
import { type ChunkProgress, LoadedBatch } from "./chunk-progress.ts";
import { RowItem, type LaneItem, type Mark } from "./lane-item.ts";
import { LaneQueue } from "./lane-queue.ts";
import { changeOf, itemOf, tableOf, transactionOf } from "./pipeline-parts.fixture.ts";

const table = tableOf();
const [route] = table.routesFor(table.shape);
const LOAD = new LoadedBatch({} as ChunkProgress, null, 0); // nothing of it is asked for

/** Rows by what they are of: a letter is a source transaction, `.` a chunk, `:` one that is told once, and `#` its mark; `|` ends a transaction, `-` does not. */
function queueOf(text: string): LaneQueue {
  const queue = new LaneQueue();
  for (const [index, letter] of [...text].entries()) queue.push(of(letter, index));
  return queue;
}

function of(letter: string, index: number): LaneItem {
  if (letter === "|" || letter === "-") return mark(letter === "|");
  if (letter === "#") return { kind: "chunk-mark", key: null, rows: 0, pending: 1, passed };
  if (letter === "." || letter === ":") {
    const item = itemOf(table, "put", [String(index), "v", "b"], null, "r");
    if (letter === ":") item.load = LOAD;
    return item;
  }
  if (route === undefined) throw new Error("the table has no route");
  const row = [String(index), "v", "b"];
  const transaction = transactionOf(letter);
  const change = changeOf("c", { after: row }, index, { transaction });
  return new RowItem("put", table, route, String(index), row, index, change, 10);
}

/** A row of the log that weighs so much, and brings so much back to the budget. */
function weighing(bytes: number, given: number, index: number): RowItem {
  if (route === undefined) throw new Error("the table has no route");
  const row = [String(index), "v", "b"];
  const change = changeOf("c", { after: row }, index, { transaction: transactionOf("a"), bytes });
  return new RowItem("put", table, route, String(index), row, index, change, given);
}

const passed = (): void => undefined;
const mark = (endsTransaction: boolean): Mark => ({
  kind: "mark",
  seq: 1,
  position: 0,
  acknowledge: null,
  sourceTimeMs: null,
  endsTransaction,
});

describe("the length of a batch that keeps source transactions whole", () => {
  it.each([
    ["all that is here where a transaction has ended", "aab|", { items: 4, open: null }],
    ["what comes before a transaction whose rest is not here", "aabb", { items: 2, open: null }],
    ["the same where a batch of the log ends in its middle", "aab-", { items: 2, open: null }],
    ["nothing yet of a transaction that would fit", "aa-", { items: 3, open: "a" }],
    ["whole transactions up to the limit", "aabbbcc|", { items: 5, open: null }],
    ["the limit of one that does not fit", "aaaaaaa", { items: 6, open: null }],
    ["the next one only once it ends", "aaabbbb", { items: 3, open: null }],
    ["rows of chunks as they come", "...", { items: 3, open: null }],
    ["a transaction with chunks between its rows in one", "a.a.b", { items: 4, open: null }],
    ["chunks before a transaction that has not ended", "..a", { items: 2, open: null }],
    ["a transaction cut by chunks only where all of it is here", "a..a|", { items: 5, open: null }],
  ])("is %s: %s", (_, text, wanted) => {
    const limits = { maxRows: 6, maxBytes: 1_000_000, estimateBytes: () => 10, whole: true };
    expect(batchLength(queueOf(text), limits)).toEqual(wanted);
  });

  it("is any number of rows where they need not be kept whole", () => {
    const limits = { maxRows: 3, maxBytes: 1_000_000, estimateBytes: () => 10, whole: false };
    expect(batchLength(queueOf("aabb"), limits)).toEqual({ items: 3, open: null });
    expect(batchLength(queueOf("aa-"), limits)).toEqual({ items: 3, open: null });
  });
});

/** What a batch of the log without rows does: the last mark says more, where no row of the log came behind it. */
function endLast(queue: LaneQueue): void {
  const items = queue.take(queue.length);
  const last = items.findLast((item) => item.kind === "mark" || isLogged(item));
  if (last?.kind === "mark") last.endsTransaction = true;
}

function isLogged(item: LaneItem): boolean {
  return item.kind === "row" && item.change.transaction !== null;
}

describe("the length of a batch whose rows of loads are told once", () => {
  const limits = { maxRows: 5, maxBytes: 1_000_000, estimateBytes: () => 10, whole: false };

  it.each([
    ["what comes before a batch of a chunk that does not fit whole", "::#::#::#", 6],
    ["as many of its rows as fit where it is the first", "::::::::#", 5],
    ["all where it fits just so", ":::#::#", 7],
    ["as many as fit where nothing has to be named", "..#..#..#", 7],
  ])("is %s: %s", (_, text, items) => {
    expect(batchLength(queueOf(text), limits)).toEqual({ items, open: null });
    expect(batchLength(queueOf(text), { ...limits, whole: true })).toEqual({ items, open: null });
  });
});

describe("the length of a batch that its bytes bound", () => {
  it("is as many rows at further targets, whose items bring nothing back to the budget", () => {
    const limits = { maxRows: 100, maxBytes: 20_000, estimateBytes: () => 8_000, whole: false };
    for (const given of [8_000, 0]) {
      const queue = new LaneQueue();
      for (let i = 0; i < 10; i++) queue.push(weighing(8_000, given, i));
      expect(batchLength(queue, limits)).toEqual({ items: 2, open: null });
    }
  });
});

describe("a scan that goes on", () => {
  const limits = { maxRows: 6, maxBytes: 1_000_000, estimateBytes: () => 10, whole: true };

  it("says of a queue that grows, and is taken from, what one that begins anew says", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom("a", "b", "c", ".", ":", "#", "|", "-") },
      fc.constantFrom("ends", "take", "forward"),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new LaneQueue();
        const scan = new BatchScan();
        for (const [index, what] of steps.entries()) {
          const last = queue.at(queue.length - 1);
          if (what === "ends") endLast(queue);
          else if (what === "take") queue.drop(scan.length(queue, limits).items);
          else if (what === "forward" && last !== undefined) queue.bringForward(new Set([last]));
          else if (what !== "forward") queue.push(of(what, index));
          expect(scan.length(queue, limits)).toEqual(batchLength(queue, limits));
        }
      }),
    );
  });

  it("sees that a mark ends a transaction behind which chunks came", () => {
    const queue = queueOf("aa-.#");
    const scan = new BatchScan();
    expect(scan.length(queue, limits)).toEqual({ items: 5, open: "a" });
    endLast(queue);
    expect(scan.length(queue, limits)).toEqual({ items: 5, open: null });
  });

  it("looks at no row twice while more comes", () => {
    const queue = queueOf("aaa-");
    const scan = new BatchScan();
    let asked = 0;
    const counted = { ...limits, maxRows: 100, estimateBytes: () => (asked++, 10) };
    for (let i = 0; i < 5; i++) {
      queue.push(weighing(2_000, 2_000, 10 + i));
      scan.length(queue, counted);
    }
    expect(asked).toBe(5);
  });
});
