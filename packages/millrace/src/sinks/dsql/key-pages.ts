import type { KeyPage } from "../../model/sink.ts";
import type { TargetColumn, TargetTable } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import { parameterText } from "./array-literal.ts";
import { classify } from "./errors.ts";
import { quoteName, quoteTable } from "./identifiers.ts";
import type { SinkConnection } from "./sink-connection.ts";

/** The next page of keys, in the target's own order. */
export async function readKeyPage(
  connection: SinkConnection,
  table: TargetTable,
  after: Row | null,
  limit: number,
): Promise<KeyPage> {
  const values = after === null ? [] : table.key.map((index) => parameterText(after[index]));
  try {
    const rows = await connection.query(pageText(table, after !== null), [
      ...values,
      String(limit),
    ]);
    return { keys: rows.map((row) => fullWidth(table, row)), done: rows.length < limit };
  } catch (error) {
    throw classify(error, { doing: `reading keys of ${table.id}` });
  }
}

function pageText(table: TargetTable, resumed: boolean): string {
  const columns = table.key
    .map((index) => table.columns[index])
    .filter((column) => column !== undefined);
  const names = columns.map((column) => quoteName(column.name)).join(",");
  const from = columns.map((column, i) => `$${i + 1}::${column.type}`).join(",");
  const where = resumed ? ` WHERE (${names})>(${from})` : "";
  const limit = `$${resumed ? columns.length + 1 : 1}::bigint`;
  return `SELECT ${names} FROM ${quoteTable(table)}${where} ORDER BY ${names} LIMIT ${limit}`;
}

function fullWidth(table: TargetTable, key: readonly (string | null)[]): Row {
  const row: Value[] = table.columns.map(() => null);
  for (const [i, index] of table.key.entries()) {
    const column = table.columns[index];
    if (column !== undefined) row[index] = canonicalValue(column, key[i] ?? null);
  }
  return row;
}

/** The form of `model/value.ts` of a value that the sink printed. */
export function canonicalValue({ logical, type }: TargetColumn, text: string | null): Value {
  if (text === null) return null;
  if (logical.kind === "boolean") return text === "t";
  if (logical.kind === "bytes") return Uint8Array.from(Buffer.from(text.slice(2), "hex"));
  // A numeric without scale is kept with 38 digits after the point.
  if (
    logical.kind === "decimal" &&
    logical.scale === null &&
    type.includes("(") &&
    text.includes(".")
  ) {
    return text.replace(/\.?0+$/, "");
  }
  return text;
}
