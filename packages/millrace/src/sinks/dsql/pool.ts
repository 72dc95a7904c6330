import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock, Random } from "../../model/ports.ts";
import type { SinkConnection } from "./sink-connection.ts";

/** How many connections, and how long they live. */
export interface PoolLimits {
  readonly max: number;
  readonly min: number;
  readonly maxLifetimeMs: number;
  readonly idleTimeoutMs: number;
}

/** Told how the pool stands; for metrics. */
export interface PoolObserver {
  counts(counts: { readonly active: number; readonly idle: number }): void;
  acquired(tookMs: number): void;
}

/** What the pool looks at. */
export interface Poolable {
  readonly broken: boolean;
  /** Says goodbye; never rejects. */
  close(): Promise<void>;
  /** Cuts the connection; what is in flight on it fails. */
  destroy(): void;
}

interface Held<C> {
  readonly connection: C;
  /** When it is retired; a little apart for each, so that not all are opened anew at once. Monotonic ms. */
  readonly retireAtMs: number;
  idleSinceMs: number;
}

/** How long connections in use may go on when the pool closes, ms; then they are cut. */
const CLOSE_GRACE_MS = 5_000;

/** How often idle connections are looked at, ms. */
const SWEEP_MS = 15_000;

/**
 * Connections for lanes. The last one given back is the first one given out, so that few stay warm with their prepared
 * statements. One is retired between two uses, never within.
 */
export class ConnectionPool<C extends Poolable = SinkConnection> {
  readonly #open: (signal: AbortSignal) => Promise<C>;
  readonly #limits: PoolLimits;
  readonly #ports: { readonly clock: Clock; readonly random: Random };
  readonly #observer: PoolObserver;
  readonly #idle: Held<C>[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #closed = new AbortController();
  /** Connections that are saying goodbye. */
  readonly #ending = new Set<Promise<void>>();
  readonly #lent = new Set<Held<C>>();
  /** Lent, or being opened. */
  #active = 0;
  #sweeper: Promise<void> = Promise.resolve();

  constructor(
    open: (signal: AbortSignal) => Promise<C>,
    limits: PoolLimits,
    ports: { readonly clock: Clock; readonly random: Random },
    observer: PoolObserver,
  ) {
    this.#open = open;
    this.#limits = limits;
    this.#ports = ports;
    this.#observer = observer;
  }

  /** Opens the least number of connections and starts to retire old ones. */
  async start(): Promise<void> {
    const first = Array.from({ length: Math.max(1, this.#limits.min) }, () =>
      this.use(() => Promise.resolve()),
    );
    await Promise.all(first);
    this.#sweeper = this.#sweep().catch(() => {});
  }

  /**
   * Lends a connection for as long as `work` takes; waits where all are in use. A connection that `work` left broken
   * is not lent again.
   */
  async use<T>(work: (connection: C) => Promise<T>): Promise<T> {
    const askedAtMs = this.#ports.clock.monotonic();
    const held = await this.#acquire();
    this.#observer.acquired(this.#ports.clock.monotonic() - askedAtMs);
    this.#lent.add(held);
    this.#tell();
    try {
      // It may have been opened while the pool was closed.
      this.#closed.signal.throwIfAborted();
      return await work(held.connection);
    } finally {
      this.#release(held);
    }
  }

  /** Ends idle connections now and the others when they are given back, or cuts them when that takes too long. */
  async close(): Promise<void> {
    this.#closed.abort(new MillraceError("MR_SINK_LOST_CONNECTION", "the sink was closed"));
    for (const wake of this.#waiting.splice(0)) wake();
    for (const held of this.#idle.splice(0)) this.#end(held.connection);
    await this.#drain();
    await Promise.all(this.#ending);
    await this.#sweeper;
  }

  async #drain(): Promise<void> {
    if (this.#active === 0) return;
    const stop = new AbortController();
    const cut = this.#ports.clock.sleep(CLOSE_GRACE_MS, stop.signal).then(
      () => this.#lent.forEach((held) => held.connection.destroy()),
      () => {},
    );
    while (this.#active > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    stop.abort();
    await cut;
  }

  async #acquire(): Promise<Held<C>> {
    for (;;) {
      this.#closed.signal.throwIfAborted();
      const idle = this.#idle.pop();
      if (idle === undefined && this.#active >= this.#limits.max) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      if (idle !== undefined && this.#spent(idle)) {
        this.#end(idle.connection);
        continue;
      }
      this.#active += 1;
      return idle ?? (await this.#openOne());
    }
  }

  async #openOne(): Promise<Held<C>> {
    const { clock, random } = this.#ports;
    try {
      const connection = await this.#open(this.#closed.signal);
      const lifetimeMs = this.#limits.maxLifetimeMs * (1 - random() * 0.1);
      return { connection, retireAtMs: clock.monotonic() + lifetimeMs, idleSinceMs: 0 };
    } catch (error) {
      this.#active -= 1;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #release(held: Held<C>): void {
    this.#active -= 1;
    this.#lent.delete(held);
    if (this.#closed.signal.aborted || this.#spent(held)) this.#end(held.connection);
    else {
      held.idleSinceMs = this.#ports.clock.monotonic();
      this.#idle.push(held);
    }
    this.#waiting.shift()?.();
    this.#tell();
  }

  #spent(held: Held<C>): boolean {
    return held.connection.broken || this.#ports.clock.monotonic() >= held.retireAtMs;
  }

  /** Closes what is dead, too old, or idle for too long beyond the least number. */
  async #sweep(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await this.#ports.clock.sleep(Math.min(SWEEP_MS, this.#limits.idleTimeoutMs), signal);
      const longIdle = this.#ports.clock.monotonic() - this.#limits.idleTimeoutMs;
      for (const held of this.#idle.slice()) {
        const spare =
          this.#idle.length + this.#active > this.#limits.min && held.idleSinceMs < longIdle;
        if (this.#spent(held) || spare) this.#retire(held);
      }
      this.#tell();
    }
  }

  #retire(held: Held<C>): void {
    this.#idle.splice(this.#idle.indexOf(held), 1);
    this.#end(held.connection);
  }

  #end(connection: C): void {
    const goodbye = connection.close().finally(() => this.#ending.delete(goodbye));
    this.#ending.add(goodbye);
  }

  #tell(): void {
    this.#observer.counts({ active: this.#active, idle: this.#idle.length });
  }
}
