import { MillraceError } from "../../errors/millrace-error.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";
import type { FoundShape, ShapeOf } from "./relation-shape.ts";
import { rowPlan, type RowPlan } from "./row-plan.ts";

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

  constructor(tables: ReadonlyMap<TableId, TableShape>, shapeOf: ShapeOf) {
    this.#shapes = new Map(tables);
    this.#shapeOf = shapeOf;
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

  /** Finds the shape of a captured relation, and what has to be told about it. */
  async resolve(relation: LoggedRelation): Promise<void> {
    const { message } = relation;
    const id = tableId(message.schema, message.name);
    const known = this.#shapes.get(id) ?? null;
    if (known === null && !this.#gone.has(id)) {
      this.#renamedAway(relation);
      return;
    }
    const isSameTable = known?.identity === String(message.oid);
    const previous = isSameTable ? known : null;
    const { shape, rewritten, later = null } = await this.#shapeOf(message, previous);
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
