import { ByteBudget } from "./byte-budget.ts";
import { Committer } from "./committer.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { LaneChoice, type LaneGroups } from "./lane-choice.ts";
import { TransactionTimes } from "./load-pace.ts";
import { LoadTurns } from "./load-turns.ts";
import { MeetingWriter } from "./meeting-writer.ts";
import { deafObserver } from "./observer.ts";
import { instantClock, standingOf } from "./pipeline-parts.fixture.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import type { LaneStanding } from "./standing.ts";
import { SourceReads } from "./source-reads.ts";

const never = () => Promise.reject(new Error("not in this test"));

/** One lane whose transactions are of two rows, unless told otherwise, at a sink that answers by a script. */
export function oneLane(
  parts: Partial<LaneParts> = {},
  groups: LaneGroups = {},
  standing: LaneStanding = standingOf(),
  sink = new ScriptedSink(1),
  isLogOnly = false,
) {
  const stop = new AbortController();
  const { signal } = stop;
  const [clock, random, observer] = [instantClock(), () => 0.5, deafObserver];
  const committer = new Committer({ sink, clock, random, observer, signal }, 7, sink.lanes);
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []);
  const source = { isLogOnly } as ConstructorParameters<typeof SourceReads>[0]["source"];
  const asked = { source, maxValueBytes: 1_000, writeState: never, currentShape: never };
  const shared = {
    sink,
    committer,
    book,
    reads: new SourceReads({ ...asked, clock, random, signal }),
    observer,
    clock,
    compaction: true,
    order: new ConstraintOrder(new Map(), new LaneChoice(1, groups), new Map()),
    writeTable: never,
    putOffDone: () => undefined,
    ride: () => null,
  };
  const account = new ByteBudget(1_000_000).account(1);
  const lane = new Lane(0, standing, {
    ...shared,
    meetings: new MeetingWriter({ ...shared, standing: () => standing }),
    logBytes: account,
    chunkBytes: account,
    turns: new LoadTurns(clock, false).ofRun(1, signal),
    times: new TransactionTimes(),
    maxRows: 2,
    maxBytes: 1_000_000,
    whole: false,
    flushIntervalMs: 0,
    signal,
    passed: () => undefined,
    stopTable: never,
    waitForOthers: never,
    emptied: () => undefined,
    rested: () => undefined,
    ...parts,
  });
  return { lane, sink, stop, clock, committer };
}
