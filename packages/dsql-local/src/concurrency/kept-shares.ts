/**
 * FOR KEY SHARE counts against deletions and changes of keys that commit later (source CC), but a lock of PostgreSQL is gone
 * once its transaction has committed. So before that COMMIT a session of ours takes the same locks, and holds them for as
 * long as a transaction runs whose snapshot is older: one that runs into them has lost.
 */
import { identifier } from "../postgres/rows.ts";
import { openBackend, type Opened } from "../postgres/connect.ts";
import type { Target } from "../postgres/target.ts";
import { Answer } from "../session/answer.ts";
import { Backend } from "../session/backend.ts";
import type { Repeatable } from "../session/transaction.ts";
import { bind, execute, parse } from "../wire/extended.ts";
import { Frames, query } from "../wire/messages.ts";
import type { LockHolder, LockWaits } from "./lock-waits.ts";

/** Whom the locks cannot be had beside is the sharer itself: what it wrote is a mark already. */
const MOST_WAIT = "100ms";
const LOOK_MS = 1;
/** Somebody else may have been faster, or the session is lost: else who has ended is told so at once behind the lock. */
const MOST_HOLD_MS = 1_000;
const DROPPED = { sink: { add: () => {} } };

/** A transaction that is about to commit. */
export interface Sharer {
  readonly holder: LockHolder;
  /** Its statements that lock FOR KEY SHARE and do nothing else. */
  readonly statements: readonly Repeatable[];
  /** Its search path. */
  readonly schemas: readonly string[];
}

/** One per cluster. */
export class KeptShares {
  readonly #target: Target;
  readonly #waits: LockWaits;
  readonly #kept = new Set<KeptShare>();

  constructor(target: Target, waits: LockWaits) {
    this.#target = target;
    this.#waits = waits;
    waits.onEnded = (holder) => this.#sweep(holder);
  }

  /** Takes the locks where a transaction runs that they could count against; what is given has to be told of the COMMIT. */
  async keep({ holder, statements, schemas }: Sharer): Promise<KeptShare | undefined> {
    if (this.#waits.oldestSnapshot(holder) === undefined) return undefined;
    const share = await KeptShare.take(this.#target, this.#waits, { statements, schemas });
    if (share !== undefined) this.#kept.add(share);
    return share;
  }

  /** A transaction has ended: what was kept for its sake goes. */
  #sweep(ended: LockHolder): void {
    if (this.#kept.size === 0) return;
    const oldest = this.#waits.oldestSnapshot(ended) ?? Infinity;
    for (const share of this.#kept) {
      if (share.commit <= oldest) share.release();
      if (share.released) this.#kept.delete(share);
      else share.comeAfter(ended);
    }
  }

  /** Ends all. */
  stop(): void {
    for (const share of this.#kept) share.release();
    this.#kept.clear();
  }
}

/** The locks of one transaction. */
export class KeptShare implements LockHolder {
  /** The number of the COMMIT; until it is known, that of none. */
  commit = Infinity;
  readonly waiting = false;
  readonly snapshotCommits = undefined;
  readonly #waits: LockWaits;
  readonly #statements: readonly Repeatable[];
  readonly #backend: Backend;
  /** Its statements run. */
  #locking: Promise<boolean> | undefined;
  #lending = false;
  /** Who has the locks meanwhile. */
  #before: LockHolder | undefined;
  #released = false;
  #onBlocked: () => void = () => {};

  private constructor(
    { socket, pid }: Opened,
    waits: LockWaits,
    statements: readonly Repeatable[],
  ) {
    this.#statements = statements;
    this.#waits = waits;
    this.#backend = new Backend(socket, pid, {
      onWaiting: (waiting) => {
        if (waiting) this.#onBlocked();
      },
      onAsyncFrame: () => {},
      onLost: () => this.release(),
    });
    waits.join(this);
  }

  /** Undefined where they cannot be had. */
  static async take(
    target: Target,
    waits: LockWaits,
    { statements, schemas }: Omit<Sharer, "holder">,
  ): Promise<KeptShare | undefined> {
    const settings = new Map([
      ["search_path", schemas.map(identifier).join(", ")],
      ["default_transaction_isolation", "read committed"],
      ["lock_timeout", MOST_WAIT],
    ]);
    const opened = await openBackend(target, target.superuser, settings);
    const share = new KeptShare(opened, waits, statements);
    if (await share.#lock()) return share;
    share.release();
    return undefined;
  }

  /** False where something was in the way. */
  #lock(): Promise<boolean> {
    this.#locking = this.#lockAll()
      .catch(() => false)
      .finally(() => (this.#locking = undefined));
    return this.#locking;
  }

  async #lockAll(): Promise<boolean> {
    await this.#command("BEGIN");
    for (const { statement, types, bindRest } of this.#statements) {
      const answer = new Answer(0, DROPPED);
      const frames = [parse("", statement.sql, types), bind("", "", bindRest), execute("")];
      await this.#backend.request([...frames, Frames.sync], answer);
      if (answer.error !== undefined) return false;
    }
    return true;
  }

  #command(sql: string): Promise<void> {
    return this.#backend.request([query(sql)], new Answer(0, DROPPED));
  }

  get pid(): number {
    return this.#backend.pid;
  }

  get released(): boolean {
    return this.#released;
  }

  hold(): void {}

  /** Whose snapshot is older has lost. Who began later is let through, and stood behind. */
  yieldLocks(_stillWanted: () => boolean, waiter: LockHolder): void {
    const { snapshotCommits } = waiter;
    if (snapshotCommits === undefined) this.release();
    else if (snapshotCommits < this.commit) this.#waits.cancel(waiter, this);
    else if (!this.#lending) {
      this.#lending = true;
      const behind = this.#standBehind(waiter)
        .catch(() => this.release())
        .finally(() => (this.#lending = false));
      waiter.hold(behind);
    }
  }

  /**
   * Lets somebody have the locks and asks for them again, so that it comes next: somebody with an older snapshot would find
   * nothing in its way once the other rolls back, or is parked.
   */
  async #standBehind(waiter: LockHolder): Promise<void> {
    if (this.#locking !== undefined) {
      await this.#waits.interrupt(this);
      await this.#locking;
    }
    await this.#command("ROLLBACK");
    await this.#command("SET lock_timeout = 0");
    this.#before = waiter;
    while (waiter.waiting) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const blocked = new Promise<void>((resolve) => (this.#onBlocked = resolve));
    await Promise.race([blocked, this.#lock()]);
  }

  /** Who had the locks has ended, and is told so once they are here again. */
  comeAfter(ended: LockHolder): void {
    if (this.#before !== ended) return;
    this.#before = undefined;
    const enough = new Promise<void>((resolve) => setTimeout(resolve, MOST_HOLD_MS).unref());
    ended.hold(Promise.race([enough, Promise.resolve(this.#locking).then(() => {})]));
  }

  /** Gives the locks up. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#waits.leave(this);
    this.#backend.close();
  }
}
