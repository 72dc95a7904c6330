import { describe, expect, it } from "vitest";
import type { LogBatch, ShapeChange } from "../model/change.ts";
import { systemClock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { SourceLog } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import type { Barriers } from "./barriers.ts";
import { type ByteAccount, ByteBudget } from "./byte-budget.ts";
import { Feed } from "./feed.ts";
import { Frontier } from "./frontier.ts";
import { LaneChoice } from "./lane-choice.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { LoadTurns } from "./load-turns.ts";
import { LogReader } from "./log-reader.ts";
import type { LogRest } from "./log-rest.ts";
import { doubted, shapeOf, standingOf, tableOf, transactionOf } from "./pipeline-parts.fixture.ts";
import { ReadAhead } from "./read-ahead.ts";
import { SentTransactions } from "./sent-transactions.ts";
import type { TableRuntime } from "./table-runtime.ts";

const order = (a: Position, b: Position): number => Number(a) - Number(b);
const keyless = shapeOf(undefined, []);

function toldAt(position: number, shape: TableShape): ShapeChange {
  return { kind: "shape", shape, previous: null, rewritten: [], position, transaction: null };
}

interface Reading {
  readonly log: SourceLog;
  readonly stop: AbortController;
  readonly lanes: readonly Lane[];
  readonly table?: TableRuntime;
  readonly barriers?: Pick<Barriers, "pass">;
  readonly loadAgain?: (shape: TableShape) => void;
  readonly before?: number;
  readonly budget?: ByteBudget;
  /** Of that budget. */
  readonly logBytes?: ByteAccount;
  readonly rest?: Pick<LogRest, "wanted" | "over">;
  readonly wholeRows?: number;
}

function readerOf({ log, stop, lanes, table = tableOf(), before = 0, ...more }: Reading) {
  const logBytes = more.logBytes ?? (more.budget ?? new ByteBudget(1_000)).account(1);
  return new LogReader({
    log,
    feed: new Feed({
      source: {
        keyText: () => "",
        comparePositions: order,
        positionText: String,
        sees: () => false,
      },
      lanes,
      choice: new LaneChoice(lanes.length, {}),
      tables: new Map([[table.id, table]]),
      sent: new SentTransactions([]),
      logBytes,
      everyChange: false,
      durable: null,
    }),
    lanes,
    frontier: new Frontier(lanes.length, { position: 0, acknowledge: null }),
    barriers: (more.barriers ?? {}) as Barriers,
    logBytes,
    readAhead: new ReadAhead(lanes, stop.signal),
    rest: more.rest ?? { wanted: false, over: () => Promise.resolve() },
    wholeRows: more.wholeRows ?? -1,
    signal: stop.signal,
    stopLoad: () => Promise.resolve(),
    startLoad: () => undefined,
    loadAgain: more.loadAgain ?? (() => undefined),
    passedBefore: (position) => order(position, before) <= 0,
    running: () => Promise.resolve(),
    paused: () => false,
    onFrontier: () => undefined,
  });
}

function batchAt(position: Position, items: LogBatch["items"] = [], bytes = 0): LogBatch {
  return { items, position, acknowledge: null, sourceTimeMs: null, bytes };
}

/** Reads one batch whose items are shapes; an earlier run is known to have passed everything up to `before`. */
async function read(items: readonly ShapeChange[], before: number) {
  const stop = new AbortController();
  const lanes = [new Lane(0, standingOf(), { maxRows: 1 } as LaneParts)]; // all that is used of a lane that never works
  const batches = [batchAt(9, items, 100 * items.length)];
  const budget = new ByteBudget(1_000);
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
  const loadAgain = (shape: TableShape) => void again.push(shape);
  const table = tableOf(keyless);
  const reader = readerOf({
    log,
    stop,
    lanes,
    table,
    barriers: { pass },
    loadAgain,
    before,
    budget,
  });
  await expect(reader.run()).rejects.toThrow("all is read");
  return { again, passed, usedBytes: budget.usedBytes };
}

/** What lanes work by that have no rows. */
function working(signal: AbortSignal) {
  return {
    signal,
    turns: new LoadTurns(systemClock, false).ofRun(2, signal),
    emptied: () => undefined,
    passed: () => undefined,
  };
}

/** A reader that somebody interrupts, as another number of lanes does; its lanes work when they are told to. */
function interrupted(checkpoint: Position | null) {
  const stop = new AbortController();
  const parts: Partial<LaneParts> = {
    ...working(stop.signal),
  };
  const lanes = [0, 1].map((lane) => new Lane(lane, standingOf(checkpoint), parts as LaneParts));
  const given = Promise.withResolvers<LogBatch>();
  const asked = [given.promise, new Promise<LogBatch>(() => undefined)];
  const log: SourceLog = {
    next: () => asked.shift() ?? Promise.reject(new Error("asked once too often")),
    acknowledge: () => undefined,
    close: () => Promise.resolve(),
  };
  const reader = readerOf({ log, stop, lanes });
  const did: string[] = [];
  const done = reader.interrupt(() => Promise.resolve(void did.push("changed")));
  const end = async (running: Promise<void>): Promise<void> => {
    stop.abort(new Error("over"));
    await expect(running).rejects.toThrow("over");
  };
  return { lanes, reader, give: given.resolve, did, done, end };
}

const moment = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("another number of lanes", () => {
  it("waits until every lane is drained", async () => {
    const { lanes, reader, did, done, end } = interrupted(null);
    const running = reader.run();
    for (const lane of lanes) {
      await moment();
      expect(did).toEqual([]);
      void lane.run();
    }
    await done;
    expect(did).toEqual(["changed"]);
    await end(running);
  });

  it("waits until the log has been followed to where each lane stood: its position is below no checkpoint", async () => {
    const { lanes, reader, give, did, done, end } = interrupted(5);
    for (const lane of lanes) void lane.run();
    const running = reader.run();
    await moment();
    expect(did).toEqual([]);
    give(batchAt(6));
    await done;
    expect(did).toEqual(["changed"]);
    await end(running);
  });
});

/** A reader whose log brings a transaction in two batches; `meanwhile` is asked when it has the first one. */
function reading(
  wholeRows: number,
  meanwhile: () => void,
  logBytes = new ByteBudget(1_000).account(1),
) {
  const stop = new AbortController();
  const parts: Partial<LaneParts> = {
    ...working(stop.signal),
    maxRows: 100,
    flushIntervalMs: 0,
  };
  const lanes = [new Lane(0, standingOf(), parts as LaneParts)];
  const batches = [
    { ...batchAt(5, [toldAt(4, shapeOf()), toldAt(5, shapeOf())], 100), acknowledge: 3 },
    { ...batchAt(7), acknowledge: 7 },
  ];
  const entered: Position[] = [];
  const next = async (): Promise<LogBatch> => {
    if (batches.length === 1) meanwhile();
    await moment();
    const batch = batches.shift();
    if (batch === undefined) return new Promise<LogBatch>(() => undefined);
    entered.push(batch.position);
    return batch;
  };
  const log = { next, acknowledge: () => undefined, close: () => Promise.resolve() };
  const barriers = { pass: () => Promise.resolve(false) };
  const reader = readerOf({ stop, lanes, wholeRows, log, barriers, logBytes });
  void lanes[0]?.run();
  const running = reader.run();
  const end = async (): Promise<void> => {
    stop.abort(new Error("over"));
    await expect(running).rejects.toThrow("over");
  };
  return { reader, entered, end };
}

describe("a transaction that has begun", () => {
  it.each([
    ["is read to its end where it should stay whole", 2, [5, 7]],
    ["is interrupted where more of it has come than is kept whole", 1, [5]],
    ["is interrupted where its rows stand alone", -1, [5]],
  ])("%s", async (_, wholeRows, readBefore) => {
    const stood = Promise.withResolvers<readonly Position[]>();
    const { reader, entered, end } = reading(wholeRows, () => {
      void reader.interrupt(() => Promise.resolve(stood.resolve([...entered])));
    });
    expect(await stood.promise).toEqual(readBefore);
    await end();
  });

  it("is read to its end before a stop drains the lanes", async () => {
    const stopped = Promise.withResolvers<readonly Position[]>();
    const { reader, entered, end } = reading(2, () => {
      void reader.transactionRead().then(() => stopped.resolve([...entered]));
    });
    expect(await stopped.promise).toEqual([5, 7]);
    await end();
  });
});

it("what was read of the log enters its lanes when there is room for it, and not before", async () => {
  const logBytes = new ByteBudget(1_000).account(1);
  logBytes.tryTake(1_000);
  const { entered, end } = reading(2, () => undefined, logBytes);
  await expect.poll(() => entered).toEqual([5]);
  for (let i = 0; i < 20; i++) await moment();
  expect(entered).toEqual([5]);
  logBytes.give(1_000);
  await expect.poll(() => entered).toEqual([5, 7]);
  await end();
});

it("a transaction whose first batch waits for the budget is read to its end before a stop drains the lanes", async () => {
  const logBytes = new ByteBudget(1_000).account(1);
  logBytes.tryTake(1_000);
  const { reader, entered, end } = reading(2, () => undefined, logBytes);
  await expect.poll(() => entered).toEqual([5]);
  await moment();
  const stopped = reader.transactionRead().then(() => [...entered]);
  logBytes.give(1_000);
  expect(await stopped).toEqual([5, 7]);
  await end();
});

describe("a log that lags, whose batches all end within transactions", () => {
  /** Reads such a log, whose rows are bound to one another; whoever waits for a transaction's end begins with its third batch. */
  async function endOf(wait: (reader: LogReader, stood: () => void) => void): Promise<unknown> {
    const stop = new AbortController();
    const parts: Partial<LaneParts> = {
      ...working(stop.signal),
    };
    const lanes = [new Lane(0, standingOf(), parts as LaneParts)];
    const told = (id: number): ShapeChange => ({
      ...toldAt(id, shapeOf()),
      transaction: transactionOf(String(id)),
    });
    let batches = 0;
    const next = async (): Promise<LogBatch> => {
      if (++batches === 3) wait(reader, () => stop.abort(new Error(`stood behind ${batches}`)));
      if (batches > 20) throw new Error("read for ever");
      await moment();
      const at = batches * 2;
      return { ...batchAt(at + 1, [told(at), told(at + 1)]), acknowledge: at - 1 };
    };
    const log = { next, acknowledge: () => undefined, close: () => Promise.resolve() };
    const barriers = { pass: () => Promise.resolve(false) };
    const reader = readerOf({ stop, lanes, wholeRows: 10, log, barriers });
    void lanes[0]?.run();
    return reader.run().catch((thrown: unknown) => thrown);
  }

  it("is interrupted at the end of one of them all the same", async () => {
    const ended = await endOf((reader, stood) => {
      void reader.interrupt(() => Promise.resolve(stood()));
    });
    expect(ended).toEqual(new Error("stood behind 3"));
  });

  it("is stopped there all the same", async () => {
    const ended = await endOf((reader, stood) => {
      void reader.transactionRead().then(stood);
    });
    expect(ended).toEqual(new Error("stood behind 3"));
  });
});

describe("a log that somebody interrupts again and again", () => {
  it("is read all the same", async () => {
    const stop = new AbortController();
    const parts: Partial<LaneParts> = {
      ...working(stop.signal),
    };
    const lanes = [new Lane(0, standingOf(), parts as LaneParts)];
    for (const lane of lanes) lane.run().catch(() => undefined);
    const batches = [batchAt(9, [toldAt(7, shapeOf())])];
    const log: SourceLog = {
      next: () => {
        const next = batches.shift();
        return next === undefined
          ? Promise.reject(new Error("all is read"))
          : Promise.resolve(next);
      },
      acknowledge: () => undefined,
      close: () => Promise.resolve(),
    };
    let interrupts = 0;
    const reader = readerOf({
      log,
      stop,
      lanes,
      barriers: { pass: () => Promise.resolve(false) },
    });
    const again = (): void => {
      if (++interrupts > 1_000) stop.abort(new Error("never read"));
      else void reader.interrupt(() => Promise.resolve(again())).catch(() => undefined);
    };
    again();
    await expect(reader.run()).rejects.toThrow("all is read");
    expect(interrupts).toBeLessThan(10);
  });
});

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

describe("what barriers weigh", () => {
  it("is given back to the budget like the rows beside them", async () => {
    const { passed, usedBytes } = await read([toldAt(3, shapeOf()), toldAt(7, shapeOf())], 5);
    expect([passed, usedBytes]).toEqual([[7], 0]);
  });
});

describe("a log that is to rest", () => {
  /** How often the log was asked until nothing moves; each batch has a row of each of these transactions. */
  async function asked(
    lanes: number,
    acknowledge: Position | null,
    transactions: readonly string[] = [],
  ): Promise<number> {
    const stop = new AbortController();
    let asks = 0;
    const next = (): Promise<LogBatch> => {
      asks++;
      if (asks > 3) return new Promise(() => {});
      const items = transactions.map((id, i) => ({
        ...toldAt(asks + i / 10, shapeOf()),
        transaction: transactionOf(id),
      }));
      const position = asks + 0.5;
      return Promise.resolve({
        ...batchAt(position, items),
        acknowledge: acknowledge === null ? null : position,
      });
    };
    const rest = {
      get wanted() {
        return asks > 0;
      },
      over: () => new Promise<void>(() => {}),
    };
    const log = { next } as SourceLog;
    const all = Array.from({ length: lanes }, (_, i) => new Lane(i, standingOf(), {} as LaneParts));
    const wholeRows = lanes === 1 ? 10 : -1;
    const barriers = { pass: () => Promise.resolve(false) };
    const running = readerOf({ log, stop, lanes: all, rest, wholeRows, barriers }).run();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error("over"));
    await running.catch(() => undefined);
    return asks;
  }

  it("is not read on, but to the end of a transaction that one lane keeps whole", async () => {
    expect(await asked(1, 0)).toBe(1);
    expect(await asked(1, null)).toBe(4);
    expect(await asked(2, null)).toBe(1);
  });

  it("is not read on behind the last end of a transaction in a batch that goes on with another one", async () => {
    expect(await asked(1, null, ["a", "b"])).toBe(1);
    expect(await asked(1, null, ["a", "a"])).toBe(4);
  });
});

it("more comes behind a batch whose log says so, and not while what was read waits for its place", async () => {
  const stop = new AbortController();
  const parts: Partial<LaneParts> = { ...working(stop.signal), maxRows: 1 };
  const lanes = [new Lane(0, standingOf(), parts as LaneParts)];
  const logBytes = new ByteBudget(1_000).account(1);
  logBytes.tryTake(1_000);
  const given = [
    { ...batchAt(1), moreComes: true },
    { ...batchAt(2, [], 10), moreComes: true },
    batchAt(3),
  ];
  const asked: PromiseWithResolvers<LogBatch>[] = [];
  const next = (): Promise<LogBatch> => {
    const one = Promise.withResolvers<LogBatch>();
    asked.push(one);
    return one.promise;
  };
  const log = { next, acknowledge: () => undefined, close: () => Promise.resolve() };
  const reader = readerOf({ stop, lanes, log, logBytes });
  const running = reader.run();
  const seen: boolean[] = [];
  const readNext = async (): Promise<void> => {
    await expect.poll(() => asked.length).toBe(seen.length + 1);
    const batch = given[seen.length];
    if (batch !== undefined) asked[seen.length]?.resolve(batch);
    await moment();
    seen.push(reader.moreComes);
  };
  await readNext();
  await readNext();
  logBytes.give(1_000);
  await expect.poll(() => reader.moreComes).toBe(true);
  await readNext();
  expect(seen).toEqual([true, false, false]);
  stop.abort(new Error("over"));
  await expect(running).rejects.toThrow("over");
});
