import type { Clock } from "../../model/ports.ts";
import type { DynamoApi, TableDescription } from "./api.ts";

/** Throughput is changed by whoever runs the table, and by the service itself (auto scaling). */
const HOLDS_MS = 60_000;

/** A table as the service described it lately. */
export class TableFacts {
  readonly #api: Pick<DynamoApi, "describeTable">;
  readonly #table: string;
  readonly #clock: Pick<Clock, "monotonic">;
  #last: TableDescription | null = null;
  #atMs = 0;

  constructor(
    api: Pick<DynamoApi, "describeTable">,
    table: string,
    clock: Pick<Clock, "monotonic">,
  ) {
    this.#api = api;
    this.#table = table;
    this.#clock = clock;
  }

  /** As it is now. */
  async read(signal?: AbortSignal): Promise<TableDescription> {
    this.#last = await this.#api.describeTable(this.#table, signal);
    this.#atMs = this.#clock.monotonic();
    return this.#last;
  }

  /** As it was a minute ago at most, unless nobody can be asked: then as it was last. */
  async lately(signal?: AbortSignal): Promise<TableDescription> {
    const last = this.#last;
    if (last === null) return this.read(signal);
    if (this.#clock.monotonic() - this.#atMs < HOLDS_MS) return last;
    try {
      return await this.read(signal);
    } catch {
      signal?.throwIfAborted();
      // What is asked for next meets the same, and says so.
      return last;
    }
  }
}
