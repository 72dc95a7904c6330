/** A superuser's session of ours on the PostgreSQL behind: for the catalogue, jobs and lock waits. */
import { Violation } from "../rules/rule.ts";
import { Backend } from "../session/backend.ts";
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

/** One query at a time; callers queue. */
export class AdminSession {
  readonly #backend: Backend;
  readonly #watcher: WaitWatcher | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(backend: Backend, watcher: WaitWatcher | undefined) {
    this.#backend = backend;
    this.#watcher = watcher;
  }

  /** Connects as the superuser; with a watcher its statements make holders of locks give them up. */
  static async open(target: Target, watcher?: WaitWatcher): Promise<AdminSession> {
    const opened = await openBackend(target, target.superuser);
    const ignore = (): void => {};
    const backend = new Backend(opened.socket, opened.pid, {
      onWaiting: (waiting) => {
        if (waiting) watcher?.blocked(session);
      },
      onAsyncFrame: ignore,
      onLost: ignore,
    });
    const session: AdminSession = new AdminSession(backend, watcher);
    watcher?.join(session);
    return session;
  }

  get pid(): number {
    return this.#backend.pid;
  }

  get waiting(): boolean {
    return this.#backend.waiting;
  }

  /** Our own statements do not give way. */
  yieldLocks(): void {}

  /** Runs one text; gives the rows of its last result. Throws the Violation that PostgreSQL answers. */
  query(sql: string): Promise<TextRow[]> {
    const turn = this.#tail.then(() => runQuery(this.#backend, sql));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Disconnects. */
  close(): void {
    this.#watcher?.leave(this);
    this.#backend.close();
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
