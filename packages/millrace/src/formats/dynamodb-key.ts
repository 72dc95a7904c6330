import { MillraceError } from "../errors/millrace-error.ts";
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import type { TargetColumn, TargetTable } from "../model/table.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { schemaJson } from "./connect-schema.ts";
import { dynamoKeySchema } from "./dynamodb-envelope-schema.ts";
import { adjustedSchemaName, SanitisedNames } from "./dynamodb-names.ts";
import type { FormatOptions } from "./format.ts";
import { sharedTopicName, type KeyWriter } from "./key-format.ts";
import { RefusedValue, refusedColumn } from "./refused-value.ts";
import { textOf } from "./value-text.ts";

/** A key column on its way. */
export interface KeyField {
  readonly index: number;
  readonly column: TargetColumn;
  /** As the message has it. */
  readonly name: string;
}

/** The fields of a table's keys. @throws MillraceError MR_SINK_SCHEMA where two would have one name. */
export function keyFields(table: TargetTable, { envelope }: FormatOptions): readonly KeyField[] {
  const names = new SanitisedNames();
  return table.key.flatMap((index) => {
    const column = table.columns[index];
    if (column === undefined) return [];
    return [
      { index, column, name: envelope.names === "keep" ? column.name : made(names, column, table) },
    ];
  });
}

function made(names: SanitisedNames, { name }: TargetColumn, { id }: TargetTable): string {
  try {
    return names.add(name);
  } catch (thrown) {
    if (!(thrown instanceof RefusedValue)) throw thrown;
    throw new MillraceError("MR_SINK_SCHEMA", `the key of ${id}: ${thrown.message}`);
  }
}

/** Keys as the connector of Trustpilot writes them: a struct of texts. Binary, which it has none for, is base64. */
export function dynamoKeyWriter(
  fields: readonly KeyField[],
  topic: string,
  { table, options }: { readonly table: TargetTable; readonly options: FormatOptions },
): KeyWriter {
  const { includeSchema } = options;
  const shared = sharedTopicName(table, options);
  const names = fields.map(({ name }) => name);
  const schema = dynamoKeySchema(
    adjustedSchemaName(`${topic}.Key`),
    shared === null ? names : ["TableId", ...names],
  );
  const before = includeSchema ? `{"schema":${JSON.stringify(schemaJson(schema))},"payload":` : "";
  const first = `${before}{${shared === null ? "" : `"TableId":${JSON.stringify(shared)},`}`;
  const heads = names.map((name, at) =>
    Buffer.from(`${at === 0 ? first : ","}${JSON.stringify(name)}:`),
  );
  const close = Buffer.from(includeSchema ? "}}" : "}");
  return {
    write(row, out) {
      for (const [at, field] of fields.entries()) {
        out.bytes(heads[at] ?? close);
        writeText(row[field.index] ?? null, field.column, out);
      }
      out.bytes(close);
      return true;
    },
  };
}

function writeText(value: Value, column: TargetColumn, out: ByteWriter): void {
  if (!(value instanceof Uint8Array)) return out.jsonString(keyValue(value, column));
  out.ascii('"');
  out.base64(value);
  out.ascii('"');
}

function keyValue(value: Value, { name }: TargetColumn): string {
  try {
    return textOf(value);
  } catch (thrown) {
    throw refusedColumn(thrown, name);
  }
}

/** The key of a deleted item as DynamoDB's JSON, which is its document: by its attributes' names, as every other document is. */
export function keyDocument(row: Row, fields: readonly KeyField[]): string {
  const members = fields.map(({ index, column }) => {
    const value = row[index] ?? null;
    if (value === null || value === UNCHANGED)
      throw refusedColumn(new RefusedValue("a key without a value"), column.name);
    return `${JSON.stringify(column.sourceName ?? column.name)}:${attributeJson(value, column)}`;
  });
  return `{${members.join(",")}}`;
}

function attributeJson(value: Value, column: TargetColumn): string {
  if (value instanceof Uint8Array) return `{"B":"${Buffer.from(value).toString("base64")}"}`;
  const tag = column.logical.kind === "decimal" ? "N" : "S";
  return `{"${tag}":${JSON.stringify(keyValue(value, column))}}`;
}
