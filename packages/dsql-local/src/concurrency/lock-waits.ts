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
  /** How many COMMITs the snapshot of its running transaction has behind it. */
  readonly snapshotCommits: number | undefined;
  /** Gives up its locks as soon as no statement of its own runs, if `stillWanted` then. */
  yieldLocks(stillWanted: () => boolean, waiter: LockHolder): void;
  /** What runs now is not answered before this is done. */
  hold(until: Promise<void>): void;
}

const RECHECK_MS = 20;

/** Finds who holds the lock that somebody waits for. */
export class LockWaits {
  readonly #admin: AdminSession;
  readonly #holders = new Map<number, LockHolder>();
  readonly #cancelling = new Set<LockHolder>();
  #count = 0;
  /** Told when a holder's transaction has ended. */
  onEnded: (holder: LockHolder) => void = () => {};

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
    this.ended(holder);
  }

  /** A holder's transaction has ended. */
  ended(holder: LockHolder): void {
    this.onEnded(holder);
  }

  /** The oldest snapshot of all running transactions but one: how many COMMITs it has behind it. */
  oldestSnapshot(except: LockHolder): number | undefined {
    let oldest: number | undefined;
    for (const holder of this.#holders.values()) {
      const { snapshotCommits } = holder;
      if (holder === except || snapshotCommits === undefined) continue;
      oldest = Math.min(oldest ?? Infinity, snapshotCommits);
    }
    return oldest;
  }

  /** Ends a statement of ours that waits for a lock. */
  async interrupt(waiter: LockHolder): Promise<void> {
    await this.#admin.query(`SELECT pg_cancel_backend(${waiter.pid})`);
  }

  /** Ends a statement that waits for a lock which is not going to be given up, and only while it does. */
  cancel(waiter: LockHolder, holder: LockHolder): void {
    if (this.#cancelling.has(waiter)) return;
    this.#cancelling.add(waiter);
    const sql = `SELECT pg_cancel_backend(${waiter.pid}) WHERE ${holder.pid} = ANY(pg_blocking_pids(${waiter.pid}))`;
    const again = (): void => void this.#cancelling.delete(waiter);
    // Until its end is known here, a second one could hit what runs next.
    const told = ([row]: readonly unknown[]): void => {
      if (row === undefined || !waiter.waiting) again();
      else setTimeout(() => told(waiter.waiting ? [row] : []), RECHECK_MS).unref();
    };
    this.#admin.query(sql).then(told, again);
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
        this.#holders.get(Number(pid))?.yieldLocks(() => waiter.waiting, waiter);
      }
      await new Promise((resolve) => setTimeout(resolve, RECHECK_MS).unref());
    }
  }
}
