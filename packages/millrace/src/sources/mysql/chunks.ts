import type { ChunkRange } from "../../model/source.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import type { Queryable } from "./connection.ts";
import { checkUnchanged, comparison, readTablePlan, type TablePlan } from "./table-plan.ts";

/** Integer keys that fill at least this share of their span are cut by arithmetic. */
const DENSE = 0.5;

/** What is known of a table with one integer key: the span of its keys and how many of them exist. */
interface Span {
  readonly greatest: bigint;
  /** Keys per row, at least 1. */
  readonly stride: number;
}

/**
 * Cuts a table into key ranges, one bound after the other. The server compares keys, always: no collation and no order
 * is known here. A bound is found by walking the key's index; it costs what reading the chunk's index entries costs.
 * Where integer keys are dense, adding to the last bound does as well and costs nothing: since keys are unique, such a
 * chunk never has more rows than its span, at most `rows / DENSE`.
 */
export class ChunkPlanner {
  readonly #client: Queryable;
  readonly #plans = new WeakMap<TableShape, TablePlan>();
  readonly #spans = new WeakMap<TableShape, Span | null>();

  constructor(client: Queryable) {
    this.#client = client;
  }

  /**
   * The range of about `rows` rows that begins after `from`; `to: null` for the last one. A table without key is one
   * range.
   */
  async plan(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange> {
    if (shape.key.length === 0) return { from: null, to: null };
    const start = from === null ? null : integerOf(shape, from);
    if (start !== null) {
      const to = await this.#byArithmetic(shape, start, rows);
      if (to !== undefined) return { from, to };
    }
    return { from, to: await this.#byWalk(shape, from, rows) };
  }

  async #byWalk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkKey | null> {
    try {
      return await this.#walk(await this.#planOf(shape), from, rows);
    } catch {
      // A change since the plan was made shows as an error; a plan made anew says what is the matter.
      this.#plans.delete(shape);
      return await this.#walk(await this.#planOf(shape), from, rows);
    }
  }

  async #walk(plan: TablePlan, from: ChunkKey | null, rows: number): Promise<ChunkKey | null> {
    const where = from === null ? "" : ` WHERE ${comparison(plan, ">", from)}`;
    const bounds = plan.key.map(({ bound }) => bound).join(", ");
    const order = plan.key.map(({ sql }) => sql).join(", ");
    const [found] = await this.#client.query(
      `SELECT ${bounds} FROM ${plan.from}${where} ORDER BY ${order} LIMIT 1 OFFSET ${Math.max(0, rows - 1)}`,
    );
    return found === undefined ? null : found.map((bound) => bound ?? "");
  }

  /** The bound by adding, null when it is past the end, undefined where keys are not dense integers. */
  async #byArithmetic(
    shape: TableShape,
    from: bigint,
    rows: number,
  ): Promise<ChunkKey | null | undefined> {
    const known = this.#spans.get(shape);
    const span = known === undefined ? await this.#measure(shape) : known;
    if (span === null) return undefined;
    const to = from + BigInt(Math.ceil(rows * span.stride));
    if (to < span.greatest) return [String(to)];
    const grown = await this.#measure(shape);
    return grown !== null && to < grown.greatest ? [String(to)] : null;
  }

  async #measure(shape: TableShape): Promise<Span | null> {
    const plan = await this.#planOf(shape);
    const key = plan.key[0]?.sql ?? "";
    const [bounds] = await this.#client.query(`SELECT MIN(${key}), MAX(${key}) FROM ${plan.from}`);
    const [row] = await this.#client.query(
      "SELECT /*+ SET_VAR(information_schema_stats_expiry = 0) */ TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
      [shape.schema, shape.name],
    );
    const [least = null, greatest = null] = bounds ?? [];
    const span = spanOf(least, greatest, Number(row?.[0] ?? 0));
    this.#spans.set(shape, span);
    return span;
  }

  async #planOf(shape: TableShape): Promise<TablePlan> {
    const known = this.#plans.get(shape);
    if (known !== undefined) return known;
    const plan = checkUnchanged(shape, await readTablePlan(this.#client, shape));
    this.#plans.set(shape, plan);
    return plan;
  }
}

/** The single integer of a key, null where the key is anything else. */
function integerOf(shape: TableShape, key: ChunkKey): bigint | null {
  const [index, ...more] = shape.key;
  const type = index === undefined ? undefined : shape.columns[index]?.type;
  if (more.length > 0 || type?.kind !== "int") return null;
  return Array.isArray(key) && typeof key[0] === "string" ? BigInt(key[0]) : null;
}

/** Null where the keys are not dense, or nothing is known of them. */
export function spanOf(
  least: string | null,
  greatest: string | null,
  estimatedRows: number,
): Span | null {
  if (least === null || greatest === null || estimatedRows < 1) return null;
  const keys = Number(BigInt(greatest) - BigInt(least)) + 1;
  const stride = Math.max(1, keys / estimatedRows);
  return stride <= 1 / DENSE ? { greatest: BigInt(greatest), stride } : null;
}
