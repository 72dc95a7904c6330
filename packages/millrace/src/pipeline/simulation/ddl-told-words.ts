import type { LogItem, Transaction } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { FollowedTables } from "./followed-tables.ts";
import { loggedChange } from "./logged-change.ts";
import { toldAt } from "./expectation.ts";
import type { LogWords } from "./source-log.ts";
import {
  compareModelPositions,
  modelPosition,
  type LogEvent,
  type LoggedTransaction,
  type ModelPosition,
} from "./source-server.ts";

const NOTHING: readonly LogItem[] = [];
const ROWS: ReadonlySet<string> = new Set(["put", "update", "delete"]);

/** A log as MySQL's: of everything, with schema changes in their place. Nothing at or before where it begins is given again. */
export class DdlToldWords implements LogWords {
  readonly #tables: FollowedTables;
  readonly #from: ModelPosition;
  readonly #maxValueBytes: number;
  /** Which server's log it is: transactions of two have different names. */
  readonly #era: number;
  #given: ModelPosition;

  constructor(
    tables: FollowedTables,
    from: ModelPosition,
    { maxValueBytes, era }: { readonly maxValueBytes: number; readonly era: number },
  ) {
    this.#tables = tables;
    this.#from = from;
    this.#maxValueBytes = maxValueBytes;
    this.#era = era;
    this.#given = from;
  }

  get given(): ModelPosition {
    return this.#given;
  }

  get isOpen(): boolean {
    return this.#tables.isOpen;
  }

  startOf(): ModelPosition {
    return this.#from;
  }

  decode(tx: LoggedTransaction, event: LogEvent): readonly LogItem[] {
    const position: Position = [tx.commit, event.n];
    if (compareModelPositions(position, this.#from) <= 0) return NOTHING;
    const transaction: Transaction = { id: `${tx.id}#${this.#era}`, commitTimeMs: tx.timeMs };
    if (!ROWS.has(event.op.kind)) return this.#statement(tx, event, transaction);
    const shape = this.#tables.shapeOf(event);
    if (shape === null) return NOTHING;
    const by = { shape, truth: event.shape, maxValueBytes: this.#maxValueBytes };
    const change = loggedChange(event, by, position, transaction);
    return change === null ? NOTHING : [change];
  }

  #statement(tx: LoggedTransaction, event: LogEvent, transaction: Transaction) {
    // What was told before is in the shapes that the tables began with.
    if (compareModelPositions([tx.commit, toldAt(event)], this.#from) <= 0) return NOTHING;
    const item = this.#tables.statement(tx, event, transaction);
    return item === null ? NOTHING : [item];
  }

  reached(boundary: ModelPosition): readonly LogItem[] {
    // The log is read from the beginning of a transaction that was cut.
    if (boundary[0] < this.#from[0] || isWithin(this.#from, boundary)) return NOTHING;
    const told = this.#tables.reached(boundary);
    const last = told.at(-1)?.position ?? null;
    if (last !== null) this.#given = modelPosition(last);
    return told;
  }

  resolve(): Promise<readonly LogItem[]> {
    return this.#tables.resolve();
  }
}

/** `from` lies behind the first event of the transaction that begins at the boundary. */
function isWithin([commit, n]: ModelPosition, [lsn]: ModelPosition): boolean {
  return lsn === commit && n >= 1;
}
