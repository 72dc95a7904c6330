import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogItem } from "../../model/change.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Position } from "../../model/position.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import { BoundaryPlaces } from "./boundary-places.ts";
import type { CatalogueName } from "./catalogue.ts";
import { certainFrom, momentOf, type TableMoment } from "./catalogue-moment.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { behindSince, holdsAt, isElsewhere, isSameKept, keptShape, placed } from "./kept-shape.ts";
import { refusedLog } from "./log-refusals.ts";
import type { MysqlSourceOptions } from "./options.ts";
import type { EventAt, LoggedTables, Misfit } from "./logged-tables.ts";
import { pastShape } from "./past-shape.ts";
import { type LogGroup, type LogPosition, ordinal, Slot } from "./position.ts";
import type { QueryEvent } from "./query-event.ts";
import { planRow, type RowPlan, type ValueOptions } from "./row-plan.ts";
import { namesOf, type Outcome } from "./statement-outcomes.ts";
import type { StatementReader, StatementTables } from "./statement-reader.ts";
import type { TableMap } from "./table-map.ts";
import { type Standing, TableStandings } from "./table-standings.ts";
import type { LogOffset } from "./transaction-id.ts";

/** What the tables of a log are followed with. */
export interface CapturedTablesOptions {
  /** In the shapes that the sink holds. */
  readonly tables: ReadonlyMap<TableId, TableShape>;
  /** Those whose shape may be ahead of the log. */
  readonly adopted: ReadonlySet<TableId>;
  /** Those whose shape may be older than the log's. */
  readonly paused: ReadonlySet<TableId>;
  /** What is durable behind the place where the log begins. */
  readonly ahead: readonly Position[];
  readonly values: ValueOptions;
  readonly statements: StatementReader;
  readonly unloggedCascades: MysqlSourceOptions["unloggedCascades"];
  /** Present shapes, and the places of the log from which on they are so. */
  readonly readCatalogue: (
    tables: readonly CatalogueName[],
  ) => Promise<ReadonlyMap<TableId, TableMoment>>;
  /**
   * The log begins in the past, and nothing is loaded: a shape of the catalogue counts as the one that the table had, as
   * long as rows fit it and no statement tells otherwise.
   */
  readonly assumesCatalogue: boolean;
}

/** The catalogue has to be asked for a table's shape; from this place on it is not known. */
interface Question {
  readonly id: TableId;
  readonly known: MysqlShape | null;
  readonly at: EventAt;
  readonly index: number;
}

/** At which of an event's places an outcome is told. */
const SLOTS = { dropped: Slot.DROPPED, shape: Slot.SHAPE, truncated: Slot.EVENT } as const;
const NOTHING: readonly LogItem[] = [];
/** All of a table's rows are read again. */
const AGAIN = { rows: "moved", keep: true } as const;

/**
 * Which tables of the log are captured, and in what shape. A table is found by its name; its shape is the one that the
 * pipeline keeps, and what statements of the log make of it, each in its place between the rows.
 *
 * Where that cannot be said, the catalogue is asked, for the shape and the place of the log from which on it holds. Rows
 * before that are left out: whoever loads the table sees them ({@link CapturedTables.behind}).
 */
export class CapturedTables implements LoggedTables {
  readonly #options: CapturedTablesOptions;
  readonly #standings = new TableStandings();
  #questions: Question[] = [];
  #boundaries: BoundaryPlaces | null = null;

  constructor(options: CapturedTablesOptions) {
    this.#options = options;
  }

  get version(): number {
    return this.#standings.version;
  }

  get isOpen(): boolean {
    return this.#questions.length > 0;
  }

  /** Tables that the log will tell to load again, as soon as it can: see {@link Standing.isOpen}. */
  get areUntold(): boolean {
    return this.#standings.areOpen;
  }

  /** Before this place rows of tables may be left out: a snapshot that loads any of them has to see all that comes before it. */
  get behind(): LogOffset | null {
    return this.#standings.behind;
  }

  /** The shape that the log has told of a table, where that is known: the catalogue's may be ahead of it. */
  asLogged(shape: TableShape): TableShape {
    return this.#standings.get(shape.id)?.shape ?? shape;
  }

  /** Finds out in what shape tables are at `from`, where the log is about to begin. @throws MillraceError */
  async begin(from: LogPosition): Promise<void> {
    const { tables, adopted, paused, ahead } = this.#options;
    this.#boundaries = new BoundaryPlaces(from, ahead);
    const open: MysqlShape[] = [];
    for (const [id, told] of tables) {
      const shape = keptShape(told);
      if (shape === null) throw new MillraceError("MR_BUG", `${id} has no shape of MySQL`);
      const until = behindSince(shape);
      if (until === null || paused.has(id) || isElsewhere(shape, from)) open.push(shape);
      else if (holdsAt(shape, from)) this.#standings.set(id, { shape, until: null });
      else this.#standings.set(id, { shape, until, isUntold: adopted.has(id) });
    }
    if (open.length > 0) await this.#readOpen(open, from[0]);
  }

  /** Shapes of the catalogue: what they were at the beginning nobody knows. */
  async #readOpen(open: readonly MysqlShape[], { era }: LogGroup): Promise<void> {
    const moments = await this.#options.readCatalogue(open);
    for (const known of open) {
      const { shape, until } = certainFrom(momentOf(moments, known.id), known, era);
      const isAssumed = this.#options.assumesCatalogue && shape !== null;
      // Where nothing is left out nothing has to be told before its place.
      const isOpen = !isAssumed;
      const isPast =
        isAssumed && behindSince(known) === null && !this.#options.paused.has(known.id);
      const standing = { shape, until, isUntold: true, isAssumed, isPast, isOpen };
      this.#standings.set(known.id, standing);
    }
  }

  planOf(map: TableMap): RowPlan | Misfit | null {
    const id = tableId(map.schema, map.table);
    const standing = this.#standings.get(id);
    if (standing === undefined || standing.shape === null) return null;
    if (isWaiting(standing)) {
      standing.hasLeftOut = true;
      return null;
    }
    return planRow(map, standing.shape, this.#options.values) ?? misfitOf(map, id, standing);
  }

  /** @throws MillraceError MR_SOURCE_UNREADABLE where the log begins before the table had the columns that are known of it. */
  misfits({ misfit: id, past }: Misfit, at: EventAt): readonly LogItem[] {
    const standing = this.#standings.get(id);
    if (standing?.isPast === true) {
      if (past === undefined) throw refusedLog("altered", at.group, id);
      return [this.#takeBack(past, standing, at)];
    }
    // Behind what was told of these rows before.
    this.#ask(id, at, nextRow(at));
    return NOTHING;
  }

  /** The table had this shape where the log begins; from here on that is certain, and statements say what became of it. */
  #takeBack(past: MysqlShape, { shape: previous }: Standing, at: EventAt): LogItem {
    const shape = placed(past, at.group, at.event);
    this.#standings.set(past.id, { shape, until: null });
    const position = placeOf(at, nextRow(at), Slot.SHAPE);
    const { transaction } = at;
    return { kind: "shape", shape, previous, rewritten: [], keep: true, position, transaction };
  }

  statement(query: QueryEvent, at: EventAt): readonly LogItem[] {
    const { statements, unloggedCascades } = this.#options;
    const kind = statements.kindOf(query);
    if (kind === "rows" || kind === null) this.#refuse(kind, query, at);
    if (kind !== "ddl") return [];
    const found = this.#found();
    if (unloggedCascades === "refuse" && statements.cascades(query, found))
      throw refusedLog("cascades", at.group);
    const outcomes = statements.read(query, found);
    return [...outcomes].flatMap(([id, outcome], index) => {
      const item = this.#take(id, outcome, at, index);
      return item === null ? [] : [item];
    });
  }

  #refuse(kind: "rows" | null, query: QueryEvent, { group }: EventAt): void {
    const { statements, tables } = this.#options;
    const captured = new Set([...tables.values()].map(({ schema }) => schema));
    if (statements.mayChange(query, (database) => captured.has(database)))
      throw refusedLog(kind === null ? "longStatement" : "statements", group);
  }

  /** The tables as a statement finds them. */
  #found(): StatementTables {
    const { tables } = this.#options;
    return {
      isCaptured: (id) => tables.has(id),
      exists: (id) => this.#standings.get(id)?.shape !== null,
      shape: (id) => this.#standings.certain(id),
      ofDatabase: (database) =>
        [...tables].flatMap(([id, { schema }]) => (schema === database ? [id] : [])).toSorted(),
      all: () => [...tables.values()],
    };
  }

  #take(id: TableId, outcome: Outcome, at: EventAt, index: number): LogItem | null {
    const standing = this.#standings.get(id);
    if (standing === undefined || ordinal(index, SLOTS[outcome.kind]) <= at.toldRow) return null;
    // The catalogue's shape has it already; who loads the table sees it.
    if (isWaiting(standing)) {
      standing.hasLeftOut = true;
      return null;
    }
    if (outcome.kind === "shape") return this.#alter(id, standing, outcome, at, index);
    const { transaction } = at;
    if (outcome.kind === "truncated")
      return { kind: "truncate", table: id, position: placeOf(at, index, Slot.EVENT), transaction };
    if (standing.shape === null) return null;
    this.#standings.set(id, { shape: null, until: null });
    const { renamedTo } = outcome;
    return {
      kind: "dropped",
      table: id,
      ...(renamedTo === undefined ? {} : { renamedTo }),
      position: placeOf(at, index, Slot.DROPPED),
      transaction,
    };
  }

  #alter(
    id: TableId,
    { shape: previous, isAssumed, isPast }: Standing,
    { shape: altered, rewritten, rows }: Extract<Outcome, { kind: "shape" }>,
    at: EventAt,
    index: number,
  ): LogItem | null {
    // What an earlier run was told of this statement is not known any more, and later parts of it may build on that.
    // Of a shape that was only assumed nothing follows; a table that is made says all of its own.
    const isDoubtful = isAssumed && rows !== "anew";
    if (isDoubtful && isPast && previous !== null) return alteredInThePast(previous, at, index);
    if (altered === null || isDoubtful || at.toldRow >= 0) {
      this.#ask(id, at, index);
      return null;
    }
    const isSame = previous !== null && isSameKept(previous, altered);
    if (isSame && rows === "same" && rewritten.length === 0) return null;
    const shape = placed(altered, at.group, at.event);
    this.#standings.set(id, { shape, until: null });
    failpoint("mysql-ddl.taken-in");
    return {
      kind: "shape",
      shape,
      previous: rows === "anew" ? null : previous,
      rewritten,
      ...(rows === "same" ? {} : { rows }),
      keep: true,
      position: placeOf(at, index, Slot.SHAPE),
      transaction: at.transaction,
    };
  }

  #ask(id: TableId, at: EventAt, index: number): void {
    const standing = this.#standings.get(id);
    if (standing === undefined || this.#questions.some((question) => question.id === id)) return;
    this.#questions.push({ id, known: standing.shape, at, index });
  }

  async resolve(): Promise<readonly LogItem[]> {
    const questions = this.#questions;
    const names = questions.flatMap(({ id }) => this.#options.tables.get(id) ?? []);
    const moments = await this.#options.readCatalogue(names);
    failpoint("mysql-catalogue.read");
    this.#questions = [];
    return questions.map((question) => this.#answer(question, momentOf(moments, question.id)));
  }

  #answer({ id, known, at, index }: Question, moment: TableMoment): LogItem {
    const { shape, until } = certainFrom(moment, known, at.group.era);
    this.#standings.set(id, { shape, until });
    const { transaction } = at;
    if (shape === null)
      return {
        kind: "dropped",
        table: id,
        position: placeOf(at, index, Slot.DROPPED),
        transaction,
      };
    return {
      kind: "shape",
      shape,
      previous: known,
      rewritten: namesOf(shape),
      ...AGAIN,
      ...(known === null ? { rows: "anew" } : {}),
      position: placeOf(at, index, Slot.SHAPE),
      transaction,
    };
  }

  reached(group: LogGroup): readonly LogItem[] {
    const places = this.#boundaries;
    if (places === null) return [];
    const reached = this.#standings.reached(group, () => places.isBehindAll(group));
    return reached.flatMap(([id, { shape, isUntold, isOpen, hasLeftOut }]) =>
      isUntold ? [this.#tell(id, shape, { isOpen, hasLeftOut }, places.take(group))] : [],
    );
  }

  #tell(
    id: TableId,
    shape: MysqlShape | null,
    { isOpen, hasLeftOut }: Pick<Standing, "isOpen" | "hasLeftOut">,
    position: LogPosition,
  ): LogItem {
    const transaction = null;
    if (shape === null) return { kind: "dropped", table: id, position, transaction };
    const told = this.#options.tables.get(id);
    const previous = told === undefined ? null : keptShape(told);
    const isMoved = isOpen || hasLeftOut;
    const isSame = !isMoved && previous !== null && isSameKept(previous, shape);
    const rewritten = isSame ? [] : namesOf(shape);
    const again = isSame ? {} : { ...AGAIN, ...(isOpen ? { asked: true as const } : {}) };
    return { kind: "shape", shape, previous, rewritten, ...again, position, transaction };
  }
}

/**
 * A table is altered behind the place where the log begins: its shape stays the one that is assumed, so that nothing of the
 * log is left out, and what the statement did to its rows a load tells.
 */
function alteredInThePast(shape: MysqlShape, at: EventAt, index: number): LogItem {
  return {
    kind: "shape",
    shape,
    previous: shape,
    rewritten: namesOf(shape),
    ...AGAIN,
    altered: true,
    position: placeOf(at, index, Slot.SHAPE),
    transaction: at.transaction,
  };
}

function misfitOf(map: TableMap, id: TableId, { shape, isPast }: Standing): Misfit {
  const past = isPast && shape !== null ? pastShape(map, shape) : null;
  return past === null ? { misfit: id } : { misfit: id, past };
}

/** Of the run: the first that was not told. */
function nextRow({ rows, toldRow }: EventAt): number {
  return Math.max(rows, Math.floor(toldRow / ordinal(1, 0)) + 1);
}

/** Its rows are left out. */
function isWaiting({ until, isAssumed }: Standing): boolean {
  return until !== null && !isAssumed;
}

function placeOf(
  { group, event }: EventAt,
  index: number,
  slot: (typeof Slot)[keyof typeof Slot],
): LogPosition {
  return [group, event, ordinal(index, slot)];
}
