import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import type { FormatOptions, MessageHeader, MessageOutput, TableEncoder } from "./format.ts";
import { columnsOf, JsonRow } from "./json-row.ts";
import { KeyChangeHeaders } from "./key-change-headers.ts";
import { tableHeaders, type KeyWriter } from "./key-format.ts";
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
  readonly #headers: readonly MessageHeader[];
  readonly #keyChange: KeyChangeHeaders;

  constructor(table: TargetTable, options: FormatOptions, keys: KeyWriter) {
    this.#options = options;
    this.#keys = keys;
    const columns = columnsOf(table, (column) => plainForm(column, options.values));
    this.#row = new JsonRow(table, columns, options.values);
    this.#headers = tableHeaders(table, options);
    this.#keyChange = new KeyChangeHeaders(keys, this.#headers);
  }

  /** See {@link TableEncoder.change}. */
  change(
    { op, before, after, counterpart }: TargetChangeEvent,
    _nowMs: number,
    output: MessageOutput,
  ): void {
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

  /** See {@link TableEncoder.mark}. */
  mark(mark: TargetMark, _nowMs: number, output: MessageOutput): void {
    if (mark.kind === "generation-end" && this.#options.generationMarkers)
      writeGenerationEnd(mark, this.#headers, output);
  }
}
