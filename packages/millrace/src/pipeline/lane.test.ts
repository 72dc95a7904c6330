import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { type Clock, systemClock } from "../model/ports.ts";
import type { Commit } from "../model/sink.ts";
import { ARRANGEMENTS } from "./arrangement.ts";
import type { RowItem } from "./lane-item.ts";
import { RowItem as Item } from "./lane-item.ts";
import { oneLane } from "./lane.fixture.ts";
import { type LaneTurns, LoadTurns } from "./load-turns.ts";
import {
  changeOf,
  instantClock,
  itemOf,
  lineOf,
  tableOf,
  targetOf,
  transactionOf,
} from "./pipeline-parts.fixture.ts";
import type { ScriptedSink } from "./scripted-sink.fixture.ts";

const table = tableOf();
const loading = tableOf(table.shape, { state: "INIT_SYNC" });
const change = (key: string, at: number) => itemOf(table, "put", [key, "v", "b"], at);
/** Of a run that has so many lanes. */
const turnsOf = (lanes: number, clock: Clock) =>
  new LoadTurns(clock).ofRun(lanes, new AbortController().signal);
/** Of another lane of that run. */
const otherOf = (turns: LaneTurns) => turns.turn(() => undefined);
const row = (key: string) => itemOf(loading, "put", [key, "v", "b"], null, "r");

function partOf(key: string, at: number, id: string): RowItem {
  const [route] = table.routesFor(table.shape);
  if (route === undefined) throw new Error("the table has no route");
  const values = [key, "v", "b"];
  const made = changeOf("c", { after: values }, at, { transaction: transactionOf(id) });
  return new Item("put", table, route, key, values, at, made, 10);
}

function keysOf({ writes }: Commit): string {
  return writes.flatMap((write) => ("rows" in write ? write.rows.map(([k]) => k) : [])).join("");
}

/** A line of a load that weighs so much, and brings so much back to the budget. */
function lineItem(key: string, bytes: number, given: number): RowItem {
  const [route] = loading.routesFor(loading.shape);
  if (route === undefined) throw new Error("the table has no route");
  const line = lineOf([key, "v", "b"], loading.shape, undefined, bytes);
  return Item.ofLine(loading, route, line, given);
}

const landed = (sink: ScriptedSink): string[] => sink.landed.map(keysOf);

describe("a lane with rows of a load beside its changes", () => {
  it("lets changes take turns with the load, and each has its own transactions", async () => {
    const { lane, sink, stop } = oneLane();
    for (const key of ["1", "2", "3", "4", "5", "6"]) lane.pushLoad(row(key));
    for (const [i, key] of ["a", "b", "c"].entries()) lane.push(change(key, i));
    const running = lane.run();
    await lane.loadsPassedSoFar();
    expect(landed(sink)).toEqual(["ab", "12", "c", "34", "56"]);
    stop.abort();
    await running;
  });

  it("makes a change wait for the one transaction in flight and for no row behind it", async () => {
    const { lane, sink, stop } = oneLane();
    for (const key of ["1", "2", "3", "4", "5", "6"]) lane.pushLoad(row(key));
    sink.script.push(() => (lane.push(change("a", 1)), {}));
    const running = lane.run();
    await lane.loadsPassedSoFar();
    expect(landed(sink)).toEqual(["12", "a", "34", "56"]);
    stop.abort();
    await running;
  });

  it("keeps a change behind a row of its key, also where that is in flight and refused", async () => {
    const { lane, sink, stop } = oneLane({ waitForOthers: () => Promise.resolve() });
    const settled = tableOf(table.shape);
    settled.lastRound = true; // what is refused is not put off
    const late = (key: string) => itemOf(settled, "put", [key, "v", "b"], null, "r");
    const bound = new MillraceError("MR_SINK_CONSTRAINT", "23505", { facts: { write: 0 } });
    const refuse = () => ({ land: false, error: bound });
    lane.pushLoad(late("1"));
    // As it is, and in each arrangement that is tried then.
    const rest = ARRANGEMENTS.map(() => refuse);
    sink.script.push(() => (lane.push(change("1", 1)), refuse()), ...rest);
    const running = lane.run();
    await lane.loadsPassedSoFar();
    await lane.passedSoFar();
    expect(sink.landed.map((commit) => commit.state.length)).toEqual([0, 1]);
    stop.abort();
    await running;
  });

  it("sends rows of a load again that were refused, whoever has the load's turn", async () => {
    const turns = turnsOf(2, systemClock);
    const { lane, sink, stop } = oneLane({ turns, waitForOthers: () => Promise.resolve() });
    const settled = tableOf(table.shape);
    settled.lastRound = true; // what is refused is not put off
    const bound = new MillraceError("MR_SINK_CONSTRAINT", "23505", { facts: { write: 0 } });
    const refuse = () => ({ land: false, error: bound });
    lane.pushLoad(itemOf(settled, "put", ["1", "v", "b"], null, "r"));
    const rest = ARRANGEMENTS.map(() => refuse);
    sink.script.push(
      () => {
        lane.push(change("1", 1));
        turns.changed(systemClock.monotonic());
        return refuse();
      },
      ...rest.slice(1),
    );
    // Another lane has it by then.
    sink.script.push(() => (otherOf(turns).take(), refuse()));
    const running = lane.run();
    await lane.loadsPassedSoFar();
    await lane.passedSoFar();
    expect(sink.landed.map((commit) => commit.state.length)).toEqual([0, 1]);
    stop.abort();
    await running;
  });

  it("gives way: changes go while another lane has the load's turn, and its own rows when that is over", async () => {
    const turns = turnsOf(2, { ...systemClock, monotonic: () => 0 });
    const other = otherOf(turns);
    for (const isFirst of [true, false]) {
      other.take();
      if (isFirst) other.end();
      turns.changed(0);
    }
    const { lane, sink, stop } = oneLane({ turns });
    for (const key of ["1", "2"]) lane.pushLoad(row(key));
    lane.push(change("a", 1));
    const running = lane.run();
    await expect.poll(() => landed(sink)).toEqual(["a"]);
    lane.push(change("b", 2));
    await expect.poll(() => landed(sink)).toEqual(["a", "b"]);
    other.end();
    await lane.loadsPassedSoFar();
    expect(landed(sink)).toEqual(["a", "b", "12"]);
    stop.abort();
    await running;
  });

  it("lets whoever waits for all that is in it wait for no turn of the load", async () => {
    const turns = turnsOf(1, { ...systemClock, monotonic: () => 0 });
    turns.changed(0);
    otherOf(turns).take();
    const { lane, sink, stop } = oneLane({ turns });
    lane.pushLoad(row("1"));
    const running = lane.run();
    await lane.passedSoFar();
    expect(landed(sink)).toEqual(["1"]);
    stop.abort();
    await running;
  });

  it("reads little ahead of a load that gives way, and tells how late changes of tables in SYNC are", async () => {
    const turns = turnsOf(1, systemClock);
    const { lane, stop } = oneLane({ turns, maxRows: 1_000 });
    lane.push(change("a", 1));
    const running = lane.run();
    for (let i = 0; i < 200; i++) lane.pushLoad(row(`${i}`));
    expect(lane.hungryForLoads).toBe(true);
    await expect.poll(() => turns.areFew).toBe(true);
    for (let i = 200; i < 999; i++) lane.pushLoad(row(`${i}`));
    expect(lane.hungryForLoads).toBe(false);
    stop.abort();
    await running;
  });

  it("tells how late changes are by the oldest that it sends, also where it never runs empty", async () => {
    let nowMs = 0;
    const told: number[] = [];
    const { lane, sink, stop } = oneLane({
      clock: { ...systemClock, monotonic: () => nowMs },
      turns: {
        areFew: false,
        turn: () => ({ isThere: true, take: () => true, end: () => undefined }),
        changed: (cameMs) => told.push(nowMs - cameMs),
      },
    });
    const keys = Array.from({ length: 64 }, (_, i) => i + 1);
    const two = () => {
      for (const key of keys.splice(0, 2)) lane.push(change(`${key}`, key));
    };
    two();
    two();
    // Two rows stand behind each transaction of two, and each takes ten milliseconds.
    for (let i = 0; i < 30; i++) sink.script.push(() => ((nowMs += 10), two(), {}));
    const running = lane.run();
    await expect.poll(() => told.length).toBe(32);
    expect(new Set(told.slice(2, 30))).toEqual(new Set([20]));
    stop.abort();
    await running;
  });

  it("counts the wait of a transaction that is refused into how late it is", async () => {
    let nowMs = 0;
    const told: number[] = [];
    const { lane, sink, stop } = oneLane({
      clock: { ...systemClock, monotonic: () => nowMs },
      waitForOthers: () => Promise.resolve(),
      turns: {
        areFew: false,
        turn: () => ({ isThere: true, take: () => true, end: () => undefined }),
        changed: (cameMs) => told.push(nowMs - cameMs),
      },
    });
    const bound = new MillraceError("MR_SINK_CONSTRAINT", "23505", { facts: { write: 0 } });
    const refuse = () => ((nowMs += 10), { land: false, error: bound });
    sink.script.push(...[0, ...ARRANGEMENTS].map(() => refuse));
    const settled = tableOf(table.shape);
    settled.lastRound = true; // what is refused is not put off
    lane.push(itemOf(settled, "put", ["1", "v", "b"], 1));
    const running = lane.run();
    await expect.poll(() => told.length).toBe(1);
    expect(told[0]).toBeGreaterThanOrEqual(10);
    stop.abort();
    await running;
  });

  it("gathers no more of a load that gives way than goes at once, and without its turn", async () => {
    const turns = turnsOf(2, { ...systemClock, monotonic: () => 0 });
    turns.changed(0);
    const { lane, sink, stop } = oneLane({
      turns,
      maxRows: 3_000,
      flushIntervalMs: 600_000,
      clock: systemClock,
    });
    const running = lane.run();
    for (let i = 0; i < 99; i++) lane.pushLoad(row(`${i}`));
    await new Promise((resolve) => setImmediate(resolve));
    const other = otherOf(turns);
    expect([sink.landed.length, other.take()]).toEqual([0, true]);
    lane.pushLoad(row("99"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.landed).toEqual([]);
    other.end();
    await expect.poll(() => sink.landed.length).toBe(1);
    stop.abort();
    await running;
  });

  it("passes marks and sends changes while it gathers a load, and a load while it gathers changes", async () => {
    const turns = turnsOf(2, { ...systemClock, monotonic: () => 0 });
    turns.changed(0);
    const passed: number[] = [];
    const { lane, sink, stop } = oneLane({
      turns,
      maxRows: 150,
      flushIntervalMs: 600_000,
      clock: systemClock,
      passed: (_, { seq }) => passed.push(seq),
    });
    const running = lane.run();
    lane.pushLoad(row("0"));
    await new Promise((resolve) => setImmediate(resolve));
    const mark = { seq: 1, position: 0, acknowledge: 0, sourceTimeMs: null };
    lane.push({ kind: "mark", ...mark, endsTransaction: true });
    await expect.poll(() => passed).toEqual([1]);
    lane.push(change("a", 1));
    for (let i = 1; i < 99; i++) lane.pushLoad(row(`${i}`));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.landed).toEqual([]);
    for (let i = 2; i <= 150; i++) lane.push(change(`a${i}`, i));
    await expect
      .poll(() => sink.landed.map((commit) => keysOf(commit).slice(0, 2)))
      .toEqual(["aa"]);
    const other = otherOf(turns);
    other.take();
    lane.pushLoad(row("99"));
    lane.push(change("b", 151));
    await new Promise((resolve) => setImmediate(resolve));
    other.end();
    await expect.poll(() => landed(sink).length).toBe(2);
    expect(landed(sink)[1]).toMatch(/^012.*9899$/);
    stop.abort();
    await running;
  });

  it("does not give way to changes of the table that is being loaded itself", async () => {
    const turns = turnsOf(1, systemClock);
    const { lane, sink, stop } = oneLane({ turns });
    const running = lane.run();
    lane.push(itemOf(loading, "put", ["a", "v", "b"], 1));
    await expect.poll(() => landed(sink)).toEqual(["a"]);
    await lane.passedSoFar();
    expect(turns.areFew).toBe(false);
    stop.abort();
    await running;
  });

  it("has rows of targets whose constraints bind several keys in line with their changes", async () => {
    const { id } = targetOf(table.shape);
    const { lane, sink, stop } = oneLane({ maxRows: 1 }, { [id]: id });
    for (const key of ["1", "2"]) lane.pushLoad(row(key));
    lane.push(change("a", 1));
    const running = lane.run();
    await lane.passedSoFar();
    expect(landed(sink)).toEqual(["1", "2", "a"]);
    stop.abort();
    await running;
  });

  it("sends rows of the load while the rest of a source transaction is waited for", async () => {
    const { lane, sink, stop } = oneLane({ whole: true, maxRows: 3 });
    lane.pushLoad(row("1"));
    lane.pushLoad(row("2"));
    lane.push(partOf("a", 1, "t"));
    sink.script.push(() => {
      lane.push(partOf("b", 2, "t"));
      const mark = { seq: 1, position: 2, acknowledge: 2, sourceTimeMs: null };
      lane.push({ kind: "mark", ...mark, endsTransaction: true });
      return {};
    });
    const running = lane.run();
    await new Promise((resolve) => sink.script.push(() => (resolve(null), {})));
    await Promise.resolve();
    expect(sink.sent.map(keysOf)).toEqual(["12", "ab"]);
    stop.abort();
    await running;
  });

  it("keeps a source transaction whole where it needs rows of the load in front of it", async () => {
    const { lane, sink, stop } = oneLane({ whole: true, maxRows: 3 });
    for (const key of ["1", "b"]) lane.pushLoad(row(key));
    lane.push(partOf("a", 1, "t"));
    lane.push(partOf("b", 2, "t"));
    const mark = { seq: 1, position: 2, acknowledge: 2, sourceTimeMs: null };
    lane.push({ kind: "mark", ...mark, endsTransaction: true });
    const running = lane.run();
    await lane.passedSoFar();
    expect(landed(sink)).toEqual(["1b", "ab"]);
    stop.abort();
    await running;
  });

  it("keeps a source transaction whole while a sweep or a replay waits for what it put into the lane", async () => {
    const sleep = () => new Promise<void>(() => {}); // its rest comes in time
    for (const wait of ["loadsPassedSoFar", "passedSoFar"] as const) {
      const { lane, sink, stop } = oneLane({ whole: true, clock: { ...instantClock(), sleep } });
      lane.push(partOf("a", 1, "t"));
      const passed = lane[wait]();
      const running = lane.run();
      await new Promise((resolve) => setImmediate(resolve));
      lane.push(partOf("b", 2, "t"));
      const mark = { seq: 1, position: 2, acknowledge: 2, sourceTimeMs: null };
      lane.push({ kind: "mark", ...mark, endsTransaction: true });
      await passed;
      expect(landed(sink)).toEqual(["ab"]);
      stop.abort();
      await running;
    }
  });

  it("does not wait for the rest of a source transaction while the log stands", async () => {
    const sleep = () => new Promise<void>(() => {});
    const { lane, sink, stop } = oneLane({ whole: true, clock: { ...instantClock(), sleep } });
    lane.push(partOf("a", 1, "t"));
    const running = lane.run();
    await lane.passedSoFar({ stands: true });
    expect(landed(sink)).toEqual(["a"]);
    stop.abort();
    await running;
  });

  it("wants changes while it has enough of a load, and the other way round", () => {
    const { lane } = oneLane();
    for (const key of ["1", "2"]) lane.pushLoad(row(key));
    expect([lane.hungry, lane.hungryForLoads]).toEqual([true, false]);
    const other = oneLane().lane;
    for (const key of ["a", "b"]) other.push(change(key, 1));
    expect([other.hungry, other.hungryForLoads]).toEqual([false, true]);
  });

  it("wants no more of a load while rows of it wait among changes and are enough", () => {
    const { lane } = oneLane();
    lane.pushLoad(row("1"));
    lane.push(change("1", 1));
    expect([lane.hungry, lane.hungryForLoads]).toEqual([false, false]);
  });

  it("wants no more once what it holds weighs as much as two transactions, and has enough of it to send", async () => {
    const { lane, sink, stop } = oneLane({
      maxRows: 100,
      maxBytes: 20_000,
      flushIntervalMs: 600_000,
      clock: systemClock,
    });
    for (const key of ["1", "2", "3", "4"]) lane.pushLoad(lineItem(key, 8_000, 0));
    expect(lane.hungryForLoads).toBe(true);
    const running = lane.run();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(landed(sink)).toEqual([]);
    lane.pushLoad(lineItem("5", 8_000, 0));
    expect(lane.hungryForLoads).toBe(false);
    await expect.poll(() => landed(sink)).toEqual(["12"]);
    expect(lane.hungryForLoads).toBe(true);
    stop.abort();
    await running;
  });

  it("bounds what lines weigh together at further targets as at the first", async () => {
    for (const given of [8_000, 0]) {
      const { lane, sink, stop } = oneLane({ maxRows: 100, maxBytes: 20_000 });
      for (const key of ["1", "2", "3", "4", "5"]) lane.pushLoad(lineItem(key, 8_000, given));
      const running = lane.run();
      await lane.loadsPassedSoFar();
      stop.abort();
      await running;
      expect(landed(sink)).toEqual(["12", "34", "5"]);
    }
  });
});

describe("a lane whose log says that more comes", () => {
  /** A lane that works, with transactions of three rows; `ripe` lets all that it waits for be over. */
  const waiting = () => {
    const log = { moreComes: true };
    const slept: number[] = [];
    let wake = (): void => undefined;
    const sleep = (ms: number): Promise<void> => {
      slept.push(ms);
      return new Promise((resolve) => (wake = resolve));
    };
    const clock = { ...systemClock, sleep };
    const made = oneLane({ clock, maxRows: 3, moreComes: () => log.moreComes });
    const running = made.lane.run();
    return { ...made, log, slept, ripe: () => wake(), running };
  };
  const moment = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it("waits until it has a transaction of it, or the log has no more", async () => {
    const { lane, sink, stop, log, running } = waiting();
    for (const [i, key] of ["a", "b"].entries()) lane.push(change(key, i));
    await moment();
    expect(landed(sink)).toEqual([]);
    lane.push(change("c", 2));
    lane.push(change("d", 3));
    await moment();
    expect(landed(sink)).toEqual(["abc"]);
    log.moreComes = false;
    lane.push(change("e", 4));
    await moment();
    expect(landed(sink)).toEqual(["abc", "de"]);
    stop.abort();
    await running;
  });

  it("waits for a moment, and not where somebody waits for what it has", async () => {
    const { lane, sink, stop, slept, ripe, running } = waiting();
    lane.push(change("a", 0));
    await moment();
    expect([landed(sink), slept]).toEqual([[], [50]]);
    ripe();
    await moment();
    expect(landed(sink)).toEqual(["a"]);
    lane.push(change("b", 1));
    await lane.passedSoFar();
    expect(landed(sink)).toEqual(["a", "b"]);
    stop.abort();
    await running;
  });
});
