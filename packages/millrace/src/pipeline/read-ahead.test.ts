import { describe, expect, it } from "vitest";
import { oneLane } from "./lane.fixture.ts";
import { itemOf, tableOf } from "./pipeline-parts.fixture.ts";
import { ReadAhead } from "./read-ahead.ts";

const table = tableOf();

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
    const { lane, sink, stop } = oneLane();
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
    const { lane, stop } = oneLane({
      emptied: () => wants.push(lane.hungry),
    });
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
