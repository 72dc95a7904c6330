import { MillraceError } from "../../errors/millrace-error.ts";
import type { TransactionId } from "../../model/position.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";
import type { DdlNews } from "./ddl-messages.ts";
import {
  type ExactSince,
  type FoundShape,
  isSameShape,
  rewrittenColumns,
  type ShapeOf,
} from "./relation-shape.ts";
import { rowPlan, type RowPlan } from "./row-plan.ts";

/** Whether a shape that a message tells of a table can have been its own; asks the catalogue. */
export type Believes = (told: TableShape, previous: TableShape) => Promise<boolean>;

/** What has to be told before the next event of a table. */
export interface Announcement {
  readonly dropped: TableId | null;
  readonly shape: {
    readonly previous: TableShape | null;
    readonly rewritten: readonly string[];
  } | null;
}

/**
 * A table as the server described it in this session. `plan` is null until its shape is known; `captured` false says
 * that its rows are read past. The announcement is told with the first event that is not skipped.
 */
export interface LoggedRelation {
  readonly message: RelationMessage;
  readonly captured: boolean;
  plan: RowPlan | null;
  announcement: Announcement | null;
  /** The shape of rows behind an LSN, where no other message comes before them. */
  later: FoundShape["later"] | null;
}

/**
 * Which tables of the log are captured, and in what shape. A table is found by its name:
 *
 * - Another oid under a captured name is another table: the old one is told as dropped, the new one as a shape whose
 *   columns must all be loaded.
 * - A captured table under a name that is not captured was renamed away: it is told as dropped, its rows are read
 *   past. Renamed to a captured name, it is the case above.
 * - A table under a name that was told as dropped is a new table, whichever oid it has.
 */
export class CapturedTables {
  readonly #shapes: Map<TableId, TableShape>;
  /** Captured names whose table was renamed away. */
  readonly #gone = new Set<TableId>();
  readonly #relations = new Map<number, LoggedRelation>();
  readonly #shapeOf: ShapeOf;
  readonly #believes: Believes;
  /** Tables, by oid, whose shape is that of this place of the log, if every schema change is told by a message. */
  readonly #exact: Map<string, ExactSince>;
  /** Tables, by oid, whose values are being computed anew; the message with the shape follows. */
  readonly #rewriting = new Set<string>();

  /** `adopted` are tables whose shape may be ahead of the log: it was taken from the catalogue. */
  constructor(
    tables: ReadonlyMap<TableId, TableShape>,
    shapeOf: ShapeOf,
    adopted: ReadonlySet<TableId> = new Set(),
    believes: Believes = () => Promise.resolve(true),
  ) {
    this.#believes = believes;
    this.#shapes = new Map(tables);
    this.#shapeOf = shapeOf;
    const known = [...tables.values()].filter(({ id }) => !adopted.has(id));
    this.#exact = new Map(known.map(({ identity }) => [identity, { since: null }]));
  }

  /** A transaction begins. */
  begin(): void {
    this.#rewriting.clear();
  }

  /** Whether a message has to be held against the catalogue before it is taken in: it would change a captured table. */
  isClaim(news: DdlNews): boolean {
    if (news.kind !== "shape") return false;
    const previous = this.#shapes.get(news.shape.id);
    return previous?.identity === news.shape.identity && !isSameShape(news.shape, previous);
  }

  /** The claim where it is believed; else that something is missing, of this table alone. */
  async weigh(news: DdlNews): Promise<DdlNews> {
    const previous = news.kind === "shape" ? this.#shapes.get(news.shape.id) : undefined;
    if (news.kind !== "shape" || previous === undefined) return news;
    if (await this.#believes(news.shape, previous)) return news;
    return { kind: "lost", table: previous.identity };
  }

  /** Without messages to rely on, rows prove their shape. */
  #doubt(identity: string | undefined): void {
    if (identity === undefined) this.#exact.clear();
    else {
      this.#exact.delete(identity);
      this.#rewriting.delete(identity);
      this.#forget(Number(identity));
    }
  }

  /**
   * Takes in what a message says of schema changes; gives the change where it is one of a captured table. Tables that come,
   * go or take another name are told of by their rows and by looks at the catalogue. `isPast`: it was given before.
   */
  tell(
    news: DdlNews,
    transaction: TransactionId,
    isPast: boolean,
  ): {
    readonly shape: TableShape;
    readonly previous: TableShape;
    readonly rewritten: readonly string[];
  } | null {
    if (news.kind === "lost") this.#doubt(news.table);
    if (news.kind === "rewrite") for (const oid of news.tables) this.#rewriting.add(oid);
    if (news.kind !== "shape") return null;
    const { shape } = news;
    const { id, identity } = shape;
    const isRewritten = this.#rewriting.delete(identity);
    const previous = this.#shapes.get(id);
    if (previous?.identity !== identity || isPast) return null;
    this.#exact.set(identity, { since: transaction });
    this.#forget(Number(identity));
    if (!isRewritten && isSameShape(shape, previous)) return null;
    this.#shapes.set(id, shape);
    const filled = shape.columns.flatMap((column) =>
      column.filled === true ? (column.ordinal ?? []) : [],
    );
    const rewritten = isRewritten
      ? shape.columns.map((column) => column.name)
      : rewrittenColumns(shape, previous, new Set(filled));
    return { shape, previous, rewritten };
  }

  /** Its rows need its new shape. */
  #forget(oid: number): void {
    const relation = this.#relations.get(oid);
    if (relation === undefined) return;
    relation.plan = null;
    relation.later = null;
  }

  /** Takes in a Relation message. The server sends one whenever it may have changed. */
  describe(message: RelationMessage): void {
    const id = tableId(message.schema, message.name);
    const captured =
      this.#shapes.has(id) || this.#gone.has(id) || this.#nameOf(message.oid) !== null;
    this.#relations.set(message.oid, {
      message,
      captured,
      plan: null,
      announcement: null,
      later: null,
    });
  }

  /** @throws MillraceError MR_SOURCE_PROTOCOL for a table that was never described. */
  relation(oid: number): LoggedRelation {
    const relation = this.#relations.get(oid);
    if (relation !== undefined) return relation;
    throw new MillraceError(
      "MR_SOURCE_PROTOCOL",
      `rows of relation ${oid}, which was never described`,
    );
  }

  /** Finds the shape of a captured relation whose next event is at `lsn`, and what has to be told about it. */
  async resolve(relation: LoggedRelation, lsn: number): Promise<void> {
    const { message } = relation;
    const id = tableId(message.schema, message.name);
    const known = this.#shapes.get(id) ?? null;
    if (known === null && !this.#gone.has(id)) {
      this.#renamedAway(relation);
      return;
    }
    const isSameTable = known?.identity === String(message.oid);
    const previous = isSameTable ? known : null;
    const exact = this.#exact.get(String(message.oid)) ?? null;
    const { shape, rewritten, later = null } = await this.#shapeOf(message, previous, exact, lsn);
    if (shape !== known) this.#exact.delete(String(message.oid));
    this.#shapes.set(id, shape);
    this.#gone.delete(id);
    relation.plan = rowPlan(shape);
    relation.later = later;
    if (shape === known) return;
    const dropped = known === null || isSameTable ? null : id;
    relation.announcement = { dropped, shape: { previous, rewritten } };
  }

  /**
   * A row comes whose record begins at `lsn`, without another Relation message: what was open about its columns may be
   * proven by that.
   */
  confirm(relation: LoggedRelation, lsn: number): void {
    const { later, plan, announcement } = relation;
    if (later === null || later === undefined || lsn < later.afterLsn) return;
    relation.later = null;
    const previous = plan?.shape ?? null;
    this.#shapes.set(later.shape.id, later.shape);
    relation.plan = rowPlan(later.shape);
    const told = announcement?.shape ?? { previous, rewritten: [] };
    relation.announcement = { dropped: announcement?.dropped ?? null, shape: told };
  }

  #renamedAway(relation: LoggedRelation): void {
    const { oid } = relation.message;
    const dropped = this.#nameOf(oid);
    if (dropped !== null) {
      this.#shapes.delete(dropped);
      this.#gone.add(dropped);
    }
    const uncaptured = { ...relation, captured: false, announcement: { dropped, shape: null } };
    this.#relations.set(oid, uncaptured);
  }

  /** The captured name that a table with this oid has, or had. */
  #nameOf(oid: number): TableId | null {
    const identity = String(oid);
    for (const [id, shape] of this.#shapes) if (shape.identity === identity) return id;
    return null;
  }
}
