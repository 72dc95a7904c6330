import { describe, expect, it } from "vitest";
import { Change } from "../model/change.ts";
import { systemClock } from "../model/ports.ts";
import type { ChunkOptions, ChunkRange, Source, SourceSnapshot } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { LaneChoice } from "./lane-choice.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { LoadControl } from "./load-control.ts";
import { LoadTurns } from "./load-turns.ts";
import { LogRest } from "./log-rest.ts";
import { deafObserver } from "./observer.ts";
import { lineOf, shapeOf, tableOf, standingOf } from "./pipeline-parts.fixture.ts";
import { ReadAhead } from "./read-ahead.ts";
import { SentTransactions } from "./sent-transactions.ts";
import { Waits } from "./waits.ts";

const shape = shapeOf();
const BATCH_BYTES = 60;
const LIFE_MS = 5_000;

/** A lane that has everything durable at once, and keeps the bytes until it is told to give them back. */
class Listening extends Lane {
  readonly keys: string[] = [];

  override pushLoad(item: Parameters<Lane["pushLoad"]>[0]): void {
    if (item.kind === "row") this.keys.push(item.key);
    if (item.kind === "chunk-mark" && --item.pending === 0) item.passed(item);
  }
}

/** Snapshots whose time is over one by one, when `passes` is called, of a table with these keys, a batch for each. */
function reading(
  keys: readonly string[],
  replayed = Promise.resolve(),
  isAwaited: (n: number) => Promise<void> = () => Promise.resolve(),
  {
    takesLines = false,
    inHand = false,
    turns,
    readAhead = new ReadAhead([{ hungry: true }], new AbortController().signal),
  }: {
    readonly takesLines?: boolean;
    readonly inHand?: boolean;
    readonly turns?: LoadTurns;
    readonly readAhead?: ReadAhead;
  } = {},
) {
  const signal = new AbortController().signal;
  const lane = new Listening(0, standingOf(), {} as LaneParts); // nothing of it is used by a lane that never works
  const table = tableOf(shape, { state: "INIT_SYNC" });
  const told: string[] = [];
  /** Keys of rows that were read, wanted or not; and how large the batches were to be. */
  const taken: string[] = [];
  const batchBytes: number[] = [];
  const lives: (() => void)[] = [];
  const passes = (): void => lives.shift()?.();
  const keyText = (_shape: TableShape, row: Row): string => String(row[0]);
  const openSnapshot = async (): Promise<SourceSnapshot> => {
    const n = told.filter((line) => line.startsWith("open")).length + 1;
    told.push(`open ${n}`);
    await isAwaited(n);
    async function* readChunk(_shape: TableShape, range: ChunkRange, options: ChunkOptions) {
      batchBytes.push(options.batchBytes);
      for (const key of keys) {
        if (range.from !== null && key <= String(range.from)) continue;
        taken.push(key);
        const row = [key, "1", "2"];
        const rows = [new Change("r", shape, null, row, null, null, null, BATCH_BYTES)];
        const sent = { bytes: BATCH_BYTES, sentBytes: BATCH_BYTES, lastKey: key };
        const held = inHand ? { inHand: key === "b" ? ("last" as const) : ("more" as const) } : {};
        const weights = { ...sent, ...held };
        const line = lineOf([`${key} line`, "1", "2"], shape, undefined, BATCH_BYTES);
        yield options.lines !== undefined
          ? { rows: [], lines: [line], ...weights }
          : { rows, ...weights };
      }
      await Promise.resolve();
    }
    return Promise.resolve({
      token: null,
      logEnd: n,
      mayLiveMs: LIFE_MS,
      sees: () => true,
      readChunk,
      readRows: () => Promise.resolve(new Map<string, Row>()),
      close: () => {
        if (!told.includes(`close ${n}`)) told.push(`close ${n}`);
        return Promise.resolve();
      },
    });
  };
  const comparePositions: Source["comparePositions"] = (a, b) => Number(a) - Number(b);
  const source: Partial<Source> = { keyText, openSnapshot, comparePositions };
  const sleep = (ms: number, until?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (ms === LIFE_MS) lives.push(resolve);
      until?.addEventListener("abort", () => reject(until.reason));
    });
  const pauses: number[] = [];
  const waits = new Waits(systemClock);
  const rest = new LogRest({
    clock: { ...systemClock, sleep: (ms) => (pauses.push(ms), Promise.resolve()) },
    random: () => 1,
    observer: deafObserver,
    waits,
    signal,
  });
  const chunkBytes = new ByteBudget(100).account(1);
  const reader = new ChunkReader({
    source: source as Source,
    lanes: [lane],
    choice: new LaneChoice(1, {}),
    sent: new SentTransactions([]),
    chunkBytes,
    load: new LoadControl(
      { maxRowsPerSecond: null, maxBytesPerSecond: null },
      systemClock,
      turns === undefined ? {} : { turns },
    ),
    readAhead,
    rest,
    windowLimitBytes: 1_000,
    maxValueBytes: 1_000,
    takesLines,
    tellsLoads: false,
    clock: { ...systemClock, sleep },
    random: () => 0.5,
    writeState: () => Promise.resolve(),
    durable: () => 0,
    replayed: () => replayed,
  });
  const read = (): Promise<unknown> =>
    reader.read(table, { v: 1, n: 0, from: null, to: null, rows: 0 }, signal);
  return { lane, table, told, taken, batchBytes, passes, chunkBytes, read, rest, pauses, waits };
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a chunk whose rows wait for room", () => {
  it("gives its snapshot up when its time is over, and goes on in another one behind what is durable", async () => {
    const { lane, told, passes, chunkBytes, read } = reading(["a", "b", "c"]);
    const ended = read();
    await turns();
    expect([lane.keys, told]).toEqual([["a"], ["open 1"]]);
    passes();
    await turns();
    expect(told).toEqual(["open 1", "close 1", "open 2"]);
    chunkBytes.give(BATCH_BYTES);
    await turns();
    chunkBytes.give(BATCH_BYTES);
    expect(await ended).toBe(2);
    expect(lane.keys).toEqual(["a", "b", "c"]);
  });
});

describe("a chunk of a load that gives way", () => {
  it("is not opened once more where its time is over while nobody wants more behind its last rows", async () => {
    const giving = new LoadTurns({ ...systemClock, monotonic: () => 0 });
    giving.ofRun(1, new AbortController().signal).changed(0);
    const eater = { hungry: true };
    const readAhead = new ReadAhead([eater], new AbortController().signal);
    const { lane, told, passes, read } = reading(["a"], undefined, undefined, {
      turns: giving,
      readAhead,
    });
    const push = lane.pushLoad.bind(lane);
    lane.pushLoad = (item) => {
      eater.hungry = false;
      push(item);
    };
    const ended = read();
    await turns();
    passes();
    expect(await ended).toBe(1);
    expect([lane.keys, told]).toEqual([["a"], ["open 1", "close 1"]]);
  });
});

describe("batches of a load", () => {
  it("are small, and none is read before a lane wants it, while it gives way", async () => {
    const seen = [];
    for (const givesWay of [true, false]) {
      const giving = new LoadTurns({ ...systemClock, monotonic: () => 0 });
      if (givesWay) giving.ofRun(1, new AbortController().signal).changed(0);
      const eater = { hungry: true };
      const readAhead = new ReadAhead([eater], new AbortController().signal);
      const { lane, taken, batchBytes, chunkBytes, read } = reading(
        ["a", "b"],
        undefined,
        undefined,
        { turns: giving, readAhead },
      );
      const push = lane.pushLoad.bind(lane);
      lane.pushLoad = (item) => {
        eater.hungry = false;
        push(item);
      };
      const ended = read();
      await turns();
      seen.push({ batchBytes: batchBytes.join(), taken: taken.join() });
      eater.hungry = true;
      readAhead.look();
      chunkBytes.give(BATCH_BYTES);
      await turns();
      eater.hungry = true;
      readAhead.look();
      await ended;
      expect(lane.keys).toEqual(["a", "b"]);
    }
    expect(seen).toEqual([
      { batchBytes: `${16 * 1024}`, taken: "a" },
      { batchBytes: `${256 * 1024}`, taken: "a,b" },
    ]);
  });
});

describe("a chunk whose rows were paid for when they were read", () => {
  it("has all of them entered where its time is over meanwhile, and goes on in another snapshot behind the last", async () => {
    const { lane, told, passes, chunkBytes, read } = reading(
      ["a", "b", "c"],
      undefined,
      undefined,
      {
        inHand: true,
      },
    );
    const ended = read();
    await turns();
    expect(lane.keys).toEqual(["a"]);
    passes();
    await turns();
    expect([lane.keys, told]).toEqual([["a"], ["open 1"]]);
    chunkBytes.give(BATCH_BYTES);
    await turns();
    expect([lane.keys, told]).toEqual([
      ["a", "b"],
      ["open 1", "close 1", "open 2"],
    ]);
    chunkBytes.give(BATCH_BYTES);
    expect(await ended).toBe(2);
    expect(lane.keys).toEqual(["a", "b", "c"]);
  });
});

describe("a chunk that is read while the log is replayed", () => {
  it("waits until every lane's checkpoint is passed: what earlier runs sent is known only then", async () => {
    const replay = Promise.withResolvers<void>();
    const { lane, table, told, read } = reading(["a"], replay.promise);
    const ended = read();
    await turns();
    expect([table.windows.size, told]).toEqual([0, []]);
    replay.resolve();
    await ended;
    expect([lane.keys, told]).toEqual([["a"], ["open 1", "close 1"]]);
  });
});

describe("a chunk whose rows come as their source wrote them", () => {
  it("has those of struck keys left out, and is counted with all of them", async () => {
    const { lane, table, told, chunkBytes, read } = reading(
      ["a", "b"],
      undefined,
      async () => {
        table.windows.strike("b line");
        return Promise.resolve();
      },
      { takesLines: true },
    );
    const ended = read();
    await turns();
    chunkBytes.give(BATCH_BYTES);
    await ended;
    expect([lane.keys, told]).toEqual([["a line"], ["open 1", "close 1"]]);
    expect(table.document.rowsLoaded).toBe(2);
  });
});

describe("a chunk whose snapshot is far behind a log that changes many keys", () => {
  const DURING_ONE_WAIT = 40;

  it("gets its rows: the log rests while its window fills", async () => {
    let reads = 0;
    const { lane, table, told, read, rest, waits } = reading(["a"], undefined, async () => {
      if (reads > DURING_ONE_WAIT) throw new Error("it stands still");
      for (let i = 0; i < DURING_ONE_WAIT; i++) {
        if (!rest.wanted) table.windows.strike(`other ${reads++}`);
        await turns();
      }
    });
    await read();
    expect([lane.keys, told]).toEqual([["a"], ["open 1", "close 1"]]);
    expect([reads < DURING_ONE_WAIT, rest.wanted, waits.list()]).toEqual([true, false, []]);
  });

  it("says why it waits, and waits longer each time, where the log cannot rest", async () => {
    const told: string[][] = [];
    const { lane, table, read, pauses, waits } = reading(["a"], undefined, async (n) => {
      told.push(waits.list().map(({ reason }) => reason));
      if (n > 10) throw new Error("it stands still");
      for (let i = 0; i < DURING_ONE_WAIT && n < 4; i++) table.windows.strike(`other ${n} ${i}`);
    });
    await read();
    expect(told).toEqual([[], ["window"], ["window"], ["window"]]);
    expect([lane.keys, pauses, waits.list()]).toEqual([["a"], [100, 200, 400], []]);
  });
});
