import { describe, expect, it } from "vitest";
import type { LogBatch, ShapeChange } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import type { SourceLog } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import type { Barriers } from "./barriers.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Feed } from "./feed.ts";
import { Frontier } from "./frontier.ts";
import { LaneChoice } from "./lane-choice.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { LogReader } from "./log-reader.ts";
import { doubted, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import { ReadAhead } from "./read-ahead.ts";
import { SentTransactions } from "./sent-transactions.ts";

const order = (a: Position, b: Position): number => Number(a) - Number(b);
const keyless = shapeOf(undefined, []);

function toldAt(position: number, shape: TableShape): ShapeChange {
  return { kind: "shape", shape, previous: null, rewritten: [], position, transaction: null };
}

/** Reads one batch whose items are shapes; an earlier run is known to have passed everything up to `before`. */
async function read(items: readonly ShapeChange[], before: number) {
  const stop = new AbortController();
  const lanes = [new Lane(0, null, {} as LaneParts)]; // nothing of it is used by a lane that never works
  const batch: LogBatch = { items, position: 9, acknowledge: null, sourceTimeMs: null, bytes: 0 };
  const batches = [batch];
  const log: SourceLog = {
    next: () => {
      const next = batches.shift();
      if (next === undefined) stop.abort(new Error("all is read"));
      return next === undefined ? Promise.reject(stop.signal.reason) : Promise.resolve(next);
    },
    acknowledge: () => undefined,
    close: () => Promise.resolve(),
  };
  const again: TableShape[] = [];
  const passed: Position[] = [];
  const pass: Barriers["pass"] = (item) => {
    passed.push(item.position);
    return Promise.resolve(false);
  };
  const table = tableOf(keyless);
  const logBytes = new ByteBudget(1_000).account(1);
  const reader = new LogReader({
    log,
    feed: new Feed({
      source: {
        keyText: () => "",
        comparePositions: order,
        positionText: String,
        sees: () => false,
      },
      lanes,
      choice: new LaneChoice(1, {}),
      tables: new Map([[table.id, table]]),
      sent: new SentTransactions([]),
      logBytes,
      durable: null,
    }),
    lanes,
    frontier: new Frontier(1, { position: 0, acknowledge: null }),
    barriers: { pass } as Barriers,
    logBytes,
    readAhead: new ReadAhead(lanes, stop.signal),
    signal: stop.signal,
    stopLoad: () => Promise.resolve(),
    startLoad: () => undefined,
    loadAgain: (shape) => again.push(shape),
    passedBefore: (position) => order(position, before) <= 0,
    running: () => Promise.resolve(),
    paused: () => false,
    onFrontier: () => undefined,
  });
  await expect(reader.run()).rejects.toThrow("all is read");
  return { again, passed };
}

describe("a log that is replayed", () => {
  it("has tables without key loaded again where this session doubts columns behind a barrier that was passed", async () => {
    const open = doubted(keyless);
    const { again, passed } = await read([toldAt(3, open), toldAt(7, open)], 5);
    // The one behind it is a barrier of this run, which loads the table itself.
    expect([again, passed]).toEqual([[open], [7]]);
  });

  it("leaves tables alone whose rows can be asked for one by one, and those of which all is proven", async () => {
    const { again, passed } = await read([toldAt(3, doubted(shapeOf())), toldAt(4, keyless)], 5);
    expect([again, passed]).toEqual([[], []]);
  });
});
