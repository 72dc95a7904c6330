import type { LogItem, Transaction } from "../../model/change.ts";
import type { LogStart } from "../../model/source.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import {
  altered,
  fits,
  holdsAt,
  isSameKept,
  ofCatalogue,
  placed,
  sinceOf,
} from "./followed-shape.ts";
import {
  compareModelPositions,
  modelPosition,
  Slot,
  type LogEvent,
  type LoggedTransaction,
  type ModelPosition,
} from "./source-server.ts";
import { Violation } from "./violation.ts";

/** What the catalogue has, and the place of the log from which on that holds. */
export interface TableMoment {
  readonly shape: TableShape | null;
  readonly end: number;
}

/** Asks the catalogue for a table in a moment in which no statement on it is between log and catalogue. */
export type AskCatalogue = (table: TableId) => Promise<TableMoment>;

/** What is known of a captured name at the reader's place (`sources/mysql/table-standings.ts`). */
interface Standing {
  readonly shape: TableShape | null;
  /** Before this place rows and statements are left out; null: the shape is certain. */
  readonly until: number | null;
  /** The pipeline is told of the shape and its place as soon as that can be: the next run has to know them. */
  readonly isUntold: boolean;
  /** The shape was asked for when the log was opened: what is left out before `until` nobody has loaded. */
  readonly isOpen: boolean;
  hasLeftOut: boolean;
}

interface Question {
  readonly id: TableId;
  readonly known: TableShape | null;
  readonly commit: number;
  readonly n: number;
  readonly transaction: Transaction;
}

/** Several may be told at one boundary, each at a position of its own. */
const STEP = 1 / 1_024;

/**
 * The shapes of a log that has schema changes in their place between the rows: kept by the pipeline, altered by what the
 * log says, asked for where that is not understood (`sources/mysql/captured-tables.ts`).
 */
export class FollowedTables {
  readonly #start: LogStart;
  readonly #from: ModelPosition;
  readonly #ask: AskCatalogue;
  readonly #standings = new Map<TableId, Standing>();
  readonly #understood: (commit: number) => boolean;
  #questions: Question[] = [];
  #told: { readonly lsn: number; readonly count: number };
  #behind = 0;

  constructor(
    start: LogStart,
    from: ModelPosition,
    { ask, understood }: { ask: AskCatalogue; understood: (commit: number) => boolean },
  ) {
    this.#start = start;
    this.#from = from;
    this.#ask = ask;
    this.#understood = understood;
    const [lsn, n] = from;
    this.#told = { lsn, count: n < 1 ? Math.round(n / STEP) : 0 };
  }

  get isOpen(): boolean {
    return this.#questions.length > 0;
  }

  /** Before it something may be left out, which snapshots have to see. */
  get behind(): number {
    return this.#behind;
  }

  /** The shape that the log has told of a table. */
  asLogged(id: TableId): TableShape | null {
    return this.#standings.get(id)?.shape ?? null;
  }

  async begin(): Promise<void> {
    const { tables, adopted, paused } = this.#start;
    for (const [id, shape] of tables) {
      const since = sinceOf(shape);
      if (since === null || paused?.has(id) === true) await this.#readOpen(id, shape);
      else if (holdsAt(shape, this.#from)) this.#set(id, shape, null, false);
      else this.#set(id, shape, firstBehind(since), adopted?.has(id) === true);
    }
  }

  async #readOpen(id: TableId, known: TableShape): Promise<void> {
    const { shape, end } = await this.#ask(id);
    this.#set(id, certain(shape, known, end), end, true, true);
  }

  #set(
    id: TableId,
    shape: TableShape | null,
    until: number | null,
    isUntold: boolean,
    isOpen = false,
  ): void {
    this.#standings.set(id, { shape, until, isUntold, isOpen, hasLeftOut: false });
    this.#behind = Math.max(this.#behind, until ?? 0);
  }

  /** The shape that an event's row is decoded by; null where the row is not wanted. */
  shapeOf({ op, shape: truth }: LogEvent): TableShape | null {
    const standing = this.#standings.get(op.table);
    if (standing === undefined || standing.shape === null) return null;
    if (standing.until !== null) {
      standing.hasLeftOut = true;
      return null;
    }
    if (!fits(standing.shape, truth))
      throw new Violation(
        `a row of ${op.table} is decoded by ${JSON.stringify(standing.shape.columns)}, it was written by ${JSON.stringify(truth.columns)}`,
      );
    return standing.shape;
  }

  /** What a statement comes to. */
  statement(tx: LoggedTransaction, event: LogEvent, transaction: Transaction): LogItem | null {
    const { op, n } = event;
    const id = op.table;
    const standing = this.#standings.get(id);
    if (standing === undefined) return null;
    if (standing.until !== null) {
      standing.hasLeftOut = true;
      return null;
    }
    const { shape: previous } = standing;
    if (!this.#understood(tx.commit)) {
      this.#questions.push({ id, known: previous, commit: tx.commit, n, transaction });
      return null;
    }
    if (op.kind === "truncate")
      return { kind: "truncate", table: id, position: [tx.commit, n], transaction };
    if (op.kind === "drop") {
      this.#set(id, null, null, false);
      const position = [tx.commit, n - Slot.EVENT + Slot.DROPPED] as const;
      return previous === null ? null : { kind: "dropped", table: id, position, transaction };
    }
    return this.#shaped(tx, event, previous, transaction);
  }

  #shaped(
    { commit }: LoggedTransaction,
    { op, n, before, shape: truth }: LogEvent,
    previous: TableShape | null,
    transaction: Transaction,
  ): LogItem {
    const isAnew = op.kind === "make" || previous === null;
    const next = isAnew ? ofCatalogue(truth, null) : altered(previous, before.shape, truth);
    const shape = placed(next, [commit, n - Slot.EVENT]);
    this.#set(op.table, shape, null, false);
    const filled = op.kind === "reshape" ? op.filled : null;
    const isOnly = filled !== null && !isAnew;
    const rewritten = shape.columns
      .filter((_, i) => !isOnly || filled.has(truth.columns[i]?.ordinal ?? -1))
      .map(({ name }) => name);
    return {
      kind: "shape",
      shape,
      previous: isAnew ? null : previous,
      rewritten,
      ...(isAnew ? { rows: "anew" as const } : isOnly ? {} : { rows: "moved" as const }),
      keep: true,
      position: [commit, n - Slot.EVENT + Slot.SHAPE],
      transaction,
    };
  }

  /** Asks what is open. */
  async resolve(): Promise<readonly LogItem[]> {
    const questions = this.#questions;
    const items: LogItem[] = [];
    for (const { id, known, commit, n, transaction } of questions) {
      const moment = await this.#ask(id);
      const shape = certain(moment.shape, known, moment.end);
      this.#set(id, shape, moment.end, false);
      const at = (slot: number) => [commit, n - Slot.EVENT + slot] as const;
      if (shape === null)
        items.push({ kind: "dropped", table: id, position: at(Slot.DROPPED), transaction });
      else
        items.push({
          ...again(shape),
          previous: known,
          ...(known === null ? { rows: "anew" } : {}),
          position: at(Slot.SHAPE),
          transaction,
        });
    }
    this.#questions = [];
    return items;
  }

  /** The log has come to a boundary: what is certain from there on. */
  reached([lsn]: ModelPosition): readonly LogItem[] {
    const items: LogItem[] = [];
    for (const [id, { shape, until, isUntold, isOpen, hasLeftOut }] of this.#standings) {
      if (until === null || (until > lsn && !(isOpen && this.#isBehindAll(lsn)))) continue;
      if (isUntold) items.push(this.#tell(id, shape, isOpen || hasLeftOut, this.#nextAt(lsn)));
      this.#set(id, shape, until > lsn ? until : null, false);
    }
    return items;
  }

  /** Lanes pass over what is told before their checkpoints. */
  #isBehindAll(lsn: number): boolean {
    const ahead = this.#start.ahead ?? [];
    return ahead.every((position) => compareModelPositions(position, [lsn, 0]) <= 0);
  }

  #tell(
    id: TableId,
    shape: TableShape | null,
    hasLeftOut: boolean,
    position: ModelPosition,
  ): LogItem {
    const transaction = null;
    if (shape === null) return { kind: "dropped", table: id, position, transaction };
    const previous = this.#start.tables.get(id) ?? null;
    const isSame = !hasLeftOut && previous !== null && isSameKept(previous, shape);
    if (!isSame) return { ...again(shape), previous, position, transaction };
    return { kind: "shape", shape, previous, rewritten: [], position, transaction };
  }

  #nextAt(lsn: number): ModelPosition {
    const count = this.#told.lsn === lsn ? this.#told.count + 1 : 1;
    this.#told = { lsn, count };
    return [lsn, count * STEP];
  }
}

/** All of a table's rows are read again. */
function again(shape: TableShape) {
  const rewritten = shape.columns.map(({ name }) => name);
  return { kind: "shape", shape, rewritten, rows: "moved", keep: true } as const;
}

function certain(
  truth: TableShape | null,
  known: TableShape | null,
  end: number,
): TableShape | null {
  return truth === null ? null : placed(ofCatalogue(truth, known), [end, 0]);
}

/** The first boundary from which on a shape holds. */
function firstBehind(since: ModelPosition): number {
  const [lsn, n] = modelPosition(since);
  return n === 0 ? lsn : lsn + 1;
}
