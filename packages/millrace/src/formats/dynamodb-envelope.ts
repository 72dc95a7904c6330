import { MillraceError } from "../errors/millrace-error.ts";
import type { InitSync } from "../model/init-sync.ts";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import { tableParts, type TableId, type TargetTable } from "../model/table.ts";
import type { Json } from "../model/position.ts";
import type { Row } from "../model/value.ts";
import { ByteWriter } from "./byte-writer.ts";
import { schemaJson } from "./connect-schema.ts";
import { DocumentWriter } from "./dynamodb-document.ts";
import { dynamoEnvelopeSchema } from "./dynamodb-envelope-schema.ts";
import { keyDocument, keyFields, type KeyField } from "./dynamodb-key.ts";
import type { FormatOptions, MessageHeader, MessageOutput, TableEncoder } from "./format.ts";
import { tableHeaders, type KeyWriter } from "./key-format.ts";
import { writeGenerationEnd } from "./mark-messages.ts";
import { refusedColumn } from "./refused-value.ts";

/** Of the connector's records. */
const VERSION = "1.0";
const NULL = Buffer.from("null");

/** A column that holds whole items in DynamoDB's JSON, by the words of its source. */
export const WHOLE_ITEM_TYPE = "whole item, dynamodb";

/**
 * The record that Trustpilot's connector writes, as Kafka Connect's JSON converter has it: the item as a text of JSON in
 * `document`, and how its table's INIT_SYNC stands in `source`.
 *
 * Hot: `change` is called per change. What changes with the INIT_SYNC alone is bytes already.
 */
export class DynamoEnvelopeEncoder implements TableEncoder {
  readonly #options: FormatOptions;
  readonly #keys: KeyWriter;
  readonly #fields: readonly KeyField[];
  readonly #headers: readonly MessageHeader[];
  readonly #document: number;
  readonly #documents: DocumentWriter;
  readonly #start: Buffer;
  readonly #end: Buffer;
  #sourceId: TableId | null = null;
  #initSync: InitSync | null = null;
  #loaded: Uint8Array = NULL;
  #followed: Uint8Array = NULL;

  /** @throws MillraceError MR_SINK_SCHEMA where the table's rows are no items. */
  constructor(table: TargetTable, options: FormatOptions, keys: KeyWriter) {
    const { envelope, includeSchema } = options;
    this.#options = options;
    this.#keys = keys;
    this.#fields = keyFields(table, options);
    this.#headers = tableHeaders(table, options);
    this.#document = table.columns.findIndex(({ sourceType }) => sourceType === WHOLE_ITEM_TYPE);
    if (this.#document < 0) throw noDocument(table);
    this.#documents = new DocumentWriter(envelope.document, envelope.names, new ByteWriter(1));
    const schema = includeSchema ? JSON.stringify(schemaJson(dynamoEnvelopeSchema(envelope))) : "";
    const begin = `{"version":"${VERSION}","document":"`;
    this.#start = Buffer.from(includeSchema ? `{"schema":${schema},"payload":${begin}` : begin);
    this.#end = Buffer.from(includeSchema ? "}}" : "}");
  }

  /** See {@link TableEncoder.change}. */
  change(event: TargetChangeEvent, nowMs: number, output: MessageOutput): void {
    const { op, before, after } = event;
    const row = op === "d" ? before : after;
    if (row === null) return;
    this.#envelope(event, row, nowMs, output.value);
    const hasKey = this.#keys.write(row, output.key);
    output.message(hasKey, true, row, this.#headers);
    if (op !== "d" || !hasKey || !this.#options.tombstones) return;
    this.#keys.write(row, output.key);
    output.message(true, false, row, this.#headers);
  }

  /** See {@link TableEncoder.mark}. */
  mark(mark: TargetMark, _nowMs: number, output: MessageOutput): void {
    if (mark.kind === "generation-end" && this.#options.generationMarkers)
      writeGenerationEnd(mark, this.#headers, output);
  }

  #envelope(event: TargetChangeEvent, row: Row, nowMs: number, out: ByteWriter): void {
    const { op, transaction, initSync } = event;
    const { add } = this.#options.envelope;
    out.bytes(this.#start);
    const text = row[this.#document];
    // A delete's document is the item's key, whatever the stream has of it.
    if (op === "d") this.#write(keyDocument(row, this.#fields), out);
    else this.#write(text, out);
    out.ascii('"');
    if (add.has("before")) this.#before(event, out);
    out.ascii(',"source":');
    this.#source(event, out);
    out.ascii(`,"op":"${op}","ts_ms":`);
    const loadMs = initSync?.startMs ?? nowMs;
    out.integer(Math.floor(op === "r" ? loadMs : (transaction?.commitTimeMs ?? nowMs)));
    out.bytes(this.#end);
  }

  #before({ before }: TargetChangeEvent, out: ByteWriter): void {
    const text = before?.[this.#document];
    out.ascii(',"before":');
    if (typeof text !== "string") return out.bytes(NULL);
    out.ascii('"');
    this.#write(text, out);
    out.ascii('"');
  }

  #write(text: Row[number] | undefined, out: ByteWriter): void {
    try {
      if (typeof text !== "string") throw new MillraceError("MR_BUG", "a change without its item");
      this.#documents.write(text, out);
    } catch (thrown) {
      throw refusedColumn(thrown, "document");
    }
  }

  #source(event: TargetChangeEvent, out: ByteWriter): void {
    const { op, source, position, transaction, initSync = NO_INIT_SYNC } = event;
    if (initSync !== this.#initSync || source !== this.#sourceId) {
      this.#initSync = initSync;
      this.#sourceId = source;
      this.#loaded = sourceBytes(source, initSync, true);
      this.#followed = sourceBytes(source, initSync, false);
    }
    out.bytes(op === "r" ? this.#loaded : this.#followed);
    const { add } = this.#options.envelope;
    if (add.has("position")) {
      const [shard, sequence] = placeOf(position);
      out.ascii(
        `,"shard_id":${JSON.stringify(shard)},"sequence_number":${JSON.stringify(sequence)}`,
      );
    }
    if (add.has("ttl")) out.ascii(transaction?.by === "ttl" ? ',"ttl":true' : ',"ttl":false');
    out.ascii("}");
  }
}

/** All of the block but its brace at the end. */
function sourceBytes(id: TableId, { startMs, endMs, rows }: InitSync, isLoaded: boolean): Buffer {
  const source = {
    version: VERSION,
    table_name: tableParts(id).name,
    init_sync: isLoaded,
    init_sync_state: endMs === null ? "RUNNING" : "FINISHED",
    init_sync_start: startMs,
    init_sync_end: endMs,
    init_sync_count: endMs === null ? null : rows,
  };
  return Buffer.from(JSON.stringify(source).slice(0, -1));
}

/** Of a change that no task of a table made (a replayed letter). */
const NO_INIT_SYNC: InitSync = { startMs: 0, endMs: null, rows: 0, isRepeated: false };

/** Shard and sequence number of a change of the stream; a loaded row has none. */
function placeOf(position: Json | null): readonly [string | null, string | null] {
  if (!Array.isArray(position)) return [null, null];
  const [, shard, sequence] = position as readonly Json[];
  return typeof shard === "string" && typeof sequence === "string"
    ? [shard, sequence]
    : [null, null];
}

function noDocument({ id }: TargetTable): MillraceError {
  return new MillraceError(
    "MR_SINK_SCHEMA",
    `value.format dynamodb-envelope writes whole items, and rows of ${id} have none`,
    {
      remedy:
        "Read DynamoDB (source.type), with document.content: whole and document.format: dynamodb, which are the defaults into messages, and leave the document in by transform.",
    },
  );
}
