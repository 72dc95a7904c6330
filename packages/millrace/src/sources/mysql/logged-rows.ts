import type { BatchBuilder } from "../../change-log/batch-builder.ts";
import { Change, type Transaction, UnsureChange } from "../../model/change.ts";
import { isKeyChanged } from "../../model/key-change.ts";
import { protocolError } from "./byte-cursor.ts";
import type { RowEventKind } from "./event-types.ts";
import { LargeRowDecoder, type LargeRowLimits } from "./large-row-decoder.ts";
import type { LoggedEvent } from "./payload.ts";
import { comparePositions, type LogGroup, type LogPosition, ordinal, Slot } from "./position.ts";
import { RowDecoder } from "./row-decoder.ts";
import { checkRows, heldBytes } from "./row-key.ts";
import type { RowPlan } from "./row-plan.ts";
import type { TableMap } from "./table-map.ts";

/** Weight of a row's part of its event, at least, bytes. */
const LEAST_ROW_BYTES = 16;

/** Where an event stands. */
interface EventPlace {
  readonly group: LogGroup;
  readonly event: number;
  readonly transaction: Transaction;
}

/** Where the rows of one event are, and how they are decoded. */
export interface RowsAt extends EventPlace {
  readonly kind: RowEventKind;
  readonly plan: RowPlan;
}

/** What the rows go by. */
export interface LoggedRowsOptions {
  /** Nothing at or before this position is given again. */
  readonly from: LogPosition;
  readonly limits: LargeRowLimits;
  readonly batch: BatchBuilder<LogPosition>;
  /** How rows are decoded that are written as this event says; null where they are not wanted. */
  readonly planOf: (map: TableMap) => RowPlan | null;
}

/** The row under a decoder. */
type DecodedRow = Pick<RowDecoder, "op" | "before" | "after" | "unsure">;

/** A row event that comes in pieces: push each, then take what it ended. */
export interface LargeRows {
  push(piece: Buffer): void;
  finish(): void;
}

/**
 * Makes changes of row events, each at a place of its own, and puts them into the batch.
 *
 * Hot: `event` runs per event, `#add` per row.
 */
export class LoggedRows {
  readonly #from: LogPosition;
  readonly #limits: LargeRowLimits;
  readonly #batch: BatchBuilder<LogPosition>;
  readonly #planOf: LoggedRowsOptions["planOf"];
  readonly #rows: RowDecoder;
  /** By the tables' numbers in this file; null where rows are not wanted. */
  readonly #plans = new Map<number, RowPlan | null>();

  constructor({ from, limits, batch, planOf }: LoggedRowsOptions) {
    this.#from = from;
    this.#limits = limits;
    this.#batch = batch;
    this.#planOf = planOf;
    this.#rows = new RowDecoder(limits.maxValueBytes);
  }

  /** Row events of this number are about this table from now on. */
  describe(map: TableMap): void {
    this.#plans.set(map.tableId, this.#planOf(map));
  }

  /** Another file numbers tables anew. */
  forget(): void {
    this.#plans.clear();
  }

  /** Null where the rows are not wanted; then their place is passed. */
  at(kind: RowEventKind, table: number, place: EventPlace): RowsAt | null {
    const plan = this.#plans.get(table);
    if (plan === undefined) throw protocolError("rows of a table that was not described");
    if (plan !== null) return { ...place, kind, plan };
    const position: LogPosition = [place.group, place.event, 0];
    if (comparePositions(position, this.#from) > 0) this.#batch.passed(position);
    return null;
  }

  /** Takes in the rows of an event. */
  event(at: RowsAt, { buffer, bodyStart, bodyEnd }: LoggedEvent): void {
    const rows = this.#rows;
    rows.begin(buffer, at.kind, at.plan, bodyStart, bodyEnd);
    // The event's bytes are shared out as the rows are read.
    let consumed = rows.at;
    for (let row = 0; rows.next(); row += 1) {
      this.#add(at, rows, row, Math.max(LEAST_ROW_BYTES, rows.at - consumed));
      consumed = rows.at;
    }
  }

  /** Takes in the rows of an event whose body, of so many bytes, comes in pieces. */
  large(at: RowsAt, bodyBytes: number): LargeRows {
    const rows = new LargeRowDecoder(at.kind, at.plan, bodyBytes, this.#limits);
    let row = 0;
    return {
      push: (piece) => {
        rows.push(piece, 0, piece.length);
        for (; rows.next(); row += 1)
          this.#add(at, rows, row, heldBytes(rows.before) + heldBytes(rows.after));
      },
      finish: () => rows.finish(),
    };
  }

  #add(
    { plan, group, event, transaction }: RowsAt,
    rows: DecodedRow,
    row: number,
    bytes: number,
  ): void {
    const position: LogPosition = [group, event, ordinal(row, Slot.EVENT)];
    if (comparePositions(position, this.#from) <= 0) return;
    const { op, before, after } = rows;
    checkRows(plan, before, after);
    const movedFrom: LogPosition | null = isKeyChanged(plan.shape, before, after)
      ? [group, event, ordinal(row, Slot.MOVED_FROM)]
      : null;
    const weight = bytes + plan.overheadBytes;
    const Made = rows.unsure ? UnsureChange : Change;
    this.#batch.add(
      new Made(op, plan.shape, before, after, position, movedFrom, transaction, weight),
      weight,
    );
    this.#batch.passed(position);
  }
}
