import type { Column } from "../../model/table.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { fits } from "./row-fit.ts";
import { isHidden } from "./row-plan.ts";
import type { MappedColumn, TableMap } from "./table-map.ts";
import { parseColumnType } from "./types.ts";

/**
 * What a table was like when rows of it were written, made of the columns that it has still: the log tells the names
 * (`binlog_row_metadata=FULL`). Null where it does not, or has a column that is gone, has another type or is of another key now:
 * the log alone does not tell all of what such a column was.
 */
export function pastShape({ columns: mapped }: TableMap, present: MysqlShape): MysqlShape | null {
  const columns: Column[] = [];
  for (const each of mapped) {
    const column = pastColumn(each, present);
    if (column !== null) columns.push(column);
    else if (!isHidden(each) || each.name === null) return null;
  }
  const indexOf = (name: string | undefined) => columns.findIndex((column) => column.name === name);
  const key = present.key.map((index) => indexOf(present.columns[index]?.name));
  const told = mapped.filter(({ inKey }) => inKey === true).map(({ name }) => indexOf(name ?? ""));
  const isKey = told.length === key.length && told.every((index) => key.includes(index));
  if (key.includes(-1) || !isKey) return null;
  const { autoIncrement } = present.facts;
  const facts = {
    ...present.facts,
    autoIncrement: indexOf(autoIncrement ?? "") < 0 ? null : autoIncrement,
  };
  return { ...present, columns, key, facts };
}

function pastColumn(mapped: MappedColumn, { columns }: MysqlShape): Column | null {
  const column = columns.find(({ name }) => name === mapped.name);
  const type = column === undefined ? null : parseColumnType(column.sourceType);
  if (column === undefined || type === null || !fits(mapped, column, type)) return null;
  return { ...column, nullable: mapped.nullable ?? column.nullable };
}
