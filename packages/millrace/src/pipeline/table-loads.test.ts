import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import type { TableShape } from "../model/table.ts";
import type { Barriers } from "./barriers.ts";
import type { ChunkParts } from "./chunk-reader.ts";
import { RestartNeeded } from "./committer.ts";
import type { Generations } from "./generations.ts";
import type { LoadControl } from "./load-control.ts";
import type { Loader } from "./loader.ts";
import type { LogReader } from "./log-reader.ts";
import { deafObserver } from "./observer.ts";
import { shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import type { Prepared } from "./prepare-run.ts";
import { TableLoads } from "./table-loads.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { Waits } from "./waits.ts";

/** Loads of a table whose shape is not the catalogue's any more; what is done to it is told in order. */
function loading(
  shape?: TableShape,
  mustWait: () => boolean = () => false,
  isBehindPutOff: () => boolean = () => false,
) {
  const table = tableOf(shape, { state: "INIT_SYNC", allPlanned: false });
  const told: string[] = [];
  const asked = Promise.withResolvers<TableShape | null>();
  const loader: Partial<Loader> = {
    startTable: () => void told.push("starts"),
    stopTable: (stopped: TableRuntime) => {
      stopped.loading.abort(new Error("stopped"));
      told.push("stops");
      return Promise.resolve();
    },
  };
  const begun: string[] = [];
  const generations: Partial<Generations> = {
    resync: () => Promise.resolve(void told.push("has a new generation")),
    emptyForLoad: () => {
      told.push("is emptied");
      return isBehindPutOff() ? Promise.resolve() : Promise.reject(new Error("that is all"));
    },
  };
  const prepared: Partial<Prepared> = {
    tables: new Map([[table.id, table]]),
    moved: [table.id],
    waiting: [],
    currentShape: () => asked.promise,
    goneRows: () => "stay",
    generations: generations as Generations,
  };
  const reader: Partial<LogReader> = {
    interrupt: async (work) => {
      await work().catch((thrown: unknown) => {
        if (thrown instanceof RestartNeeded) told.push("has the run begin anew");
        throw thrown;
      });
    },
    drained: () => Promise.resolve(),
  };
  const barriers: Partial<Barriers> = {
    adopt: () => Promise.resolve(void told.push("has the catalogue's shape")),
  };
  const passed = () => Promise.resolve();
  const rate: Partial<LoadControl["rate"]> = { paid: passed };
  const load: Partial<LoadControl> = { passed, rate: rate as LoadControl["rate"] };
  const loads = new TableLoads(loader as Loader, {
    chunks: { clock: systemClock, source: {}, load: load as LoadControl } as ChunkParts,
    prepared: prepared as Prepared,
    reader: reader as LogReader,
    barriers: barriers as Barriers,
    observer: deafObserver,
    waits: new Waits(systemClock),
    signal: new AbortController().signal,
    durable: () => 0,
    mustWait,
    isBehindPutOff,
    onBehindPutOff: () => void told.push("waits"),
    onBegin: ({ id }) => void begun.push(id),
    onLoaded: () => undefined,
    fail: () => undefined,
  });
  return { loads, table, told, begun, asked };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 9; turn++) await Promise.resolve();
};

describe("a table whose shape is not the catalogue's at the start", () => {
  it("is not read before it has that", async () => {
    const { loads, table, told, asked } = loading();
    loads.start();
    loads.begin(table);
    await turns();
    expect(new Set(told)).toEqual(new Set(["stops"]));
    asked.resolve(table.shape);
    await turns();
    expect(told.slice(-2)).toEqual(["has the catalogue's shape", "starts"]);
  });
});

describe("a paused table that is resumed", () => {
  it("is for the next run to let go of where the source has it no more", async () => {
    const { loads, table, told, asked } = loading();
    table.update({ paused: { atMs: 0 } });
    asked.resolve(null);
    await loads.resume(table.id);
    expect(told).toEqual(["stops", "has the run begin anew"]);
  });
});

describe("the load of a table", () => {
  it("is told of before it goes on or begins anew", () => {
    const { loads, table, begun } = loading();
    loads.begin(table);
    expect(begun).toEqual([table.id]);
  });

  it("without key waits for the rows that its own point at", async () => {
    let waits = true;
    const { loads, table, told } = loading(shapeOf(undefined, []), () => waits);
    loads.begin(table);
    loads.onLoaded();
    await turns();
    expect(told).not.toContain("is emptied");
    waits = false;
    loads.onFrontier();
    await turns();
    expect(told.filter((line) => line === "is emptied")).toHaveLength(1);
  });

  it("without key is emptied, and then waits for rows of its parents that are put off", async () => {
    let waits = true;
    const { loads, table, told } = loading(
      shapeOf(undefined, []),
      () => false,
      () => waits,
    );
    loads.begin(table);
    await turns();
    loads.onFrontier();
    await turns();
    expect([told.slice(1), table.behindPutOff]).toEqual([["is emptied", "waits"], true]);
    waits = false;
    loads.onLoaded();
    await turns();
    expect([told.at(-1), table.behindPutOff]).toEqual(["is emptied", false]);
  });
});
