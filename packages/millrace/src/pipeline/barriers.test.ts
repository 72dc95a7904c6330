import { describe, expect, it } from "vitest";
import type { ShapeChange } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import type { TableId, TableShape } from "../model/table.ts";
import type { ChangePlace, SinkCapabilities, TargetChange } from "../model/sink.ts";
import { Barriers } from "./barriers.ts";
import { Committer } from "./committer.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { Generations } from "./generations.ts";
import { deafObserver } from "./observer.ts";
import {
  columnOf,
  instantClock,
  plainRouter,
  settingsOf,
  shapeOf,
  tableOf,
  reachOf,
} from "./pipeline-parts.fixture.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import { stateKey, type TableDocument } from "./state-documents.ts";

const id = columnOf("id", 1);
const older = shapeOf([id]);
const adopted = shapeOf([id, columnOf("added", 2)]);

/** A sink that remembers what becomes of its tables. */
class Altered extends ScriptedSink {
  readonly acts: string[] = [];
  readonly places: (ChangePlace | null)[] = [];

  override applyChange = (change: TargetChange, place?: ChangePlace): Promise<void> => {
    this.places.push(place ?? null);
    const drops = change.kind === "alter" ? `-${change.drops.join()}` : "";
    this.acts.push(
      `${change.kind} ${change.table.columns.map(({ name }) => name).join()} ${drops}`,
    );
    return Promise.resolve();
  };
}

/** A table whose shape was read from the catalogue, where it is `now`, unless its document says otherwise. */
const elsewhere = () => Promise.resolve(new Set<TableId>());

function setUp(
  now: TableShape = adopted,
  document: Partial<TableDocument> = { aheadOfLog: true },
  capabilities: Partial<SinkCapabilities> = {},
  of: TableShape = adopted,
) {
  const sink = new Altered(2, capabilities);
  const clock = instantClock();
  const signal = new AbortController().signal;
  const observer = deafObserver;
  const committer = new Committer(
    { sink, clock, random: () => 0.5, observer, signal },
    7,
    sink.lanes,
  );
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 10, maxShare: 1 }, []);
  const table = tableOf(of, document);
  const barriers = new Barriers({
    source: {
      positionText: String,
      comparePositions: (one: Position, other: Position) => Number(one) - Number(other),
    },
    sink,
    router: plainRouter,
    settings: settingsOf(),
    committer,
    book,
    observer,
    lanes: 2,
    tables: new Map([[table.id, table]]),
    generations: new Generations({
      sink,
      source: {},
      committer,
      book,
      clock,
      sourcesOf: () => 1,
      elsewhere,
    }),
    acknowledged: () => null,
    reach: reachOf(2),
    reached: () => undefined,
    unseen: () => [],
    goneRows: () => "swept",
    currentShape: () => Promise.resolve(now),
  });
  const tell = (
    shape: TableShape,
    position: number,
    more: Partial<ShapeChange> = {},
  ): Promise<boolean> => {
    const item = { kind: "shape", shape, previous: null, rewritten: [], position } as const;
    return barriers.pass({ ...item, transaction: null, ...more }, () => Promise.resolve());
  };
  const truncate = (position: number): Promise<boolean> =>
    barriers.pass({ kind: "truncate", table: table.id, position, transaction: null }, () =>
      Promise.resolve(),
    );
  const drop = (position: number): Promise<boolean> =>
    barriers.pass({ kind: "dropped", table: table.id, position, transaction: null }, () =>
      Promise.resolve(),
    );
  return { sink, table, tell, truncate, drop };
}

describe("a shape that was adopted from the catalogue", () => {
  it("is not undone by older ones that the log still brings, until it has arrived at that", async () => {
    const { sink, table, tell } = setUp();
    expect(await tell(older, 10)).toBe(false);
    expect([table.shape, table.document.aheadOfLog]).toEqual([adopted, true]);
    expect(await tell(adopted, 11)).toBe(false);
    expect([table.shape, table.document.aheadOfLog]).toEqual([adopted, false]);
    expect([sink.acts, sink.sent]).toEqual([[], []]);
  });

  it("gives way to what the log tells where the catalogue has moved on meanwhile", async () => {
    const { sink, table, tell } = setUp({ ...adopted, columns: [id, columnOf("other", 3)] });
    expect(await tell(older, 10)).toBe(true);
    expect([table.shape, sink.acts]).toEqual([older, ["alter id -added"]]);
  });
});

describe("a schema change", () => {
  it("is made at the sink with its place in the log, for messages that say so", async () => {
    const { sink, tell } = setUp(adopted, { aheadOfLog: false });
    const transaction = { id: "7", commitTimeMs: 5 };
    await tell(older, 10, { transaction });
    await tell(adopted, 11);
    expect(sink.places).toEqual([
      { position: 10, transaction },
      { position: 11, transaction: null },
    ]);
  });
});

describe("a table without key whose load has seen what the log still brings", () => {
  const keyless = { ...adopted, key: [] };
  const loaded = {
    aheadOfLog: true,
    state: "INIT_SYNC",
    allPlanned: true,
    snapshot: "seen",
    end: 20,
  } as const;
  const movedOn = { ...keyless, columns: [id, columnOf("other", 2)] };

  it("is loaded again where the log takes a column away: no change of those rows fills it again", async () => {
    const { sink, table, tell } = setUp(movedOn, loaded, {}, keyless);
    expect(await tell({ ...keyless, columns: [id] }, 10)).toBe(true);
    expect(sink.acts).toEqual(["alter _millrace_key,id -added"]);
    expect(table.document).toMatchObject({ state: "INIT_SYNC", allPlanned: false, snapshot: null });
  });

  it("is loaded again where the log brings a column that the load did not read: what it has seen is left out", async () => {
    const log = { ...loaded, aheadOfLog: false };
    const { table, tell } = setUp(adopted, log, {}, { ...keyless, columns: [id] });
    expect(await tell(keyless, 10)).toBe(true);
    expect(table.document).toMatchObject({ state: "INIT_SYNC", allPlanned: false, snapshot: null });
    const behind = setUp(adopted, log, {}, { ...keyless, columns: [id] });
    expect(await behind.tell(keyless, 21)).toBe(true);
    expect(behind.table.document).toMatchObject({ allPlanned: true, snapshot: "seen" });
  });

  it("is not loaded again for a column that goes behind what the load has seen, or only gets another name", async () => {
    const behind = setUp(movedOn, loaded, {}, keyless);
    expect(await behind.tell({ ...keyless, columns: [id] }, 21)).toBe(true);
    expect(behind.table.document).toMatchObject({ allPlanned: true, snapshot: "seen" });
    const named = setUp(movedOn, loaded, {}, keyless);
    expect(await named.tell({ ...keyless, columns: [id, columnOf("old", 2)] }, 10)).toBe(true);
    expect(named.table.document).toMatchObject({ allPlanned: true, snapshot: "seen" });
  });
});

describe("a shape that rows are decoded by", () => {
  const settled = { aheadOfLog: false, state: "SYNC" } as const;

  it("is made durable in its place though the sink sees no difference", async () => {
    const { sink, table, tell } = setUp(adopted, settled);
    const swapped = { ...adopted, columns: [adopted.columns[1] ?? id, id], key: [1] };
    expect(await tell(swapped, 10, { keep: true })).toBe(true);
    expect(sink.acts).toEqual([]);
    const done = new Map(sink.landed.at(-1)?.state.map(({ key, value }) => [key, value]));
    expect(done.get(stateKey.table(table.id))).toMatchObject({ shape: swapped, state: "SYNC" });
    expect(done.get(stateKey.frontier)).toMatchObject({ position: 10 });
  });

  it("is gone back to where the catalogue was ahead: a start has to find the one of its place", async () => {
    const { table, tell } = setUp();
    expect(await tell(older, 10, { keep: true })).toBe(true);
    expect([table.shape, table.document.aheadOfLog]).toEqual([older, false]);
  });
});

describe("rows that come and go without events", () => {
  const settled = { aheadOfLog: false, state: "SYNC" } as const;

  it("have the table loaded again, and those looked for that it has no more", async () => {
    const { sink, table, tell } = setUp(adopted, settled);
    expect(await tell(adopted, 10, { rows: "moved", rewritten: ["id", "added"] })).toBe(true);
    expect(sink.acts).toEqual([]);
    expect(table.document).toMatchObject({ state: "INIT_SYNC", sweep: "due" });
  });

  it("are all others where the table is another one of the same shape: its target is made anew", async () => {
    const { sink, table, tell } = setUp(adopted, settled);
    expect(await tell(adopted, 10, { rows: "anew", rewritten: ["id", "added"] })).toBe(true);
    expect(sink.acts).toEqual(["drop id,added ", "create id,added "]);
    expect(table.document).toMatchObject({ state: "INIT_SYNC", sweep: "none" });
  });
});

describe("TRUNCATE", () => {
  it("is told once to a sink of topics, in the transaction that says that it is done", async () => {
    const capabilities = { lastWriteWins: false };
    const { sink, table, truncate } = setUp(adopted, { aheadOfLog: false }, capabilities);
    expect(await truncate(10)).toBe(true);
    const told = sink.landed.flatMap(({ writes, state }) =>
      writes.map((write) => ({ write, keys: state.map(({ key }) => key) })),
    );
    expect(told).toHaveLength(1);
    expect(told[0]?.write).toMatchObject({
      kind: "mark",
      mark: { kind: "truncate", source: table.id, position: 10, generation: null },
    });
    expect(told[0]?.keys).toContain(stateKey.frontier);
  });

  it("begins a new generation of a load: what was planned of the rows before counts for nothing", async () => {
    const loading = { state: "INIT_SYNC", planned: "m", allPlanned: false, nextChunk: 2 } as const;
    const { sink, table, truncate } = setUp(adopted, { ...loading, rowsLoaded: 7, end: 9 });
    const before = table.document.generation;
    table.chunks.set(1, { v: 1, n: 1, from: "c", to: "m", rows: 5 });
    expect(await truncate(10)).toBe(true);
    const anew = { state: "INIT_SYNC", planned: null, allPlanned: false, rowsLoaded: 0, end: null };
    expect(table.document).toMatchObject(anew);
    expect([table.document.generation > before, table.chunks.size]).toEqual([true, 0]);
    // In the transaction that says that the barrier is done, so that no start goes on with the load before.
    const done = new Map(sink.landed.at(-1)?.state.map(({ key, value }) => [key, value]));
    expect(done.get(stateKey.intent)).toBeNull();
    expect(done.get(stateKey.chunk(table.id, 1))).toBeNull();
    expect(done.get(stateKey.table(table.id))).toMatchObject(anew);
  });

  it("leaves a table alone that is loaded: the log goes on from there", async () => {
    const { table, truncate } = setUp(adopted, { state: "SYNC" });
    const before = table.document;
    expect(await truncate(10)).toBe(true);
    expect(table.document).toEqual(before);
  });
});

describe("a table that the log tells to be dropped", () => {
  const loading = { state: "INIT_SYNC", planned: "m", allPlanned: false, sweep: "due" } as const;

  it("has nothing left to be loaded: its target stays, and it is SYNC once its end is passed", async () => {
    const { sink, table, drop } = setUp(adopted, loading);
    expect(await drop(10)).toBe(true);
    expect(sink.acts).toEqual([]);
    expect(table.document).toMatchObject({ planned: null, allPlanned: true, end: 10 });
    expect(table.loaded).toBe(true);
  });

  it("is not waited for to be told once more, where its shape was not known", async () => {
    const { table, drop } = setUp(adopted, { ...loading, outdated: true });
    await drop(10);
    expect(table.document.outdated).toBe(false);
  });

  it("is left as it is where it was loaded", async () => {
    const { sink, drop } = setUp(adopted, { state: "SYNC" });
    expect(await drop(10)).toBe(false);
    expect(sink.sent).toEqual([]);
  });
});
