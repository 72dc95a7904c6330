import type { BatchBuilder } from "../../change-log/batch-builder.ts";
import { Change, UnsureChange } from "../../model/change.ts";
import { isKeyChanged } from "../../model/key-change.ts";
import { protocolError } from "./byte-cursor.ts";
import type { RowEventKind } from "./event-types.ts";
import { LargeRowDecoder, type LargeRowLimits } from "./large-row-decoder.ts";
import type { LoggedEvent } from "./payload.ts";
import { comparePositions, type LogPosition, ordinal, Slot } from "./position.ts";
import { RowDecoder } from "./row-decoder.ts";
import { checkRows, heldBytes } from "./row-key.ts";
import type { RowPlan } from "./row-plan.ts";
import type { EventAt, LoggedTables, Misfit } from "./logged-tables.ts";
import type { ServerVersion } from "./server-version.ts";
import { decodeTableMap, tableIdOf } from "./table-map.ts";

/** Weight of a row's part of its event, at least, bytes. */
const LEAST_ROW_BYTES = 16;

/** Where the rows of one event are, and how they are decoded. */
export interface RowsAt extends EventAt {
  readonly kind: RowEventKind;
  readonly plan: RowPlan;
}

/** What the rows go by. */
export interface LoggedRowsOptions {
  /** Nothing at or before this position is given again. */
  readonly from: LogPosition;
  readonly limits: LargeRowLimits;
  readonly batch: BatchBuilder<LogPosition>;
  readonly tables: Pick<LoggedTables, "version" | "planOf" | "misfits">;
  /** Whose log it is: the same numbers mean other things. */
  readonly flavor: ServerVersion["flavor"];
}

/** A table as the server described it last, in these bytes, and what became of that. */
interface Described {
  readonly body: Buffer;
  /** Of {@link LoggedTables}. */
  readonly version: number;
  readonly plan: RowPlan | Misfit | null;
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
  /** All that comes lies behind it. */
  #isPast = false;
  readonly #limits: LargeRowLimits;
  readonly #batch: BatchBuilder<LogPosition>;
  readonly #tables: LoggedRowsOptions["tables"];
  readonly #flavor: ServerVersion["flavor"];
  readonly #rows: RowDecoder;
  /** By the tables' numbers in this file. */
  readonly #described = new Map<number, Described>();

  constructor({ from, limits, batch, tables, flavor }: LoggedRowsOptions) {
    this.#from = from;
    this.#limits = limits;
    this.#batch = batch;
    this.#tables = tables;
    this.#flavor = flavor;
    this.#rows = new RowDecoder(limits.maxValueBytes);
  }

  /**
   * Row events of this table map's number are about its table from now on. Hot: one comes with every statement, mostly
   * with the bytes of the one before.
   */
  describe({ buffer, bodyStart, bodyEnd }: LoggedEvent): void {
    const number = tableIdOf(buffer, bodyStart, bodyEnd);
    const known = this.#described.get(number);
    const { version } = this.#tables;
    if (
      known?.version === version &&
      known.body.length === bodyEnd - bodyStart &&
      known.body.compare(buffer, bodyStart, bodyEnd) === 0
    )
      return;
    const map = decodeTableMap(buffer, bodyStart, bodyEnd, this.#flavor);
    const body = Buffer.from(buffer.subarray(bodyStart, bodyEnd));
    this.#described.set(number, { body, version, plan: this.#tables.planOf(map) });
  }

  /** Another file numbers tables anew. */
  forget(): void {
    this.#described.clear();
  }

  /** Null where the rows are not wanted; then their place is passed. */
  at(kind: RowEventKind, table: number, place: EventAt): RowsAt | null {
    const described = this.#described.get(table);
    if (described === undefined) throw protocolError("rows of a table that was not described");
    const { plan } = described;
    if (plan !== null && !("misfit" in plan)) return { ...place, kind, plan };
    const position: LogPosition = [place.group, place.event, 0];
    if (comparePositions(position, this.#from) <= 0) return null;
    this.#batch.passed(position);
    if (plan !== null) this.#tables.misfits(plan.misfit, place);
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
    if (!this.#isPast && comparePositions(position, this.#from) <= 0) return;
    this.#isPast = true;
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
