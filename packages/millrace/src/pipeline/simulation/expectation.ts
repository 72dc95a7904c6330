import type { TableId } from "../../model/table.ts";
import {
  compareModelPositions,
  Slot,
  type LogEvent,
  type LoggedTransaction,
  type ModelPosition,
  type SourceServer,
} from "./source-server.ts";
import { applyTo, type SourceOp, type StoredTable } from "./source-tables.ts";

/** The source's tables as the log says they are at a position, half a key change included. */
export function foldTo(
  server: SourceServer,
  position: ModelPosition | null,
  base: ReadonlyMap<TableId, StoredTable>,
  from: ModelPosition | null,
) {
  const tables = new Map(base);
  for (const tx of server.log) {
    if (from !== null && compareModelPositions([tx.commit, 0], from) < 0) continue;
    if (position !== null && tx.commit > position[0]) break;
    foldTransaction(tables, tx, position);
  }
  return tables;
}

function foldTransaction(
  tables: Map<TableId, StoredTable>,
  tx: LoggedTransaction,
  position: ModelPosition | null,
): void {
  for (const event of tx.events) {
    const { n, op } = event;
    if (position === null || compareModelPositions([tx.commit, toldAt(event)], position) <= 0)
      applyTo(tables, op);
    else if (op.kind === "update" && movedAway(tx, n, op, position))
      applyTo(tables, { kind: "delete", table: op.table, key: op.key });
  }
}

/** At which of an event's places it counts, where the log tells it: what becomes of a table is told before its rows. */
export function toldAt({ op, n }: LogEvent): number {
  if (op.kind === "drop") return n - Slot.EVENT + Slot.DROPPED;
  const isOfTable = op.kind === "make" || op.kind === "reshape";
  const isOfParts = op.kind === "attach" || op.kind === "detach";
  return isOfTable || isOfParts ? n - Slot.EVENT + Slot.SHAPE : n;
}

function movedAway(
  tx: LoggedTransaction,
  n: number,
  op: Extract<SourceOp, { kind: "update" }>,
  position: ModelPosition,
): boolean {
  if (op.key === op.toKey) return false;
  return compareModelPositions([tx.commit, n - Slot.EVENT + Slot.MOVED_FROM], position) <= 0;
}

/** What happened to each key of a table since `from`, in order: a value, or null where it was deleted. */
export function historyOf(
  server: SourceServer,
  table: TableId,
  from: ModelPosition,
  ordinal: number,
): Map<string, unknown[]> {
  const history = new Map<string, unknown[]>();
  const there = new Set<string>();
  const put = (key: string, value: unknown) => {
    if (value === null && !there.delete(key)) return;
    if (value !== null) there.add(key);
    history.set(key, [...(history.get(key) ?? []), value]);
  };
  for (const tx of server.log) {
    if (compareModelPositions([tx.commit, 0], from) < 0) continue;
    for (const { op } of tx.events) {
      if (op.table !== table) continue;
      if (op.kind === "delete") put(op.key, null);
      else if (op.kind === "truncate") for (const key of there) put(key, null);
      else if (op.kind === "put") put(op.key, { is: op.cells.get(ordinal) ?? null });
      else if (op.kind === "update") {
        if (op.key !== op.toKey) put(op.key, null);
        put(op.toKey, { is: op.cells.get(ordinal) ?? null });
      }
    }
  }
  return history;
}
