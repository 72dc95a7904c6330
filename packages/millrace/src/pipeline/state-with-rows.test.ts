import { describe, expect, it } from "vitest";
import type { StateEntry } from "../model/sink.ts";
import { oneLane } from "./lane.fixture.ts";
import { itemOf, tableOf } from "./pipeline-parts.fixture.ts";
import { refused, ScriptedSink } from "./scripted-sink.fixture.ts";
import { StateWriter } from "./state-writer.ts";

const loading = tableOf(undefined, { state: "INIT_SYNC" });
const row = (key: string) => itemOf(loading, "put", [key, "v", "b"], null, "r");
const PLAN: StateEntry = { key: "chunk/copy.orders/1", value: { n: 1 } };

/** A lane of transactions of two rows with a writer of documents beside it, as in a run; `failures` are the run's. */
function besideRows() {
  const failures: unknown[] = [];
  const sink = new ScriptedSink(1);
  const made = oneLane(
    { ride: (own) => state.ride(own), rested: () => state.rested() },
    {},
    undefined,
    sink,
  );
  const state: StateWriter = new StateWriter({
    committer: made.committer,
    sendsRows: () => made.lane.sends,
    failed: (error) => failures.push(error),
  });
  const plan = (): Promise<void> =>
    state.writeWithRows([{ key: PLAN.key, read: () => ({ n: 1 }) }]);
  /** What each transaction had of documents. */
  const landed = (): (readonly StateEntry[])[] => sink.landed.map((commit) => commit.state);
  return { ...made, sink, state, plan, landed, failures };
}

describe("documents that may go with a load's rows", () => {
  it("go in the next transaction of rows, and not between two", async () => {
    const { lane, sink, stop, plan, landed } = besideRows();
    for (const key of ["1", "2", "3", "4", "5", "6"]) lane.pushLoad(row(key));
    let told = Promise.resolve();
    sink.script.push(() => ((told = plan()), {}));
    const running = lane.run();
    await told.then(() => lane.loadsPassedSoFar());
    await told;
    expect(landed()).toEqual([[], [PLAN], []]);
    stop.abort();
    await running;
  });

  it("go by themselves behind the last rows, and where there are none", async () => {
    const { lane, sink, stop, plan, landed } = besideRows();
    for (const key of ["1", "2"]) lane.pushLoad(row(key));
    let told = Promise.resolve();
    sink.script.push(() => ((told = plan()), {}));
    const running = lane.run();
    await lane.loadsPassedSoFar();
    await told;
    await plan();
    expect(landed()).toEqual([[], [PLAN], [PLAN]]);
    stop.abort();
    await running;
  });

  it("are not lost with rows that are refused", async () => {
    const { lane, sink, stop, plan, landed, failures } = besideRows();
    for (const key of ["1", "2", "3", "4"]) lane.pushLoad(row(key));
    let told = Promise.resolve();
    sink.script.push(
      () => ((told = plan()), {}),
      () => ({ land: false, error: refused }),
    );
    const running = lane.run();
    await lane.loadsPassedSoFar();
    await told;
    expect(landed().flat()).toEqual([PLAN]);
    expect(failures).toEqual([]);
    stop.abort();
    await running;
  });

  it("are back before anything else of their lane goes, where their rows are refused", async () => {
    let planned = 0;
    const planOne = (): Promise<void> => {
      const n = ++planned;
      return state.writeWithRows([
        { key: `chunk/copy.orders/${n}`, read: () => ({ n }) },
        { key: "table/copy.orders", read: () => ({ planned }) },
      ]);
    };
    const { lane, sink, state, stop, landed } = besideRows();
    for (const key of ["1", "2", "3", "4"]) lane.pushLoad(row(key));
    const told: Promise<void>[] = [];
    let beside = Promise.resolve();
    sink.script.push(
      () => (told.push(planOne()), {}),
      () => {
        told.push(planOne());
        beside = state.write([{ key: "frontier", read: () => ({}) }]);
        return { land: false, error: refused };
      },
    );
    const running = lane.run();
    await lane.loadsPassedSoFar();
    await beside;
    const [, first = []] = landed();
    expect(first.map(({ key }) => key)).toContain("frontier");
    expect(first).toContainEqual({ key: "table/copy.orders", value: { planned: 2 } });
    // Of a chunk that a table's document says is planned and that has none the next run would read nothing.
    expect(first).toContainEqual({ key: "chunk/copy.orders/1", value: { n: 1 } });
    await Promise.all(told);
    stop.abort();
    await running;
  });
});
