import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { Origin, SourceBlock } from "../model/source-block.ts";
import { tableParts, type TableId, type TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { AvroRow } from "./avro-row.ts";
import { avroFullName, avroSchema } from "./avro-schema.ts";
import { writeLong, writeString } from "./avro-values.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { debeziumForm } from "./debezium-forms.ts";
import { envelopeSchema, schemaName } from "./envelope-schema.ts";
import type { FormatOptions, MessageHeader, MessageOutput, TableEncoder } from "./format.ts";
import { columnsOf, type RowColumn } from "./json-row.ts";
import { KeyChangeHeaders } from "./key-change-headers.ts";
import {
  headerKeys,
  keyColumns,
  keySchema,
  sharedTopicName,
  tableHeaders,
  type KeyWriter,
} from "./key-format.ts";
import { writeGenerationEnd } from "./mark-messages.ts";
import type { SchemaRegistry } from "./schema-registry.ts";
import { SourceAvro } from "./source-avro.ts";
import type { TransactionMeter } from "./transaction-meter.ts";

/** Magic byte and id of the schema, before every message in Avro. */
function prefixOf(id: number): Uint8Array {
  const prefix = Buffer.alloc(5);
  prefix.writeInt32BE(id, 1);
  return prefix;
}

/** What names a schema at the registry, by the file's strategy. */
function subjectOf(
  { registry }: FormatOptions,
  topic: string,
  record: string,
  of: "key" | "value",
): string {
  switch (registry?.subject) {
    case "RecordName":
      return record;
    case "TopicRecordName":
      return `${topic}-${record}`;
    default:
      return `${topic}-${of}`;
  }
}

/** What the registry is asked about a schema. */
function asked(
  schema: ConnectSchema,
  of: "key" | "value",
  { options, topic }: AvroParts,
): readonly [subject: string, schema: string] {
  const subject = subjectOf(options, topic, avroFullName(schema.name ?? ""), of);
  return [subject, JSON.stringify(avroSchema(schema))];
}

async function register(
  schema: ConnectSchema,
  of: "key" | "value",
  parts: AvroParts,
): Promise<Uint8Array> {
  return prefixOf(await parts.registry.idOf(...asked(schema, of, parts)));
}

/** Whether the registry would take what this table's messages are. @throws MillraceError of the registry */
export async function checkAvro(table: TargetTable, parts: AvroParts): Promise<void> {
  const { options, block, registry } = parts;
  if (options.key === "avro" && !table.keyless) {
    const schema = keySchemaOf(table, keyColumns(table, options), options, block);
    await registry.check(...asked(schema, "key", parts));
  }
  if (options.value !== "avro") return;
  const columns = columnsOf(table, (column) => debeziumForm(column, options.values));
  await registry.check(...asked(envelopeSchema(table, columns, block), "value", parts));
}

function keySchemaOf(
  table: TargetTable,
  columns: readonly RowColumn[],
  options: FormatOptions,
  block: SourceBlock,
): ConnectSchema {
  const name = schemaName(block.serverName, table, "Key");
  return keySchema(columns, sharedTopicName(table, options), name);
}

/** What keys and values in Avro are made with. */
export interface AvroParts {
  readonly options: FormatOptions;
  readonly block: SourceBlock;
  readonly topic: string;
  readonly registry: SchemaRegistry;
  readonly meter: TransactionMeter | null;
}

/** Keys in Avro. @throws MillraceError of the registry */
export async function avroKeys(table: TargetTable, parts: AvroParts): Promise<KeyWriter> {
  if (table.keyless) return { write: () => false };
  const { options, block } = parts;
  const columns = keyColumns(table, options);
  const tableName = sharedTopicName(table, options);
  const schema = keySchemaOf(table, columns, options, block);
  const prefix = await register(schema, "key", parts);
  const row = new AvroRow(table, columns, options.values.unavailable, true);
  return {
    write(values, out) {
      out.bytes(prefix);
      if (tableName !== null) writeString(tableName, out);
      row.write(values, "null", out);
      return true;
    },
  };
}

/** The encoder of a table's envelopes in Avro. @throws MillraceError of the registry */
export async function avroEncoder(
  table: TargetTable,
  keys: KeyWriter,
  parts: AvroParts,
): Promise<TableEncoder> {
  const { options, block } = parts;
  const columns = columnsOf(table, (column) => debeziumForm(column, options.values));
  const prefix = await register(envelopeSchema(table, columns, block), "value", parts);
  const row = new AvroRow(table, columns, options.values.unavailable);
  return new AvroEncoder(table, { ...parts, keys, prefix, row });
}

interface EncoderParts extends AvroParts {
  readonly keys: KeyWriter;
  readonly prefix: Uint8Array;
  readonly row: AvroRow;
}

/** Debezium's envelope in Avro, in the wire format of Confluent's serializers. Hot: `change` is called per change. */
class AvroEncoder implements TableEncoder {
  readonly #parts: EncoderParts;
  readonly #headers: readonly MessageHeader[];
  readonly #keyChange: KeyChangeHeaders;
  readonly #sources = new Map<TableId, SourceAvro>();

  constructor(table: TargetTable, parts: EncoderParts) {
    this.#parts = parts;
    this.#headers = tableHeaders(table, parts.options);
    this.#keyChange = new KeyChangeHeaders(
      headerKeys(table, parts.options, parts.keys),
      this.#headers,
    );
  }

  /** See {@link TableEncoder.change}. */
  change(event: TargetChangeEvent, nowMs: number, output: MessageOutput): void {
    const { op, before, after, counterpart } = event;
    if (op === "d") return this.#delete(event, nowMs, output);
    if (after === null) return;
    const isMoved = counterpart !== null && op === "u";
    this.#envelope(isMoved ? "c" : op, isMoved ? null : before, after, event, nowMs, output.value);
    const hasKey = this.#parts.keys.write(after, output.key);
    const headers = isMoved ? this.#keyChange.ofCreate(counterpart) : this.#headers;
    output.message(hasKey, true, after, headers);
  }

  #delete(event: TargetChangeEvent, nowMs: number, output: MessageOutput): void {
    const { before, counterpart } = event;
    if (before === null) return;
    const { keys, options } = this.#parts;
    this.#envelope("d", before, null, event, nowMs, output.value);
    const hasKey = keys.write(before, output.key);
    const headers = counterpart === null ? this.#headers : this.#keyChange.ofDelete(counterpart);
    output.message(hasKey, true, before, headers);
    if (!hasKey || !options.tombstones) return;
    keys.write(before, output.key);
    output.message(true, false, before, headers);
  }

  /** See {@link TableEncoder.mark}. */
  mark(mark: TargetMark, nowMs: number, output: MessageOutput): void {
    if (mark.kind === "generation-end") {
      if (this.#parts.options.generationMarkers) writeGenerationEnd(mark, this.#headers, output);
      return;
    }
    this.#envelope("t", null, null, mark, nowMs, output.value);
    output.message(false, true, null, this.#headers);
  }

  #envelope(
    op: Origin["op"],
    before: Row | null,
    after: Row | null,
    event: TargetChangeEvent | TargetMark,
    nowMs: number,
    out: ByteWriter,
  ): void {
    const { prefix, row, meter } = this.#parts;
    out.bytes(prefix);
    out.byte(before === null ? 0 : 2);
    if (before !== null) row.write(before, "null", out);
    out.byte(after === null ? 0 : 2);
    if (after !== null) row.write(after, "placeholder", out);
    this.#source(op, event, nowMs, out);
    const place = meter === null ? null : meter.count(event);
    out.byte(place === null ? 0 : 2);
    if (place !== null) {
      writeString(place.id, out);
      writeLong(place.total, out);
      writeLong(place.ofTable, out);
    }
    writeString(op, out);
    for (const factor of [1, 1_000]) {
      out.byte(2);
      writeLong(nowMs * factor, out);
    }
    out.byte(2);
    writeLong(BigInt(nowMs) * 1_000_000n, out);
  }

  #source(
    op: Origin["op"],
    { source, position, transaction }: TargetChangeEvent | TargetMark,
    nowMs: number,
    out: ByteWriter,
  ): void {
    let writer = this.#sources.get(source);
    if (writer === undefined) {
      writer = new SourceAvro(this.#parts.block);
      this.#sources.set(source, writer);
    }
    const { schema, name: table } = tableParts(source);
    writer.write({ schema, table, op, position, transaction, nowMs }, out);
  }
}
