import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { silentLogger } from "../model/ports.ts";
import type { Json, Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { StateEntry, TargetChange } from "../model/sink.ts";
import { tableId, type TargetTable } from "../model/table.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ChangeCounts } from "./change-counts.ts";
import { RestartNeeded } from "./committer.ts";
import { LoadControl } from "./load-control.ts";
import { deafObserver } from "./observer.ts";
import {
  columnOf,
  documentOf,
  instantClock,
  plainRouter,
  settingsOf,
  shapeOf,
  targetOf,
} from "./pipeline-parts.fixture.ts";
import { prepareRun } from "./prepare-run.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import { entry, stateKey, type IntentDocument } from "./state-documents.ts";
import type { RunningTask } from "./task-api.ts";
import { Waits } from "./waits.ts";

const shape = shapeOf();
const altered = shapeOf([...shape.columns, columnOf("added", 4)]);
const NEW_LOG = 50;
const LATER = tableId("s", "later");
const later = { ...shape, id: LATER, name: "later" };
const intent: IntentDocument = {
  v: 1,
  kind: "shape",
  table: shape.id,
  position: 120,
  acknowledge: 80,
  unseen: [],
  tag: "p120",
  shape: altered,
  previous: shape,
  rewritten: [],
  aheadOfLog: false,
};

/** A sink that keeps its state over takeovers, and tells in which order things became durable. */
class Remembering extends ScriptedSink {
  readonly state = new Map<string, Json>();
  readonly order: string[] = [];
  /** What stands against a target. */
  readonly misfits = new Map<string, MillraceError>();

  keep(entries: readonly StateEntry[]): void {
    for (const { key, value } of entries) {
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    }
  }

  override takeOver = () => {
    this.order.push("takeover");
    const lanes = this.lanes.map((row) => ({ ...row }));
    return Promise.resolve({ fence: 7, lanes, state: new Map(this.state), deadLetters: [] });
  };

  override applyChange = ({ kind }: TargetChange): Promise<void> => {
    this.order.push(kind);
    return Promise.resolve();
  };

  /** What is there in the end: so many columns, whoever made it. */
  readonly columns = new Map<string, number>();

  override checkTable = ({ id, columns }: TargetTable): ReturnType<ScriptedSink["checkTable"]> => {
    this.order.push(`check ${id}`);
    const has = this.columns.get(id) ?? columns.length;
    const misfit =
      has === columns.length ? this.misfits.get(id) : new MillraceError("MR_SINK_SCHEMA", "no");
    if (misfit !== undefined) return Promise.reject(misfit);
    return Promise.resolve({ created: false, notices: [], secondaryUnique: false });
  };

  override land(commit: Parameters<ScriptedSink["land"]>[0]): void {
    super.land(commit);
    this.keep(commit.state);
    this.order.push(...commit.state.map(({ key, value }) => `${value === null ? "-" : ""}${key}`));
  }
}

/** Where a log was read to 100, lane 1 ahead of the frontier; what is there of it now is for `prepare` to say. */
function startOf(
  prepare: Source["prepare"],
  shapes = [shape],
  look?: Source["look"],
  more: Partial<RunningTask> = {},
) {
  const sink = new Remembering(2);
  sink.keep([
    entry(stateKey.pipeline, { v: 1, identity: "here", lanes: 2 }),
    entry(stateKey.frontier, { v: 1, position: 80, acknowledge: 80, unseen: [] }),
    entry(stateKey.table(shape.id), documentOf(shape)),
    { key: stateKey.checkpoint(0), value: 80 },
    { key: stateKey.checkpoint(1), value: 100 },
  ]);
  const source: Partial<Source> = {
    prepare,
    ...(look === undefined ? {} : { look }),
    comparePositions: (a: Position, b: Position) => Number(a) - Number(b),
    positionText: String,
    identity: () => Promise.resolve("here"),
    discover: () =>
      Promise.resolve(shapes.map((one) => ({ shape: one, estimatedRows: 1, notices: [] }))),
  };
  const clock = instantClock();
  const task: RunningTask = {
    pipeline: "shop",
    clock,
    random: () => 0.5,
    log: silentLogger,
    source: source as Source,
    sink,
    router: plainRouter,
    settings: settingsOf({ onLoss: "resync" }),
    budget: new ByteBudget(10_000),
    observer: deafObserver,
    load: new LoadControl({ maxRowsPerSecond: null, maxBytesPerSecond: null }, clock),
    waits: new Waits(clock),
    changeCounts: new ChangeCounts(),
    ...more,
  };
  const { waits } = task;
  return { sink, waits, prepare: () => prepareRun(task, new AbortController().signal) };
}

describe("what a run begins with", () => {
  it("has nothing of its own at the sink before somebody has looked at that, where somebody does", async () => {
    const looked = Promise.withResolvers<void>();
    const open = () => Promise.resolve({ start: NEW_LOG, created: false, joined: [] });
    const { sink, prepare } = startOf(open, [shape], undefined, { looked: looked.promise });
    const preparing = prepare();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.order).toEqual(["takeover"]);
    looked.resolve();
    await preparing;
    expect(sink.order).toContain(stateKey.pipeline);
  });

  it("is asked of a share's source while its sink is opened, and an attempt ends with both", async () => {
    const opened = Promise.withResolvers<void>();
    const told: string[] = [];
    const failing = () => Promise.reject(new MillraceError("MR_SOURCE_LOST_CONNECTION", "gone"));
    const { sink, prepare } = startOf(failing, [shape], undefined, { task: "orders-1" });
    sink.open = () => opened.promise;
    const preparing = prepare().catch(({ code }: MillraceError) => told.push(code));
    await new Promise((resolve) => setImmediate(resolve));
    expect([sink.order, told]).toEqual([[], []]);
    opened.resolve();
    await preparing;
    expect([sink.order, told]).toEqual([["takeover"], ["MR_SOURCE_LOST_CONNECTION"]]);
  });

  it("is where each lane stood, while the log is the one that it was", async () => {
    const { sink, prepare } = startOf(() =>
      Promise.resolve({ start: NEW_LOG, created: false, joined: [] }),
    );
    const { checkpoints, frontier } = await prepare();
    expect([...checkpoints]).toEqual([
      [0, 80],
      [1, 100],
    ]);
    expect([frontier.position, sink.state.get(stateKey.checkpoint(1))]).toEqual([80, 100]);
  });

  it("knows of no checkpoint where the log begins anew: it may have other changes at places that lanes have passed", async () => {
    const { sink, prepare } = startOf((_tables, known) =>
      known === null
        ? Promise.resolve({ start: NEW_LOG, created: true, joined: [] })
        : Promise.reject(new MillraceError("MR_SOURCE_LOSS", "the server was promoted")),
    );
    const { checkpoints, frontier, tables } = await prepare();
    expect([[...checkpoints], frontier.position]).toEqual([[], NEW_LOG]);
    expect(tables.get(shape.id)?.document.state).toBe("INIT_SYNC");
    // Nor does the next run, which finds the new log's frontier.
    const kept = [...sink.state.keys()].filter((key) => key.startsWith("checkpoint/"));
    expect(kept).toEqual([]);
  });

  it("is what carried a table when it was captured, whatever somebody has altered since", async () => {
    const prepared = { start: NEW_LOG, created: false, joined: [] };
    const carriers = new Map([[shape.id, "then"]]);
    const same = { being: "there", lost: null, rows: "same", moved: false, shape: null } as const;
    const { prepare } = startOf(
      () => Promise.resolve({ ...prepared, carriers }),
      [shape],
      () => Promise.resolve([{ ...same, id: shape.id, carrier: "since", parts: null }]),
    );
    const { tables } = await prepare();
    expect(tables.get(shape.id)?.document.carrier).toBe("then");
  });

  it("has the chunks that were under way, to be read again", async () => {
    const { sink, prepare } = startOf(() =>
      Promise.resolve({ start: NEW_LOG, created: false, joined: [] }),
    );
    const loading = { state: "INIT_SYNC", planned: "m", allPlanned: false, nextChunk: 2 } as const;
    const chunk = { v: 1, n: 1, from: "c", to: "m", rows: 5 };
    sink.keep([
      entry(stateKey.table(shape.id), documentOf(shape, loading)),
      entry(stateKey.chunk(shape.id, 1), chunk),
    ]);
    const { tables } = await prepare();
    expect([...(tables.get(shape.id)?.chunks.values() ?? [])]).toEqual([chunk]);
  });

  it("counts the rows that were loaded when a chunk said last how far it was", async () => {
    const { sink, prepare } = startOf(() =>
      Promise.resolve({ start: NEW_LOG, created: false, joined: [] }),
    );
    const loading = { state: "INIT_SYNC", allPlanned: true, nextChunk: 3, rowsLoaded: 20 } as const;
    const chunk = { v: 1, from: "c", to: "m", rows: 5 };
    sink.keep([
      entry(stateKey.table(shape.id), documentOf(shape, loading)),
      entry(stateKey.chunk(shape.id, 1), { ...chunk, n: 1, loaded: 25 }),
      entry(stateKey.chunk(shape.id, 2), { ...chunk, n: 2, loaded: 10 }),
      entry(stateKey.chunk(shape.id, 3), { ...chunk, n: 3, loaded: 99 }),
    ]);
    const { tables } = await prepare();
    expect(tables.get(shape.id)?.document.rowsLoaded).toBe(25);
  });

  it("is refused where the state is another source's", async () => {
    const { sink, prepare } = startOf(() => Promise.reject(new Error("the source is made ready")));
    sink.keep([entry(stateKey.pipeline, { v: 1, identity: "elsewhere", lanes: 2 })]);
    await expect(prepare()).rejects.toMatchObject({ code: "MR_SOURCE_IDENTITY" });
    expect(sink.order).toEqual(["takeover"]);
  });

  it("is that no barrier is open: one that was left is finished first, and all is read again", async () => {
    const { sink, prepare } = startOf(() =>
      Promise.resolve({ start: NEW_LOG, created: false, joined: [] }),
    );
    sink.keep([entry(stateKey.intent, intent)]);
    const { checkpoints, tables, frontier } = await prepare();
    const [taken, acted, done, again, ...flows] = sink.order;
    expect([taken, acted, done]).toEqual(["takeover", "alter", "-intent"]);
    expect([again, ...flows].lastIndexOf("takeover")).toBeLessThan(flows.indexOf("pipeline"));
    expect([...checkpoints.values(), frontier.position]).toEqual([120, 120, 120]);
    expect(tables.get(shape.id)?.targets.map(({ target }) => target)).toEqual([targetOf(altered)]);
  });
});

describe("a table that has appeared between two starts", () => {
  const kept = () => Promise.resolve({ start: NEW_LOG, created: false, joined: [] });

  it("waits where its target does not fit, and the pipeline begins with the others", async () => {
    const { sink, waits, prepare } = startOf(kept, [shape, later]);
    sink.misfits.set("copy.later", new MillraceError("MR_SINK_SCHEMA", "no column v"));
    const { tables } = await prepare();
    expect([...tables.keys()]).toEqual([shape.id]);
    expect(waits.list()).toMatchObject([{ reason: "newcomer", table: LATER }]);
    expect(sink.state.get(stateKey.table(LATER))).toMatchObject({ removed: true, awaited: true });
  });

  it("has the target that an earlier start made and did not live to tell, whatever was altered since", async () => {
    const { sink, prepare } = startOf(kept, [shape, { ...altered, id: LATER, name: "later" }]);
    const claimed = { ...documentOf(later), removed: true, awaited: true };
    sink.keep([entry(stateKey.table(LATER), claimed)]);
    sink.columns.set("copy.later", later.columns.length);
    const { tables, moved } = await prepare();
    expect(tables.get(LATER)?.document.targetShape.columns).toHaveLength(later.columns.length);
    expect(moved).toEqual([LATER]);
  });

  it("is taken up as it is by now, by another start, where its target fits that and was never ours", async () => {
    const now = { ...altered, id: LATER, name: "later" };
    const { sink, prepare } = startOf(kept, [shape, now]);
    sink.keep([
      entry(stateKey.table(LATER), { ...documentOf(later), removed: true, awaited: true }),
    ]);
    sink.columns.set("copy.later", now.columns.length);
    await expect(prepare()).rejects.toThrow(RestartNeeded);
    expect((await prepare()).tables.get(LATER)?.document.targetShape.columns).toHaveLength(4);
  });

  it("is taken up where nothing stands against it, but not looked at before an open barrier is done", async () => {
    const { sink, waits, prepare } = startOf(kept, [shape, later]);
    sink.keep([entry(stateKey.intent, intent)]);
    const { tables } = await prepare();
    expect([...tables.keys()]).toEqual([shape.id, LATER]);
    expect(waits.list()).toEqual([]);
    expect(sink.order.indexOf("check copy.later")).toBeGreaterThan(sink.order.indexOf("-intent"));
  });

  it("is asked about again where it was removed and comes back between two runs of one process", async () => {
    const { sink, waits, prepare } = startOf(kept, [shape, later]);
    expect([...(await prepare()).tables.keys()]).toEqual([shape.id, LATER]);
    sink.keep([entry(stateKey.table(LATER), { ...documentOf(later), removed: true })]);
    sink.misfits.set("copy.later", new MillraceError("MR_SINK_SCHEMA", "no column v"));
    expect([...(await prepare()).tables.keys()]).toEqual([shape.id]);
    expect(waits.list()).toMatchObject([{ reason: "newcomer", table: LATER }]);
    sink.misfits.clear();
    expect([...(await prepare()).tables.keys()]).toEqual([shape.id, LATER]);
    expect(waits.list()).toEqual([]);
  });
});
