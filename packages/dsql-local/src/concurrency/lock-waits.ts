/**
 * Nobody waits for anybody: when PostgreSQL reports that a statement waits for a lock, the
 * transaction that holds it gives it up (see docs/dsql-local/concurrency.md).
 */
import type { AdminSession } from "../postgres/admin.ts";

/** A session's connection to PostgreSQL, as far as locks go. */
export interface LockHolder {
  readonly pid: number;
  /** Its running statement waits for a lock. */
  readonly waiting: boolean;
  /** Gives up its locks as soon as no statement of its own runs, if `stillWanted` then. */
  yieldLocks(stillWanted: () => boolean): void;
}

const RECHECK_MS = 20;

/** Finds who holds the lock that somebody waits for. */
export class LockWaits {
  readonly #admin: AdminSession;
  readonly #holders = new Map<number, LockHolder>();
  #count = 0;

  constructor(admin: AdminSession) {
    this.#admin = admin;
  }

  /** How often a statement had to wait. */
  get count(): number {
    return this.#count;
  }

  /** Adds a connection. */
  join(holder: LockHolder): void {
    this.#holders.set(holder.pid, holder);
  }

  /** Removes a connection. */
  leave(holder: LockHolder): void {
    this.#holders.delete(holder.pid);
  }

  /** A connection's statement began to wait. */
  blocked(waiter: LockHolder): void {
    this.#count++;
    this.#resolve(waiter).catch(() => {});
  }

  /**
   * Asks until the wait is over: the holder may itself be waiting, or may have
   * been between two transactions at the first look.
   */
  async #resolve(waiter: LockHolder): Promise<void> {
    while (waiter.waiting && this.#holders.has(waiter.pid)) {
      const rows = await this.#admin.query(`SELECT unnest(pg_blocking_pids(${waiter.pid}))`);
      for (const [pid] of rows) {
        this.#holders.get(Number(pid))?.yieldLocks(() => waiter.waiting);
      }
      await new Promise((resolve) => setTimeout(resolve, RECHECK_MS).unref());
    }
  }
}
