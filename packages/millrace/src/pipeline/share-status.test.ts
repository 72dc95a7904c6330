import { describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import { readiness } from "../observe/health.ts";
import { aStatus, aTable } from "./model-task.fixture.ts";
import { mergeStatus, type Share } from "./share-status.ts";
import type { TaskStatus } from "./status.ts";

function share(name: string, status: Partial<TaskStatus> | null): Share {
  return {
    name,
    status: () => status && { ...aStatus("running"), lagBytes: 0, lagMs: 0, ...status },
    opening: () => null,
    failure: () => null,
  };
}

const set = {
  empty: aStatus("starting"),
  state: "running",
  error: null,
  retries: {},
  waits: [],
} as const;

describe("the status of several tasks", () => {
  it("adds up what a table has in each, and is as far as the one behind", () => {
    const { tables } = mergeStatus(
      [
        share("t-0", {
          tables: [aTable(tableId("s", "a"), "SYNC"), aTable(tableId("s", "b"), "SYNC")],
        }),
        share("t-1", { tables: [{ ...aTable(tableId("s", "a"), "INIT_SYNC"), deadLetters: 3 }] }),
      ],
      set,
    );
    expect(tables).toMatchObject([
      {
        id: "s.a",
        state: "INIT_SYNC",
        rowsLoaded: 2,
        changes: 4,
        deadLetters: 3,
        targets: ["s.a"],
      },
      { id: "s.b", state: "SYNC", changes: 2 },
    ]);
  });

  it("tells the greatest lag, and none where one is not known", () => {
    const behind = share("t-1", { lagMs: 700, lagBytes: 20 });
    expect(mergeStatus([share("t-0", { lagMs: 5, lagBytes: 3 }), behind], set)).toMatchObject({
      lagMs: 700,
      lagBytes: 23,
    });
    expect(mergeStatus([share("t-0", { lagMs: null, lagBytes: null }), behind], set)).toMatchObject(
      { lagMs: null, lagBytes: null },
    );
  });

  it("tells the age of the progress of whoever stands still with something to do", () => {
    const idle = share("idle", { lagBytes: 0, progressAgeMs: 90_000 });
    const stuck = share("stuck", { lagBytes: 8, progressAgeMs: 4_000 });
    const busy = share("busy", { lagBytes: 8, progressAgeMs: 10 });
    expect(mergeStatus([idle, stuck, busy], set).progressAgeMs).toBe(4_000);
    expect(mergeStatus([idle, share("other", { progressAgeMs: 7 })], set).progressAgeMs).toBe(7);
  });

  it("says whose a channel and a wait are, and that something is tried again", () => {
    const wait = {
      what: "load",
      reason: "rate",
      table: null,
      why: "the rate",
      sinceMs: 5,
    } as const;
    const retrying = {
      code: "MR_SINK_CONNECT",
      message: "m",
      remedy: "r",
      sinceMs: 9,
      attempts: 1,
      nextTryMs: 10,
    };
    const status = mergeStatus(
      [
        share("t-0", {
          channels: [{ id: "log", kind: "log", frontier: null }],
          waits: [wait],
          retries: { A: 1 },
        }),
        share("t-1", { retrying, retries: { A: 2, B: 1 } }),
      ],
      set,
    );
    expect(status.channels.map(({ id }) => id)).toEqual(["t-0/log"]);
    expect(status.waits.map(({ why }) => why)).toEqual(["t-0: the rate"]);
    expect(status).toMatchObject({ state: "retrying", retrying, retries: { A: 3, B: 1 } });
  });

  it("does not know the lag while a share is not begun, and says why that cannot be", () => {
    const opening = { code: "C", message: "m", remedy: "r", sinceMs: 1, attempts: 2, nextTryMs: 3 };
    const status = mergeStatus(
      [share("t-0", {}), { ...share("t-1", null), opening: () => opening }],
      set,
    );
    expect(status).toMatchObject({ state: "retrying", retrying: opening, lagMs: null });
  });

  it("has an error as soon as one share has failed, and is not ready", () => {
    const failure = { code: "MR_SOURCE_LOSS", message: "trimmed", remedy: "r", sinceMs: 7 };
    const status = mergeStatus(
      [share("t-0", {}), { ...share("t-1", {}), failure: () => failure }],
      set,
    );
    expect(status).toMatchObject({ state: "running", error: { code: "MR_SOURCE_LOSS" } });
    expect(status.waits).toMatchObject([{ why: "t-1 has stopped: trimmed", sinceMs: 7 }]);
    expect(readiness([status], 60_000).reasons).toContain(
      "p: part of it has stopped (MR_SOURCE_LOSS)",
    );
  });

  it("calls a table stopped that a failed share brings, and no other one", () => {
    const failure = { code: "MR_SINK_SCHEMA", message: "no column", remedy: "r", sinceMs: 7 };
    const [both, one] = [tableId("s", "both"), tableId("s", "one")];
    const failed = share("t-1", { tables: [aTable(both, "SYNC")] });
    const { tables } = mergeStatus(
      [
        share("t-0", { tables: [aTable(both, "SYNC"), aTable(one, "SYNC")] }),
        { ...failed, failure: () => failure },
      ],
      set,
    );
    expect(tables).toMatchObject([
      { stopped: { code: "MR_SINK_SCHEMA", message: "share t-1: no column", atMs: 7 } },
      { stopped: null },
    ]);
  });

  it("has a line for the table of a failed share that never came to know it", () => {
    const failure = { code: "MR_TARGET_OWNED", message: "owned", remedy: "r", sinceMs: 7 };
    const [whole, owned] = [tableId("s", "whole"), tableId("s", "owned")];
    const failed = { failure: () => failure, tables: () => [owned] };
    const { tables } = mergeStatus(
      [
        share("t-0", { tables: [aTable(whole, "SYNC")] }),
        { ...share("t-1", {}), ...failed },
        { ...share("t-2", null), ...failed },
      ],
      set,
    );
    expect(tables).toMatchObject([
      { id: whole, stopped: null },
      {
        id: owned,
        state: "DISCOVERY",
        targets: [],
        rowsLoaded: 0,
        stopped: { code: "MR_TARGET_OWNED", message: "share t-1: owned", remedy: "r", atMs: 7 },
      },
    ]);
  });

  it("counts retries of shares that have left", () => {
    const status = mergeStatus([share("t-0", { retries: { A: 1 } })], {
      ...set,
      retries: { A: 4 },
    });
    expect(status.retries).toEqual({ A: 5 });
  });

  it("keeps the limit of the log that is met first", () => {
    const retention = {
      limitBytes: 100,
      limitOf: "server",
      limitSeconds: 60,
      expireSeconds: null,
      retainedBytes: 10,
    } as const;
    const far = { ...retention, limitSeconds: null, retainedBytes: 30 };
    expect(
      mergeStatus([share("t-0", { retention: far }), share("t-1", { retention })], set).retention,
    ).toEqual({ ...retention, retainedBytes: 40 });
  });

  it("is that of an empty one where no share is here", () => {
    expect(mergeStatus([], { ...set, empty: { ...aStatus("running"), progressAgeMs: 5 } })).toEqual(
      { ...aStatus("running"), progressAgeMs: 5 },
    );
  });
});
