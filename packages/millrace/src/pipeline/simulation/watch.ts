import { Violation } from "./violation.ts";

/** Keeps the first promise that was broken, wherever that was noticed, until somebody asks. */
export class Watch {
  #broken: Violation | null = null;

  /** Runs a check; what it finds is thrown by the next {@link throwIfBroken}. */
  check(check: () => void): void {
    try {
      check();
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
      this.#broken ??= thrown;
    }
  }

  break(message: string): void {
    this.#broken ??= new Violation(message);
  }

  throwIfBroken(): void {
    if (this.#broken !== null) throw this.#broken;
  }
}
