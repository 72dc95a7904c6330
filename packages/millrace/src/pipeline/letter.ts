import { createHash } from "node:crypto";
import type { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter, Refusal } from "../model/dead-letter.ts";
import type { Value } from "../model/value.ts";
import { ReplayItem, type RowItem } from "./lane-item.ts";

/** A dead letter for an item that cannot be applied; `earlier` is the one that its key has already. */
export function letterFor(
  item: RowItem,
  { code, reason, column }: Refusal,
  nowMs: number,
  earlier: DeadLetter | null = null,
): DeadLetter {
  const key = letterKeyOf(item);
  // A replay reads the row without a place in the log: whose letter it is stays.
  const of = item instanceof ReplayItem && earlier !== null ? earlier : item;
  return {
    id: idOf(item, key),
    table: item.table.id,
    target: item.route.target.id,
    key,
    keyColumns: keyColumnsOf(item),
    op: of.op,
    position: of.position,
    code,
    reason,
    column,
    attempts: (earlier?.attempts ?? 0) + 1,
    parkedAtMs: earlier?.parkedAtMs ?? nowMs,
    triedAtMs: nowMs,
  };
}

/** What a sink's error says about the row that it refuses. */
export function refusalOf({ code, detail, facts }: MillraceError): Refusal {
  const { column } = facts;
  return { code, reason: detail, column: typeof column === "string" ? column : null };
}

/** Under which key the letter of an item stands. Each one of a table without key stands for itself. */
export function letterKeyOf(item: RowItem): string {
  if (!item.route.target.keyless) return item.key;
  const name = item.position === null ? keyColumnText(item.row[0]) : JSON.stringify(item.position);
  return `${item.op} ${name}`;
}

/** The delete half of a key change has the old key, the other half the new one. */
function keyColumnsOf({ change, op }: RowItem): Record<string, string | null> {
  const row = (op === "d" ? change.before : change.after) ?? change.after ?? change.before ?? [];
  const columns: Record<string, string | null> = {};
  for (const index of change.shape.key)
    columns[change.shape.columns[index]?.name ?? String(index)] = keyColumnText(row[index]);
  return columns;
}

/** A hash, because the sink keeps letters by it: the key of a row that is refused for its key may fit into none (I1). */
function idOf(item: RowItem, key: string): string {
  return createHash("sha256")
    .update(`${item.table.id}|${item.route.target.id}|${key}`)
    .digest("hex");
}

function keyColumnText(value: Value | undefined): string | null {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (
    value === null ||
    value === undefined ||
    typeof value === "symbol" ||
    typeof value === "object"
  )
    return null;
  return String(value);
}
