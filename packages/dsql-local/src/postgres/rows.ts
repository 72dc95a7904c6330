/** Rows as texts, and texts as SQL. */

/** A row of texts. */
export type TextRow = readonly (string | null)[];

/** Reads a DataRow in text format. */
export function readRow(frame: Buffer): TextRow {
  const count = frame.readUInt16BE(5);
  const row: (string | null)[] = [];
  let at = 7;
  for (let i = 0; i < count; i++) {
    const lengthBytes = frame.readInt32BE(at);
    at += 4;
    if (lengthBytes < 0) {
      row.push(null);
    } else {
      row.push(frame.toString("utf8", at, at + lengthBytes));
      at += lengthBytes;
    }
  }
  return row;
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  const escaped = text.replaceAll("'", "''");
  return escaped.includes("\\") ? ` E'${escaped.replaceAll("\\", "\\\\")}'` : `'${escaped}'`;
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
