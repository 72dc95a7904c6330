import type { DiscoveredTable } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { DynamoApi, Item, TableDescription } from "./api.ts";
import type { ColumnsOptions } from "./columns-options.ts";
import { ItemRows } from "./item-rows.ts";
import type { ReadRate } from "./read-rate.ts";
import { shapeNotices } from "./shape-notices.ts";
import type { ColumnMisfits } from "./misfit-counts.ts";
import { needsSample, tableShape } from "./table-shape.ts";

/** What a table's shape is made with. */
export interface TableRowsParts {
  readonly api: Pick<DynamoApi, "scan">;
  readonly table: string;
  readonly columns: ColumnsOptions;
  readonly rate: Pick<ReadRate, "took">;
  readonly signal: AbortSignal;
}

/** The shape that a table has for the pipeline, and rows of that shape. What the pipeline has already stays. */
export class TableRows {
  readonly #parts: TableRowsParts;
  #shape: TableShape | undefined;
  #notices: readonly string[] = [];
  #rows: ItemRows | null = null;

  constructor(parts: TableRowsParts) {
    this.#parts = parts;
  }

  /** What the pipeline has of tables. */
  remember(tables: readonly TableShape[]): void {
    this.#shape = tables.find(({ name }) => name === this.#parts.table) ?? this.#shape;
  }

  async discovered(table: TableDescription): Promise<DiscoveredTable> {
    const shape = await this.shapeOf(table);
    return { shape, estimatedRows: table.itemCount, notices: this.#notices };
  }

  /** By what is known; a table that nothing tells the columns of is looked into. */
  async shapeOf(table: TableDescription): Promise<TableShape> {
    const { columns } = this.#parts;
    const sample = needsSample(table, columns, this.#shape) ? await this.#sample() : null;
    const { shape, inference } = tableShape(table, columns, sample, this.#shape);
    if (inference !== null) this.#notices = shapeNotices(inference);
    this.#shape = shape;
    return shape;
  }

  /** The shape that the table had at the last look, where that is another table's than `known`. */
  nowOf(known: TableShape): TableShape {
    const now = this.#shape;
    return now === undefined || now.identity === known.identity ? known : now;
  }

  /** What did not fit its column, since this process began. */
  get misfits(): readonly ColumnMisfits[] {
    return this.#rows?.misfits.all() ?? [];
  }

  /** One for a shape: it counts what does not fit. */
  rowsOf(shape: TableShape, maxValueBytes: number): ItemRows {
    if (this.#rows?.shape !== shape)
      this.#rows = new ItemRows(shape, { ...this.#parts.columns, maxValueBytes });
    return this.#rows;
  }

  async #sample(): Promise<readonly Item[]> {
    const { api, table, columns, rate, signal } = this.#parts;
    const page = { table, segment: 0, segments: 1, startKey: null, consistent: false };
    const { items, units } = await api.scan({ ...page, limit: columns.sampleItems }, signal);
    rate.took(units);
    return items;
  }
}
