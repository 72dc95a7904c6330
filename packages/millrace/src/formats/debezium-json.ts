import type { Origin, SourceBlock } from "../model/source-block.ts";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { LoggedChange } from "../model/logged-change.ts";
import type { RowLine } from "../model/row-line.ts";
import { tableParts, type TableId, type TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { type ByteWriter, Constant } from "./byte-writer.ts";
import { schemaJson } from "./connect-schema.ts";
import { debeziumForm } from "./debezium-forms.ts";
import { envelopeSchema } from "./envelope-schema.ts";
import type { FormatOptions, MessageHeader, MessageOutput, TableEncoder } from "./format.ts";
import { columnsOf, JsonRow, type LeftOut } from "./json-row.ts";
import { KeyChangeHeaders } from "./key-change-headers.ts";
import { headerKeys, tableHeaders, type KeyWriter } from "./key-format.ts";
import { LineFields } from "./line-fields.ts";
import { writeGenerationEnd } from "./mark-messages.ts";
import { SourceJson } from "./source-json.ts";
import type { TransactionMeter } from "./transaction-meter.ts";

const BEFORE = '"before":';
const AFTER = new Constant(',"after":');
const NO_AFTER = new Constant(',"after":null');
const NULL = new Constant("null");
const SOURCE = ',"source":';
const TRANSACTION_TEXT = ',"transaction":';
const TRANSACTION = new Constant(TRANSACTION_TEXT);

/** What an envelope's `op` can be. */
type EnvelopeOp = "r" | "c" | "u" | "d" | "t";

/** What all tables of a sink share. */
export interface DebeziumParts {
  readonly options: FormatOptions;
  readonly block: SourceBlock;
  readonly keys: KeyWriter;
  /** Null where events do not tell their place in their transaction. */
  readonly meter: TransactionMeter | null;
}

/**
 * Debezium's envelope in JSON, as Debezium 3 with Kafka Connect's JSON converter writes it.
 *
 * Hot: `change` is called per change. What is the same for all changes of a table, of a transaction, or of a millisecond,
 * is bytes already.
 */
export class DebeziumJsonEncoder implements TableEncoder {
  readonly #parts: DebeziumParts;
  readonly #row: JsonRow;
  readonly #fields: LineFields;
  /** What an envelope begins with. */
  /** Of one that has an old row; of one that has none, up to its new one. */
  readonly #startOld: Constant;
  readonly #startNew: Constant;
  readonly #leftOut: LeftOut;
  readonly #headers: readonly MessageHeader[];
  readonly #keyChange: KeyChangeHeaders;
  readonly #sources = new Map<
    TableId,
    { readonly json: SourceJson; readonly origin: MutableOrigin }
  >();
  #source: { readonly json: SourceJson; readonly origin: MutableOrigin } | null = null;
  #sourceId: TableId | null = null;
  readonly #tails = new Map<EnvelopeOp, Tail>();
  #tailsMs = -1;

  constructor(table: TargetTable, parts: DebeziumParts) {
    const { options, block, keys } = parts;
    this.#parts = parts;
    const columns = columnsOf(table, (column) => debeziumForm(column, options.values));
    this.#row = new JsonRow(table, columns, options.values);
    this.#fields = new LineFields(table.columns.length);
    const schema = (): string => JSON.stringify(schemaJson(envelopeSchema(table, columns, block)));
    const start = options.includeSchema ? `{"schema":${schema()},"payload":{` : "{";
    this.#startOld = new Constant(`${start}${BEFORE}`);
    this.#startNew = new Constant(`${start}${BEFORE}null,"after":`);
    this.#leftOut = options.includeSchema ? "null" : "nothing";
    this.#headers = tableHeaders(table, options);
    this.#keyChange = new KeyChangeHeaders(headerKeys(table, options, keys), this.#headers);
  }

  /** See {@link TableEncoder.change}. */
  change(event: TargetChangeEvent, nowMs: number, output: MessageOutput): void {
    const { line, logged } = event;
    if (logged !== undefined && this.#parts.keys.writeLine !== undefined)
      return this.#logged(event, logged, nowMs, output);
    if (line !== undefined && this.#parts.keys.writeLine !== undefined)
      return this.#loaded(event, line, nowMs, output);
    const { op, before, after, counterpart } = event;
    if (op === "d") return this.#delete(event, nowMs, output);
    if (after === null) return;
    const isMoved = counterpart !== null && op === "u";
    this.#envelope(isMoved ? "c" : op, isMoved ? null : before, after, event, nowMs, output.value);
    const hasKey = this.#parts.keys.write(after, output.key);
    output.message(
      hasKey,
      true,
      after,
      isMoved ? this.#keyChange.ofCreate(counterpart) : this.#headers,
    );
  }

  /** A row of a load, from the bytes of its line to those of its message. */
  #loaded(event: TargetChangeEvent, line: RowLine, nowMs: number, output: MessageOutput): void {
    const fields = this.#fields;
    const out = output.value;
    fields.find(line);
    out.constant(this.#startNew);
    this.#row.writeLine(fields, out);
    this.#behindRows("r", event, nowMs, out);
    const hasKey = this.#parts.keys.writeLine?.(fields, output.key) ?? false;
    fields.drop();
    output.message(hasKey, true, line, this.#headers);
  }

  /** A change of a log, from the bytes that this has of its rows to those of its message. */
  #logged(
    event: TargetChangeEvent,
    change: LoggedChange,
    nowMs: number,
    output: MessageOutput,
  ): void {
    const { images, old, now, op } = change;
    const fields = this.#fields;
    const out = output.value;
    if (old < 0) out.constant(this.#startNew);
    else {
      out.constant(this.#startOld);
      fields.findImage(images, old);
      this.#row.writeLine(fields, out);
      out.constant(now < 0 ? NO_AFTER : AFTER);
    }
    if (now >= 0) {
      fields.findImage(images, now);
      this.#row.writeLine(fields, out);
    }
    this.#behindRows(op, event, nowMs, out);
    const { keys } = this.#parts;
    const hasKey = keys.writeLine?.(fields, output.key) ?? false;
    output.message(hasKey, true, change, this.#headers);
    if (op === "d" && hasKey && this.#parts.options.tombstones) {
      keys.writeLine?.(fields, output.key);
      output.message(true, false, change, this.#headers);
    }
    fields.drop();
  }

  #delete(event: TargetChangeEvent, nowMs: number, output: MessageOutput): void {
    const { before, counterpart } = event;
    if (before === null) return;
    this.#envelope("d", before, null, event, nowMs, output.value);
    const hasKey = this.#parts.keys.write(before, output.key);
    const headers = counterpart === null ? this.#headers : this.#keyChange.ofDelete(counterpart);
    output.message(hasKey, true, before, headers);
    if (!hasKey || !this.#parts.options.tombstones) return;
    this.#parts.keys.write(before, output.key);
    output.message(true, false, before, headers);
  }

  /** See {@link TableEncoder.mark}. */
  mark(mark: TargetMark, nowMs: number, output: MessageOutput): void {
    if (mark.kind === "generation-end") {
      if (this.#parts.options.generationMarkers) writeGenerationEnd(mark, this.#headers, output);
      return;
    }
    const out = output.value;
    out.constant(this.#startNew);
    out.constant(NULL);
    const { source, position, transaction } = mark;
    const origin = { ...newOrigin(source), op: "t" as const, position, transaction, nowMs };
    new SourceJson(this.#parts.block, SOURCE).write(origin, out);
    this.#end(mark, this.#tail("t", nowMs), out);
    output.message(false, true, null, this.#headers);
  }

  /** From the place in its transaction on. */
  #end(event: TargetChangeEvent | TargetMark, tail: Tail, out: ByteWriter): void {
    const { meter } = this.#parts;
    if (meter === null || event.transaction === null) return out.constant(tail.alone);
    out.constant(TRANSACTION);
    meter.writeBlock(event, out);
    out.constant(tail.behindTransaction);
  }

  #envelope(
    op: EnvelopeOp,
    before: Row | null,
    after: Row | null,
    event: TargetChangeEvent,
    nowMs: number,
    out: ByteWriter,
  ): void {
    if (before === null) out.constant(this.#startNew);
    else {
      out.constant(this.#startOld);
      this.#row.write(before, this.#leftOut, out);
      out.constant(after === null ? NO_AFTER : AFTER);
    }
    if (after !== null) this.#row.write(after, "placeholder", out);
    this.#behindRows(op, event, nowMs, out);
  }

  #behindRows(op: EnvelopeOp, event: TargetChangeEvent, nowMs: number, out: ByteWriter): void {
    this.#writeSource(op, event, nowMs, out);
    this.#end(event, this.#tail(op, nowMs), out);
  }

  #writeSource(
    op: EnvelopeOp,
    { source, position, transaction }: TargetChangeEvent,
    nowMs: number,
    out: ByteWriter,
  ): void {
    if (source !== this.#sourceId || this.#source === null) this.#source = this.#sourceOf(source);
    const { json, origin } = this.#source;
    origin.op = op;
    origin.position = position;
    origin.transaction = transaction;
    origin.nowMs = nowMs;
    json.write(origin, out);
  }

  #sourceOf(id: TableId): { readonly json: SourceJson; readonly origin: MutableOrigin } {
    this.#sourceId = id;
    const known = this.#sources.get(id);
    if (known !== undefined) return known;
    const made = { json: new SourceJson(this.#parts.block, SOURCE), origin: newOrigin(id) };
    this.#sources.set(id, made);
    return made;
  }

  #tail(op: EnvelopeOp, nowMs: number): Tail {
    if (nowMs !== this.#tailsMs) {
      this.#tails.clear();
      this.#tailsMs = nowMs;
    }
    const known = this.#tails.get(op);
    if (known !== undefined) return known;
    const end = this.#parts.options.includeSchema ? "}}" : "}";
    const text = `,"op":"${op}","ts_ms":${nowMs},"ts_us":${nowMs}000,"ts_ns":${nowMs}000000${end}`;
    const tail = {
      behindTransaction: new Constant(text),
      alone: new Constant(`${TRANSACTION_TEXT}null${text}`),
    };
    this.#tails.set(op, tail);
    return tail;
  }
}

/** What stands behind `source`. */
interface Tail {
  /** From `op` to the end. */
  readonly behindTransaction: Constant;
  /** The same with a `transaction` that is null. */
  readonly alone: Constant;
}

/** One object for all changes of a table: blocks are asked while it holds one. */
type MutableOrigin = { -readonly [Field in keyof Origin]: Origin[Field] };

function newOrigin(id: TableId): MutableOrigin {
  const { schema, name } = tableParts(id);
  return { schema, table: name, op: "r", position: null, transaction: null, nowMs: 0 };
}
