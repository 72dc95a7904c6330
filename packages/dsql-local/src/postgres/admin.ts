/** A superuser's session of ours on the PostgreSQL behind: for the catalogue, jobs and lock waits. */
import { Violation } from "../rules/rule.ts";
import { Backend, BackendLost } from "../session/backend.ts";
import { query, readReport, Type } from "../wire/messages.ts";
import { openBackend } from "./connect.ts";
import type { Target } from "./target.ts";
import { readRow, type TextRow } from "./rows.ts";

/** Told when a statement of a session waits for a lock: see concurrency/lock-waits.ts. */
export interface WaitWatcher {
  join(waiter: AdminSession): void;
  leave(waiter: AdminSession): void;
  blocked(waiter: AdminSession): void;
}

/** How a session comes back after PostgreSQL has died. */
export interface Revival {
  /** Makes PostgreSQL run where it does not. Rejects when that cannot be now. */
  revive(): Promise<void>;
  /** Runs first on the session that came back. */
  readonly firstSql: string;
  onRevived(): void;
}

const AGAIN_AFTER_MS = 50;

/** Building an index may take more than a client's query. */
const OWN_SETTINGS: ReadonlyMap<string, string> = new Map([["temp_file_limit", "-1"]]);

/** One query at a time; callers queue. */
export class AdminSession {
  readonly #target: Target;
  readonly #watcher: WaitWatcher | undefined;
  readonly #revival: Revival | undefined;
  #backend: Backend | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(target: Target, watcher?: WaitWatcher, revival?: Revival) {
    this.#target = target;
    this.#watcher = watcher;
    this.#revival = revival;
  }

  /**
   * Connects as the superuser; with a watcher its statements make holders of locks give them up, with a revival it
   * connects again when PostgreSQL is back. Until then its queries reject with BackendLost.
   */
  static async open(
    target: Target,
    watcher?: WaitWatcher,
    revival?: Revival,
  ): Promise<AdminSession> {
    const session = new AdminSession(target, watcher, revival);
    await session.#connect();
    return session;
  }

  async #connect(firstSql = ""): Promise<void> {
    const opened = await openBackend(this.#target, this.#target.superuser, OWN_SETTINGS);
    const backend: Backend = new Backend(opened.socket, opened.pid, {
      onWaiting: (waiting) => {
        if (waiting) this.#watcher?.blocked(this);
      },
      onAsyncFrame: () => {},
      onLost: () => this.#lose(backend),
    });
    if (firstSql !== "") await runQuery(backend, firstSql);
    if (this.#closed) return backend.close();
    this.#backend = backend;
    this.#watcher?.join(this);
  }

  #lose(backend: Backend): void {
    if (this.#closed || this.#backend !== backend) return;
    this.#watcher?.leave(this);
    if (this.#revival === undefined) return;
    this.#backend = undefined;
    void this.#comeBack(this.#revival);
  }

  async #comeBack(revival: Revival): Promise<void> {
    while (!this.#closed) {
      try {
        await revival.revive();
        await this.#connect(revival.firstSql);
        return revival.onRevived();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS).unref());
      }
    }
  }

  get pid(): number {
    return this.#backend?.pid ?? 0;
  }

  get waiting(): boolean {
    return this.#backend?.waiting === true;
  }

  /** They are in nobody's transaction. */
  readonly snapshotCommits = undefined;

  /** Our own statements do not give way. */
  yieldLocks(): void {}

  hold(): void {}

  /**
   * Runs one text; gives the rows of its last result. Throws the Violation that PostgreSQL answers, or BackendLost.
   */
  query(sql: string): Promise<TextRow[]> {
    const turn = this.#tail.then(() => {
      if (this.#backend === undefined) throw new BackendLost();
      return runQuery(this.#backend, sql);
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Disconnects. */
  close(): void {
    this.#closed = true;
    this.#watcher?.leave(this);
    this.#backend?.close();
  }
}

async function runQuery(backend: Backend, sql: string): Promise<TextRow[]> {
  let rows: TextRow[] = [];
  let failure: Violation | undefined;
  await backend.request([query(sql)], {
    onFrame(type, frame) {
      if (type === Type.rowDescription) rows = [];
      else if (type === Type.dataRow) rows.push(readRow(frame));
      else if (type === Type.error) failure ??= new Violation(readReport(frame));
    },
  });
  if (failure !== undefined) throw failure;
  return rows;
}
