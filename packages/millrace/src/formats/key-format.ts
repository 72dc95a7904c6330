import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { type ByteWriter, Constant } from "./byte-writer.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { optional, schemaJson } from "./connect-schema.ts";
import { debeziumForm } from "./debezium-forms.ts";
import type { FormatOptions, MessageHeader } from "./format.ts";
import { messageHeader } from "./format.ts";
import { JsonRow, type RowColumn } from "./json-row.ts";
import type { LineFields } from "./line-fields.ts";
import { refusedColumn } from "./refused-value.ts";
import { textOf } from "./value-text.ts";

/** Writes a row's key. */
export interface KeyWriter {
  /** False where the table has no key: the message has none then. @throws MillraceError of class `row` */
  write(row: Row, out: ByteWriter): boolean;
  /** The same of a row that is a line. Absent where its values are needed. */
  writeLine?(fields: LineFields, out: ByteWriter): boolean;
}

/** What stands before the key's columns where several tables share a topic (`TableId`, as Flink CDC has it). */
export function sharedTopicName(table: TargetTable, options: FormatOptions): string | null {
  return options.keyWithTable ? `${table.schema}.${table.name}` : null;
}

/** The writer of keys in JSON, CSV or text; Avro's is made with its registry. */
export function keyWriter(
  table: TargetTable,
  options: FormatOptions,
  schemaName: string,
): KeyWriter {
  if (table.keyless) return { write: () => false };
  const columns = keyColumns(table, options);
  switch (options.key) {
    case "csv":
      return textKey(columns, sharedTopicName(table, options), csvText);
    case "string":
      return textKey(columns, sharedTopicName(table, options), plainText);
    default:
      return jsonKey(table, columns, options, schemaName);
  }
}

/**
 * The writer of keys in headers: JSON without a schema where the key itself has one, as Kafka Connect writes headers whatever
 * the keys' converter is.
 */
export function headerKeys(table: TargetTable, options: FormatOptions, keys: KeyWriter): KeyWriter {
  const hasSchema = options.key === "avro" || (options.key === "json" && options.includeSchema);
  if (table.keyless || !hasSchema) return keys;
  return jsonKey(table, keyColumns(table, options), { ...options, includeSchema: false }, "");
}

/** The columns of a table's key, in key order. */
export function keyColumns(table: TargetTable, options: FormatOptions): readonly RowColumn[] {
  return table.key.flatMap((index) => {
    const column = table.columns[index];
    if (column === undefined) return [];
    return [{ index, column, form: debeziumForm(column, options.values) }];
  });
}

/** The schema of a key. */
export function keySchema(
  columns: readonly RowColumn[],
  tableName: string | null,
  name: string,
): ConnectSchema {
  const fields = columns.map(({ column, form }) => ({
    name: column.name,
    schema: optional(form.schema, false),
  }));
  const shared =
    tableName === null
      ? []
      : [{ name: "TableId", schema: { type: "string", optional: false } as const }];
  return { type: "struct", optional: false, name, fields: [...shared, ...fields] };
}

function jsonKey(
  table: TargetTable,
  columns: readonly RowColumn[],
  options: FormatOptions,
  schemaName: string,
): KeyWriter {
  const tableName = sharedTopicName(table, options);
  const start = tableName === null ? "{" : `{"TableId":${JSON.stringify(tableName)},`;
  const schema = JSON.stringify(schemaJson(keySchema(columns, tableName, schemaName)));
  const before = new Constant(options.includeSchema ? `{"schema":${schema},"payload":` : "");
  const row = new JsonRow(table, columns, options.values, start);
  const end = (out: ByteWriter): true => {
    if (options.includeSchema) out.byte(0x7d);
    return true;
  };
  return {
    write(values, out) {
      out.constant(before);
      row.write(values, "null", out);
      return end(out);
    },
    writeLine(fields, out) {
      out.constant(before);
      row.writeLine(fields, out);
      return end(out);
    },
  };
}

function textKey(
  columns: readonly RowColumn[],
  tableName: string | null,
  text: (parts: readonly string[]) => string,
): KeyWriter {
  return {
    write(row, out) {
      const parts = columns.map(({ index, column }) => {
        try {
          return textOf(row[index] ?? null);
        } catch (thrown) {
          throw refusedColumn(thrown, column.name);
        }
      });
      out.utf8(text(tableName === null ? parts : [tableName, ...parts]));
      return true;
    },
  };
}

/** As RFC 4180 has it. */
function csvText(parts: readonly string[]): string {
  return parts
    .map((part) => (/[",\r\n]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part))
    .join(",");
}

/** The value itself; of several a JSON array, so that no two keys are one. */
function plainText(parts: readonly string[]): string {
  const [first = ""] = parts;
  return parts.length === 1 ? first : JSON.stringify(parts);
}

/** The headers of every message of a table. */
export function tableHeaders(
  table: TargetTable,
  { tableIdHeaders, customHeaders }: FormatOptions,
): readonly MessageHeader[] {
  const own = customHeaders.map(({ name, value }) => messageHeader(name, value));
  if (!tableIdHeaders) return own;
  const names = [
    messageHeader("namespace", ""),
    messageHeader("schemaName", table.schema),
    messageHeader("tableName", table.name),
  ];
  return [...names, ...own];
}
