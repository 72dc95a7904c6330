// Inserted rows of a slot, transaction by transaction, as texts; it shares no code with the engine.
import { readBareLog, type BareSlot } from "./bare-log.ts";

/** A row as the log has it. */
export type BareRow = readonly (string | null)[];

const NULL = "n".charCodeAt(0);

/** Tells the rows of each transaction when it is committed; resolves once the server sends. */
export async function readBareRows(
  slot: BareSlot,
  committed: (rows: readonly BareRow[]) => void,
): Promise<void> {
  let rows: BareRow[] = [];
  await readBareLog(slot, {
    reached: () => undefined,
    message: (kind, body) => {
      // The relation's number and "N" stand before the row.
      if (kind === "I") rows.push(rowAt(body, 5));
      if (kind !== "C") return;
      if (rows.length > 0) committed(rows);
      rows = [];
    },
  });
}

function rowAt(body: Buffer, from: number): BareRow {
  const columns = body.readUInt16BE(from);
  const row: (string | null)[] = [];
  for (let at = from + 2; row.length < columns;) {
    if (body[at] === NULL) {
      row.push(null);
      at += 1;
      continue;
    }
    const begin = at + 5;
    at = begin + body.readUInt32BE(at + 1);
    row.push(body.toString("utf8", begin, at));
  }
  return row;
}
