import type { MillraceError } from "../errors/millrace-error.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { TaskObserver } from "./observer.ts";
import { backoffMs } from "./retry.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { Waits } from "./waits.ts";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

interface HeldTablesParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: TaskObserver;
  readonly waits: Pick<Waits, "begin" | "end">;
  readonly signal: AbortSignal;
}

/** Somebody at the source holds one table up; the connection lives, and the log goes on. */
export function isHeldUp({ code }: MillraceError): boolean {
  return (
    code === "MR_SOURCE_LOCKED" || code === "MR_SOURCE_CANCELLED" || code === "MR_SOURCE_STANDBY"
  );
}

/** Tables whose load is put off, and tried again with growing pauses. Told once until it works again. */
export class HeldTables {
  readonly #parts: HeldTablesParts;
  readonly #onFree: (table: TableRuntime) => void;
  readonly #resting = new Set<TableRuntime>();
  readonly #attempts = new Map<TableRuntime, number>();

  /** `onFree` is called when a table may be tried again. */
  constructor(parts: HeldTablesParts, onFree: (table: TableRuntime) => void) {
    this.#parts = parts;
    this.#onFree = onFree;
  }

  /** The table is not to be tried now. */
  has(table: TableRuntime): boolean {
    return this.#resting.has(table);
  }

  /** Something of it worked. */
  free(table: TableRuntime): void {
    if (this.#attempts.delete(table)) this.#parts.waits.end(nameOf(table));
  }

  /** Puts it off. */
  hold(table: TableRuntime, error: MillraceError): void {
    const { clock, random, signal, observer, waits } = this.#parts;
    const attempt = this.#attempts.get(table) ?? 0;
    this.#attempts.set(table, attempt + 1);
    const why = `${error.detail}; its load is put off and tried again. ${error.remedy}`;
    const wait = { what: "table", reason: error.code, table: table.id, why } as const;
    waits.begin(nameOf(table), wait, signal);
    if (attempt === 0) observer.event({ type: "notice", table: table.id, message: why });
    this.#resting.add(table);
    clock.sleep(backoffMs(attempt, FIRST_WAIT_MS, LONGEST_WAIT_MS, random), signal).then(
      () => {
        this.#resting.delete(table);
        this.#onFree(table);
      },
      () => undefined, // the run has ended
    );
  }
}

function nameOf({ id }: TableRuntime): string {
  return `held/${id}`;
}
