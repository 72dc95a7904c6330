import { Change, type Transaction, UnsureChange } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import { UNCHANGED, type Row } from "../../model/value.ts";
import { modelPosition, Slot, type LogEvent } from "./source-server.ts";
import { LARGE_ORDINAL, rowOf, type Cells } from "./source-tables.ts";
import { skim, weigh } from "./values.ts";

/** How a row event becomes a change. */
export interface DecodedBy {
  /** What its change says. */
  readonly shape: TableShape;
  /** The same columns with the source's own ordinals. */
  readonly truth: TableShape;
  readonly maxValueBytes: number;
}

/** A row event of the log as a change; null where it is none. */
export function loggedChange(
  event: LogEvent,
  { shape, truth, maxValueBytes }: DecodedBy,
  position: Position,
  transaction: Transaction,
): Change | null {
  const { op } = event;
  const silent = (op.kind === "put" || op.kind === "update") && op.unsure === true;
  const make = (
    kind: "c" | "u" | "d",
    before: Row | null,
    after: Row | null,
    movedFrom: Position | null,
  ) => {
    const bytes = weigh(before) + weigh(after);
    const Made = silent ? UnsureChange : Change;
    return new Made(kind, shape, before, after, position, movedFrom, transaction, bytes);
  };
  const keyed = shape.key.length > 0;
  // Rows without key are found by all of their values, so that they are taken as they come.
  const row = (cells: Cells | undefined) =>
    rowOf(truth, cells ?? new Map()).map((value, i) => {
      if (keyed && shape.columns[i]?.unproven === true) return UNCHANGED;
      return shape.key.includes(i) ? value : skim(value, maxValueBytes);
    });
  const told = (cells: Cells, untouched: ReadonlySet<number>): Row =>
    row(cells).map((value, i) => {
      const ordinal = truth.columns[i]?.ordinal ?? -1;
      const isLeftOut = untouched.has(ordinal) || (silent && ordinal === LARGE_ORDINAL);
      return keyed && isLeftOut ? UNCHANGED : value;
    });
  if (op.kind === "put") return make("c", null, told(op.cells, new Set()), null);
  if (op.kind !== "update" && op.kind !== "delete") return null;
  const old = row(event.before.rows.get(op.key));
  const identity = keyed ? old.map((value, i) => (shape.key.includes(i) ? value : UNCHANGED)) : old;
  if (op.kind === "delete") return make("d", identity, null, null);
  const after = told(op.cells, op.untouched);
  if (!keyed) return make("u", old, after, null);
  const [commit] = modelPosition(position);
  const movedFrom: Position = [commit, event.n - Slot.EVENT + Slot.MOVED_FROM];
  // A key that is spelled in another way is another text: the log has its old row.
  const isSame = old[shape.key[0] ?? -1] === after[shape.key[0] ?? -1];
  return isSame ? make("u", null, after, null) : make("u", identity, after, movedFrom);
}
