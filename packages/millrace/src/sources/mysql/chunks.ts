import type { ChunkKey } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import { checkUnchanged } from "../../tables/changed-table.ts";
import { KeyRanges } from "../../tables/key-ranges.ts";
import type { KeyBounds } from "../../tables/key-span.ts";
import type { Queryable } from "./connection.ts";
import { comparison, readTablePlan, type TablePlan } from "./table-plan.ts";

/** Always read: the server's copy of its statistics may be a day old. */
const ROWS_SQL = `
SELECT /*+ SET_VAR(information_schema_stats_expiry = 0) */ TABLE_ROWS FROM information_schema.TABLES
WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`;

/** Asks MySQL for the bounds of chunks. */
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
    const bounds = plan.key.map(({ bound }) => bound).join(", ");
    const order = plan.key.map(({ sql }) => sql).join(", ");
    const [found] = await this.#client.query(
      `SELECT ${bounds} FROM ${plan.from}${where} ORDER BY ${order} LIMIT 1 OFFSET ${Math.max(0, rows - 1)}`,
    );
    return found === undefined ? null : found.map((bound) => bound ?? "");
  }

  protected override async measure(shape: TableShape, plan: TablePlan): Promise<KeyBounds> {
    const key = plan.key[0]?.sql ?? "";
    const [bounds] = await this.#client.query(`SELECT MIN(${key}), MAX(${key}) FROM ${plan.from}`);
    const [row] = await this.#client.query(ROWS_SQL, [shape.schema, shape.name]);
    const [least = null, greatest = null] = bounds ?? [];
    return { least, greatest, estimatedRows: Number(row?.[0] ?? 0) };
  }

  protected override isMeasured(): boolean {
    return true;
  }
}
