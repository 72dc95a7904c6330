/** A format for tests of the sink: rows as they are, read back as they were. */
import type { MessageFormat, MessageOutput } from "../../formats/format.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import { UNCHANGED } from "../../model/value.ts";

/** Key: the key's values; value: `{op, after}`, or nothing of a delete. */
export const canonicalFormat: MessageFormat = {
  encoder: async (table) => ({
    change: ({ op, before, after }, _nowMs, output) => {
      const row = after ?? before ?? [];
      const hasKey = writeKey(table, row, output);
      if (after !== null) output.value.utf8(JSON.stringify({ op, after: after.map(plain) }));
      output.message(hasKey, after !== null, row, []);
    },
    mark: ({ kind }, _nowMs, output) => {
      output.value.utf8(JSON.stringify({ op: kind }));
      output.message(false, true, null, []);
    },
  }),
};

/** The row of a message; null of one that holds none. */
export function rowIn(value: Buffer | null): Row | null {
  if (value === null) return null;
  const { after } = JSON.parse(value.toString("utf8")) as { after?: readonly unknown[] };
  return after?.map(valueIn) ?? null;
}

function writeKey(table: TargetTable, row: Row, { key }: MessageOutput): boolean {
  if (table.keyless) return false;
  key.utf8(JSON.stringify(table.key.map((index) => plain(row[index] ?? null))));
  return true;
}

function plain(value: Value): unknown {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (value === UNCHANGED) return { unchanged: true };
  return typeof value === "bigint" ? String(value) : value;
}

function valueIn(value: unknown): Value {
  if (typeof value === "object" && value !== null)
    return "hex" in value ? new Uint8Array(Buffer.from(String(value.hex), "hex")) : UNCHANGED;
  return value as Value;
}
