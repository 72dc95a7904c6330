import type { ChangePlace, TargetChange } from "../model/sink.ts";
import type { Origin, SourceBlock, ToldColumn, ToldTable } from "../model/source-block.ts";
import type { Column, TableShape, TargetTable } from "../model/table.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { SourceJson } from "./source-json.ts";
import { toldColumn } from "./told-column.ts";

/*
 * Messages of the schema changes' topic, in the form that Debezium's connectors for MySQL and MariaDB have for theirs. Key and
 * value go into the writers, without schema.
 */

/** A schema change that is to be told. */
export interface ToldChange {
  readonly change: TargetChange;
  /** Null: it was not the log that told of it. */
  readonly place: ChangePlace | null;
  readonly nowMs: number;
}

const TYPES = { create: "CREATE", alter: "ALTER", drop: "DROP" } as const;

/** `ddl` is null: what became of the table is told, not in whose words. */
export function writeSchemaChange(
  { change, place, nowMs }: ToldChange,
  block: SourceBlock,
  key: ByteWriter,
  value: ByteWriter,
): void {
  const { table } = change;
  const { schema, name } = table.from ?? table;
  const origin: Origin = {
    schema,
    table: name,
    // What no log tells of was found in the catalogue, as loaded rows are.
    op: place === null ? "r" : "c",
    position: place?.position ?? null,
    transaction: place?.transaction ?? null,
    nowMs,
  };
  const told = table.from === undefined ? null : (block.tableOf?.(table.from) ?? null);
  const databaseName = told?.databaseName ?? databaseOf(block, origin);
  const schemaName = told === null ? schema : told.schemaName;
  key.utf8(JSON.stringify({ databaseName }));
  value.ascii('{"source":');
  new SourceJson(block).write(origin, value);
  const parts = [databaseName, schemaName, name].filter((part) => part !== null && part !== "");
  const rest = {
    ts_ms: nowMs,
    databaseName,
    schemaName,
    ddl: null,
    tableChanges: [
      {
        type: TYPES[change.kind],
        id: parts.map((part) => `"${part}"`).join("."),
        table: change.kind === "drop" ? null : tableJson(table, told),
      },
    ],
  };
  value.utf8(`,${JSON.stringify(rest).slice(1)}`);
}

function databaseOf(block: SourceBlock, origin: Origin): string {
  const db = block.fields.findIndex(({ name }) => name === "db");
  return String(block.value(db, origin) ?? "");
}

function tableJson(table: TargetTable, told: ToldTable | null): object {
  const shape = table.from ?? withoutShape(table);
  return {
    defaultCharsetName: told?.defaultCharsetName ?? null,
    primaryKeyColumnNames: shape.key.map((index) => shape.columns[index]?.name ?? ""),
    columns: shape.columns.map((column, index) => {
      const { autoIncremented, enumValues, ...type } = told?.columns[index] ?? toldColumn(column);
      return columnJson(column, index, type, {
        optional: column.nullable && !shape.key.includes(index),
        autoIncremented,
        // Debezium means that it numbers itself, not that it is computed.
        generated: autoIncremented,
        comment: null,
        defaultValueExpression: null,
        enumValues,
      });
    }),
    comment: null,
  };
}

/** In Debezium's order of members. */
function columnJson(
  { name }: Column,
  index: number,
  type: Omit<ToldColumn, "autoIncremented" | "enumValues">,
  rest: object,
): object {
  const { jdbcType, typeName, typeExpression, charsetName, length, scale } = type;
  return {
    name,
    jdbcType,
    nativeType: null,
    typeName,
    typeExpression,
    charsetName,
    length,
    scale,
    position: index + 1,
    ...rest,
  };
}

/** Of a target of which nobody says what it was mapped from. */
function withoutShape(table: TargetTable): Pick<TableShape, "columns" | "key"> {
  if (table.keyless) return { columns: table.columns.slice(1).map(sourceColumn), key: [] };
  return { columns: table.columns.map(sourceColumn), key: table.key };
}

function sourceColumn(column: TargetTable["columns"][number]): Column {
  const { name, logical: type, nullable } = column;
  return { name, type, sourceType: column.sourceType ?? type.kind, nullable, ordinal: null };
}
