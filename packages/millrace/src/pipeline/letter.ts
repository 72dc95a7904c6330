import { createHash } from "node:crypto";
import type { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter, Refusal } from "../model/dead-letter.ts";
import { keyNormalisation } from "../model/key-text.ts";
import type { Row, Value } from "../model/value.ts";
import { ReplayItem, type RowItem } from "./lane-item.ts";
import { refusedValue } from "./refused-values.ts";
import type { CompiledRoute } from "./routes.ts";

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
  const letter: DeadLetter = {
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
  if (item.route.hidesKey) hiddenKeys.set(letter, { key: item.key, keyColumns: sourceKeyOf(item) });
  return letter;
}

interface LetterKey {
  readonly key: string;
  readonly keyColumns: DeadLetter["keyColumns"];
}

/** Keys that are hashed on the way never leave the process: letters have the hash, and a new process only that. */
const hiddenKeys = new WeakMap<DeadLetter, LetterKey>();

/** The key of a letter's row at the source; null where only its hash is known any more. */
export function letterSourceKey(letter: DeadLetter, hidesKey: boolean): LetterKey | null {
  return hiddenKeys.get(letter) ?? (hidesKey ? null : letter);
}

/** SQLSTATEs of data that a server does not take. */
const DATA = "22";

/** What a sink's error says about the row that it refuses, and what the row has that no sink of its kind takes. */
export function refusalOf(
  { code, detail, facts }: MillraceError,
  { route, row }: Pick<RowItem, "route" | "row">,
): Refusal {
  const { column, sqlState } = facts;
  const isData = typeof sqlState === "string" && sqlState.startsWith(DATA);
  const found = isData ? refusedValue(route.target, row) : null;
  if (found !== null)
    return { code, reason: `${found.reason} (SQLSTATE ${sqlState})`, column: found.column };
  return { code, reason: detail, column: typeof column === "string" ? column : null };
}

/** Under which key the letter of an item stands. Each one of a table without key stands for itself. */
export function letterKeyOf(item: RowItem): string {
  if (!item.route.target.keyless) return shownKey(item.route, item.row, item.key);
  const name = item.position === null ? keyColumnText(item.row[0]) : JSON.stringify(item.position);
  return `${item.op} ${name}`;
}

/** How a row's key is called where others may see it: `key`, or what its target has of it. */
export function shownKey({ hidesKey, target }: CompiledRoute, row: Row, key: string): string {
  if (!hidesKey) return key;
  const parts = target.key.map((index) => {
    const text = keyColumnText(row[index]) ?? "";
    const logical = target.columns[index]?.logical;
    return (logical === undefined ? null : keyNormalisation(logical))?.(text) ?? text;
  });
  return parts.join("\u0000");
}

function keyColumnsOf(item: RowItem): Record<string, string | null> {
  const { route, row, change } = item;
  if (!route.hidesKey || change.shape.key.length === 0) return sourceKeyOf(item);
  const columns = route.target.key.map((index, i): [string, string | null] => [
    change.shape.columns[change.shape.key[i] ?? -1]?.name ?? String(index),
    keyColumnText(row[index]),
  ]);
  return Object.fromEntries(columns);
}

/** The delete half of a key change has the old key, the other half the new one. */
function sourceKeyOf({ change, op }: RowItem): Record<string, string | null> {
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
