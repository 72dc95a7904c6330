import { describe, expect, it } from "vitest";
import type { Position } from "../model/position.ts";
import { systemClock } from "../model/ports.ts";
import type { Source } from "../model/source.ts";
import { JoiningTables } from "./joining-tables.ts";
import { tableOf } from "./pipeline-parts.fixture.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { Waits } from "./waits.ts";

const LOG_END = 7;

/** A log of which `durable` is followed, at a source where older transactions end when told. */
function joining(initSyncDelay?: Source["initSyncDelay"]) {
  const slept = Promise.withResolvers<void>();
  const sleptMs: number[] = [];
  const older = Promise.withResolvers<void>();
  const freed: TableRuntime[] = [];
  const at = { durable: 3 };
  const errors: unknown[] = [];
  const waits = new Waits(systemClock);
  const tables = new JoiningTables(
    {
      source: {
        ...(initSyncDelay === undefined ? {} : { initSyncDelay }),
        safeToSnapshot: () => older.promise,
        logEnd: () => Promise.resolve(LOG_END),
        nudge: () => Promise.resolve(),
        comparePositions: (a: Position, b: Position) => Number(a) - Number(b),
      },
      clock: { sleep: (ms) => (sleptMs.push(ms), slept.promise) },
      durable: () => at.durable,
      waits,
      signal: new AbortController().signal,
      fail: (error) => errors.push(error),
    },
    (table) => freed.push(table),
  );
  return { tables, older, slept, sleptMs, freed, at, errors, waits };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

describe("a table that joins the log", () => {
  it("is held until older transactions have ended", async () => {
    const { tables, older, freed, waits } = joining();
    const table = tableOf();
    tables.hold([table]);
    await turns();
    expect([table.held, freed]).toEqual([true, []]);
    expect(waits.list()).toMatchObject([{ table: table.id, reason: "older-transactions" }]);
    older.resolve();
    await turns();
    expect(waits.list()).toEqual([]);
    expect([table.held, freed]).toEqual([false, [table]]);
  });

  it("that was captured before is held until the log has been followed to where it ended then", async () => {
    const { tables, older, freed, at } = joining();
    const [fresh, back] = [tableOf(), tableOf()];
    back.update({ sweep: "due" });
    tables.hold([fresh, back]);
    older.resolve();
    await turns();
    expect(freed).toEqual([fresh]);
    at.durable = LOG_END - 1;
    tables.onFrontier();
    expect(back.held).toBe(true);
    at.durable = LOG_END;
    tables.onFrontier();
    expect([back.held, freed]).toEqual([false, [fresh, back]]);
  });

  it("is not begun by this where somebody has stopped its load, for a barrier", async () => {
    const { tables, older, freed } = joining();
    const table = tableOf();
    tables.hold([table]);
    table.loading.abort(new Error("a barrier"));
    older.resolve();
    await turns();
    expect([table.held, freed]).toEqual([false, []]);
  });

  it("ends the run where the source fails", async () => {
    const { tables, older, errors } = joining();
    tables.hold([tableOf()]);
    older.reject(new Error("gone"));
    await turns();
    expect(errors).toHaveLength(1);
  });
});

describe("a table whose first INIT_SYNC the file delays", () => {
  const why = "30 s have to pass";

  it("is held for so long, and says what for", async () => {
    const { tables, slept, sleptMs, freed, waits } = joining({ ms: 30_000, why });
    const table = tableOf();
    tables.delay([table]);
    expect([table.held, sleptMs]).toEqual([true, [30_000]]);
    expect(waits.list()).toMatchObject([{ table: table.id, reason: "init-sync-delay", why }]);
    slept.resolve();
    await turns();
    expect([table.held, freed, waits.list()]).toEqual([false, [table], []]);
  });

  it("and that waits for older transactions too waits for both", async () => {
    const { tables, older, slept, freed } = joining({ ms: 30_000, why });
    const table = tableOf();
    tables.hold([table]);
    tables.delay([table]);
    older.resolve();
    await turns();
    expect([table.held, freed]).toEqual([true, []]);
    slept.resolve();
    await turns();
    expect([table.held, freed]).toEqual([false, [table]]);
  });

  it("is read at once where no time is asked for", () => {
    for (const delay of [undefined, { ms: 0, why }]) {
      const { tables, sleptMs } = joining(delay);
      const table = tableOf();
      tables.delay([table]);
      expect([table.held, sleptMs]).toEqual([false, []]);
    }
  });
});
