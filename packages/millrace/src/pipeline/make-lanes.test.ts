import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import type { Source } from "../model/source.ts";
import type { Commit } from "../model/sink.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Committer } from "./committer.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { LaneChoice } from "./lane-choice.ts";
import { LoadTurns } from "./load-turns.ts";
import { makeLanes, makeSourceReads, wholeRows } from "./make-lanes.ts";
import { deafObserver } from "./observer.ts";
import { itemOf, plainRouter, settingsOf, tableOf, targetOf } from "./pipeline-parts.fixture.ts";
import type { Prepared } from "./prepare-run.ts";
import { ScriptedSink, type Answer } from "./scripted-sink.fixture.ts";
import type { TaskParts } from "./task-api.ts";

const table = tableOf();
const target = targetOf(table.shape).id;
const unique = new MillraceError("MR_SINK_CONSTRAINT", "23505");

/** Two lanes on a sink whose unique constraint refuses rows; a wait for others has no end of its own. */
function setUp() {
  const stop = new AbortController();
  const { signal } = stop;
  const sink = new ScriptedSink(2);
  const refuse = ({ writes }: Commit): Answer =>
    writes.length === 0 ? {} : { land: false, error: unique };
  for (let n = 0; n < 100; n++) sink.script.push(refuse);
  const waits: number[] = [];
  const sleep = (ms: number): Promise<void> => {
    waits.push(ms);
    return ms === 40 ? new Promise(() => undefined) : Promise.resolve();
  };
  const clock = { now: () => 0, monotonic: () => 0, sleep };
  const ports = { sink, clock, random: () => 0.5, observer: deafObserver };
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 10, maxShare: 1 }, []);
  const check = { created: false, notices: [], secondaryUnique: true };
  const choice = new LaneChoice(2, { [target]: target });
  const checks = new Map([[target, check]]);
  const prepared: Partial<Prepared> = {
    lanes: 2,
    choice,
    checks,
    committer: new Committer({ ...ports, signal }, 7, sink.lanes),
    book,
    checkpoints: new Map(),
    frontier: { position: 0, acknowledge: null, unseen: [], replayed: false },
    maxValueBytes: 1_000,
  };
  const source: Partial<Source> = { comparePositions: (a, b) => Number(a) - Number(b) };
  const task: Partial<TaskParts> = {
    ...ports,
    source: source as Source,
    settings: settingsOf(),
    router: plainRouter,
  };
  const bytes = new ByteBudget(10_000).account(1);
  const load = { turns: new LoadTurns(clock, false) };
  const parts = { task: { ...(task as TaskParts), load }, prepared: prepared as Prepared, signal };
  const writeState = () => Promise.resolve();
  const lanes = makeLanes({
    ...parts,
    order: new ConstraintOrder(checks, choice, new Map([[table.id, table]])),
    reads: makeSourceReads({ ...parts, writeState }),
    logBytes: bytes,
    chunkBytes: bytes,
    writeState,
    passed: () => undefined,
    moreComes: () => false,
    stopTable: (why) => Promise.reject(why),
    emptied: () => undefined,
    rested: () => undefined,
    putOffDone: () => undefined,
    ride: () => null,
  });
  return { lanes, sink, book, waits, stop };
}

describe("source transactions that nobody cuts", () => {
  const [batchRows, maxRowsPerCommit] = [100, 3_000];
  const task = {
    settings: settingsOf({ batchRows }),
    sink: new ScriptedSink(1, { maxRowsPerCommit }),
  };
  const rows = (lanes: number, groups = {}) =>
    wholeRows(task, { lanes, choice: new LaneChoice(lanes, groups) });

  it("are those that one lane keeps whole, and those whose rows constraints bind", () => {
    expect([rows(1), rows(2)]).toEqual([100, -1]);
    expect([rows(1, { [target]: target }), rows(2, { [target]: target })]).toEqual([2_990, 2_990]);
  });
});

const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe("a row that a unique constraint refuses", () => {
  it("is tried again once all lanes have passed what they hold, and parked no sooner", async () => {
    const { lanes, sink, book, waits, stop } = setUp();
    const [first, second] = lanes;
    if (first === undefined || second === undefined) throw new Error("no lanes");
    first.push(itemOf(table, "put", ["a", "v", "b"], 3));
    const running = [first.run()];
    await moment();
    expect([waits, sink.landed, book.list()]).toEqual([[40, 10], [], []]);
    sink.script.length = 0;
    running.push(second.run());
    await first.passedSoFar();
    expect([first.standing.at, sink.landed.length, book.list()]).toEqual([3, 1, []]);
    stop.abort(new Error("over"));
    await Promise.allSettled(running);
  });
});
