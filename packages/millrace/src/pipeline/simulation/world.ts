import type { Clock } from "../../model/ports.ts";
import { SeededRandom } from "./seeded-random.ts";

/** A process of the simulation. What it waits for is forgotten when it dies, as SIGKILL does. */
export interface Process {
  readonly name: string;
  dead: boolean;
  /** It stands still and does not know it. */
  frozen: boolean;
}

/** Belongs to no process: what servers do by themselves. */
export const SERVER: Process = { name: "server", dead: false, frozen: false };

interface Waiting {
  readonly owner: Process;
  readonly label: string;
  readonly run: () => void;
}

interface Sleeper extends Waiting {
  readonly dueMs: number;
}

/**
 * Decides what happens next. Everything that the model source and the model sink await waits here, and one waiting
 * thing at a time is let go, chosen by the seed; time stands still until nothing can happen without it (or the seed
 * lets it pass earlier). So one seed is one interleaving.
 */
export class World {
  readonly random: SeededRandom;
  readonly clock: Clock;
  /** Things whose label begins so are let go rarely. */
  slow: string | null = null;
  /** How often time passes though something else could happen. */
  impatience = 0;
  #nowMs = 1_000_000;
  #ready: Waiting[] = [];
  #sleepers: Sleeper[] = [];
  #steps = 0;
  readonly #trace: string[] | null;

  constructor(seed: number, options: { trace: boolean }) {
    this.random = new SeededRandom(seed);
    this.#trace = options.trace ? [] : null;
    this.clock = this.clockOf(SERVER);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get steps(): number {
    return this.#steps;
  }

  /** What happened, one line each; empty unless the world was asked to remember. */
  get trace(): readonly string[] {
    return this.#trace ?? [];
  }

  /** Remembers a line; the text is made only where it is kept. */
  tell(line: () => string): void {
    if (this.#trace !== null) this.#trace.push(`${String(this.#steps).padStart(6)} ${line()}`);
  }

  /** Resolves when the seed says so; never, once the process is dead. */
  step(owner: Process, label: string): Promise<void> {
    return new Promise((resolve) => {
      if (!owner.dead) this.#ready.push({ owner, label, run: resolve });
    });
  }

  /** Runs something of a server some time later, whatever becomes of the processes. */
  later(label: string, run: () => void): void {
    this.#ready.push({ owner: SERVER, label, run });
  }

  /** Virtual time, as one process sees it. */
  clockOf(owner: Process): Clock {
    return {
      now: () => this.#nowMs,
      monotonic: () => this.#nowMs,
      sleep: (ms, signal) => this.#sleep(owner, ms, signal),
    };
  }

  /** Ends a process without telling it. */
  kill(owner: Process): void {
    owner.dead = true;
    this.#ready = this.#ready.filter((waiting) => waiting.owner !== owner);
    this.#sleepers = this.#sleepers.filter((waiting) => waiting.owner !== owner);
  }

  /** Lets one thing happen and waits until nothing moves any more; false when nothing is left to happen. */
  async turn(): Promise<boolean> {
    const next = this.#next();
    if (next === null) return false;
    this.#steps++;
    this.tell(() => `${next.owner.name} ${next.label}`);
    next.run();
    await settled();
    return true;
  }

  #sleep(owner: Process, ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (owner.dead) return;
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
        if (!owner.dead)
          this.#ready.push({ owner, label: "sleep aborted", run: () => reject(signal?.reason) });
      };
      const run = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const sleeper: Sleeper = { owner, label: `slept ${ms} ms`, run, dueMs: this.#nowMs + ms };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  #next(): Waiting | null {
    const ready = this.#ready.filter((waiting) => !waiting.owner.frozen);
    if (ready.length === 0 || this.random.chance(this.impatience)) {
      const sleeper = this.#wakeOne();
      if (sleeper !== null) return sleeper;
    }
    if (ready.length === 0) return null;
    const chosen = this.#choose(ready);
    this.#ready.splice(this.#ready.indexOf(chosen), 1);
    return chosen;
  }

  #choose(ready: readonly Waiting[]): Waiting {
    const { slow, random } = this;
    for (let attempt = 0; ; attempt++) {
      const chosen = random.pick(ready);
      if (slow === null || attempt >= 20 || !chosen.label.startsWith(slow)) return chosen;
    }
  }

  #wakeOne(): Sleeper | null {
    let first: Sleeper | null = null;
    for (const sleeper of this.#sleepers)
      if (!sleeper.owner.frozen && (first === null || sleeper.dueMs < first.dueMs)) first = sleeper;
    if (first === null) return null;
    this.#sleepers = this.#sleepers.filter((s) => s !== first);
    this.#nowMs = Math.max(this.#nowMs, first.dueMs);
    return first;
  }
}

/** Every promise that could settle has settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
