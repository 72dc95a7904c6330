import { MillraceError } from "../../errors/millrace-error.ts";
import type { Position, TransactionId } from "../../model/position.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { foreignLocks } from "./foreign-keys.ts";
import { Publication } from "./publication.ts";
import type { HeldSnapshot, SnapshotHost } from "./source-snapshot.ts";
import { keysOf, opText, wholeTable } from "./source-ops.ts";
import { applyTo, VALUE_ORDINAL, type SourceOp, type StoredTable } from "./source-tables.ts";
import type { Process, World } from "./world.ts";

/** `[commit, n]`: like PostgreSQL's, `[c, 0]` is a boundary between transactions. */
export type ModelPosition = readonly [commit: number, n: number];

/** Reads a position that came back from the pipeline or its state. */
export function modelPosition(position: Position): ModelPosition {
  if (Array.isArray(position) && position.length === 2) {
    const [commit, n]: readonly unknown[] = position;
    if (typeof commit === "number" && typeof n === "number") return [commit, n];
  }
  throw new Error(`not a position of the model: ${JSON.stringify(position)}`);
}

/** Order of two positions. */
export function compareModelPositions(a: Position, b: Position): number {
  const [ac, an] = modelPosition(a);
  const [bc, bn] = modelPosition(b);
  return ac - bc || an - bn;
}

/** Places at one event, as in PostgreSQL's log: a shape before it, the delete half of a key change, the event. */
export const Slot = { DROPPED: 0, SHAPE: 1, MOVED_FROM: 2, EVENT: 3 } as const;

/** One event of a committed transaction. `n` is its place within the transaction. */
export interface LogEvent {
  readonly n: number;
  readonly op: SourceOp;
  /** The shape of the table's rows at the event. */
  readonly shape: TableShape;
  readonly published: boolean;
  /** The table before the event, for old values. */
  readonly before: StoredTable;
}

/** A transaction of the source's applications. */
export interface SourceTransaction {
  readonly id: string;
  readonly ops: readonly SourceOp[];
  /** Tables of the publication when it began, by identity; its changes of other tables are never logged. */
  readonly logs: (identity: string) => boolean;
  /** The log's end when it began: its records lie behind. */
  readonly beganAt: number;
  state: "open" | "logged" | "visible" | "rolled-back";
}

/** A committed transaction as the log has it. */
export interface LoggedTransaction {
  readonly id: string;
  readonly beganAt: number;
  readonly commit: number;
  readonly end: number;
  readonly timeMs: number;
  readonly events: readonly LogEvent[];
}

/** A shape that a table had, and which columns it brought without row events. */
export interface ShapeVersion {
  readonly shape: TableShape;
  /** By ordinal: a later version may have them under other names. */
  readonly rewritten: readonly number[];
}

/**
 * A database server with a write-ahead log: transactions lock keys, are in the log before snapshots see them, and may
 * roll back. One replication slot holds the log.
 */
export class SourceServer implements SnapshotHost {
  readonly world: World;
  /** What a snapshot taken now sees. */
  visible = new Map<TableId, StoredTable>();
  /** What the log comes to. */
  committed = new Map<TableId, StoredTable>();
  readonly initial: ReadonlyMap<TableId, StoredTable>;
  readonly log: LoggedTransaction[] = [];
  readonly open = new Set<SourceTransaction>();
  readonly logged = new Set<SourceTransaction>();
  /** By the table's identity. */
  readonly versions = new Map<string, ShapeVersion[]>();
  readonly snapshots = new Set<HeldSnapshot>();
  readonly publication: Publication;
  slot: { acknowledged: ModelPosition; readonly start: ModelPosition } | null = null;
  /** Which server it is, where one takes over from another. */
  era = 0;
  nextXid = 100;
  nextLsn = 10;
  /** Tables with key have a unique index on their value column. */
  unique = false;
  /** Tables with key have foreign keys. */
  foreign: { readonly isSelf: boolean } | null = null;
  /** The largest batch that was handed out, bytes. */
  largestBatch = 0;
  #waiters: (() => void)[] = [];
  #onLogged: () => void = () => {};

  constructor(world: World, tables: readonly StoredTable[], publishesAll = false) {
    this.world = world;
    this.publication = new Publication(publishesAll);
    for (const table of tables) this.addTable(table);
    this.initial = new Map(this.committed);
  }

  addTable(table: StoredTable): void {
    const { id, identity } = table.shape;
    this.committed.set(id, table);
    this.visible.set(id, table);
    this.versions.set(identity, [{ shape: table.shape, rewritten: [] }]);
  }

  /** Nothing that will ever come is before it, everything that is there lies before it. */
  get logEnd(): ModelPosition {
    return [this.nextLsn, 0];
  }

  /** Begins a transaction; null where another one holds what it needs. */
  begin(ops: readonly SourceOp[]): SourceTransaction | null {
    if (ops.some((op) => !this.#free(op))) return null;
    const id = String(this.nextXid++);
    const tx: SourceTransaction = {
      id,
      ops,
      logs: this.publication.logs,
      beganAt: this.nextLsn,
      state: "open",
    };
    this.open.add(tx);
    return tx;
  }

  /** Into the log; not visible yet. */
  commit(tx: SourceTransaction): void {
    const commit = this.nextLsn;
    const events: LogEvent[] = [];
    for (const [i, op] of tx.ops.entries()) {
      const before = op.kind === "make" ? op.made : this.#table(this.committed, op.table);
      applyTo(this.committed, op);
      const { shape } = this.committed.get(op.table) ?? before;
      this.#remember(before.shape, op);
      const n = 4 * (i + 1) + Slot.EVENT;
      events.push({ n, op, shape, published: tx.logs(shape.identity), before });
    }
    this.nextLsn = commit + 1 + this.world.random.between(0, 2);
    const end = commit + 1;
    const { id, beganAt } = tx;
    this.log.push({ id, beganAt, commit, end, timeMs: this.world.nowMs, events });
    this.open.delete(tx);
    this.logged.add(tx);
    tx.state = "logged";
    this.world.tell(
      () => `source logs ${tx.id} at ${commit}: ${events.map(({ op }) => opText(op)).join("; ")}`,
    );
    this.#onLogged();
    this.#wake();
  }

  /** Snapshots see it from now on. */
  show(tx: SourceTransaction): void {
    for (const op of tx.ops) applyTo(this.visible, op);
    this.logged.delete(tx);
    tx.state = "visible";
    this.world.tell(() => `source shows ${tx.id}`);
  }

  rollBack(tx: SourceTransaction): void {
    this.open.delete(tx);
    tx.state = "rolled-back";
  }

  /** The log's end moves without a transaction. */
  nudge(): void {
    this.nextLsn++;
    this.#wake();
  }

  /** Calls back whenever a transaction is in the log. */
  onLogged(heard: () => void): void {
    this.#onLogged = heard;
  }

  token(): { readonly next: number; readonly unseen: TransactionId[]; readonly era: number } {
    const unseen = [...this.open, ...this.logged].map((tx) => tx.id);
    return { next: this.nextXid, unseen, era: this.era };
  }

  handedOut(bytes: number): void {
    this.largestBatch = Math.max(this.largestBatch, bytes);
  }

  lost(): MillraceError {
    return new MillraceError("MR_SOURCE_LOST_CONNECTION", "(model) the snapshot is gone");
  }

  /** Calls back once when the log has grown. */
  onGrowth(wake: () => void): void {
    this.#waiters.push(wake);
  }

  /** Whether a transaction holds the whole table. */
  tableLocked(table: TableId): boolean {
    return this.#holders().some((tx) => tx.ops.some((op) => op.table === table && wholeTable(op)));
  }

  /** The server is killed and comes back: what had not committed is gone, what had is visible, nobody is connected. */
  restart(): void {
    for (const tx of this.open) this.rollBack(tx);
    for (const tx of this.logged) this.show(tx);
    this.snapshots.clear();
    this.nudge();
  }

  /** Another server takes over, which has applied all of the log. */
  failOver(): void {
    this.restart();
    this.era++;
    this.world.tell(() => `server ${this.era} takes over`);
  }

  /** Transactions that a snapshot taken now does not see. */
  readonly underWay = (): Set<SourceTransaction> => new Set([...this.open, ...this.logged]);

  /** The connections of a process are gone. */
  disconnect(owner: Process): void {
    for (const snapshot of this.snapshots)
      if (snapshot.owner === owner) this.snapshots.delete(snapshot);
  }

  #holders(): SourceTransaction[] {
    return [...this.open, ...this.logged];
  }

  #free(op: SourceOp): boolean {
    if (this.tableLocked(op.table) || this.#isReferred(op)) return false;
    const others = this.#holders().flatMap((tx) =>
      tx.ops.filter((other) => other.table === op.table),
    );
    if (wholeTable(op)) {
      return others.length === 0 && ![...this.snapshots].some(({ locks }) => locks.has(op.table));
    }
    const keys = new Set(this.#locksOf(op));
    return !others.some((other) => this.#locksOf(other).some((key) => keys.has(key)));
  }

  /** Another transaction takes away a row that the change rests on, or rests on one that it takes away. */
  #isReferred(op: SourceOp): boolean {
    if (this.foreign === null) return false;
    const { isSelf } = this.foreign;
    const { rests, takes } = foreignLocks(op, isSelf);
    return this.#holders().some(({ ops }) =>
      ops.some((other) => {
        const held = foreignLocks(other, isSelf);
        return (
          rests.some((row) => held.takes.includes(row)) ||
          takes.some((row) => held.rests.includes(row))
        );
      }),
    );
  }

  /** Keys, and with a unique index the values that it takes or lets go of. */
  #locksOf(op: SourceOp): string[] {
    if (!this.unique) return keysOf(op);
    const row = keysOf(op)[0] ?? "";
    const values = [this.committed, this.visible].map((tables) =>
      tables.get(op.table)?.rows.get(row)?.get(VALUE_ORDINAL),
    );
    if (op.kind === "put" || op.kind === "update") values.push(op.cells.get(VALUE_ORDINAL));
    const taken = values.filter((value) => typeof value === "string");
    return [...keysOf(op), ...taken.map((value) => `value ${value}`)];
  }

  #remember({ identity }: TableShape, op: SourceOp): void {
    const known = this.versions.get(identity) ?? [];
    if (op.kind === "make") this.versions.set(identity, [{ shape: op.made.shape, rewritten: [] }]);
    if (op.kind !== "reshape") return;
    this.versions.set(identity, [...known, { shape: op.shape, rewritten: [...op.filled.keys()] }]);
  }

  #table(tables: ReadonlyMap<TableId, StoredTable>, id: TableId): StoredTable {
    const table = tables.get(id);
    if (table === undefined) throw new Error(`the model source has no table ${id}`);
    return table;
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
