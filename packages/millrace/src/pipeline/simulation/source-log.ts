import { MillraceError } from "../../errors/millrace-error.ts";
import {
  Change,
  type LogBatch,
  type LogItem,
  type Transaction,
  UnsureChange,
} from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { LogStart, SourceLog } from "../../model/source.ts";
import type { Row } from "../../model/value.ts";
import { UNCHANGED } from "../../model/value.ts";
import type { ModelLink } from "./source-link.ts";
import {
  compareModelPositions,
  modelPosition,
  Slot,
  type LogEvent,
  type LoggedTransaction,
  type ModelPosition,
  type SourceServer,
} from "./source-server.ts";
import { LARGE_ORDINAL, rowOf, type Cells, type SourceOp } from "./source-tables.ts";
import { ToldShapes } from "./told-shapes.ts";
import { skim, weigh } from "./values.ts";
import type { Process } from "./world.ts";

/** One replication session: transactions from their begin, shapes told when rows of another shape come. */
export class ModelLog implements SourceLog {
  readonly #server: SourceServer;
  readonly #link: ModelLink;
  readonly #slot: SourceServer["slot"];
  readonly #shapes: ToldShapes;
  readonly #maxValueBytes: number;
  #transaction: number;
  #event = 0;
  #told: ModelPosition | null = null;
  #finished: ModelPosition | null = null;
  #broken: MillraceError | null = null;

  constructor(server: SourceServer, link: ModelLink, start: LogStart, doubts: number) {
    this.#server = server;
    this.#link = link;
    this.#slot = server.slot;
    this.#shapes = new ToldShapes(server, start.tables, doubts);
    this.#maxValueBytes = start.maxValueBytes;
    const from = this.#startOf(start.from);
    const first = server.log.findIndex((tx) => tx.commit >= from[0]);
    this.#transaction = first === -1 ? server.log.length : first;
  }

  /** It still has the slot. */
  get open(): boolean {
    return this.#broken === null && !this.#link.owner.dead;
  }

  get owner(): Process {
    return this.#link.owner;
  }

  async next(): Promise<LogBatch> {
    for (;;) {
      await this.#link.call("log next");
      this.#refuseLost();
      if (this.#broken !== null) throw this.#broken;
      const batch = this.#batch();
      if (batch !== null) return batch;
      await this.#grown();
    }
  }

  acknowledge(position: Position): void {
    const { slot } = this.#server;
    const acknowledged = modelPosition(position);
    if (slot === null || slot !== this.#slot || this.#broken !== null) return;
    this.#link.acknowledged(acknowledged);
    if (compareModelPositions(slot.acknowledged, acknowledged) < 0)
      slot.acknowledged = acknowledged;
  }

  /** Another session took the slot, or the connection is gone. */
  breakOff(): void {
    this.#broken ??= new MillraceError(
      "MR_SOURCE_LOST_CONNECTION",
      "(model) the log's connection is gone",
    );
    this.#server.nudge();
  }

  async close(): Promise<void> {
    this.breakOff();
    await this.#link.step("log close");
  }

  /** The slot was dropped under the session, or its log was taken away. */
  #refuseLost(): void {
    if (this.#server.slot === this.#slot) return;
    this.#broken ??= new MillraceError("MR_SOURCE_SLOT_LOST", "(model) the slot was lost");
  }

  /** A walsender begins at the later of what was asked for and what was acknowledged; it says nothing of it. */
  #startOf(from: Position | null): ModelPosition {
    const { slot } = this.#server;
    if (slot === null) throw new MillraceError("MR_SOURCE_SLOT_MISSING", "(model) no slot");
    if (from === null) return slot.acknowledged;
    const asked = modelPosition(from);
    this.#link.replaysFrom(asked, slot.acknowledged);
    return asked[0] < slot.acknowledged[0] ? slot.acknowledged : [asked[0], 0];
  }

  async #grown(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.onGrowth(resolve));
  }

  #batch(): LogBatch | null {
    const items: LogItem[] = [];
    let position: ModelPosition | null = null;
    let timeMs: number | null = null;
    for (let left = this.#server.world.random.between(1, 4); left > 0; left--) {
      const tx = this.#server.log[this.#transaction];
      if (tx === undefined) break;
      timeMs = tx.timeMs;
      position = this.#advance(tx, items);
    }
    position ??= this.#idle();
    if (position === null) return null;
    const bytes = items.reduce((sum, item) => sum + (item.kind === "change" ? item.bytes : 0), 0);
    this.#server.largestBatch = Math.max(this.#server.largestBatch, bytes);
    return { items, position, acknowledge: this.#finished, sourceTimeMs: timeMs, bytes };
  }

  /** One event, or the end, of a transaction. */
  #advance(tx: LoggedTransaction, items: LogItem[]): ModelPosition {
    const event = tx.events[this.#event++];
    if (event === undefined) {
      this.#transaction++;
      this.#event = 0;
      this.#finished = [tx.end, 0];
      return this.#finished;
    }
    if (event.published) this.#decode(tx, event, items);
    return [tx.commit, event.n];
  }

  /** A keepalive: where the log ends, once. */
  #idle(): ModelPosition | null {
    const end = this.#server.logEnd;
    if (this.#told !== null && compareModelPositions(this.#told, end) === 0) return null;
    this.#told = end;
    this.#finished = end;
    return end;
  }

  #decode(tx: LoggedTransaction, event: LogEvent, items: LogItem[]): void {
    const { op, n } = event;
    const transaction: Transaction = { id: tx.id, commitTimeMs: tx.timeMs };
    const position: Position = [tx.commit, n];
    if (isQuiet(op)) return;
    if (op.kind === "truncate") {
      items.push({ kind: "truncate", table: op.table, position, transaction });
      return;
    }
    const told = this.#shapes.before(tx, event, transaction);
    if (told !== null) items.push(told);
    const change = this.#change(event, position, transaction);
    if (change !== null) items.push(change);
  }

  #change(event: LogEvent, position: Position, transaction: Transaction): Change | null {
    const { op } = event;
    const silent = (op.kind === "put" || op.kind === "update") && op.unsure === true;
    const shape = this.#shapes.shapeOf(event);
    const make = (
      kind: "c" | "u" | "d",
      before: Row | null,
      after: Row | null,
      movedFrom: Position | null,
    ) => {
      const bytes = weigh(before) + weigh(after);
      const Made = silent ? UnsureChange : Change;
      return new Made(kind, shape, before, after, position, movedFrom, transaction, bytes);
    };
    const row = (cells: Cells | undefined) =>
      rowOf(shape, cells ?? new Map()).map((value, i) => {
        if (shape.columns[i]?.unproven === true) return UNCHANGED;
        return shape.key.includes(i) ? value : skim(value, this.#maxValueBytes);
      });
    const keyed = shape.key.length > 0;
    const told = (cells: Cells, untouched: ReadonlySet<number>): Row =>
      row(cells).map((value, i) => {
        const ordinal = shape.columns[i]?.ordinal ?? -1;
        const isLeftOut = untouched.has(ordinal) || (silent && ordinal === LARGE_ORDINAL);
        return keyed && isLeftOut ? UNCHANGED : value;
      });
    if (op.kind === "put") return make("c", null, told(op.cells, new Set()), null);
    if (op.kind !== "update" && op.kind !== "delete") return null;
    const old = row(event.before.rows.get(op.key));
    const identity = keyed
      ? old.map((value, i) => (shape.key.includes(i) ? value : UNCHANGED))
      : old;
    if (op.kind === "delete") return make("d", identity, null, null);
    const after = told(op.cells, op.untouched);
    if (!keyed) return make("u", old, after, null);
    const [commit] = modelPosition(position);
    const movedFrom: Position = [commit, event.n - Slot.EVENT + Slot.MOVED_FROM];
    // A key that is spelled in another way is another text: the log has its old row.
    const isSame = old[shape.key[0] ?? -1] === after[shape.key[0] ?? -1];
    return isSame ? make("u", null, after, null) : make("u", identity, after, movedFrom);
  }
}

/** No log tells of it; a new shape is told with the next row. */
function isQuiet({ kind }: SourceOp): boolean {
  return kind !== "put" && kind !== "update" && kind !== "delete" && kind !== "truncate";
}
