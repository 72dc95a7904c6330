import type { BatchBuilder } from "../../change-log/batch-builder.ts";
import type { LogItem } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { EventAt, LoggedTables } from "./logged-tables.ts";
import { boundary, comparePositions, type LogGroup, type LogPosition } from "./position.ts";
import type { QueryEvent } from "./query-event.ts";

/** What is told where. */
export interface ToldItemsOptions {
  /** Nothing at or before this position is told again. */
  readonly from: LogPosition;
  readonly batch: BatchBuilder<LogPosition>;
  readonly tables: LoggedTables;
  /** With what a run has to know that begins there, as one may behind whatever is told. */
  readonly toBeginAt: (position: Position) => LogPosition;
}

/** Puts into the batch what the tables say to statements, boundaries and answers of the source. */
export class ToldItems {
  readonly #from: LogPosition;
  readonly #batch: BatchBuilder<LogPosition>;
  readonly #tables: LoggedTables;
  readonly #toBeginAt: ToldItemsOptions["toBeginAt"];

  constructor({ from, batch, tables, toBeginAt }: ToldItemsOptions) {
    this.#from = from;
    this.#toBeginAt = toBeginAt;
    this.#batch = batch;
    this.#tables = tables;
  }

  /** A statement stands there. @throws MillraceError */
  statement(query: QueryEvent, at: EventAt): void {
    const order = comparePositions([at.group, at.event, 0], this.#from);
    // What was told before is in the shapes that the tables began with.
    if (order <= 0 && at.toldRow < 0) return;
    this.tell(this.#tables.statement(query, at));
  }

  /** All groups before this boundary were read. */
  passedBoundary(group: LogGroup): void {
    this.#batch.passedBoundary(boundary(group));
    if (!this.#tables.isOpen) this.tell(this.#tables.reached(group));
  }

  /** Asks what is open; `group` is the boundary that the log is at, if it is at one. @throws MillraceError */
  async resolve(group: LogGroup | null): Promise<void> {
    this.tell(await this.#tables.resolve());
    // What was asked may hold from where the log is already.
    if (group !== null) this.tell(this.#tables.reached(group));
  }

  /** But for what was given before. */
  tell(items: readonly LogItem[]): void {
    for (const item of items) {
      if (item.position === null) continue;
      const position = this.#toBeginAt(item.position);
      if (comparePositions(position, this.#from) <= 0) continue;
      this.#batch.add(item.kind === "change" ? item : { ...item, position }, 0);
      if (comparePositions(position, this.#batch.position) > 0) this.#batch.passed(position);
    }
  }
}
