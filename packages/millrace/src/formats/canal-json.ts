import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { FormatOptions, MessageHeader, MessageOutput, TableEncoder } from "./format.ts";
import { columnsOf, JsonRow } from "./json-row.ts";
import { tableHeaders, type KeyWriter } from "./key-format.ts";
import { writeGenerationEnd } from "./mark-messages.ts";
import { plainForm } from "./plain-forms.ts";

const OLD = Buffer.from('{"old":');
const DATA = Buffer.from(',"data":');
const NULL = Buffer.from("null");
const OPEN = 0x5b;
const CLOSE = 0x5d;

/**
 * Canal's JSON as Flink CDC writes it: `old`, `data`, `type`, `database`, `table`, `pkNames`. A key change is an UPDATE
 * in Canal, but its halves belong to two keys here: a DELETE and an INSERT. TRUNCATE is Canal's own DDL message.
 *
 * Hot: `change` is called per change.
 */
export class CanalJsonEncoder implements TableEncoder {
  readonly #options: FormatOptions;
  readonly #keys: KeyWriter;
  readonly #row: JsonRow;
  readonly #headers: readonly MessageHeader[];
  readonly #ends: Readonly<Record<"INSERT" | "UPDATE" | "DELETE" | "TRUNCATE", Uint8Array>>;

  constructor(table: TargetTable, options: FormatOptions, keys: KeyWriter) {
    this.#options = options;
    this.#keys = keys;
    const columns = columnsOf(table, (column) => plainForm(column, options.values));
    this.#row = new JsonRow(table, columns, options.values);
    this.#headers = tableHeaders(table, options);
    const end = (type: string): Uint8Array => Buffer.from(endOf(table, type));
    this.#ends = {
      INSERT: end("INSERT"),
      UPDATE: end("UPDATE"),
      DELETE: end("DELETE"),
      TRUNCATE: end("TRUNCATE"),
    };
  }

  /** See {@link TableEncoder.change}. */
  change(event: TargetChangeEvent, _nowMs: number, output: MessageOutput): void {
    const { op, before, after, counterpart } = event;
    const row = op === "d" ? before : after;
    if (row === null) return;
    const isUpdate = op === "u" && counterpart === null;
    const out = output.value;
    out.bytes(OLD);
    this.#list(isUpdate ? before : null, out);
    out.bytes(DATA);
    this.#list(row, out);
    out.bytes(this.#ends[op === "d" ? "DELETE" : isUpdate ? "UPDATE" : "INSERT"]);
    const hasKey = this.#keys.write(row, output.key);
    output.message(hasKey, true, row, this.#headers);
  }

  /** See {@link TableEncoder.mark}. */
  mark(mark: TargetMark, _nowMs: number, output: MessageOutput): void {
    if (mark.kind === "generation-end") {
      if (this.#options.generationMarkers) writeGenerationEnd(mark, this.#headers, output);
      return;
    }
    output.value.bytes(OLD);
    output.value.bytes(NULL);
    output.value.bytes(DATA);
    output.value.bytes(NULL);
    output.value.bytes(this.#ends.TRUNCATE);
    output.message(false, true, null, this.#headers);
  }

  #list(row: Row | null, out: ByteWriter): void {
    if (row === null) return out.bytes(NULL);
    out.byte(OPEN);
    this.#row.write(row, "nothing", out);
    out.byte(CLOSE);
  }
}

function endOf(table: TargetTable, type: string): string {
  const keys = table.keyless ? [] : table.key.map((index) => table.columns[index]?.name ?? "");
  const tail = { type, database: table.schema, table: table.name, pkNames: keys };
  return `,${JSON.stringify(tail).slice(1)}`;
}
