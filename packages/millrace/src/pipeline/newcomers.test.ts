import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { tableId, type TableShape } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import { Newcomers } from "./newcomers.ts";
import { systemClock } from "../model/ports.ts";
import { plainRouter, shapeOf, tableOf, targetOf } from "./pipeline-parts.fixture.ts";
import { Waits } from "./waits.ts";

/** Looks with a source that has one more table; `refuse` is what the sink says of it. */
function lookingAt(
  refuse: MillraceError | ((columns: number, create: string) => MillraceError | null) | null = null,
  before: TableShape | null = null,
  isAwaited = false,
) {
  const known = tableOf();
  const shape = { ...shapeOf(), id: tableId("s", "later"), name: "later" };
  const tables = new Map([[known.id, known]]);
  const documents = new Map(
    before === null ? [] : [[shape.id, { targetShape: before, awaited: isAwaited }]],
  );
  const state = { nowMs: 0, asked: 0, columns: 0, refuse, shape, isGone: false };
  const done: string[] = [];
  const waits = new Waits(systemClock);
  const newcomers = new Newcomers({
    source: {
      discover: () => {
        state.asked++;
        return Promise.resolve(
          [known.shape, ...(state.isGone ? [] : [state.shape])].map((one) => ({
            shape: one,
            estimatedRows: null,
            notices: [],
          })),
        );
      },
      refusals: () =>
        Promise.resolve([{ id: tableId("s", "odd"), why: "it is unlogged", remedy: "log it" }]),
    },
    sink: {
      mapTable: (from, target) => ({ ...targetOf(from), id: tableId(target.schema, target.name) }),
      claimTargets: (targets) => Promise.resolve(void done.push(`claim ${targets.length}`)),
      checkTable: (target, create) => {
        done.push(`check ${target.id}`);
        state.columns = target.columns.length;
        const { refuse: why } = state;
        const refused = typeof why === "function" ? why(state.columns, create) : why;
        return refused === null
          ? Promise.resolve({ created: false, notices: [], secondaryUnique: false })
          : Promise.reject(refused);
      },
    },
    router: plainRouter,
    settings: { sharedTargets: false, create: "if-missing", fullLoad: true },
    clock: { monotonic: () => state.nowMs, now: () => state.nowMs },
    keep: (id, document) => {
      const { shape: kept, removed, awaited } = document ?? {};
      done.push(
        kept === undefined
          ? `forget ${id}`
          : `keep ${id} ${kept.columns.length} ${removed} ${awaited}`,
      );
      return Promise.resolve();
    },
    waits,
    observer: { event: (event) => void (event.type === "notice" && done.push(event.message)) },
    tables,
    documents,
  });
  const taken = (as: TableShape): void =>
    void tables.set(shape.id, tableOf({ ...as, id: shape.id }));
  return { newcomers, state, done, waits, taken };
}

describe("tables that appear at the source", () => {
  it("are asked for now and then, and taken up by the next run once their targets are ours", async () => {
    const { newcomers, state, done } = lookingAt();
    await newcomers.look();
    expect(state.asked).toBe(0);
    state.nowMs = 15_000;
    await expect(newcomers.look()).rejects.toThrow(RestartNeeded);
    expect(done.slice(0, 3)).toEqual(["claim 2", "keep s.later 3 true true", "check copy.later"]);
    expect(done[3]).toContain("it is unlogged");
  });

  it("that were here before find their targets as they were, and as the next run will ask for them", async () => {
    const known = shapeOf();
    const before = { ...known, columns: known.columns.slice(0, 2) };
    const { newcomers, state, done } = lookingAt(null, before);
    state.nowMs = 15_000;
    await expect(newcomers.look()).rejects.toThrow(RestartNeeded);
    expect([state.columns, known.columns.length]).toEqual([2, 3]);
    expect(done.filter((line) => line.startsWith("keep"))).toEqual([]);
  });

  it("wait, and are told of once, where their targets do not fit", async () => {
    const { newcomers, state, done } = lookingAt(
      new MillraceError("MR_SINK_SCHEMA", "s.later: no column v"),
    );
    for (state.nowMs = 15_000; state.nowMs < 60_000; state.nowMs += 15_000) await newcomers.look();
    expect(state.asked).toBe(3);
    expect(done.filter((line) => line.includes("no column v"))).toHaveLength(1);
    expect(done.filter((line) => line.startsWith("keep"))).toEqual(["keep s.later 3 true true"]);
    state.refuse = null;
    await expect(newcomers.look()).rejects.toThrow(RestartNeeded);
  });

  const misfit = new MillraceError("MR_SINK_SCHEMA", "s.later: other columns");
  const two = { ...shapeOf(), columns: shapeOf().columns.slice(0, 2) };

  it("are made by the shape that an earlier start was about to make them by, and not by what was altered since", async () => {
    const made = (columns: number) => (columns === 2 ? null : misfit);
    const { newcomers, state, done } = lookingAt(made, two, true);
    state.nowMs = 15_000;
    await expect(newcomers.look()).rejects.toThrow(RestartNeeded);
    expect(done.filter((line) => line.startsWith("keep"))).toEqual([]);
  });

  it("are made by the shape of an earlier look of the same run", async () => {
    const { newcomers, state } = lookingAt(new MillraceError("MR_SINK_SCHEMA", "not yet"));
    const { columns } = state.shape;
    state.shape = { ...state.shape, columns: columns.slice(0, 2) };
    state.nowMs = 15_000;
    await newcomers.look();
    state.shape = { ...state.shape, columns };
    state.refuse = (has) => (has === 2 ? null : misfit);
    state.nowMs = 30_000;
    await expect(newcomers.look()).rejects.toThrow(RestartNeeded);
    expect(state.columns).toBe(2);
  });

  it("are taken up as they are by now where a target that was never ours fits that", async () => {
    const theirs = (columns: number, create: string) =>
      columns === 3 && create === "never" ? null : misfit;
    const { newcomers, state, done } = lookingAt(theirs, two, true);
    state.nowMs = 15_000;
    await expect(newcomers.look()).rejects.toThrow(RestartNeeded);
    expect(done.filter((line) => line.startsWith("keep"))).toEqual(["keep s.later 3 true true"]);
  });

  it("are forgotten where the source drops them while they wait, in this run or an earlier one", async () => {
    for (const before of [null, two]) {
      const { newcomers, state, done } = lookingAt(misfit, before, true);
      for (let looks = 1; looks <= 4; looks++) {
        state.nowMs += 15_000;
        state.isGone = looks > 1;
        await newcomers.look();
      }
      expect(done.filter((line) => line.startsWith("forget"))).toEqual(["forget s.later"]);
      state.nowMs += 15_000;
      Object.assign(state, { isGone: false, refuse: null });
      await expect(newcomers.look()).rejects.toThrow(RestartNeeded);
      expect(done.filter((line) => line.startsWith("keep")).at(-1)).toBe(
        "keep s.later 3 true true",
      );
    }
  });

  it("are kept in mind where their target stands as it was to be made, though the source has dropped them", async () => {
    const { newcomers, state, done } = lookingAt(null, { ...two, name: "later" }, true);
    state.isGone = true;
    for (let looks = 1; looks <= 2; looks++) {
      state.nowMs += 15_000;
      await newcomers.look();
    }
    expect(done.filter((line) => !line.includes("unlogged"))).toEqual(["check copy.later"]);
  });

  it("are not forgotten that the pipeline has taken up since they were kept", async () => {
    const { newcomers, state, done, taken } = lookingAt(misfit, two, true);
    state.isGone = true;
    taken(two);
    state.nowMs = 15_000;
    await newcomers.look();
    expect(done.filter((line) => line.startsWith("forget"))).toEqual([]);
  });

  it("end the run like anything else where a server is gone", async () => {
    const { newcomers, state } = lookingAt(new MillraceError("MR_SINK_LOST_CONNECTION", "gone"));
    state.nowMs = 15_000;
    await expect(newcomers.look()).rejects.toMatchObject({ code: "MR_SINK_LOST_CONNECTION" });
  });
});
