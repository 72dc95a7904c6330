import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import type { Source, SourceSnapshot } from "../model/source.ts";
import type { Sink } from "../model/sink.ts";
import type { TableId, TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { ChunkParts } from "./chunk-reader.ts";
import { GhostSweep } from "./ghost-sweep.ts";
import { LaneChoice } from "./lane-choice.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { LoadControl } from "./load-control.ts";
import { LoadTurns } from "./load-turns.ts";
import { LogRest } from "./log-rest.ts";
import { deafObserver } from "./observer.ts";
import { tableOf, standingOf, targetOf } from "./pipeline-parts.fixture.ts";
import { ReadAhead } from "./read-ahead.ts";
import { SentTransactions } from "./sent-transactions.ts";
import { Waits } from "./waits.ts";

/** A lane that remembers what it was to do, and has done it at once. */
class Listening extends Lane {
  readonly told: string[] = [];

  override pushLoad(item: Parameters<Lane["pushLoad"]>[0]): void {
    if (item.kind === "row") this.told.push(`${item.write} ${item.key}`);
  }

  override loadsPassedSoFar = (): Promise<void> => {
    this.told.push("waits");
    return Promise.resolve();
  };
}

const SIGNAL = new AbortController().signal;
const LOG_END = 9;

/** A sink with these keys, and a source with those; `meanwhile` happens while the source looks them up. */
function sweeping(
  atSink: readonly string[],
  atSource: readonly string[],
  {
    elsewhere = [],
    turns,
  }: { readonly elsewhere?: readonly TableId[]; readonly turns?: LoadTurns } = {},
) {
  const table = tableOf();
  const lane = new Listening(0, standingOf(), {} as LaneParts); // nothing of it is used by a lane that never works
  const looks: (() => void)[] = [];
  const keyText = (_shape: TableShape, row: Row): string => String(row[0]);
  const steps: (() => void)[] = [];
  const step = (): void => steps.forEach((tell) => tell());
  const snapshot: SourceSnapshot = {
    token: null,
    logEnd: LOG_END,
    sees: () => true,
    readChunk: () => {
      throw new Error("no chunk is read");
    },
    readRows: (shape, keys) => {
      step();
      looks.shift()?.();
      const there = keys.filter((row) => atSource.includes(keyText(shape, row)));
      return Promise.resolve(new Map(there.map((row) => [keyText(shape, row), row])));
    },
    close: () => Promise.resolve(),
  };
  const source: Partial<Source> = {
    keyText,
    comparePositions: () => 0,
    openSnapshot: () => (step(), Promise.resolve(snapshot)),
  };
  const parts: ChunkParts = {
    source: source as Source,
    lanes: [lane],
    choice: new LaneChoice(1, {}),
    sent: new SentTransactions([]),
    chunkBytes: new ByteBudget(1_000).account(1),
    load: new LoadControl(
      { maxRowsPerSecond: null, maxBytesPerSecond: null },
      systemClock,
      turns === undefined ? {} : { turns },
    ),
    readAhead: new ReadAhead([lane], SIGNAL),
    rest: new LogRest({
      clock: systemClock,
      random: () => 0.5,
      observer: deafObserver,
      waits: new Waits(systemClock),
      signal: SIGNAL,
    }),
    windowLimitBytes: 200,
    maxValueBytes: 1_000,
    takesLines: false,
    tellsLoads: false,
    clock: systemClock,
    random: () => 0.5,
    writeState: () => Promise.resolve(),
    durable: () => 0,
    replayed: () => Promise.resolve(),
  };
  const pages: (Row | null)[] = [];
  const readKeys: NonNullable<Sink["readKeys"]> = (_target, after) => {
    step();
    pages.push(after);
    return Promise.resolve({ keys: atSink.map((key) => [key, null, null]), done: true });
  };
  const sweep = new GhostSweep(parts, readKeys, () => Promise.resolve(new Set(elsewhere)));
  return { table, lane, looks, pages, steps, sweep: () => sweep.sweep(table, SIGNAL) };
}

describe("rows at the sink that a new load did not see", () => {
  it("are deleted through their lanes where the source has them no more", async () => {
    const { lane, sweep } = sweeping(["a", "b", "c"], ["b"]);
    expect(await sweep()).toBe(LOG_END);
    expect(lane.told).toEqual(["remove a", "remove c", "waits"]);
  });

  it("have a turn of the load while a side is asked, and none while the source's snapshot is waited for", async () => {
    const turns = new LoadTurns({ ...systemClock, monotonic: () => 0 });
    const run = turns.ofRun(1, SIGNAL);
    const lane = run.turn(() => undefined);
    lane.take();
    lane.end();
    run.changed(0);
    const { steps, sweep } = sweeping(["a"], [], { turns });
    const free: boolean[] = [];
    steps.push(() => {
      free.push(lane.take());
      lane.end();
    });
    await sweep();
    expect(free).toEqual([false, true, false]);
  });

  it("are no ghosts where their key changed while the page was looked up", async () => {
    const { table, lane, looks, sweep } = sweeping(["a", "b"], []);
    // Its row is in its lane, in front of whatever the sweep would send.
    looks.push(() => table.windows.strike("a"));
    await sweep();
    expect(lane.told).toEqual(["remove b", "waits"]);
    expect(table.windows.size).toBe(0);
  });

  it("are looked up once more where more keys changed than the window remembers", async () => {
    const { table, lane, looks, pages, sweep } = sweeping(["a", "b"], []);
    looks.push(() => {
      for (let i = 0; i < 5; i++) table.windows.strike(`other${i}`);
      table.windows.strike("a"); // not remembered any more
    });
    looks.push(() => table.windows.strike("a"));
    await sweep();
    expect([lane.told, pages]).toEqual([
      ["remove b", "waits"],
      [null, null],
    ]);
  });

  it("are waited for where all that takes them away is a change that is still in its lane", async () => {
    const { table, lane, looks, sweep } = sweeping(["a", "b"], ["b"]);
    looks.push(() => table.windows.strike("a"));
    await sweep();
    expect(lane.told).toEqual(["waits"]);
  });

  it("stay where another task of the pipeline has brought rows into the same target, and that is told", async () => {
    const { id } = targetOf(tableOf().shape);
    const { table, lane, sweep } = sweeping(["a", "b"], [], { elsewhere: [id] });
    expect(await sweep()).toBeNull();
    expect([lane.told, table.windows.size]).toEqual([[], 0]);
    expect(table.notices).toEqual([expect.stringContaining(`Rows of ${id}`)]);
  });
});
