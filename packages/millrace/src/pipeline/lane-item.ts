import type { Change, Op, Transaction } from "../model/change.ts";
import type { DeadLetter } from "../model/dead-letter.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import type { ChunkKey, Position } from "../model/position.ts";
import { LoggedChange } from "../model/logged-change.ts";
import { RowLine } from "../model/row-line.ts";
import type { TableId } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import type { LoadedBatch } from "./chunk-progress.ts";
import type { CompiledRoute } from "./routes.ts";
import type { SharedBytes } from "./shared-bytes.ts";
import type { TableRuntime } from "./table-runtime.ts";

/**
 * What a change does to its target row: `put` the whole row, `patch` what the log had of it, `remove` the key;
 * `append` and `remove-equal` are those of tables without key.
 */
export type RowWrite = "put" | "patch" | "remove" | "append" | "remove-equal";

/** A change in a lane. A class: one hidden class on the hot path. */
export class RowItem {
  readonly kind = "row";
  readonly write: RowWrite;
  readonly table: TableRuntime;
  readonly route: CompiledRoute;
  /** Canonical key text; empty for tables without key. */
  readonly key: string;
  /** Null for rows of chunks. Items with the same position object are never cut apart (fan-out). */
  readonly position: Position | null;
  /** Of a row of a chunk that its target takes as the source wrote it; else null. */
  readonly line: RowLine | null;
  /** Of a change whose rows its target takes as its source's log has them; else null. */
  readonly logged: LoggedChange | null;
  /** Of a row of a chunk that is told once: what it came with. */
  load: LoadedBatch | null = null;
  readonly #held: number | SharedBytes;
  #row: Row | null;
  #change: Change | null;

  constructor(
    write: RowWrite,
    table: TableRuntime,
    route: CompiledRoute,
    key: string,
    row: Row | null,
    position: Position | null,
    change: Change | RowLine,
    held: number | SharedBytes,
  ) {
    this.write = write;
    this.table = table;
    this.route = route;
    this.key = key;
    this.position = position;
    this.#held = held;
    this.line = change instanceof RowLine ? change : null;
    this.logged = row === null && change instanceof LoggedChange ? change : null;
    this.#row = row;
    this.#change = change instanceof RowLine ? null : change;
  }

  /** A row of a chunk, on a route that leaves rows as they are ({@link CompiledRoute.takesLines}). */
  static ofLine(
    table: TableRuntime,
    route: CompiledRoute,
    line: RowLine,
    held: number | SharedBytes,
  ): RowItem {
    return new RowItem("put", table, route, line.key, null, null, line, held);
  }

  /** A change, on a route that leaves rows as they are ({@link CompiledRoute.takesLines}). */
  static ofLogged(
    table: TableRuntime,
    route: CompiledRoute,
    change: LoggedChange,
    held: number | SharedBytes,
  ): RowItem {
    const write = change.op === "d" ? "remove" : "put";
    return new RowItem(write, table, route, change.key, null, change.position, change, held);
  }

  /**
   * It is durable, or does not enter its lane: what is given back to the budget, bytes. Once per item; of several of one row
   * the last one gives all of it.
   */
  letGo(): number {
    const held = this.#held;
    return typeof held === "number" ? held : held.letGo();
  }

  /** In the target's columns; for `remove` only the key columns count. */
  get row(): Row {
    const { change } = this;
    return (this.#row ??= (change.op === "d" ? change.before : change.after) ?? []);
  }

  get change(): Change {
    return this.#change ?? this.#read();
  }

  /** Nobody has made values of its row yet, nor needs to. */
  get isBytes(): boolean {
    return this.line !== null || this.logged !== null;
  }

  /** What its source says of its row, bytes: the same at each of its targets. */
  get weight(): number {
    return this.line === null ? this.change.bytes : this.line.bytes;
  }

  /** Null for rows of chunks. */
  get transaction(): Transaction | null {
    return this.line === null ? this.change.transaction : null;
  }

  /** What its row leaves out it may have changed itself: only the source has it (I9). */
  get unsure(): boolean {
    return this.route.unsure || (this.line === null && this.change.unsure);
  }

  /** The row of a key change under its new key; the sink has it under the old one, if at all. */
  get isNewHalf(): boolean {
    return this.write === "patch" && this.line === null && this.change.movedFrom !== null;
  }

  /** What it is at its target: the delete half of a key change is a delete. */
  get op(): Op {
    if (this.line !== null) return "r";
    return this.write === "remove" || this.write === "remove-equal" ? "d" : this.change.op;
  }

  #read(): Change {
    if (this.line === null)
      throw new MillraceError("MR_BUG", "an item with neither change nor line");
    return (this.#change = this.line.read());
  }

  /** An item that nothing was laid over is the outcome of its key by itself (compaction allocates nothing for it). */
  get item(): RowItem {
    return this;
  }
}

/** A row that is read once more because of its dead letter. Refused again, the letter stays, whatever the limits say. */
export class ReplayItem extends RowItem {}

/**
 * The row that a put-off key has at the sink goes, before all put-off rows are written again: so none is in another's way
 * (design/002). Its letter stays; where that is gone already, a newer change has settled the key, and nothing is done.
 */
export class ClearItem extends RowItem {}

/** The operator gives up a dead letter: it goes behind everything that is in its key's lane now. */
export interface Discard {
  readonly kind: "discard";
  readonly target: TableId;
  readonly key: string;
  /** Resolves when it is durable: the letter that went, or null where none stood any more. */
  readonly done: PromiseWithResolvers<DeadLetter | null>;
}

/** A position that passes through every lane; the frontier is the least mark that all have passed (I3). */
export interface Mark {
  readonly kind: "mark";
  readonly seq: number;
  position: Position;
  acknowledge: Position | null;
  sourceTimeMs: number | null;
  /** No source transaction has rows before it and rows behind it. */
  endsTransaction: boolean;
}

/** The same for a chunk: rows up to `key` are in the lanes before it. */
export interface ChunkMark {
  readonly kind: "chunk-mark";
  readonly key: ChunkKey | null;
  readonly rows: number;
  /** Lanes that have not passed it yet. */
  pending: number;
  /** Called once, when all lanes have passed it and everything before it is durable. */
  readonly passed: (mark: ChunkMark) => void;
}

/** One move of a key change whose row has UNCHANGED columns. */
export interface Move {
  readonly table: TableRuntime;
  readonly route: CompiledRoute;
  readonly fromKey: string;
  readonly from: Row;
  readonly toKey: string;
  readonly to: Row;
}

/**
 * A key change that two lanes (or one) make together: each stops here, the last to arrive lets `owner` write all lane
 * rows in one transaction (design/001 "Key changes").
 */
export interface Meeting {
  readonly kind: "meeting";
  readonly change: Change;
  readonly position: Position;
  readonly moves: readonly Move[];
  readonly lanes: readonly number[];
  readonly owner: number;
  readonly bytes: number;
  arrived: number;
  /** Resolves when all lanes are here. */
  readonly gathered: Promise<void>;
  readonly gather: () => void;
  /** Settles when the transaction is durable, or has failed. */
  readonly done: Promise<void>;
  readonly finish: (error?: unknown) => void;
}

/** What a lane holds, in order. */
export type LaneItem = RowItem | Mark | ChunkMark | Meeting | Discard;

/** It has a place in the log; rows of loads and of replays have none. */
export function isOfLog({ position }: RowItem): boolean {
  return position !== null;
}

/** Behind the last change of these items its source transaction has no more. */
export function endsTransaction(items: readonly LaneItem[]): boolean {
  const last = items.findLast(
    (item) => item.kind === "mark" || (item.kind === "row" && item.position !== null),
  );
  return last?.kind === "mark" && last.endsTransaction;
}

/** Makes a meeting of `lanes`; the first of them writes. */
export function makeMeeting(
  change: Change,
  position: Position,
  moves: readonly Move[],
  lanes: readonly number[],
  bytes: number,
): Meeting {
  const gathered = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => undefined); // the owner's failure ends the run; the others only wait for it
  return {
    kind: "meeting",
    change,
    position,
    moves,
    lanes,
    owner: lanes[0] ?? 0,
    bytes,
    arrived: 0,
    gathered: gathered.promise,
    gather: gathered.resolve,
    done: done.promise,
    finish: (error) => (error === undefined ? done.resolve() : done.reject(error)),
  };
}
