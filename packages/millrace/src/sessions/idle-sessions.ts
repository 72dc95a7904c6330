import type { Session } from "./session.ts";

/** Idle sessions that are kept at most. */
const MOST_IDLE = 4;

/** How a source opens its sessions, and ends a transaction on them. */
export interface IdleSessionsOptions<S extends Session> {
  /** @throws MillraceError */
  readonly open: () => Promise<S>;
  readonly rollBack: (session: S) => Promise<unknown>;
}

/**
 * Sessions for snapshots: a chunk takes one from here and gives it back, so that small chunks and small tables do not
 * pay for a connection each.
 */
export class IdleSessions<S extends Session> {
  readonly #options: IdleSessionsOptions<S>;
  readonly #idle: S[] = [];
  /** A session of before the last {@link renew} is not taken back. */
  #round = {};
  readonly #roundOf = new WeakMap<S, object>();
  #closed = false;

  constructor(options: IdleSessionsOptions<S>) {
    this.#options = options;
  }

  /** @throws MillraceError */
  async take(): Promise<S> {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined) return this.#open();
      if (idle.broken === null) return idle;
      idle.destroy();
    }
  }

  async #open(): Promise<S> {
    const round = this.#round;
    const session = await this.#options.open();
    this.#roundOf.set(session, round);
    return session;
  }

  /** Takes back a session; its transaction may still be open unless it `isOver`. */
  async giveBack(session: S, isOver = false): Promise<void> {
    try {
      if (!isOver) await this.#options.rollBack(session);
    } catch {
      session.destroy();
      return;
    }
    const isOld = this.#roundOf.get(session) !== this.#round;
    if (this.#closed || isOld || this.#idle.length >= MOST_IDLE) await session.close();
    else this.#idle.push(session);
  }

  /** Nobody gets a session any more that was opened before. */
  renew(): void {
    this.#round = {};
    for (const session of this.#idle.splice(0)) session.destroy();
  }

  /** Ends the idle sessions; those in use end when they are given back. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#idle.splice(0).map((session) => session.close()));
  }
}
