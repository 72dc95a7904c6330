import type { LoggedChange } from "../model/logged-change.ts";
import type { RowLine } from "../model/row-line.ts";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import type { FormatOptions, MessageHeader, MessageOutput, TableEncoder } from "./format.ts";
import { columnsOf, JsonRow } from "./json-row.ts";
import { KeyChangeHeaders } from "./key-change-headers.ts";
import { tableHeaders, type KeyWriter } from "./key-format.ts";
import { LineFields } from "./line-fields.ts";
import { writeGenerationEnd } from "./mark-messages.ts";
import { plainForm } from "./plain-forms.ts";

/**
 * The row after a change and nothing else; of a delete the key and null, so that a compacted topic is the table. Rows
 * without key have no word for a delete: it is not told. Nor is a TRUNCATE, which only its rows' keys could tell.
 *
 * Hot: `change` is called per change.
 */
export class PlainJsonEncoder implements TableEncoder {
  readonly #options: FormatOptions;
  readonly #keys: KeyWriter;
  readonly #row: JsonRow;
  readonly #fields: LineFields;
  readonly #headers: readonly MessageHeader[];
  readonly #keyChange: KeyChangeHeaders;

  constructor(table: TargetTable, options: FormatOptions, keys: KeyWriter) {
    this.#options = options;
    this.#keys = keys;
    const columns = columnsOf(table, (column) => plainForm(column, options.values));
    this.#row = new JsonRow(table, columns, options.values);
    this.#fields = new LineFields(table.columns.length);
    this.#headers = tableHeaders(table, options);
    this.#keyChange = new KeyChangeHeaders(keys, this.#headers);
  }

  /** See {@link TableEncoder.change}. */
  change(event: TargetChangeEvent, _nowMs: number, output: MessageOutput): void {
    const { line, logged } = event;
    if (logged !== undefined && this.#keys.writeLine !== undefined)
      return this.#logged(logged, output);
    if (line !== undefined && this.#keys.writeLine !== undefined) return this.#loaded(line, output);
    const { op, before, after, counterpart } = event;
    if (op === "d") {
      if (before === null || !this.#keys.write(before, output.key)) return;
      const headers = counterpart === null ? this.#headers : this.#keyChange.ofDelete(counterpart);
      return output.message(true, false, before, headers);
    }
    if (after === null) return;
    this.#row.write(after, "placeholder", output.value);
    const hasKey = this.#keys.write(after, output.key);
    const headers =
      counterpart === null || op !== "u" ? this.#headers : this.#keyChange.ofCreate(counterpart);
    output.message(hasKey, true, after, headers);
  }

  /** A row of a load, from the bytes of its line to those of its message. */
  #loaded(line: RowLine, output: MessageOutput): void {
    const fields = this.#fields;
    fields.find(line);
    this.#row.writeLine(fields, output.value);
    const hasKey = this.#keys.writeLine?.(fields, output.key) ?? false;
    fields.drop();
    output.message(hasKey, true, line, this.#headers);
  }

  /** A change of a log, from the bytes that this has of its row to those of its message. */
  #logged(change: LoggedChange, output: MessageOutput): void {
    const { images, old, now } = change;
    const fields = this.#fields;
    fields.findImage(images, now < 0 ? old : now);
    if (now >= 0) this.#row.writeLine(fields, output.value);
    const hasKey = this.#keys.writeLine?.(fields, output.key) ?? false;
    fields.drop();
    if (now >= 0 || hasKey) output.message(hasKey, now >= 0, change, this.#headers);
  }

  /** See {@link TableEncoder.mark}. */
  mark(mark: TargetMark, _nowMs: number, output: MessageOutput): void {
    if (mark.kind === "generation-end" && this.#options.generationMarkers)
      writeGenerationEnd(mark, this.#headers, output);
  }
}
