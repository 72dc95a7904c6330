import type { Finding } from "../../model/finding.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";

/**
 * Columns of messages without schema that hold bytes, as base64: Debezium writes decimals so too (`decimal.handling.mode:
 * precise`), and nothing in such a message says so. They come as the text that they are.
 */
export class EncodedColumns {
  /** By table and column: whether all texts were base64, and one of them padded, as few texts of another kind are. */
  readonly #seen = new Map<TableId, Map<string, { isEncoded: boolean; isPadded: boolean }>>();

  /** One row of a message without schema. */
  see({ id, columns }: TableShape, row: Row): void {
    const seen = this.#seen.get(id) ?? new Map<string, { isEncoded: boolean; isPadded: boolean }>();
    this.#seen.set(id, seen);
    for (const [at, { name, type }] of columns.entries()) {
      const value = row[at];
      if (typeof value !== "string" || type.kind !== "text") continue;
      const known = seen.get(name) ?? { isEncoded: true, isPadded: false };
      // What one text has decided no other one changes, and a start looks at a thousand.
      if (!known.isEncoded) continue;
      known.isEncoded = isBase64(value);
      known.isPadded ||= value.endsWith("=");
      seen.set(name, known);
    }
  }

  /** What there is to say of them, by table. */
  cautions(): readonly Finding[] {
    return [...this.#seen].flatMap(([table, columns]): Finding[] => {
      const names = [...columns]
        .filter(([, { isEncoded, isPadded }]) => isEncoded && isPadded)
        .map(([name]) => name);
      return names.length === 0 ? [] : [cautionOf(table, names)];
    });
  }
}

/** As it is written by whoever writes it from bytes. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && Buffer.from(text, "base64").toString("base64") === text;
}

function cautionOf(table: TableId, names: readonly string[]): Finding {
  const [isAre, itThey] = names.length === 1 ? ["is", "It comes"] : ["are", "They come"];
  return {
    severity: "warning",
    atStart: true,
    what: `Messages of ${table} have no schema, and ${names.join(", ")} ${isAre} base64 in them, as Debezium writes decimals and bytes.`,
    whatFollows: `${itThey} as that text, not as ${names.length === 1 ? "a number or bytes" : "numbers or bytes"}.`,
    remedy:
      "Where it is a decimal, write decimal.handling.mode: string at the connector; or let the messages carry their schema (value.converter.schemas.enable: true), which keeps every type",
  };
}
