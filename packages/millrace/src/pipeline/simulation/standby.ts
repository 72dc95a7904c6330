import { MillraceError } from "../../errors/millrace-error.ts";
import type { TransactionId } from "../../model/position.ts";
import type { TableId } from "../../model/table.ts";
import type { ModelPosition, SourceServer } from "./source-server.ts";
import type { HeldSnapshot, SnapshotHost } from "./source-snapshot.ts";
import { applyTo, type StoredTable } from "./source-tables.ts";
import type { Process } from "./world.ts";

/** How often what comes next is not replayed yet. */
const LAGS = 0.8;

/**
 * A server that replays the log some time later, transaction by transaction, and may be ahead of what snapshots of the
 * log's server see. Its snapshots see exactly what was replayed. DDL waits for them, or ends them.
 */
export class Standby implements SnapshotHost {
  readonly visible: Map<TableId, StoredTable>;
  readonly snapshots = new Set<HeldSnapshot>();
  readonly #server: SourceServer;
  #replayed = 0;

  constructor(server: SourceServer) {
    this.#server = server;
    this.visible = new Map(server.committed);
    server.onLogged(() => this.#replayLater());
  }

  get world(): SourceServer["world"] {
    return this.#server.world;
  }

  /** Everything that it has lies before, and nothing else is certain to. */
  get logEnd(): ModelPosition {
    return [this.#server.log[this.#replayed - 1]?.end ?? 0, 0];
  }

  /** As `pg_last_wal_replay_lsn`: what is said of the log up to here is true of it. */
  get replayedTo(): number {
    const next = this.#server.log[this.#replayed];
    return next === undefined ? this.#server.logEnd[0] : next.commit;
  }

  token(): { readonly next: number; readonly unseen: TransactionId[]; readonly replayed: number } {
    const { open, log, nextXid } = this.#server;
    const unseen = [...open, ...log.slice(this.#replayed)].map(({ id }) => id);
    return { next: nextXid, unseen, replayed: this.replayedTo };
  }

  /** Locks of transactions that are under way elsewhere are no matter of readers here. */
  tableLocked(): boolean {
    return false;
  }

  handedOut(bytes: number): void {
    this.#server.handedOut(bytes);
  }

  lost(): MillraceError {
    return new MillraceError("MR_SOURCE_STANDBY", "(model) the standby ended the snapshot");
  }

  /** It restarts, or its connections are cut. */
  cut(): void {
    this.snapshots.clear();
  }

  disconnect(owner: Process): void {
    for (const held of this.snapshots) if (held.owner === owner) this.snapshots.delete(held);
  }

  #replayLater(): void {
    this.world.later("the standby replays", () => this.#replay());
  }

  #replay(): void {
    const { random } = this.world;
    const tx = this.#server.log[this.#replayed];
    if (tx === undefined) return;
    if (random.chance(LAGS)) return this.#replayLater();
    for (const { op } of tx.events) {
      if (op.kind === "put" || op.kind === "update" || op.kind === "delete") continue;
      const readers = [...this.snapshots].filter(({ locks }) => locks.has(op.table));
      if (readers.length > 0 && random.chance(0.7)) return this.#replayLater();
      for (const reader of readers) this.snapshots.delete(reader);
    }
    for (const { op } of tx.events) applyTo(this.visible, op);
    this.#replayed++;
    this.world.tell(() => `the standby has replayed ${tx.id}`);
  }
}
