import type { TaskEvent } from "./status.ts";

/** How often the same trouble is told, whichever share has it, milliseconds. */
const TELL_EVERY_MS = 30_000;

/**
 * What shares tell of servers that do not answer. They ask the same ones: it is told once of all, and that it is over when it is
 * for the last of them.
 */
export class SharedOutages {
  readonly #now: () => number;
  /** By code: who has it, and when its messages were told last; monotonic. */
  readonly #open = new Map<
    string,
    { readonly who: Set<string>; readonly told: Map<string, number> }
  >();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether the event is to be told. */
  tells(who: string, event: TaskEvent): boolean {
    if (event.type === "retry") return this.#fails(who, event);
    if (event.type === "recovered") return this.#ends(who, event.code);
    return true;
  }

  /** A share that is not here any more says nothing of its end. */
  forget(who: string): void {
    for (const [code, open] of this.#open)
      if (open.who.delete(who) && open.who.size === 0) this.#open.delete(code);
  }

  #fails(who: string, { code, message }: { readonly code: string; readonly message: string }) {
    const nowMs = this.#now();
    const open = this.#open.get(code) ?? { who: new Set(), told: new Map<string, number>() };
    this.#open.set(code, open);
    open.who.add(who);
    if (nowMs - (open.told.get(message) ?? -Infinity) < TELL_EVERY_MS) return false;
    open.told.set(message, nowMs);
    return true;
  }

  #ends(who: string, code: string): boolean {
    const open = this.#open.get(code);
    if (open === undefined || !open.who.delete(who)) return true;
    if (open.who.size > 0) return false;
    this.#open.delete(code);
    return true;
  }
}
