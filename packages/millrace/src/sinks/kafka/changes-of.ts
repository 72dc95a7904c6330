import type { Op } from "../../model/change.ts";
import type { TargetChangeEvent, Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";

/**
 * The changes of a write, in their order. The pipeline gives a sink like this `changes`; what it writes for sinks that hold
 * rows (a meeting of lanes, rows of a table without key) says what became of which row, and that is told.
 */
export function changesOf(write: Write): readonly TargetChangeEvent[] {
  switch (write.kind) {
    case "changes":
      return write.changes;
    case "upsert":
    case "update":
      return write.rows.map((row) => event(write.table, "u", null, row));
    case "insert":
      return write.rows.map((row) => event(write.table, "c", null, row));
    case "delete":
      return write.keys.map((row) => event(write.table, "d", row, null));
    case "delete-equal":
      return [event(write.table, "d", write.row, null)];
    case "move":
      return [event(write.table, "d", write.from, null), event(write.table, "u", null, write.row)];
    // A mark tells it; nobody can be asked for the rows of a topic.
    case "delete-some":
    case "mark":
      return [];
  }
}

function event(
  table: TargetTable,
  op: Op,
  before: Row | null,
  after: Row | null,
): TargetChangeEvent {
  const nothing = { position: null, transaction: null, counterpart: null };
  return { table, op, key: "", before, after, source: table.id, ...nothing };
}
