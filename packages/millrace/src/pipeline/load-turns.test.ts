import { describe, expect, it } from "vitest";
import { LoadTurns } from "./load-turns.ts";

const LANES = 4;

/** Changes that come every few milliseconds, and a load that takes every turn it gets; all of it at once, in virtual time. */
class Machine {
  nowMs = 1_000;
  readonly turns: LoadTurns;
  readonly #lateMs: (busy: number) => number;
  readonly #turnMs: number;
  #busyUntil: number[] = [];
  loaded = 0;

  /** `lateMs`: what a change takes while so many lanes are busy with the load. */
  constructor(
    lateMs: (busy: number) => number,
    { turnMs = 5, givesWay = true }: { readonly turnMs?: number; readonly givesWay?: boolean } = {},
  ) {
    const clock = {
      now: () => this.nowMs,
      monotonic: () => this.nowMs,
      sleep: () => Promise.resolve(),
    };
    this.turns = new LoadTurns(clock, LANES, givesWay);
    this.#lateMs = lateMs;
    this.#turnMs = turnMs;
  }

  /** Lets so much time pass, with changes and without a load. */
  rest(ms: number): void {
    for (; this.#busyUntil.length > 0; this.#busyUntil.pop()) this.turns.ended();
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++)
      this.turns.changed(this.nowMs - this.#lateMs(0));
  }

  /** Lets so much time pass, with a change every so many milliseconds, and says how many lanes were busy on average. */
  pass(ms: number, { changeEveryMs = 2 }: { readonly changeEveryMs?: number } = {}): number {
    const endMs = this.nowMs + ms;
    let busyMs = 0;
    for (; this.nowMs < endMs; this.nowMs++) {
      for (const until of this.#busyUntil.filter((at) => at <= this.nowMs)) {
        this.#busyUntil.splice(this.#busyUntil.indexOf(until), 1);
        this.turns.ended();
      }
      while (this.#busyUntil.length < LANES && this.turns.take())
        this.#busyUntil.push(this.nowMs + this.#turnMs);
      if (this.nowMs % changeEveryMs === 0)
        this.turns.changed(this.nowMs - this.#lateMs(this.#busyUntil.length));
      busyMs += this.#busyUntil.length;
    }
    return busyMs / ms;
  }
}

const NEVER = { changeEveryMs: Infinity };

describe("the turns of a load", () => {
  it("are those of all lanes while no changes come, and again a second after the last one", () => {
    const machine = new Machine((busy) => 2 + 10 * busy);
    expect(machine.pass(1_000, NEVER)).toBe(LANES);
    machine.pass(2_000);
    expect(machine.turns.givesWay).toBe(true);
    machine.pass(1_001, NEVER);
    expect(machine.pass(1_000, NEVER)).toBe(LANES);
    expect(machine.turns.givesWay).toBe(false);
  });

  it("are few where changes are late beside them, and never fewer than a quarter of one lane's time", () => {
    const machine = new Machine((busy) => 2 + 100 * busy);
    machine.pass(3_000);
    const lanes = machine.pass(10_000);
    expect(lanes).toBeGreaterThan(0.2);
    expect(lanes).toBeLessThan(0.3);
  });

  it("are those of all lanes where nobody waits for them", () => {
    const machine = new Machine(() => 60);
    machine.pass(10_000);
    expect(machine.pass(1_000)).toBeGreaterThan(0.9 * LANES);
  });

  it("are as many as make changes no later than they may be", () => {
    // Two lanes make changes 1.2 ms later, three 1.8.
    const machine = new Machine((busy) => 2 + 0.6 * busy);
    machine.pass(10_000);
    const lanes = machine.pass(5_000);
    expect(lanes).toBeGreaterThan(0.9);
    expect(lanes).toBeLessThan(3);
  });

  it("come back when what made changes late is over, and go when they are late again", () => {
    let slow = 50;
    const machine = new Machine((busy) => 2 + slow * busy);
    machine.pass(3_000);
    slow = 0;
    machine.pass(10_000);
    expect(machine.pass(1_000)).toBeGreaterThan(0.9 * LANES);
    slow = 50;
    machine.pass(3_000);
    expect(machine.pass(3_000)).toBeLessThan(1);
  });

  it("are few again at the beginning of another load, whatever the last one came to", () => {
    const machine = new Machine(() => 2);
    machine.pass(10_000);
    expect(machine.turns.areFew).toBe(false);
    machine.rest(2_000);
    expect(machine.turns.areFew).toBe(true);
  });

  it("are not fewer because the sink has become slower for changes by themselves", () => {
    let alone = 2;
    const machine = new Machine(() => alone);
    machine.pass(10_000);
    alone = 80;
    machine.pass(10_000);
    expect(machine.pass(1_000)).toBeGreaterThan(0.9 * LANES);
  });

  it("go on where a transaction of the load hangs", () => {
    const machine = new Machine((busy) => 2 + 100 * busy);
    machine.pass(2_000);
    const untilTaken = (): number => {
      for (let ms = 0; ms < 5_000; ms++, machine.nowMs++) {
        if (machine.turns.take()) return ms;
        machine.turns.changed(machine.nowMs - 2);
      }
      return Infinity;
    };
    untilTaken();
    expect(untilTaken()).toBeLessThanOrEqual(250);
  });

  it("are those of all lanes at any time where the file says so", () => {
    const machine = new Machine((busy) => 2 + 100 * busy, { givesWay: false });
    expect(machine.pass(3_000)).toBe(LANES);
    expect(machine.turns.givesWay).toBe(false);
  });

  it("wake who waits when one is over, and when it has lasted too long", async () => {
    const { turns, slept, pass } = held();
    const woken: string[] = [];
    turns.whenFree(() => woken.push("a"));
    turns.whenFree(() => woken.push("b"));
    expect(slept.map(({ ms }) => ms)).toEqual([250]);
    turns.ended();
    expect(woken.splice(0)).toEqual(["a", "b"]);
    turns.take();
    turns.whenFree(() => woken.push("c"));
    pass(250);
    await slept.at(-1)?.over();
    expect(woken).toEqual(["c"]);
    expect(turns.take()).toBe(true);
  });

  it("are waited for by who is no lane, until the run ends", async () => {
    const { turns } = held();
    const stop = new AbortController();
    const waiting = turns.begin(stop.signal);
    turns.ended();
    const over = await waiting;
    expect(turns.take()).toBe(false);
    over();
    over();
    expect(turns.take()).toBe(true);
    expect(turns.take()).toBe(false);
    const inVain = turns.begin(stop.signal);
    stop.abort(new Error("over"));
    await expect(inVain).rejects.toThrow("over");
  });

  it("are nobody's when a run begins, whatever the last one left", () => {
    const { turns } = held();
    turns.beginAnew();
    expect(turns.take()).toBe(true);
    turns.ended();
    turns.ended();
    expect([turns.take(), turns.take()]).toEqual([true, false]);
  });
});

/** A turn that is taken beside changes, under a clock that wakes nobody by itself. */
function held() {
  let nowMs = 0;
  const slept: { readonly ms: number; readonly over: () => Promise<void> }[] = [];
  const clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: (ms: number) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      slept.push({ ms, over: () => (resolve(), promise) });
      return promise;
    },
  };
  const turns = new LoadTurns(clock, LANES);
  // What changes take by themselves is known.
  turns.take();
  turns.ended();
  turns.changed(0);
  turns.take();
  return { turns, slept, pass: (ms: number) => (nowMs += ms) };
}
