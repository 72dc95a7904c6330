import type { TableShape } from "./table.ts";
import type { Row, Value } from "./value.ts";

/**
 * Whether an update wrote another key, by the values' text. `1.0` to `1.00` is one too, though both have one key text:
 * who takes the change has to look, because such a row has not moved. False where the log has nothing of the old row.
 */
export function isKeyChanged(shape: TableShape, old: Row | null, row: Row | null): boolean {
  if (old === null || row === null) return false;
  for (const index of shape.key) if (!isSameValue(old[index], row[index])) return true;
  return false;
}

function isSameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return isSameBytes(a, b);
  return a === b;
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
