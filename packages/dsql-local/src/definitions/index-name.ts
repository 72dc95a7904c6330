/** The name that PostgreSQL chooses for an index that its statement does not name. */

const MOST_BYTES = 63;

/**
 * Table and columns, both cut where they are too long together, and a label; `attempt` counts the names that are taken. The
 * columns are those of the index, with those that it includes.
 */
export function indexName(table: string, columns: readonly string[], attempt: number): string {
  const label = attempt === 0 ? "idx" : `idx${attempt}`;
  const joined = clipped(columns.join("_"), MOST_BYTES);
  const room = MOST_BYTES - label.length - 2;
  let [tableBytes, columnsBytes] = [table, joined].map((text) => Buffer.byteLength(text));
  tableBytes ??= 0;
  columnsBytes ??= 0;
  while (tableBytes + columnsBytes > room) {
    if (tableBytes > columnsBytes) tableBytes--;
    else columnsBytes--;
  }
  return `${clipped(table, tableBytes)}_${clipped(joined, columnsBytes)}_${label}`;
}

/** As much of a text as has so many bytes, whole characters only. */
function clipped(text: string, mostBytes: number): string {
  let out = "";
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > mostBytes) break;
    out += character;
  }
  return out;
}
