import type { Clock, Random } from "../model/ports.ts";
import type { TaskObserver } from "./observer.ts";
import { backoffMs } from "./retry.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { Waits } from "./waits.ts";
import type { Window } from "./windows.ts";

interface LogRestParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Pick<TaskObserver, "event">;
  readonly waits: Pick<Waits, "begin" | "end">;
  readonly signal: AbortSignal;
}

interface Watched {
  readonly table: TableRuntime;
  /** Until when the log rests for it; null where it has not yet. */
  untilMs: number | null;
}

const FIRST_PATIENCE_MS = 10_000;
const LONGEST_PATIENCE_MS = 300_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

const WHY =
  "more keys change while its load waits for a snapshot that sees what was read of the log than a window of the memory " +
  "budget holds: the log is read slower meanwhile. A larger memory budget helps, and a standby that lags less";

/**
 * Lets the log rest while a window fills whose chunk has brought no row yet. Where snapshots are far behind the log, more
 * keys may change during one wait than the window holds: read again from the beginning, each time, a load would stand
 * still for ever (I10, I11). A rest is bounded, for what a snapshot waits for may be told by the log; the next one is
 * longer.
 */
export class LogRest {
  readonly #parts: LogRestParts;
  readonly #watched = new Map<Window, Watched>();
  /** How often in a row windows of a table gave up before they brought anything. */
  readonly #failures = new Map<TableRuntime, number>();

  constructor(parts: LogRestParts) {
    this.#parts = parts;
  }

  /** A window was opened that needs its first snapshot, and its first rows. */
  watch(table: TableRuntime, window: Window): void {
    this.#watched.set(window, { table, untilMs: null });
    void window.served.then(() => this.#watched.delete(window));
  }

  /** Rows were entered under the window: what comes after is the chunk's own matter. */
  progressed(table: TableRuntime, window: Window): void {
    window.serve();
    if (!this.#failures.delete(table)) return;
    this.#parts.waits.end(nameOf(table));
  }

  /** The window gave up and brought nothing: resolves when another one may be opened. */
  async failed(table: TableRuntime, signal: AbortSignal): Promise<void> {
    const { clock, random, observer } = this.#parts;
    const failures = this.#failures.get(table) ?? 0;
    this.#failures.set(table, failures + 1);
    this.#tell(table, signal);
    if (failures === 0) observer.event({ type: "notice", table: table.id, message: WHY });
    await clock.sleep(backoffMs(failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, random), signal);
  }

  /** Some window asks for it. */
  get wanted(): boolean {
    return this.#next() !== null;
  }

  /** Resolves when the log may be read on. */
  async over(): Promise<void> {
    const { clock, signal } = this.#parts;
    for (let next = this.#next(); next !== null; next = this.#next()) {
      const [window, watched] = next;
      watched.untilMs ??= clock.monotonic() + this.#patienceMs(watched.table);
      this.#tell(watched.table, signal);
      const ended = new AbortController();
      const late = clock
        .sleep(watched.untilMs - clock.monotonic(), AbortSignal.any([ended.signal, signal]))
        .catch(() => undefined); // the window was served, or the run has ended
      await Promise.race([window.served, late]);
      ended.abort();
      if (!this.#failures.has(watched.table)) this.#parts.waits.end(nameOf(watched.table));
      signal.throwIfAborted();
    }
  }

  #next(): readonly [Window, Watched] | null {
    if (this.#watched.size === 0) return null;
    const now = this.#parts.clock.monotonic();
    for (const [window, watched] of this.#watched) {
      const mayRest = watched.untilMs === null || now < watched.untilMs;
      if (window.isFilling && !window.isServed && mayRest) return [window, watched];
    }
    return null;
  }

  #patienceMs(table: TableRuntime): number {
    const failures = this.#failures.get(table) ?? 0;
    return Math.min(LONGEST_PATIENCE_MS, FIRST_PATIENCE_MS * 2 ** Math.min(failures, 10));
  }

  /** For `status`, until the signal aborts. */
  #tell(table: TableRuntime, signal: AbortSignal): void {
    const wait = { what: "table", reason: "window", table: table.id, why: WHY } as const;
    this.#parts.waits.begin(nameOf(table), wait, signal);
  }
}

function nameOf({ id }: TableRuntime): string {
  return `window/${id}`;
}
