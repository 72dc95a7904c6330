import { MillraceError } from "../../errors/millrace-error.ts";
import { type TableId, tableId, type TableShape } from "../../model/table.ts";
import { planRow, type RowPlan, type ValueOptions } from "./row-plan.ts";
import type { TableMap } from "./table-map.ts";
import type { LoggedTables } from "./transaction-assembler.ts";

/** Tables whose shapes stay as they are. Stands in for what follows DDL. */
export class KnownTables implements LoggedTables {
  readonly #tables: ReadonlyMap<TableId, TableShape>;
  readonly #values: ValueOptions;

  constructor(tables: ReadonlyMap<TableId, TableShape>, values: ValueOptions) {
    this.#tables = tables;
    this.#values = values;
  }

  planOf(map: TableMap): RowPlan | null {
    const shape = this.#tables.get(tableId(map.schema, map.table));
    if (shape === undefined) return null;
    const plan = planRow(map, shape, this.#values);
    if (plan !== null) return plan;
    throw new MillraceError("MR_SOURCE_TABLE_CHANGED", `${shape.id} has another shape`);
  }

  statement(): void {
    // DDL is not followed.
  }
}
