import { describe, expect, it } from "vitest";
import { type LaneTurns, LoadTurns } from "./load-turns.ts";

const LANES = 4;

/** Changes that come every few milliseconds, and a load that takes every turn it gets; all of it at once, in virtual time. */
class Machine {
  nowMs = 1_000;
  readonly turns: LoadTurns;
  readonly #run: LaneTurns;
  readonly #lanes: number;
  readonly #lateMs: (busy: number) => number;
  readonly #turnMs: number;
  #busyUntil: number[] = [];
  loaded = 0;

  /** `lateMs`: what a change takes while so many lanes are busy with the load. */
  constructor(
    lateMs: (busy: number) => number,
    {
      turnMs = 5,
      givesWay = true,
      lanes = LANES,
    }: { readonly turnMs?: number; readonly givesWay?: boolean; readonly lanes?: number } = {},
  ) {
    const clock = {
      now: () => this.nowMs,
      monotonic: () => this.nowMs,
      sleep: () => Promise.resolve(),
    };
    this.turns = new LoadTurns(clock, givesWay);
    this.#run = this.turns.ofRun(lanes, new AbortController().signal);
    this.#lanes = lanes;
    this.#lateMs = lateMs;
    this.#turnMs = turnMs;
  }

  /** Lets so much time pass, with changes and without a load. */
  rest(ms: number): void {
    for (; this.#busyUntil.length > 0; this.#busyUntil.pop()) this.#run.ended();
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++)
      this.changed(this.#lateMs(0));
  }

  /** A change is durable that is so late. */
  changed(lateMs: number): void {
    this.#run.changed(this.nowMs - lateMs);
  }

  take(): boolean {
    return this.#run.take();
  }

  /** Lets so much time pass, with a change every so many milliseconds, and says how many lanes were busy on average. */
  pass(ms: number, { changeEveryMs = 2 }: { readonly changeEveryMs?: number } = {}): number {
    const endMs = this.nowMs + ms;
    let busyMs = 0;
    for (; this.nowMs < endMs; this.nowMs++) {
      for (const until of this.#busyUntil.filter((at) => at <= this.nowMs)) {
        this.#busyUntil.splice(this.#busyUntil.indexOf(until), 1);
        this.#run.ended();
      }
      while (this.#busyUntil.length < this.#lanes && this.take())
        this.#busyUntil.push(this.nowMs + this.#turnMs);
      if (this.nowMs % changeEveryMs === 0) this.changed(this.#lateMs(this.#busyUntil.length));
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
        if (machine.take()) return ms;
        machine.changed(2);
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

  it("are one where the sink has one lane, and nothing is little then that makes nobody late", () => {
    const machine = new Machine(() => 2, { lanes: 1 });
    machine.pass(3_000);
    expect(machine.turns.areFew).toBe(false);
  });

  it("are those of all runs that go on", () => {
    const { turns, stop, run } = held();
    const more = turns.ofRun(2, new AbortController().signal);
    stop.abort();
    expect([more.take(), more.take(), run.take()]).toEqual([true, false, false]);
  });

  it("of one run are few for the sake of changes of another", () => {
    const { turns, run, other, pass } = held();
    run.ended();
    pass(1_000);
    expect(turns.areFew).toBe(false);
    run.changed(1_000);
    expect(other.areFew).toBe(true);
    pass(250);
    expect([other.take(), other.take(), run.take()]).toEqual([true, false, false]);
  });

  it("wake who waits when one is over, and when it has lasted too long", async () => {
    const { run, slept, pass } = held();
    const woken: string[] = [];
    run.whenFree(() => woken.push("a"));
    run.whenFree(() => woken.push("b"));
    expect(slept.map(({ ms }) => ms)).toEqual([250]);
    run.ended();
    expect(woken.splice(0)).toEqual(["a", "b"]);
    run.take();
    run.whenFree(() => woken.push("c"));
    pass(250);
    await slept.at(-1)?.over();
    expect(woken).toEqual(["c"]);
    expect(run.take()).toBe(true);
  });

  it("leave no timer behind that nobody waits for", async () => {
    const { turns, run, slept, stop } = held();
    const running = () => slept.filter(({ signal }) => signal?.aborted !== true).length;
    run.whenFree(() => undefined);
    run.ended();
    expect([slept.length, running()]).toEqual([1, 0]);
    run.take();
    const gone = new AbortController();
    const waiting = turns.during(gone.signal, () => Promise.resolve());
    expect(running()).toBe(1);
    gone.abort(new Error("over"));
    await expect(waiting).rejects.toThrow("over");
    expect([slept.length, running()]).toEqual([2, 0]);
    run.whenFree(() => undefined);
    expect(running()).toBe(1);
    stop.abort();
    expect(running()).toBe(0);
  });

  it("are waited for by who is no lane, until the run ends", async () => {
    const { turns, run } = held();
    const stop = new AbortController();
    const work = Promise.withResolvers<string>();
    let began = 0;
    const waiting = turns.during(stop.signal, () => (began++, work.promise));
    expect(began).toBe(0);
    run.ended();
    await expect.poll(() => began).toBe(1);
    expect(run.take()).toBe(false);
    work.resolve("done");
    expect(await waiting).toBe("done");
    expect([run.take(), run.take()]).toEqual([true, false]);
    const inVain = turns.during(stop.signal, () => Promise.resolve(began++));
    stop.abort(new Error("over"));
    await expect(inVain).rejects.toThrow("over");
    expect(began).toBe(1);
  });

  it("are over with the run of who is no lane, whatever it still waits for", async () => {
    const { turns, run } = held();
    run.ended();
    const stop = new AbortController();
    const work = Promise.withResolvers<void>();
    const working = turns.during(stop.signal, () => work.promise);
    await Promise.resolve();
    expect(run.take()).toBe(false);
    stop.abort();
    expect(run.take()).toBe(true);
    work.resolve();
    await working;
    expect(run.take()).toBe(false);
  });

  it("are nobody's when a run is over, and what still ends of it is no turn of the next one", () => {
    const { turns, run, stop } = held();
    stop.abort();
    const next = turns.ofRun(LANES, new AbortController().signal);
    expect(next.take()).toBe(true);
    run.ended();
    expect([next.take(), run.take()]).toEqual([false, false]);
    next.ended();
    next.ended();
    expect([next.take(), next.take()]).toEqual([true, false]);
  });
});

/** A turn that a run has beside changes, and another run that has none, under a clock that wakes nobody by itself. */
function held() {
  let nowMs = 0;
  interface Sleep {
    readonly ms: number;
    readonly signal: AbortSignal | undefined;
    readonly over: () => Promise<void>;
  }
  const slept: Sleep[] = [];
  const clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: (ms: number, signal?: AbortSignal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      slept.push({ ms, signal, over: () => (resolve(), promise) });
      return promise;
    },
  };
  const turns = new LoadTurns(clock);
  const stop = new AbortController();
  const run = turns.ofRun(LANES, stop.signal);
  const other = turns.ofRun(LANES, new AbortController().signal);
  // What changes take by themselves is known.
  run.take();
  run.ended();
  run.changed(0);
  run.take();
  return { turns, run, other, stop, slept, pass: (ms: number) => (nowMs += ms) };
}
