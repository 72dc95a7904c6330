/** Measured: a change with ten short columns holds about 600 bytes beside its text, its place in a lane about 300 more. */
const CHANGE_OVERHEAD_BYTES = 420;
const COLUMN_OVERHEAD_BYTES = 48;

/** What a row weighs beside its bytes on the wire: objects, arrays, string headers. Bytes. */
export function rowOverheadBytes({ columns }: { readonly columns: readonly unknown[] }): number {
  return CHANGE_OVERHEAD_BYTES + columns.length * COLUMN_OVERHEAD_BYTES;
}
