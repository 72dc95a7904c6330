/** What was asked for, counted and, for the last thousand calls, kept. */

/** One call that was answered. */
export interface LoggedCall {
  /** By the adjustable clock, ISO 8601. */
  readonly at: string;
  readonly service: string;
  readonly action: string;
  readonly table: string | null;
  readonly accessKeyId: string;
  readonly region: string;
  /** Undefined where the connection was cut. */
  readonly status: number | null;
  /** The exception; null where there was none. */
  readonly error: string | null;
}

const MOST_CALLS = 1_000;

/** Counts calls by action and refusals by exception. Neither keys of items nor values are kept. */
export class CallLog {
  #calls: LoggedCall[] = [];
  #actions = new Map<string, number>();
  #errors = new Map<string, number>();

  note(call: LoggedCall): void {
    this.#calls.push(call);
    // Cut seldom: moving a long list at each call would cost more than the call.
    if (this.#calls.length >= 2 * MOST_CALLS) this.#calls = this.#calls.slice(-MOST_CALLS);
    count(this.#actions, call.action);
    if (call.error !== null) count(this.#errors, call.error);
  }

  calls(): readonly LoggedCall[] {
    return this.#calls.slice(-MOST_CALLS);
  }

  counters(): Counters {
    return {
      calls: Object.fromEntries(this.#actions),
      errors: Object.fromEntries(this.#errors),
    };
  }

  clear(): void {
    this.#calls = [];
    this.#actions = new Map();
    this.#errors = new Map();
  }
}

/** Calls by action, and refusals by exception, since the start or the last reset. */
export interface Counters {
  readonly calls: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
