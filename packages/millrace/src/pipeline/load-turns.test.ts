import { describe, expect, it } from "vitest";
import { type LaneTurns, type LoadTurn, LoadTurns } from "./load-turns.ts";

const LANES = 4;

/** Changes that come every few milliseconds, and a load that takes every turn it gets; all of it at once, in virtual time. */
class Machine {
  nowMs = 1_000;
  readonly turns: LoadTurns;
  readonly #run: LaneTurns;
  readonly #lateMs: (busy: number) => number;
  readonly #turnMs: number;
  readonly #places: LoadTurn[];
  #busy: { readonly turn: LoadTurn; readonly untilMs: number }[] = [];
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
      // Whoever waits asks again.
      sleep: () => new Promise<void>(() => undefined),
    };
    this.turns = new LoadTurns(clock, givesWay);
    this.#run = this.turns.ofRun(lanes, new AbortController().signal);
    this.#places = Array.from({ length: lanes }, () => this.#run.turn(() => undefined));
    this.#lateMs = lateMs;
    this.#turnMs = turnMs;
  }

  /** Lets so much time pass, with changes and without a load. */
  rest(ms: number): void {
    this.endAll();
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++)
      this.changed(this.#lateMs(0));
  }

  endAll(): void {
    for (const turn of this.#places) turn.end();
    this.#busy = [];
  }

  /** A change is durable that is so late. */
  changed(lateMs: number): void {
    this.#run.changed(this.nowMs - lateMs);
  }

  /** Lanes that are not busy ask, one more of which has its turn. */
  take(): boolean {
    const turn = this.#places.find((one) => !this.#busy.some((b) => b.turn === one) && one.take());
    if (turn === undefined) return false;
    this.#busy.push({ turn, untilMs: this.nowMs + this.#turnMs });
    return true;
  }

  /** Lets so much time pass, with a change every so many milliseconds, and says how many lanes were busy on average. */
  pass(ms: number, { changeEveryMs = 2 }: { readonly changeEveryMs?: number } = {}): number {
    const endMs = this.nowMs + ms;
    let busyMs = 0;
    for (; this.nowMs < endMs; this.nowMs++) {
      const over = this.#busy.filter(({ untilMs }) => untilMs <= this.nowMs);
      this.#busy = this.#busy.filter((one) => !over.includes(one));
      for (const { turn } of over) turn.end();
      while (this.take());
      if (this.nowMs % changeEveryMs === 0) this.changed(this.#lateMs(this.#busy.length));
      busyMs += this.#busy.length;
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

  it("are fewer at once where the sink became quicker and a load makes changes late that were later before", () => {
    let late = (): number => 60;
    const machine = new Machine((busy) => late() + 5 * busy * (quick ? 1 : 0));
    let quick = false;
    machine.pass(11_000);
    late = () => 2;
    machine.pass(300);
    quick = true;
    machine.pass(1_500);
    expect(machine.pass(1_000)).toBeLessThan(3);
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

  it("are half of one lane's time at the beginning of another load, also behind one that had less", () => {
    const machine = new Machine((busy) => 2 + 100 * busy);
    machine.pass(10_000);
    machine.rest(2_000);
    machine.take();
    machine.nowMs += 10;
    machine.endAll();
    machine.nowMs += 9;
    expect(machine.take()).toBe(false);
    machine.nowMs += 1;
    expect(machine.take()).toBe(true);
  });

  it("are those of all runs that go on", () => {
    const { turns, stop, first } = held();
    const more = turns.ofRun(2, new AbortController().signal);
    stop.abort();
    expect([take(more), take(more), first.take()]).toEqual([true, false, false]);
  });

  it("of one run are few for the sake of changes of another", () => {
    const { turns, run, first, other, pass } = held();
    first.end();
    pass(1_000);
    expect(turns.areFew).toBe(false);
    run.changed(1_000);
    expect(other.areFew).toBe(true);
    pass(250);
    expect([take(other), take(other), take(run)]).toEqual([true, false, false]);
  });

  it("come when one is over, and when it has lasted too long", async () => {
    const { run, first, slept, pass } = held();
    const there: string[] = [];
    const [a, b] = ["a", "b"].map((name) => run.turn(() => there.push(name)));
    expect([a?.take(), b?.take()]).toEqual([false, false]);
    expect(slept.map(({ ms }) => ms)).toEqual([250]);
    first.end();
    expect(there).toEqual(["a"]);
    expect([a?.isThere, a?.take(), b?.take()]).toEqual([true, true, false]);
    pass(250);
    await slept.at(-1)?.over();
    expect(there).toEqual(["a", "b"]);
    expect(b?.take()).toBe(true);
  });

  it("are there for who does something else yet, and for the next one where that takes too long", () => {
    const { run, first, pass } = held();
    const there: string[] = [];
    const [busy, next] = ["busy", "next"].map((name) => run.turn(() => there.push(name)));
    expect([busy?.take(), next?.take()]).toEqual([false, false]);
    first.end();
    pass(249);
    expect([next?.take(), busy?.isThere, busy?.take()]).toEqual([false, true, true]);
    busy?.end();
    pass(1_000);
    run.changed(1_500);
    expect(next?.isThere).toBe(true);
    pass(250);
    expect([busy?.take(), next?.isThere, there]).toEqual([true, false, ["busy", "next", "busy"]]);
  });

  it("are not kept for who wants none any more", () => {
    const { run, first } = held();
    const there: string[] = [];
    const [gone, next] = ["gone", "next"].map((name) => run.turn(() => there.push(name)));
    expect([gone?.take(), next?.take()]).toEqual([false, false]);
    gone?.end();
    first.end();
    expect(there).toEqual(["next"]);
  });

  it("do not make what changes take by themselves unknown while nobody makes use of them", () => {
    const { run, first, pass } = held();
    const waiting = run.turn(() => undefined);
    waiting.take();
    first.end();
    pass(6_000);
    for (let i = 0; i < 5; i++) run.changed(6_000 - 2);
    waiting.take();
    pass(8);
    waiting.end();
    // Had it to be looked for it would be a second.
    pass(24);
    expect(waiting.take()).toBe(true);
  });

  it("leave no timer behind that nobody waits for", async () => {
    const { turns, run, first, slept, stop } = held();
    const running = () => slept.filter(({ signal }) => signal?.aborted !== true).length;
    const next = run.turn(() => undefined);
    next.take();
    first.end();
    expect([slept.length, running()]).toEqual([1, 0]);
    next.take();
    const gone = new AbortController();
    const waiting = turns.during(gone.signal, () => Promise.resolve());
    expect(running()).toBe(1);
    gone.abort(new Error("over"));
    await expect(waiting).rejects.toThrow("over");
    expect([slept.length, running()]).toEqual([2, 0]);
    first.take();
    expect(running()).toBe(1);
    stop.abort();
    expect(running()).toBe(0);
  });

  it("are waited for by who is no lane, until the run ends", async () => {
    const { turns, first } = held();
    const stop = new AbortController();
    const work = Promise.withResolvers<string>();
    let began = 0;
    const waiting = turns.during(stop.signal, () => (began++, work.promise));
    expect(began).toBe(0);
    first.end();
    await expect.poll(() => began).toBe(1);
    expect(first.take()).toBe(false);
    work.resolve("done");
    expect(await waiting).toBe("done");
    expect(first.take()).toBe(true);
    const inVain = turns.during(stop.signal, () => Promise.resolve(began++));
    stop.abort(new Error("over"));
    await expect(inVain).rejects.toThrow("over");
    expect(began).toBe(1);
  });

  it("are over with the run of who is no lane, whatever it still waits for", async () => {
    const { turns, first } = held();
    first.end();
    const stop = new AbortController();
    const work = Promise.withResolvers<void>();
    const working = turns.during(stop.signal, () => work.promise);
    await Promise.resolve();
    expect(first.take()).toBe(false);
    stop.abort();
    expect(first.take()).toBe(true);
    work.resolve();
    await working;
    expect(first.take()).toBe(true);
  });

  it("are nobody's when a run is over, and what still ends of it is no turn of the next one", () => {
    const { turns, first, stop } = held();
    stop.abort();
    const run = turns.ofRun(LANES, new AbortController().signal);
    const [next, last] = [run.turn(() => undefined), run.turn(() => undefined)];
    expect(next.take()).toBe(true);
    first.end();
    expect([last.take(), first.take()]).toEqual([false, false]);
    next.end();
    next.end();
    expect([last.isThere, next.take()]).toEqual([true, false]);
  });

  it("are as many for each of those that always want one, whatever else these do and however they wait", async () => {
    const { sent, pages } = await shares({ lanes: 4, forMs: 120_000 });
    const all = [...sent, pages];
    const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
    expect(mean).toBeGreaterThan(100);
    for (const one of all) expect(Math.abs(one / mean - 1)).toBeLessThan(0.02);
  });
});

/** Whether another lane of that run has its turn. */
function take(run: LaneTurns): boolean {
  return run.turn(() => undefined).take();
}

/**
 * Lanes, the first of which has changes to send all the time, and a sweep, each of which wants a turn as soon as it has had
 * one. How many each of them had, in virtual time.
 */
async function shares({ lanes, forMs }: { readonly lanes: number; readonly forMs: number }) {
  let nowMs = 0;
  const timers: { readonly atMs: number; readonly over: () => void }[] = [];
  const clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        timers.push({ atMs: nowMs + ms, over: resolve });
        signal?.addEventListener("abort", () => reject(new Error("over")), { once: true });
      }),
  };
  const turns = new LoadTurns(clock);
  const stop = new AbortController();
  const run = turns.ofRun(lanes, stop.signal);
  const sent = Array.from({ length: lanes }, () => 0);
  let [busy, pages] = [0, 0];
  const work = async (ms: number): Promise<void> => {
    busy++;
    await clock.sleep(ms);
    busy--;
  };
  const lane = async (index: number): Promise<void> => {
    let there = Promise.withResolvers<void>();
    const turn = run.turn(() => there.resolve());
    for (;;) {
      there = Promise.withResolvers<void>();
      if (turn.take()) {
        await work(8);
        turn.end();
        sent[index] = (sent[index] ?? 0) + 1;
      } else await (index === 0 ? clock.sleep(3) : there.promise);
    }
  };
  const sweep = async (): Promise<void> => {
    for (;;) {
      await turns.during(stop.signal, () => work(5));
      pages++;
    }
  };
  const changes = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(5);
      run.changed(nowMs - 2 - 10 * busy);
    }
  };
  for (const one of [changes(), sweep(), ...sent.map((_, index) => lane(index))])
    one.catch(() => undefined);
  while (nowMs < forMs) {
    await new Promise((resolve) => setImmediate(resolve));
    timers.sort((a, b) => a.atMs - b.atMs);
    const next = timers.shift();
    if (next === undefined) throw new Error("nobody waits any more");
    nowMs = next.atMs;
    next.over();
  }
  return { sent, pages };
}

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
  const first = run.turn(() => undefined);
  // What changes take by themselves is known.
  first.take();
  first.end();
  run.changed(0);
  first.take();
  return { turns, run, first, other, stop, slept, pass: (ms: number) => (nowMs += ms) };
}
