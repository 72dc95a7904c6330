import type { ChunkKey } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import { checkUnchanged } from "../../tables/changed-table.ts";
import { KeyRanges } from "../../tables/key-ranges.ts";
import type { KeyBounds } from "../../tables/key-span.ts";
import { type Queryable, readEstimates } from "./catalogue.ts";
import { comparison, readTablePlan, type TablePlan } from "./table-plan.ts";

/** Asks PostgreSQL for the bounds of chunks. */
export class ChunkPlanner extends KeyRanges<TablePlan> {
  readonly #client: Queryable;

  constructor(client: Queryable) {
    super();
    this.#client = client;
  }

  protected override async readPlan(shape: TableShape): Promise<TablePlan> {
    return checkUnchanged(shape, await readTablePlan(this.#client, shape));
  }

  protected override async walk(
    plan: TablePlan,
    from: ChunkKey | null,
    rows: number,
  ): Promise<ChunkKey | null> {
    const where = from === null ? "" : ` WHERE ${comparison(plan, ">", from)}`;
    const keys = plan.key.map((column) => column.sql);
    const { rows: found } = await this.#client.query<{ key: string[] }>(
      `SELECT ARRAY[${keys.map((key) => `${key}::text`).join(", ")}] AS key
       FROM ${plan.from} AS t${where} ORDER BY ${keys.join(", ")} OFFSET ${Math.max(0, rows - 1)} LIMIT 1`,
    );
    return found[0]?.key ?? null;
  }

  protected override async measure(shape: TableShape, plan: TablePlan): Promise<KeyBounds> {
    const key = plan.key[0]?.sql ?? "";
    const { rows } = await this.#client.query<{ least: string | null; greatest: string | null }>(
      `SELECT pg_catalog.min(${key})::text AS least, pg_catalog.max(${key})::text AS greatest FROM ${plan.from} AS t`,
    );
    const estimates = await readEstimates(this.#client, [shape.identity]);
    const { least = null, greatest = null } = rows[0] ?? {};
    return { least, greatest, estimatedRows: estimates.get(shape.identity) ?? 0 };
  }

  /** The unsigned types (oid, xid) are the server's own, and it finds no least of most of them. */
  protected override isMeasured(isUnsigned: boolean): boolean {
    return !isUnsigned;
  }
}
