import type { MillraceError } from "../../errors/millrace-error.ts";

/** So many connections may be lost over COPY before one of them has taken it. */
const MOST_LOST = 3;

/**
 * Whether COPY comes through at all. A server takes it wherever it takes statements, but what stands in between (a pooler
 * that does not expect data before they were asked for) may cut the connection each time, for ever.
 */
export class CopyTrial {
  #lost = 0;
  #passed = false;

  /** COPY may be used: it came through before, or has not failed often. */
  get open(): boolean {
    return this.#passed || this.#lost < MOST_LOST;
  }

  /** A transaction with a COPY in it was answered. */
  passed(): void {
    this.#passed = true;
  }

  /** A transaction with a COPY in it failed; true where that was the last trial. */
  failed({ class: kind, facts }: MillraceError): boolean {
    // A server without room (53100, 53200, …) has none for statements either.
    if (String(facts["sqlState"]).startsWith("53")) return false;
    if (this.#passed || (kind !== "transient" && kind !== "unknown-outcome")) return false;
    return ++this.#lost === MOST_LOST;
  }
}
