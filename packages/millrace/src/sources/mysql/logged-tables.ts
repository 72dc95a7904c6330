import type { LogItem, Transaction } from "../../model/change.ts";
import type { TableId } from "../../model/table.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import type { LogGroup, LogPosition } from "./position.ts";
import type { QueryEvent } from "./query-event.ts";
import type { RowPlan } from "./row-plan.ts";
import type { TableMap } from "./table-map.ts";

/** Where an event stands. */
export interface EventAt {
  readonly group: LogGroup;
  /** The number of its run. */
  readonly event: number;
  /** Rows of the run that came before. */
  readonly rows: number;
  readonly transaction: Transaction;
  /** The log begins within this event: places of it up to this one were told before. Else -1. */
  readonly toldRow: number;
}

/** Rows that are written in another way than the table's shape says. */
export interface Misfit {
  readonly misfit: TableId;
  /** What they are like, where the log says it and the table's shape is only assumed. */
  readonly past?: MysqlShape;
}

/** What the reader of a log asks about tables, and tells them. */
export interface LoggedTables {
  /** Grows whenever {@link planOf} may say something else of a table map that it was asked about. */
  readonly version: number;
  /** Something has to be asked at the source before the log goes on. */
  readonly isOpen: boolean;
  /** The log is about to begin here. @throws MillraceError */
  begin(from: LogPosition): Promise<void>;
  /** How rows are decoded that are written as this event says; null where they are not wanted. */
  planOf(map: TableMap): RowPlan | Misfit | null;
  /** Rows come that do not fit. Gives what has to be told in front of them, where they can be read then. @throws MillraceError MR_SOURCE_UNREADABLE where nobody can know their columns. */
  misfits(misfit: Misfit, at: EventAt): readonly LogItem[];
  /**
   * Takes in a statement. Gives what it did to tables. @throws MillraceError MR_SOURCE_UNREADABLE where it may change rows of
   * a captured table, which nobody can apply.
   */
  statement(query: QueryEvent, at: EventAt): readonly LogItem[];
  /** Asks what is open. Gives what has to be told in front of all that comes. @throws MillraceError */
  resolve(): Promise<readonly LogItem[]>;
  /** All groups before this boundary were read, and none is open. */
  reached(group: LogGroup): readonly LogItem[];
}
