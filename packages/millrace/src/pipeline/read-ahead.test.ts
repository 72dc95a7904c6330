import { describe, expect, it } from "vitest";
import { Committer } from "./committer.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { Lane } from "./lane.ts";
import { LaneChoice } from "./lane-choice.ts";
import { MeetingWriter } from "./meeting-writer.ts";
import { deafObserver } from "./observer.ts";
import { instantClock, itemOf, tableOf } from "./pipeline-parts.fixture.ts";
import { ReadAhead } from "./read-ahead.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import { SourceReads } from "./source-reads.ts";

const table = tableOf();
const never = () => Promise.reject(new Error("not in this test"));

/** One lane whose transactions are of two rows, and who is told when it has less. */
function oneLane(emptied: () => void) {
  const stop = new AbortController();
  const { signal } = stop;
  const sink = new ScriptedSink(1);
  const [clock, random, observer] = [instantClock(), () => 0.5, deafObserver];
  const committer = new Committer({ sink, clock, random, observer, signal }, 7, sink.lanes);
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []);
  const source = {} as ConstructorParameters<typeof SourceReads>[0]["source"];
  const asked = { source, maxValueBytes: 1_000, writeState: never, currentShape: never };
  const shared = {
    sink,
    committer,
    book,
    reads: new SourceReads({ ...asked, clock, random, signal }),
    observer,
    clock,
    compaction: true,
    order: new ConstraintOrder(new Map(), new LaneChoice(1, {})),
    writeTable: never,
  };
  const account = new ByteBudget(1_000_000).account(1);
  const lane = new Lane(0, null, {
    ...shared,
    meetings: new MeetingWriter(shared),
    logBytes: account,
    chunkBytes: account,
    maxRows: 2,
    maxBytes: 1_000_000,
    whole: false,
    flushIntervalMs: 0,
    signal,
    passed: () => undefined,
    stopTable: never,
    waitForOthers: never,
    emptied,
  });
  return { lane, sink, stop };
}

const row = (key: string, at: number) => itemOf(table, "put", [key, "v", "b"], at);

describe("ReadAhead", () => {
  it("wants more while any lane does, and wakes whoever waits as soon as one does again", async () => {
    const lanes = [{ hungry: true }, { hungry: false }];
    const ahead = new ReadAhead(lanes, new AbortController().signal);
    expect(ahead.wanted).toBe(true);
    for (const lane of lanes) lane.hungry = false;
    let woken = 0;
    const waiting = [1, 2].map(() => ahead.wait().then(() => woken++));
    ahead.look();
    await Promise.resolve();
    expect({ wanted: ahead.wanted, woken }).toEqual({ wanted: false, woken: 0 });
    for (const lane of lanes) lane.hungry = true;
    ahead.look();
    await Promise.all(waiting);
    expect(woken).toBe(2);
  });

  it("waits no longer than the run lasts", async () => {
    const stop = new AbortController();
    const waiting = new ReadAhead([{ hungry: false }], stop.signal).wait();
    stop.abort(new Error("over"));
    await expect(waiting).rejects.toThrow("over");
  });
});

describe("a lane", () => {
  it("has enough with one transaction behind the one in flight", async () => {
    const { lane, sink, stop } = oneLane(() => undefined);
    const seen: boolean[] = [];
    sink.script.push(() => {
      lane.push(row("c", 3));
      seen.push(lane.hungry);
      lane.push(row("d", 4));
      seen.push(lane.hungry);
      return {};
    });
    lane.push(row("a", 1));
    expect(lane.hungry).toBe(true);
    lane.push(row("b", 2));
    expect(lane.hungry).toBe(false);
    const running = lane.run();
    await new Promise((resolve) => sink.script.push(() => (resolve(null), {})));
    expect(seen).toEqual([true, false]);
    stop.abort();
    await running;
  });

  it("says when it has less, also where marks were all that it had", async () => {
    const wants: boolean[] = [];
    const { lane, stop } = oneLane(() => wants.push(lane.hungry));
    const passed = [lane.passedSoFar(), lane.passedSoFar(), lane.passedSoFar()];
    expect(lane.hungry).toBe(false);
    const running = lane.run();
    await Promise.all(passed);
    await Promise.resolve();
    expect(wants.at(-1)).toBe(true);
    stop.abort();
    await running;
  });
});
