import { MillraceError } from "../errors/millrace-error.ts";
import type { Session } from "./session.ts";

/** Sessions for catalogue and control queries at most; a slow walk over an index does not hold up the others. */
const MOST_SESSIONS = 3;

/** How a source opens its sessions and works on them; `C` is what queries are sent on. */
export interface QueryPoolOptions<S extends Session, C> {
  /** @throws MillraceError */
  readonly open: () => Promise<S>;
  readonly work: <T>(session: S, work: (client: C) => Promise<T>) => Promise<T>;
  /** What it calls a failure of that. */
  readonly failure: (error: unknown) => MillraceError;
}

/**
 * A few ordinary sessions for small queries. A broken one, or one that does not answer, is replaced; a query whose session
 * proves to have died since it was last used is sent again on a new one, once, so that everything asked here must bear
 * being asked twice.
 */
export class QueryPool<S extends Session, C> {
  readonly #options: QueryPoolOptions<S, C>;
  readonly #idle: S[] = [];
  readonly #busy = new Set<S>();
  readonly #waiting: (() => void)[] = [];
  /** In use, or being opened, since before the last {@link renew}: not used again. */
  readonly #old = new WeakSet<S>();
  #round = 0;
  #open = 0;
  #closed = false;

  constructor(options: QueryPoolOptions<S, C>) {
    this.#options = options;
  }

  /** Runs several queries on one session; `once` where they must not be sent a second time. @throws MillraceError */
  async use<T>(work: (client: C) => Promise<T>, options: { once?: boolean } = {}): Promise<T> {
    const lease = await this.#take(options.once === true);
    try {
      return await this.#run(lease.session, work);
    } catch (error) {
      if (!lease.reused || options.once === true || !isLost(error)) throw error;
      const fresh = await this.#take(true);
      return await this.#run(fresh.session, work);
    }
  }

  /** No query goes to a session any more that was opened before; those under way end where they are. */
  renew(): void {
    this.#round += 1;
    for (const session of this.#busy) this.#old.add(session);
    for (const session of this.#idle.splice(0)) this.#discard(session);
  }

  /** Ends all sessions, those in use too. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    for (const session of this.#busy) session.destroy();
    await Promise.all(this.#idle.splice(0).map((session) => session.close()));
  }

  async #run<T>(session: S, work: (client: C) => Promise<T>): Promise<T> {
    try {
      const result = await this.#options.work(session, work);
      this.#giveBack(session);
      return result;
    } catch (error) {
      const failure = this.#options.failure(error);
      if (isLost(failure)) this.#discard(session);
      else this.#giveBack(session);
      throw failure;
    }
  }

  async #take(fresh: boolean): Promise<{ session: S; reused: boolean }> {
    for (;;) {
      if (this.#closed) throw closed();
      const idle = this.#idle.pop();
      if (idle !== undefined && idle.broken === null && !fresh) {
        this.#busy.add(idle);
        return { session: idle, reused: true };
      }
      if (idle !== undefined) this.#discard(idle);
      else if (this.#open < MOST_SESSIONS) return { session: await this.#connect(), reused: false };
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #connect(): Promise<S> {
    this.#open += 1;
    const round = this.#round;
    try {
      const session = await this.#options.open();
      if (round !== this.#round) this.#old.add(session);
      this.#busy.add(session);
      return session;
    } catch (error) {
      this.#open -= 1;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #giveBack(session: S): void {
    if (this.#closed || session.broken !== null || this.#old.has(session))
      return this.#discard(session);
    this.#busy.delete(session);
    this.#idle.push(session);
    this.#waiting.shift()?.();
  }

  #discard(session: S): void {
    this.#open -= 1;
    this.#busy.delete(session);
    session.destroy();
    this.#waiting.shift()?.();
  }
}

function isLost(error: unknown): boolean {
  return error instanceof MillraceError && error.code === "MR_SOURCE_LOST_CONNECTION";
}

function closed(): MillraceError {
  return new MillraceError("MR_SOURCE_LOST_CONNECTION", "the source was closed");
}
