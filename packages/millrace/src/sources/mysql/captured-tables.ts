import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogItem } from "../../model/change.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import type { CatalogueName } from "./catalogue.ts";
import type { TableMoment } from "./catalogue-moment.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { holdsAt, isSameKept, keptShape, placed, reconciled, sinceOf } from "./kept-shape.ts";
import { compareGroups, type LogGroup, type LogPosition, ordinal, Slot } from "./position.ts";
import { planRow, type RowPlan, type ValueOptions } from "./row-plan.ts";
import type { EventAt, LoggedTables, Misfit } from "./logged-tables.ts";
import { namesOf, type Outcome } from "./statement-outcomes.ts";
import type { StatementReader } from "./statement-reader.ts";
import type { TableMap } from "./table-map.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import type { QueryEvent } from "./query-event.ts";

/** What the tables of a log are followed with. */
export interface CapturedTablesOptions {
  /** In the shapes that the sink holds. */
  readonly tables: ReadonlyMap<TableId, TableShape>;
  /** Those whose shape was taken from the catalogue and may be ahead of the log. */
  readonly adopted: ReadonlySet<TableId>;
  /** Those whose shape may be older than the log's. */
  readonly paused: ReadonlySet<TableId>;
  readonly values: ValueOptions;
  readonly statements: StatementReader;
  /** Present shapes, and the places of the log from which on they are so. */
  readonly readCatalogue: (
    tables: readonly CatalogueName[],
  ) => Promise<ReadonlyMap<TableId, TableMoment>>;
  /**
   * The log begins in the past, and nothing is loaded: a shape of the catalogue counts as the one that the table had, as
   * long as rows fit it and no statement tells otherwise.
   */
  readonly assumesCatalogue?: boolean;
}

/** What is known of a captured name at the reader's place. */
interface Standing {
  /** Null where there is no such table (any more). */
  shape: MysqlShape | null;
  /** The shape is the catalogue's, and certain only from here on. Null: it is certain. */
  until: LogOffset | null;
  /** Before `until` rows are decoded all the same. */
  readonly isAssumed: boolean;
  /** At `until` the pipeline is told what it is; with rows that were left out, to load the table again. */
  readonly isUntold: boolean;
  hasLeftOut: boolean;
}

/** The catalogue has to be asked for a table's shape; from this place on it is not known. */
interface Question {
  readonly id: TableId;
  readonly known: MysqlShape | null;
  readonly at: EventAt;
  readonly index: number;
}

const NONE: readonly LogItem[] = [];

/**
 * Which tables of the log are captured, and in what shape. A table is found by its name; its shape is the one that the
 * pipeline keeps, and what statements of the log make of it, each in its place between the rows.
 *
 * Where that cannot be said, the catalogue is asked, for the shape and the place of the log from which on it holds. Rows
 * before that are left out: whoever loads the table sees them ({@link CapturedTables.behind}).
 */
export class CapturedTables implements LoggedTables {
  version = 0;
  readonly #options: CapturedTablesOptions;
  readonly #standings = new Map<TableId, Standing>();
  #questions: Question[] = [];
  /** Standings that wait for their place. */
  #waiting = 0;
  #behind: LogOffset | null = null;
  /** The boundary at which something was told last, and how much. */
  #told: { group: LogGroup; count: number } | null = null;

  constructor(options: CapturedTablesOptions) {
    this.#options = options;
  }

  /** Before this place rows of tables may be left out: a snapshot that loads any of them has to see all that comes before it. */
  get behind(): LogOffset | null {
    return this.#behind;
  }

  get isOpen(): boolean {
    return this.#questions.length > 0;
  }

  /**
   * The shape that the log has told of a table, where that is known: the catalogue's may be ahead of it.
   */
  asLogged(shape: TableShape): TableShape {
    const standing = this.#standings.get(shape.id);
    return standing?.shape ?? shape;
  }

  /** Finds out in what shape tables are at `from`, where the log is about to begin. */
  async begin(from: LogPosition): Promise<void> {
    const [group, event, row] = from;
    if (event === 0) this.#told = { group, count: Math.floor(row / ordinal(1, 0)) };
    const open: MysqlShape[] = [];
    const { tables, adopted, paused } = this.#options;
    for (const [id, told] of tables) {
      const shape = keptShape(told);
      if (shape === null) throw new MillraceError("MR_BUG", `${id} has no shape of MySQL`);
      if (sinceOf(shape) === null || paused.has(id)) open.push(shape);
      else if (holdsAt(shape, from)) this.#stand(id, { shape, until: null });
      else
        this.#stand(id, {
          shape,
          until: placeBehind(shape),
          isUntold: adopted.has(id),
        });
    }
    if (open.length > 0) await this.#readOpen(open, group);
  }

  /** Shapes of the catalogue: what they were at the beginning nobody knows. */
  async #readOpen(open: readonly MysqlShape[], { era }: LogGroup): Promise<void> {
    const moments = await this.#options.readCatalogue(open);
    for (const known of open) {
      const { shape: now, end } = momentOf(moments, known.id);
      const isAssumed = this.#options.assumesCatalogue === true && now !== null;
      const shape = now === null ? null : placed(reconciled(now, known), placeOf(end, era), 0);
      this.#stand(known.id, { shape, until: end, isUntold: true, isAssumed });
    }
  }

  #stand(id: TableId, standing: Pick<Standing, "shape" | "until"> & Partial<Standing>): void {
    const { until } = standing;
    const before = this.#standings.get(id);
    this.#waiting += Number(until !== null) - Number((before?.until ?? null) !== null);
    this.#standings.set(id, { isAssumed: false, isUntold: false, hasLeftOut: false, ...standing });
    if (until !== null && (this.#behind === null || compareOffsets(until, this.#behind) > 0))
      this.#behind = until;
    this.version += 1;
  }

  planOf(map: TableMap): RowPlan | Misfit | null {
    const id = tableId(map.schema, map.table);
    const standing = this.#standings.get(id);
    if (standing === undefined || standing.shape === null) return null;
    if (standing.until !== null && !standing.isAssumed) {
      standing.hasLeftOut = true;
      return null;
    }
    return planRow(map, standing.shape, this.#options.values) ?? { misfit: id };
  }

  misfits(id: TableId, at: EventAt): void {
    this.#ask(id, at, 0);
  }

  statement(query: QueryEvent, at: EventAt): readonly LogItem[] {
    const outcomes = this.#options.statements.read(query, {
      isCaptured: (id) => this.#standings.has(id),
      exists: (id) => this.#standings.get(id)?.shape !== null,
      shape: (id) => this.#certain(id),
      ofDatabase: (database) =>
        [...this.#standings.keys()]
          .filter((id) => this.#options.tables.get(id)?.schema === database)
          .toSorted(),
      all: () => [...this.#options.tables.values()],
    });
    const items: LogItem[] = [];
    let index = 0;
    for (const [id, outcome] of outcomes) {
      const item = this.#take(id, outcome, at, index);
      if (item !== null) items.push(item);
      index += 1;
    }
    return items;
  }

  #certain(id: TableId): MysqlShape | undefined {
    const standing = this.#standings.get(id);
    return standing?.until === null ? (standing.shape ?? undefined) : undefined;
  }

  #take(id: TableId, outcome: Outcome, at: EventAt, index: number): LogItem | null {
    const standing = this.#standings.get(id);
    if (standing === undefined) return null;
    const position = (slot: (typeof Slot)[keyof typeof Slot]): LogPosition => [
      at.group,
      at.event,
      ordinal(index, slot),
    ];
    // The catalogue's shape has it already; who loads the table sees it.
    if (standing.until !== null && !standing.isAssumed) {
      standing.hasLeftOut = true;
      return null;
    }
    const { transaction } = at;
    if (outcome.kind === "truncated")
      return { kind: "truncate", table: id, position: position(Slot.EVENT), transaction };
    if (outcome.kind === "dropped") {
      if (standing.shape === null) return null;
      this.#stand(id, { shape: null, until: null });
      return { kind: "dropped", table: id, position: position(Slot.DROPPED), transaction };
    }
    if (outcome.shape === null || standing.isAssumed || at.isResumed) {
      this.#ask(id, at, index);
      return null;
    }
    return this.#alter(standing, outcome.shape, outcome, { at, position: position(Slot.SHAPE) });
  }

  #alter(
    standing: Standing,
    altered: MysqlShape,
    { rewritten, rows }: Extract<Outcome, { kind: "shape" }>,
    { at, position }: { readonly at: EventAt; readonly position: LogPosition },
  ): LogItem | null {
    const { shape: previous } = standing;
    const isSame = previous !== null && rows === "same" && isSameKept(previous, altered);
    if (isSame && rewritten.length === 0) return null;
    const kept = previous === null || rows === "anew" ? null : previous;
    const shape = placed(kept === null ? altered : { ...altered, id: kept.id }, at.group, at.event);
    this.#stand(shape.id, { shape, until: null });
    const { transaction } = at;
    return {
      kind: "shape",
      shape,
      previous: kept,
      rewritten,
      ...(rows === "same" ? {} : { rows }),
      keep: true,
      position,
      transaction,
    };
  }

  #ask(id: TableId, at: EventAt, index: number): void {
    const standing = this.#standings.get(id);
    if (standing === undefined || this.#questions.some((question) => question.id === id)) return;
    this.#questions.push({ id, known: standing.shape, at, index });
    this.version += 1;
  }

  async resolve(): Promise<readonly LogItem[]> {
    const questions = this.#questions;
    const names = questions.flatMap(({ id }) => this.#options.tables.get(id) ?? []);
    const moments = await this.#options.readCatalogue(names);
    this.#questions = [];
    return questions.map((question) => this.#answer(question, momentOf(moments, question.id)));
  }

  #answer({ id, known, at, index }: Question, { shape: now, end }: TableMoment): LogItem {
    const { group, event, transaction } = at;
    const place = (slot: (typeof Slot)[keyof typeof Slot]): LogPosition => [
      group,
      event,
      ordinal(index, slot),
    ];
    if (now === null) {
      this.#stand(id, { shape: null, until: end });
      return { kind: "dropped", table: id, position: place(Slot.DROPPED), transaction };
    }
    const shape = placed(reconciled(now, known), placeOf(end, group.era), 0);
    this.#stand(id, { shape, until: end });
    return {
      kind: "shape",
      shape,
      previous: known,
      rewritten: namesOf(shape),
      rows: known === null ? "anew" : "moved",
      keep: true,
      position: place(Slot.SHAPE),
      transaction,
    };
  }

  reached(group: LogGroup): readonly LogItem[] {
    if (this.#waiting === 0) return NONE;
    const items: LogItem[] = [];
    for (const [id, standing] of [...this.#standings].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const { until, shape, isUntold, hasLeftOut } = standing;
      if (until === null || compareOffsets(until, group) > 0) continue;
      this.#stand(id, { shape, until: null });
      if (isUntold) items.push(this.#tell(id, shape, hasLeftOut, this.#nextAt(group)));
    }
    return items;
  }

  #tell(
    id: TableId,
    shape: MysqlShape | null,
    hasLeftOut: boolean,
    position: LogPosition,
  ): LogItem {
    if (shape === null) return { kind: "dropped", table: id, position, transaction: null };
    const told = this.#options.tables.get(id);
    const known = told === undefined ? null : keptShape(told);
    const isSame = known !== null && isSameKept(known, shape) && !hasLeftOut;
    const again = { rewritten: namesOf(shape), rows: "moved", keep: true } as const;
    return {
      kind: "shape",
      shape,
      previous: known,
      ...(isSame ? { rewritten: [] } : again),
      position,
      transaction: null,
    };
  }

  /** Each that is told at a boundary has a position of its own, also where an earlier run has told others there. */
  #nextAt(group: LogGroup): LogPosition {
    const told = this.#told;
    const count = told !== null && compareGroups(told.group, group) === 0 ? told.count + 1 : 1;
    this.#told = { group, count };
    return [group, 0, ordinal(count, Slot.SHAPE)];
  }
}

function placeOf({ file, at }: LogOffset, era: number): LogGroup {
  return { file, at, era, n: null, hash: null };
}

/** Where a shape of the log holds at a boundary. */
function placeBehind(shape: MysqlShape): LogOffset | null {
  const since = sinceOf(shape);
  if (since === null) return null;
  const [{ file, at }, event] = since;
  return { file, at: event === 0 ? at : at + 1 };
}

function momentOf(moments: ReadonlyMap<TableId, TableMoment>, table: TableId): TableMoment {
  const moment = moments.get(table);
  if (moment === undefined) throw new MillraceError("MR_BUG", `${table} was not looked at`);
  return moment;
}
