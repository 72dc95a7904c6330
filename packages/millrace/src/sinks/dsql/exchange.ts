import type { Connection, Submittable } from "pg";

/** How one statement of an exchange ended. */
export interface StatementResult {
  /** The server's tag, e.g. `INSERT 0 12` or `COMMIT`. */
  readonly tag: string;
  /** Rows that it changed or answered; 0 where the tag has no number. */
  readonly count: number;
  /** First column of the rows it answered. */
  readonly firstColumn: readonly (string | null)[];
}

/** An exchange failed; `cause` is the server's or the socket's error. */
export class ExchangeError extends Error {
  /** Statements that had succeeded before; the index of the one that failed. */
  readonly completed: number;

  constructor(completed: number, cause: unknown) {
    super("exchange failed", { cause });
    this.completed = completed;
  }
}

/** What was handed to the socket is its own. */
const SENT = Buffer.alloc(0);

/** The part of pg's messages that is looked at. */
interface DataRowMessage {
  readonly fields: readonly (string | null)[];
}

/**
 * Several statements sent as one write with one Sync, answered one after the other: what pg calls a query, so that it
 * takes its turn on the connection. See `wire.ts` for why one Sync.
 */
export class Exchange implements Submittable {
  readonly result: Promise<readonly StatementResult[]>;
  #messages: Buffer;
  readonly #results: StatementResult[] = [];
  readonly #settle: {
    resolve(results: readonly StatementResult[]): void;
    reject(error: ExchangeError): void;
  };
  #rows: (string | null)[] = [];
  #submitted = false;

  constructor(messages: Buffer) {
    this.#messages = messages;
    const { promise, resolve, reject } = Promise.withResolvers<readonly StatementResult[]>();
    this.result = promise;
    this.#settle = { resolve, reject };
  }

  /** The messages were handed to the socket. */
  get submitted(): boolean {
    return this.#submitted;
  }

  /** Called by pg when it is our turn. */
  submit(connection: Connection): void {
    this.#submitted = true;
    connection.stream.write(this.#messages);
    this.#messages = SENT;
  }

  /** Called by pg. */
  handleDataRow(message: DataRowMessage): void {
    this.#rows.push(message.fields[0] ?? null);
  }

  /** Called by pg. */
  handleCommandComplete(message: { readonly text: string }): void {
    const count = Number(/\d+$/.exec(message.text)?.[0] ?? 0);
    this.#results.push({ tag: message.text, count, firstColumn: this.#rows });
    this.#rows = [];
  }

  /** Called by pg: the Sync was answered. */
  handleReadyForQuery(): void {
    this.#settle.resolve(this.#results);
  }

  /** Called by pg, for the server's errors and for those of the connection. */
  handleError(error: unknown): void {
    this.#settle.reject(new ExchangeError(this.#results.length, error));
  }

  /** Called by pg: a COPY asks for its data, which is on the way already. */
  handleCopyInResponse(): void {}
  /** Called by pg; no statement of ours describes, pages, copies out or is empty. */
  handleRowDescription(): void {}
  /** Called by pg. */
  handlePortalSuspended(): void {}
  /** Called by pg. */
  handleEmptyQuery(): void {}
  /** Called by pg. */
  handleCopyData(): void {}
}
