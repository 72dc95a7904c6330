import { MillraceError } from "../../errors/millrace-error.ts";
import { connectionError } from "./connection-error.ts";
import type { MysqlConnection } from "./connection.ts";
import type { RawRow } from "./snapshot-columns.ts";

/** What is read, and in which portions. */
export interface StreamOptions {
  readonly batchBytes: number;
  /** What a row weighs beside its bytes on the wire. */
  readonly rowOverheadBytes: number;
  /** What is being read, for messages; no values. */
  readonly doing: string;
  /** Done when the last row has come, before the last batch is given: the consumer may rest over that, too. */
  readonly ended?: () => Promise<void>;
}

/** Bytes that a row took on the wire. */
export function sentBytesOf(row: RawRow): number {
  let bytes = 0;
  for (const value of row) bytes += (value?.length ?? 0) + 1;
  return bytes;
}

/**
 * Runs a SELECT and gives its rows in batches. The driver parses what has come to the socket already, at most a piece of
 * it; nothing more is read while the consumer does not pull (I10). Where not all rows were taken, the connection is cut.
 * @throws MillraceError
 */
export async function* streamRows(
  connection: MysqlConnection,
  sql: string,
  options: StreamOptions,
): AsyncGenerator<readonly RawRow[], void, undefined> {
  const reading = new Reading(connection, sql, options);
  try {
    for (;;) {
      const batch = await reading.next();
      const { isOver } = reading;
      if (isOver) await options.ended?.();
      if (batch.length > 0) yield batch;
      if (isOver) return;
    }
  } catch (error) {
    throw connectionError(error, options.doing);
  } finally {
    reading.stop();
  }
}

/** One answer that is being read. */
class Reading {
  readonly #connection: MysqlConnection;
  readonly #options: StreamOptions;
  #rows: RawRow[] = [];
  #sentBytes = 0;
  #ended = false;
  #error: unknown = null;
  #wake: () => void = () => {};
  #heardAtMs = performance.now();

  constructor(connection: MysqlConnection, sql: string, options: StreamOptions) {
    this.#connection = connection;
    this.#options = options;
    const { client } = connection;
    const query = client.query({ sql, rowsAsArray: true, typeCast: false });
    query.on("result", (row: unknown) => {
      if (Array.isArray(row)) this.#take(row as RawRow);
    });
    query.on("error", (error: unknown) => {
      this.#error = error;
      this.#wake();
    });
    query.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** All rows were given. */
  get isOver(): boolean {
    return this.#ended && this.#rows.length === 0;
  }

  /** A batch as large as was wished, or the rest. */
  async next(): Promise<readonly RawRow[]> {
    this.#connection.client.resume();
    this.#heardAtMs = performance.now();
    while (!this.#isFull && !this.#ended && this.#error === null) await this.#heard();
    if (this.#error !== null) throw connectionError(this.#error, this.#options.doing);
    const batch = this.#rows;
    this.#rows = [];
    this.#sentBytes = 0;
    return batch;
  }

  /** A session that is left in the middle of an answer is of no use to anybody. */
  stop(): void {
    if (!this.#ended && this.#error === null) this.#connection.destroy();
  }

  get #isFull(): boolean {
    const weight = this.#sentBytes + this.#rows.length * this.#options.rowOverheadBytes;
    return weight >= this.#options.batchBytes;
  }

  #take(row: RawRow): void {
    this.#heardAtMs = performance.now();
    this.#sentBytes += sentBytesOf(row);
    this.#rows.push(row);
    if (!this.#isFull) return;
    this.#connection.client.pause();
    this.#wake();
  }

  /** Waits for something to happen; a server that says nothing for too long is given up. */
  async #heard(): Promise<void> {
    const { readTimeoutMs } = this.#connection.config;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, readTimeoutMs);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#error ??= this.#connection.broken;
    if (performance.now() - this.#heardAtMs < readTimeoutMs || this.#ended) return;
    this.#error ??= new MillraceError(
      "MR_SOURCE_LOST_CONNECTION",
      `the server has not sent anything for ${Math.round(readTimeoutMs / 1000)} s`,
    );
    this.#connection.destroy();
  }
}
