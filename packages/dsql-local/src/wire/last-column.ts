/** Takes the last column, which only we have asked for, out of what PostgreSQL answers. */
import { frame, int16 } from "./messages.ts";

const HEADER_BYTES = 7;
/** What follows a column's name in a RowDescription. */
const FIELD_BYTES = 18;

/** A DataRow without its last value, and that value. */
export interface CutRow {
  readonly row: Buffer;
  readonly last: Buffer;
}

/** Cuts a DataRow. The frame itself is changed. */
export function cutRow(row: Buffer): CutRow {
  const columns = row.readUInt16BE(5);
  let at = HEADER_BYTES;
  for (let column = 1; column < columns; column++) at += 4 + Math.max(row.readInt32BE(at), 0);
  const last = row.subarray(at + 4);
  row.writeInt32BE(at - 1, 1);
  row.writeUInt16BE(columns - 1, 5);
  return { row: row.subarray(0, at), last };
}

/** Cuts a RowDescription. */
export function cutDescription(description: Buffer): Buffer {
  const columns = description.readUInt16BE(5) - 1;
  let at = HEADER_BYTES;
  for (let column = 0; column < columns; column++) {
    at = description.indexOf(0, at) + 1 + FIELD_BYTES;
  }
  return frame(description[0] ?? 0, int16(columns), description.subarray(HEADER_BYTES, at));
}

/** A row's place as an SQL text, such as `(12,3)`. */
export function placeText(value: Buffer, binary: boolean): string {
  if (!binary) return value.toString("latin1");
  return `(${value.readUInt32BE(0)},${value.readUInt16BE(4)})`;
}

/** A Bind behind its names, with formats that have room for one more column. */
export interface WidenedBind {
  readonly rest: Buffer;
  /** The format of the last column. */
  readonly binary: boolean;
}

/** Widens the result formats of a Bind: `own` for one more column, else for no other than that. */
export function widenBind(rest: Buffer, own: boolean): WidenedBind {
  const at = formatsAt(rest);
  const count = rest.readUInt16BE(at);
  if (count === 0) return { rest, binary: false };
  // One format goes for all columns.
  if (count === 1) return { rest, binary: rest.readUInt16BE(at + 2) === 1 };
  const before = rest.subarray(0, at);
  // PostgreSQL does not look at the formats of what gives no rows.
  if (!own) return { rest: Buffer.concat([before, int16(0)]), binary: false };
  const formats = [int16(count + 1), rest.subarray(at + 2, at + 2 + 2 * count), int16(0)];
  return { rest: Buffer.concat([before, ...formats]), binary: false };
}

function formatsAt(rest: Buffer): number {
  let at = 2 + 2 * rest.readUInt16BE(0);
  const parameters = rest.readUInt16BE(at);
  at += 2;
  for (let parameter = 0; parameter < parameters; parameter++) {
    at += 4 + Math.max(rest.readInt32BE(at), 0);
  }
  return at;
}
