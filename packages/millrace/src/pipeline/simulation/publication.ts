import type { SourceTransaction } from "./source-server.ts";

/** What carries a table's changes into the log. One that is taken out and put back is another one. */
interface Entry {
  readonly id: number;
  /** Transactions that were under way when it came: their changes may be in no log. */
  readonly older: ReadonlySet<SourceTransaction>;
}

/** The publication of the model source: tables by identity, or everything. */
export class Publication {
  readonly #entries = new Map<string, Entry>();
  #everything: Entry | null = null;
  readonly #isForAll: boolean;
  #ids = 0;

  constructor(isForAll: boolean) {
    this.#isForAll = isForAll;
  }

  /** Which tables' changes a transaction that begins now writes into the log. */
  get logs(): (identity: string) => boolean {
    const entries = new Set(this.#entries.keys());
    const all = this.#everything !== null;
    return (identity) => all || entries.has(identity);
  }

  /** What carries a table; null where nothing does. */
  carrierOf(identity: string): string | null {
    const entry = this.#entryOf(identity);
    return entry === null ? null : `entry ${entry.id}`;
  }

  /** Transactions under way since before the table joined. */
  olderThan(identity: string): ReadonlySet<SourceTransaction> {
    return this.#entryOf(identity)?.older ?? new Set();
  }

  /** Puts tables into the log that are not there yet: those. */
  join(identities: readonly string[], underWay: () => Set<SourceTransaction>): string[] {
    const joined = identities.filter((identity) => this.#entryOf(identity) === null);
    if (joined.length === 0) return joined;
    if (this.#isForAll) this.#everything = { id: ++this.#ids, older: underWay() };
    else
      for (const identity of joined)
        this.#entries.set(identity, { id: ++this.#ids, older: underWay() });
    return joined;
  }

  /** Exactly these tables are left. */
  keepOnly(identities: readonly string[]): void {
    for (const identity of this.#entries.keys())
      if (!identities.includes(identity)) this.#entries.delete(identity);
  }

  /** Somebody takes a table out, or all of them where they came together. */
  leave(identity: string): void {
    this.#entries.delete(identity);
    this.#everything = null;
  }

  #entryOf(identity: string): Entry | null {
    return this.#isForAll ? this.#everything : (this.#entries.get(identity) ?? null);
  }
}
