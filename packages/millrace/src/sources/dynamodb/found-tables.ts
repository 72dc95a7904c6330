import type { Discovery } from "./discover.ts";

/** What a look changed. */
export interface FoundChange {
  readonly tables: ReadonlySet<string>;
  readonly came: readonly string[];
  readonly left: readonly string[];
}

/**
 * The tables that are read, from one look to the next. One that is found comes at once. One that is not found any more is
 * kept until it was away for the grace at each look since; of one that could not be asked about, a look says nothing.
 */
export class FoundTables {
  readonly #graceMs: number;
  #tables: ReadonlySet<string> | null = null;
  /** Since when they are not found any more, milliseconds since 1970. */
  readonly #away = new Map<string, number>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Tables that are read although they are not found any more, and since when. */
  get leaving(): ReadonlyMap<string, number> {
    return this.#away;
  }

  /** After a look at `nowMs`; null where it changed nothing. The first look always tells. */
  after({ found, unknown }: Discovery, nowMs: number): FoundChange | null {
    const here = new Set(found.map(({ name }) => name));
    const unasked = new Set(unknown.map(({ table }) => table));
    const before = this.#tables ?? new Set<string>();
    const left = [...before].filter((name) => !this.#stays(name, here, unasked, nowMs));
    const came = [...here].filter((name) => !before.has(name));
    for (const name of left) this.#away.delete(name);
    if (this.#tables !== null && left.length === 0 && came.length === 0) return null;
    const tables = new Set([...before, ...came].filter((name) => !left.includes(name)));
    this.#tables = tables;
    return { tables, came, left };
  }

  #stays(
    name: string,
    here: ReadonlySet<string>,
    unasked: ReadonlySet<string>,
    nowMs: number,
  ): boolean {
    if (here.has(name)) {
      this.#away.delete(name);
      return true;
    }
    if (unasked.has(name)) return true;
    const since = this.#away.get(name) ?? nowMs;
    this.#away.set(name, since);
    return nowMs - since < this.#graceMs;
  }
}
