/** A superuser's session of ours on the PostgreSQL behind: for the catalogue, jobs and lock waits. */
import { Backend } from "../session/backend.ts";
import { Violation } from "../rules/rule.ts";
import { query, readReport, Type } from "../wire/messages.ts";
import { openBackend, type Target } from "./connect.ts";

/** A row of texts. */
export type TextRow = readonly (string | null)[];

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

function readRow(frame: Buffer): TextRow {
  const count = frame.readUInt16BE(5);
  const row: (string | null)[] = [];
  let at = 7;
  for (let i = 0; i < count; i++) {
    const lengthBytes = frame.readInt32BE(at);
    at += 4;
    if (lengthBytes < 0) {
      row.push(null);
    } else {
      row.push(frame.toString("utf8", at, at + lengthBytes));
      at += lengthBytes;
    }
  }
  return row;
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  const escaped = text.replaceAll("'", "''");
  return escaped.includes("\\") ? ` E'${escaped.replaceAll("\\", "\\\\")}'` : `'${escaped}'`;
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
