import type { Clock, Random } from "../../model/ports.ts";
import { type LaneTurns, type LoadTurn, LoadTurns } from "../load-turns.ts";

/** How often somebody has no turn though there is one, and for how long, ms. */
const DENIED = 0.35;
const LONGEST_DENIAL_MS = 40;
/** For how long a load gives way, and does not, ms. */
const LONGEST_WAY_MS = 200;

/**
 * Turns of a load that are few for a while, and for a while not, and denied at random: a model's changes are never late
 * enough for that.
 */
export class GrudgingTurns extends LoadTurns {
  readonly #clock: Clock;
  readonly #random: Random;
  #areFew = true;
  #untilMs = -Infinity;

  constructor(clock: Clock, random: Random) {
    super(clock);
    this.#clock = clock;
    this.#random = random;
  }

  override get areFew(): boolean {
    const nowMs = this.#clock.monotonic();
    if (nowMs >= this.#untilMs) {
      this.#areFew = this.#random() < 0.7;
      this.#untilMs = nowMs + this.#random() * LONGEST_WAY_MS;
    }
    return this.#areFew;
  }

  override ofRun(lanes: number, signal: AbortSignal): LaneTurns {
    const run = super.ofRun(lanes, signal);
    return {
      get areFew() {
        return run.areFew;
      },
      changed: (cameMs) => run.changed(cameMs),
      turn: (there) => this.#denied(run.turn(there), there, signal),
    };
  }

  override async during<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#isDenied()) await this.#clock.sleep(this.#denialMs(), signal);
    return super.during(signal, work);
  }

  #denied(turn: LoadTurn, there: () => void, signal: AbortSignal): LoadTurn {
    const [clock, isDenied, denialMs] = [
      this.#clock,
      () => this.#isDenied(),
      () => this.#denialMs(),
    ];
    let untilMs = -Infinity;
    return {
      get isThere() {
        return turn.isThere;
      },
      take: () => {
        const nowMs = clock.monotonic();
        if (nowMs < untilMs) return false;
        if (!isDenied()) return turn.take();
        untilMs = nowMs + denialMs();
        clock.sleep(untilMs - nowMs, signal).then(there, () => undefined);
        return false;
      },
      end: () => turn.end(),
    };
  }

  #isDenied(): boolean {
    return this.#random() < DENIED;
  }

  #denialMs(): number {
    return Math.ceil(this.#random() * LONGEST_DENIAL_MS);
  }
}
