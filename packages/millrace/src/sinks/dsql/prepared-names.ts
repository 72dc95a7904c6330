import type { Statement } from "./statement.ts";
import type { Preparation } from "./wire.ts";

/** What one exchange does to the prepared statements of its connection. */
export interface PreparationPlan {
  readonly preparations: readonly Preparation[];
  /** Names to close because too many are open. */
  readonly closed: readonly string[];
}

/**
 * The statements that one connection has prepared. After a failure it is not always known whether a Parse of it was
 * reached, so that such a name is closed (harmless if unknown) before it is parsed again.
 */
export class PreparedNames {
  readonly #limit: number;
  readonly #known = new Set<string>();
  readonly #doubtful = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Plans the Parse messages of an exchange, and counts its statements as used just now. */
  plan(statements: readonly Statement[]): PreparationPlan {
    const preparations = statements.map(({ name }) => this.#use(name));
    const wanted = new Set(statements.map(({ name }) => name));
    const closed: string[] = [];
    for (const name of this.#known) {
      if (this.#known.size - closed.length <= this.#limit) break;
      if (!wanted.has(name)) closed.push(name);
    }
    for (const name of closed) this.#known.delete(name);
    return { preparations, closed };
  }

  /** The exchange failed: these names may or may not be prepared. */
  doubt(statements: readonly Statement[]): void {
    for (const { name } of statements) {
      if (this.#known.delete(name)) this.#doubtful.add(name);
    }
  }

  #use(name: string): Preparation {
    const known = this.#known.delete(name);
    this.#known.add(name);
    return { parse: !known, close: this.#doubtful.delete(name) };
  }
}
