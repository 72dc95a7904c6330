/** Transactions by their token: the same one again does nothing for ten minutes. */
import type { Clock } from "../clock.ts";
import type { Fields } from "../json.ts";
import { itemBounds } from "../rules/items.ts";
import { refuse } from "../rules/table.ts";

interface Past {
  readonly request: string;
  readonly startedMs: number;
  /** Undefined until it is done. */
  answer: Fields | undefined;
}

/** What was asked with which token. */
export class PastTransactions {
  readonly #clock: Clock;
  readonly #past = new Map<string, Past>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does `work` unless the token was used for the same request; a failure leaves the token free. */
  async once(
    token: string | undefined,
    request: string,
    work: () => Promise<Fields>,
  ): Promise<Fields> {
    if (token === undefined) return work();
    this.#forget();
    const known = this.#past.get(token);
    if (known !== undefined) return repeated(known, request);
    const past: Past = { request, startedMs: this.#clock.nowMs(), answer: undefined };
    this.#past.set(token, past);
    try {
      past.answer = await work();
      return past.answer;
    } catch (error) {
      this.#past.delete(token);
      throw error;
    }
  }

  #forget(): void {
    const horizonMs = this.#clock.nowMs() - itemBounds.tokenLifeMs;
    for (const [token, { startedMs, answer }] of this.#past) {
      if (answer !== undefined && startedMs < horizonMs) this.#past.delete(token);
    }
  }
}

function repeated(known: Past, request: string): Fields {
  if (known.request !== request) throw refuse("tokenMismatch");
  if (known.answer === undefined) throw refuse("transactionInProgress");
  return known.answer;
}
