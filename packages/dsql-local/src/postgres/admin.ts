/** A superuser's session of ours on the PostgreSQL behind: for the catalogue, jobs and lock waits. */
import { Backend } from "../session/backend.ts";
import { Violation } from "../rules/rule.ts";
import { query, readReport, Type } from "../wire/messages.ts";
import { openBackend, type Target } from "./connect.ts";
import { readRow, type TextRow } from "./rows.ts";

/** One query at a time; callers queue. */
export class AdminSession {
  readonly #backend: Backend;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Connects as the superuser. */
  static async open(target: Target): Promise<AdminSession> {
    const opened = await openBackend(target, target.superuser);
    const ignore = (): void => {};
    const events = { onWaiting: ignore, onAsyncFrame: ignore, onLost: ignore };
    return new AdminSession(new Backend(opened.socket, opened.pid, events));
  }

  /** Runs one text; gives the rows of its last result. Throws the Violation that PostgreSQL answers. */
  query(sql: string): Promise<TextRow[]> {
    const turn = this.#tail.then(() => runQuery(this.#backend, sql));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Disconnects. */
  close(): void {
    this.#backend.close();
  }
}

/** Runs one simple query on a backend; gives the rows of its last result. Throws the first error. */
export async function runQuery(backend: Backend, sql: string): Promise<TextRow[]> {
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
