import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../errors/catalogue.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import type { Position } from "../model/position.ts";
import type { TableLook } from "../model/source.ts";
import { systemClock, type Clock } from "../model/ports.ts";
import { RestartNeeded } from "./committer.ts";
import { tableOf } from "./pipeline-parts.fixture.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { TableWatch } from "./table-watch.ts";
import { Waits } from "./waits.ts";

const END: Position = [10, 0, 0];

/** A watch whose source always finds the same, while the log is durable up to `durable`. */
function watchOver(
  found: Partial<TableLook>,
  {
    fullLoad = true,
    canSweep = true,
    failing,
    table = tableOf(),
    isPausedMeanwhile = false,
    at = [0],
  }: {
    fullLoad?: boolean;
    canSweep?: boolean;
    failing?: ErrorCode;
    table?: TableRuntime;
    isPausedMeanwhile?: boolean;
    /** Which looks find it. */
    at?: readonly number[];
  } = {},
) {
  const done: string[] = [];
  const abort = new AbortController();
  const waits = new Waits(systemClock);
  const state = { durable: [5, 0, 0] as readonly number[], looks: 0 };
  const base = { id: table.id, being: "there", lost: null, rows: "same", moved: false } as const;
  const look = { ...base, carrier: {}, parts: ["1"], shape: null, ...found };
  const sleeping: Clock["sleep"] = (_, signal) =>
    new Promise((_resolve, reject) =>
      signal?.addEventListener("abort", () => reject(new Error("woken")), { once: true }),
    );
  const watch = new TableWatch({
    source: {
      look: () =>
        failing === undefined
          ? Promise.resolve(at.includes(state.looks++) ? [look] : [])
          : Promise.reject(new MillraceError(failing, "for a test")),
      logEnd: () => Promise.resolve(END),
      nudge: () => Promise.resolve(),
      comparePositions: (a, b) => Number((a as number[])[0]) - Number((b as number[])[0]),
    },
    clock: { now: () => 0, monotonic: () => 0, sleep: sleeping },
    observer: {
      event: (event) => void done.push(event.type),
      committed: () => undefined,
      failed: () => undefined,
      schemaChange: () => undefined,
    },
    tables: new Map([[table.id, table]]),
    loads: {
      resync: () =>
        isPausedMeanwhile
          ? Promise.reject(new MillraceError("MR_TABLE_PAUSED", "for a test"))
          : Promise.resolve(void done.push("resync")),
      sweepAgain: () => Promise.resolve(void done.push("sweep")),
      canSweep: () => canSweep,
      adopt: () => Promise.resolve(),
    },
    settings: { fullLoad },
    newcomers: null,
    waits,
    durable: () => state.durable,
    writeState: (documents) => Promise.resolve(void done.push(...documents.map(({ key }) => key))),
    signal: abort.signal,
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const run = watch.run().catch((error: unknown) => error);
  return { watch, table, done, state, run, settled, end: () => abort.abort(new Error("ended")) };
}

describe("a watch over tables", () => {
  it("is not settled before its first look", async () => {
    const { watch, settled, end } = watchOver({});
    expect(watch.settled).toBe(false);
    await settled();
    expect(watch.settled).toBe(true);
    end();
  });

  it("looks again later where somebody has locked what it looks at, and ends where the source is lost", async () => {
    const locked = watchOver({}, { failing: "MR_SOURCE_LOCKED" });
    const lost = watchOver({}, { failing: "MR_SOURCE_LOST_CONNECTION" });
    const ends = (run: Promise<unknown>) => Promise.race([run, locked.settled()]);
    expect(await ends(locked.run)).toBeUndefined();
    expect(await ends(lost.run)).toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    expect(locked.watch.settled).toBe(false);
    locked.end();
    expect(await locked.run).toMatchObject({ message: "woken" });
  });

  it.each([
    ["more", "resync"],
    ["fewer", "sweep"],
    ["rewritten", "resync"],
    ["renewed", "resync"],
  ] as const)(
    "meets rows that are %s only when the log has been followed to its end",
    async (rows, act) => {
      const { watch, done, state, table, settled, end } = watchOver({ rows, moved: true });
      await settled();
      expect(done).toEqual(["notice"]);
      expect(watch.settled).toBe(false);
      expect(table.notices).toEqual([
        expect.stringMatching(/^(it was emptied|partitions|its rows)/),
      ]);
      expect(table.parts).toBeNull();
      state.durable = [9, 0, 0];
      watch.onFrontier();
      await settled();
      expect(done).toEqual(["notice"]);
      state.durable = [10, 0, 0];
      watch.onFrontier();
      await settled();
      expect(done).toEqual(["notice", act]);
      expect(table.notices).toEqual([]);
      expect(table.parts?.parts).toEqual(["1"]);
      expect(watch.settled).toBe(true);
      end();
    },
  );

  it.each([
    ["and loads one whose TRUNCATE came before its last look", 1, "resync"],
    ["which came since its last look", 0, "parts/shop.orders"],
  ] as const)(
    "loads no table again whose new file is that of a TRUNCATE of the log, %s",
    async (_, before, what) => {
      const table = tableOf();
      table.truncations = before;
      const found = { rows: "renewed" } as const;
      const { watch, done, state, settled, end } = watchOver(found, { at: [1], table });
      await settled();
      void watch.unlogged([table]);
      await settled();
      table.truncations = 1;
      state.durable = END as number[];
      watch.onFrontier();
      await settled();
      expect(done).toEqual(["notice", what]);
      end();
    },
  );

  it("loads a table again whose new file came behind the one that a TRUNCATE of the log has explained", async () => {
    const table = tableOf();
    const { watch, done, state, settled, end } = watchOver(
      { rows: "renewed" },
      { table, at: [0, 2] },
    );
    await settled();
    table.truncations = 1;
    state.durable = END as number[];
    watch.onFrontier();
    await settled();
    expect(done).toEqual(["notice", "parts/shop.orders"]);
    // SET UNLOGGED, a DELETE, SET LOGGED: the log has no other TRUNCATE.
    void watch.unlogged([table]);
    await settled();
    await settled();
    expect(done.slice(2)).toEqual(["notice", "resync"]);
    end();
  });

  const asking = (watch: TableWatch, table: TableRuntime, done: string[]) =>
    void watch.unlogged([table]).then(() => done.push("answered"));

  it("a look that is asked for tells when what it found is met", async () => {
    const { watch, table, done, state, settled, end } = watchOver({ rows: "fewer" }, { at: [1] });
    await settled();
    asking(watch, table, done);
    await settled();
    expect([done, state.looks]).toEqual([["notice"], 2]);
    state.durable = END as number[];
    watch.onFrontier();
    await settled();
    expect(done).toEqual(["notice", "sweep", "answered"]);
    end();
  });

  it("a look that is asked for tells whether it has found anything", async () => {
    const answers: boolean[] = [];
    const ask = async ({ watch, table, state, settled, end }: ReturnType<typeof watchOver>) => {
      await settled();
      void watch.unlogged([table]).then((isFound) => answers.push(isFound));
      await settled();
      state.durable = END as number[];
      watch.onFrontier();
      await settled();
      end();
    };
    await ask(watchOver({ rows: "fewer" }, { at: [1] }));
    await ask(watchOver({ rows: "fewer" })); // by the look before
    await ask(watchOver({}, { at: [1] }));
    expect(answers).toEqual([true, true, false]);
  });

  it("a look that is asked for while an older one is not met yet is another one behind that", async () => {
    const { watch, table, done, state, settled, end } = watchOver({ rows: "fewer" });
    await settled();
    asking(watch, table, done);
    await settled();
    expect([done, state.looks]).toEqual([["notice"], 2]);
    state.durable = END as number[];
    watch.onFrontier();
    await settled();
    // A look before it is met, one that leaves the table out with the others, and the one behind.
    expect([done, state.looks]).toEqual([["notice", "sweep", "answered"], 4]);
    end();
  });

  it("leaves rows that came to a resume where the table was paused meanwhile", async () => {
    const { done, state, watch, run, settled, end } = watchOver(
      { rows: "more" },
      { isPausedMeanwhile: true },
    );
    await settled();
    state.durable = END as number[];
    watch.onFrontier();
    expect(await Promise.race([run, settled()])).toBeUndefined();
    expect(done).toEqual(["notice", "parts/shop.orders"]);
    end();
  });

  it("loads nothing where the file says so", async () => {
    for (const [canSweep, act] of [
      [true, "sweep"],
      [false, "parts/shop.orders"],
    ] as const) {
      const { watch, done, state, settled, end } = watchOver(
        { rows: "more" },
        { fullLoad: false, canSweep },
      );
      state.durable = END as number[];
      await settled();
      watch.onFrontier();
      await settled();
      expect(done).toEqual(["notice", act]);
      end();
    }
  });

  it("writes down parts that came without rows", async () => {
    const { done, settled, end } = watchOver({ moved: true });
    await settled();
    expect(done).toEqual(["parts/shop.orders"]);
    end();
  });

  it.each([
    ["is gone", { being: "gone" }],
    ["was made anew", { being: "remade" }],
    ["left the log", { lost: "is not in the publication" }],
    ["has no publication", { carrier: null }],
  ] as const)("leaves a table that %s to the next run", async (_, found) => {
    expect(await watchOver(found).run).toBeInstanceOf(RestartNeeded);
  });

  it("waits for the log to tell of a table that was made anew before the run, and of no later one", async () => {
    const table = tableOf();
    table.awaited = "second";
    const waiting = watchOver({ being: "remade" }, { table });
    expect(await Promise.race([waiting.run, waiting.settled()])).toBeUndefined();
    waiting.end();
    table.update({ shape: { ...table.shape, identity: "third" } });
    expect(await watchOver({ being: "remade" }, { table }).run).toBeInstanceOf(RestartNeeded);
  });
});
