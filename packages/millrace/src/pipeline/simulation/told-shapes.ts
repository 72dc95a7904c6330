import type { ShapeChange, Transaction } from "../../model/change.ts";
import type { Column, TableId, TableShape } from "../../model/table.ts";
import { Slot, type LogEvent, type LoggedTransaction, type SourceServer } from "./source-server.ts";
import { LARGE_ORDINAL } from "./source-tables.ts";

/** How rows of a table are decoded since the last message of its shape. */
interface Told {
  /** The shape that they truly have. */
  readonly truth: TableShape;
  /** As it was told: what is not proven is marked. */
  shape: TableShape;
  /** Rows whose transaction began here or later prove everything; null where they do not. */
  readonly provenFrom: number | null;
}

/**
 * Shapes that a session of the log has told of: with the first row of a table, and whenever rows have another one. Now and
 * then it is not proven which columns are meant (`sources/postgres/relation-shape.ts`): what the log says of those is
 * left out; where the catalogue looks the same, until a row comes from behind the look at it, else until it does.
 */
export class ToldShapes {
  readonly #server: SourceServer;
  /** As the sink has them, or as they were told. */
  readonly #known: Map<TableId, TableShape>;
  readonly #told = new Map<TableId, Told>();
  /** How often columns that were altered are not proven. */
  readonly #doubts: number;

  constructor(server: SourceServer, known: ReadonlyMap<TableId, TableShape>, doubts: number) {
    this.#server = server;
    this.#known = new Map(known);
    this.#doubts = doubts;
  }

  /** The shape that an event's rows are decoded by. */
  shapeOf({ shape }: LogEvent): TableShape {
    return this.#told.get(shape.id)?.shape ?? shape;
  }

  /** What has to be told before an event. */
  before(tx: LoggedTransaction, event: LogEvent, transaction: Transaction): ShapeChange | null {
    const { shape: truth } = event;
    const previous = this.#known.get(truth.id);
    if (previous === undefined) return null;
    const told = this.#told.get(truth.id);
    if (told?.truth === truth) {
      if (told.provenFrom !== null && tx.beganAt >= told.provenFrom) told.shape = truth;
      return null;
    }
    const found = this.#find(truth);
    this.#told.set(truth.id, found);
    const rewritten = this.#rewritten(previous, found);
    if (rewritten === null) return null;
    this.#known.set(truth.id, found.shape);
    const position = [tx.commit, event.n - Slot.EVENT + Slot.SHAPE] as const;
    return { kind: "shape", shape: found.shape, previous, rewritten, position, transaction };
  }

  /** A message tells the shape in its place: nothing about it is open. */
  message(tx: LoggedTransaction, event: LogEvent, transaction: Transaction): ShapeChange | null {
    const { shape: truth } = event;
    const previous = this.#known.get(truth.id);
    if (previous === undefined || previous.identity !== truth.identity) return null;
    const found = { truth, shape: truth, provenFrom: null };
    this.#told.set(truth.id, found);
    const rewritten = this.#rewritten(previous, found);
    if (rewritten === null) return null;
    this.#known.set(truth.id, truth);
    const position = [tx.commit, event.n - Slot.EVENT + Slot.SHAPE] as const;
    return { kind: "shape", shape: truth, previous, rewritten, position, transaction };
  }

  #find(truth: TableShape): Told {
    const proven = { truth, shape: truth, provenFrom: null };
    const { world, versions, visible } = this.#server;
    if (this.#doubts === 0 || (versions.get(truth.identity) ?? []).length < 2) return proven;
    const open = truth.columns.filter(
      (column) => (column.ordinal ?? 0) > LARGE_ORDINAL && world.random.chance(this.#doubts),
    );
    if (open.length === 0) return proven;
    const now = visible.get(truth.id)?.shape;
    const isPresent = now !== undefined && looksOf(now) === looksOf(truth);
    const doubt = (column: Column): Column =>
      open.includes(column)
        ? { ...column, unproven: true, ordinal: isPresent ? column.ordinal : null }
        : column;
    const shape = { ...truth, columns: truth.columns.map(doubt) };
    return { truth, shape, provenFrom: isPresent ? this.#server.nextLsn : null };
  }

  /** Columns whose values changed, or may have, without row events; null where nothing has to be told. */
  #rewritten(previous: TableShape, { truth, shape }: Told): string[] | null {
    const versions = this.#server.versions.get(truth.identity) ?? [];
    const known = versions.findIndex((v) => JSON.stringify(v.shape) === JSON.stringify(previous));
    const now = versions.findIndex((v) => v.shape === truth);
    if (shape === truth && known === now) return null;
    const since = versions.slice(known + 1, now + 1).flatMap((v) => v.rewritten);
    const isOpen = previous.columns.some(({ ordinal }) => ordinal === null);
    const changed = new Set(since);
    const own = shape.key.length === 0;
    return shape.columns
      .filter((column, i) => {
        const { ordinal } = truth.columns[i] ?? column;
        if (changed.has(ordinal ?? -1) || column.ordinal === null) return true;
        if (own && column.unproven === true) return true;
        return isOpen && previous.columns.every((c) => c.ordinal !== ordinal);
      })
      .map((column) => column.name);
  }
}

function looksOf({ identity, columns }: TableShape): string {
  return JSON.stringify([identity, columns.map(({ name, sourceType }) => [name, sourceType])]);
}
