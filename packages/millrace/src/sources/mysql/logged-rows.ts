import type { BatchBuilder } from "../../change-log/batch-builder.ts";
import { Change, type LogItem, UnsureChange } from "../../model/change.ts";
import { isKeyChanged } from "../../model/key-change.ts";
import { DescribedTables } from "./described-tables.ts";
import type { RowEventKind } from "./event-types.ts";
import { LoggedImages } from "./logged-images.ts";
import { LargeRowDecoder, type LargeRowLimits } from "./large-row-decoder.ts";
import type { LoggedEvent } from "./payload.ts";
import { compareGroups, comparePositions, type LogPosition, ordinal, Slot } from "./position.ts";
import { RowDecoder } from "./row-decoder.ts";
import { checkRows, heldBytes } from "./row-key.ts";
import type { RowPlan } from "./row-plan.ts";
import type { EventAt, LoggedTables } from "./logged-tables.ts";
import type { RowRuns } from "./row-runs.ts";
import type { ServerVersion } from "./server-version.ts";

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
  /** Numbers the rows of the open group. */
  readonly runs: RowRuns;
  readonly tables: Pick<LoggedTables, "version" | "planOf" | "misfits">;
  /** Whose log it is: the same numbers mean other things. */
  readonly flavor: ServerVersion["flavor"];
  /** Puts what has to be told in front of rows into the batch. */
  readonly tell: (items: readonly LogItem[]) => void;
  /** Rows may stay the bytes that they are ({@link LoggedChange}). */
  readonly images: boolean;
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
  /** All that comes lies behind it: its group is over. Within that, rows may be taken back and their places be given again. */
  #isPast = false;
  readonly #limits: LargeRowLimits;
  readonly #batch: BatchBuilder<LogPosition>;
  readonly #tables: LoggedRowsOptions["tables"];
  readonly #tell: LoggedRowsOptions["tell"];
  readonly #rows: RowDecoder;
  /** Null where rows have to become values. */
  readonly #images: LoggedImages | null;
  readonly #runs: RowRuns;
  readonly #described: DescribedTables;

  constructor({ from, limits, batch, runs, tables, flavor, images, tell }: LoggedRowsOptions) {
    this.#tell = tell;
    this.#from = from;
    this.#limits = limits;
    this.#batch = batch;
    this.#tables = tables;
    this.#described = new DescribedTables(tables, flavor);
    this.#runs = runs;
    this.#rows = new RowDecoder(limits.maxValueBytes);
    this.#images = images ? new LoggedImages(limits.maxValueBytes) : null;
  }

  /** Row events of this table map's number are about its table from now on. */
  describe(event: LoggedEvent): void {
    this.#described.describe(event);
  }

  /** Another file numbers tables anew. */
  forget(): void {
    this.#described.clear();
  }

  /** Null where the rows are not wanted; then their place, which `placed` knows by the number of their run, is passed. */
  at(kind: RowEventKind, table: number, placed: (run: number) => EventAt): RowsAt | null {
    const { plan, name } = this.#described.of(table);
    const place = placed(this.#runs.next(kind.op + name));
    if (plan !== null && !("misfit" in plan)) return { ...place, kind, plan };
    const position: LogPosition = [place.group, place.event, ordinal(place.rows, Slot.DROPPED)];
    const isTold = comparePositions(position, this.#from) <= 0;
    if (!isTold) this.#batch.passed(position);
    // Where the log begins among these rows, the rest of them was not told.
    if (plan !== null && (!isTold || place.toldRow >= 0)) {
      this.#tell(this.#tables.misfits(plan, place));
      const now = this.#described.of(table).plan;
      if (now !== null && !("misfit" in now)) return { ...place, kind, plan: now };
    }
    return null;
  }

  /** Takes in the rows of an event. */
  event(at: RowsAt, { buffer, bodyStart, bodyEnd }: LoggedEvent): void {
    const images = this.#images;
    if (images?.begin(buffer, at.kind, at.plan, bodyStart, bodyEnd) === true)
      return this.#addImages(at, images);
    const rows = this.#rows;
    rows.begin(buffer, at.kind, at.plan, bodyStart, bodyEnd);
    // The event's bytes are shared out as the rows are read.
    let consumed = rows.at;
    while (rows.next()) {
      this.#add(at, rows, Math.max(LEAST_ROW_BYTES, rows.at - consumed));
      consumed = rows.at;
    }
  }

  /** Takes in the rows of an event whose body, of so many bytes, comes in pieces. */
  large(at: RowsAt, bodyBytes: number): LargeRows {
    const rows = new LargeRowDecoder(at.kind, at.plan, bodyBytes, this.#limits);
    return {
      push: (piece) => {
        rows.push(piece, 0, piece.length);
        while (rows.next()) this.#add(at, rows, heldBytes(rows.before) + heldBytes(rows.after));
      },
      finish: () => rows.finish(),
    };
  }

  #addImages(at: RowsAt, images: LoggedImages): void {
    let consumed = images.at;
    while (images.next()) {
      const bytes = Math.max(LEAST_ROW_BYTES, images.at - consumed);
      consumed = images.at;
      if (images.isUnusual) {
        this.#add(at, images, bytes);
        continue;
      }
      const position = this.#placeOf(at, this.#runs.row());
      if (position === null) continue;
      const weight = bytes + at.plan.overheadBytes;
      this.#batch.add(images.change(position, at.transaction, weight), weight);
      this.#batch.passed(position);
    }
  }

  #add(at: RowsAt, rows: DecodedRow, bytes: number): void {
    const { plan, group, event, transaction } = at;
    const row = this.#runs.row();
    const position = this.#placeOf(at, row);
    if (position === null) return;
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

  /** Null where the row was told before. */
  #placeOf({ group, event }: RowsAt, row: number): LogPosition | null {
    const position: LogPosition = [group, event, ordinal(row, Slot.EVENT)];
    if (!this.#isPast && comparePositions(position, this.#from) <= 0) return null;
    this.#isPast ||= compareGroups(group, this.#from[0]) > 0;
    return position;
  }
}
