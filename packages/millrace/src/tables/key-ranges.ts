import type { ChunkKey } from "../model/position.ts";
import type { ChunkRange } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import { type KeyBounds, type KeySpan, spanOf } from "./key-span.ts";

/**
 * Cuts a table into key ranges, one bound after the other. The server compares keys, always: no collation, no numeric
 * form and no row order is known here. A bound is found by walking the key's index; it costs what reading the chunk's
 * index entries costs. Where integer keys are dense, adding to the last bound does as well and costs nothing: since
 * keys are unique, such a chunk never has more rows than its span, at most twice what was asked for.
 *
 * A source says how its server is asked; `Plan` is how it names a table in SQL.
 */
export abstract class KeyRanges<Plan> {
  readonly #plans = new WeakMap<TableShape, Plan>();
  readonly #spans = new WeakMap<TableShape, KeySpan | null>();

  /** How to name the table now. @throws MillraceError MR_SOURCE_TABLE_CHANGED where it is not what its shape says. */
  protected abstract readPlan(shape: TableShape): Promise<Plan>;
  /** The `rows`-th key after `from`, null where there are fewer. */
  protected abstract walk(
    plan: Plan,
    from: ChunkKey | null,
    rows: number,
  ): Promise<ChunkKey | null>;
  /** Of a table with one integer key. */
  protected abstract measure(shape: TableShape, plan: Plan): Promise<KeyBounds>;
  /** Whether the server finds the least and the greatest of such keys. */
  protected abstract isMeasured(isUnsigned: boolean): boolean;

  /**
   * The range of about `rows` rows that begins after `from`; `to: null` for the last one. A table without key is one
   * range.
   */
  async plan(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange> {
    if (shape.key.length === 0) return { from: null, to: null };
    const start = from === null ? null : this.#integerOf(shape, from);
    if (start !== null) {
      const to = await this.#byArithmetic(shape, start, rows);
      if (to !== undefined) return { from, to };
    }
    return { from, to: await this.#byWalk(shape, from, rows) };
  }

  async #byWalk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkKey | null> {
    try {
      return await this.walk(await this.#planOf(shape), from, rows);
    } catch {
      // A change since the plan was made shows as an error; a plan made anew says what is the matter.
      this.#plans.delete(shape);
      return await this.walk(await this.#planOf(shape), from, rows);
    }
  }

  /** The bound by adding, null when it is past the end, undefined where keys are not dense integers. */
  async #byArithmetic(
    shape: TableShape,
    from: bigint,
    rows: number,
  ): Promise<ChunkKey | null | undefined> {
    const known = this.#spans.get(shape);
    const span = known === undefined ? await this.#measureAnew(shape) : known;
    if (span === null) return undefined;
    const to = from + BigInt(Math.ceil(rows * span.stride));
    if (to < span.greatest) return [String(to)];
    const grown = await this.#measureAnew(shape);
    return grown !== null && to < grown.greatest ? [String(to)] : null;
  }

  async #measureAnew(shape: TableShape): Promise<KeySpan | null> {
    const span = spanOf(await this.measure(shape, await this.#planOf(shape)));
    this.#spans.set(shape, span);
    return span;
  }

  async #planOf(shape: TableShape): Promise<Plan> {
    const known = this.#plans.get(shape);
    if (known !== undefined) return known;
    const plan = await this.readPlan(shape);
    this.#plans.set(shape, plan);
    return plan;
  }

  /** The single integer of a key, null where the key is anything else. */
  #integerOf(shape: TableShape, key: ChunkKey): bigint | null {
    const [index, ...more] = shape.key;
    const type = index === undefined ? undefined : shape.columns[index]?.type;
    if (more.length > 0 || type?.kind !== "int" || !this.isMeasured(type.unsigned === true))
      return null;
    return Array.isArray(key) && typeof key[0] === "string" ? BigInt(key[0]) : null;
  }
}
