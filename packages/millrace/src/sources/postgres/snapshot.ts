import { MillraceError } from "../../errors/millrace-error.ts";
import { Change } from "../../model/change.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { ChunkKey, Json, Position, TransactionId } from "../../model/position.ts";
import type { ChunkBatch, ChunkRange, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { type Row, UNCHANGED, type Value } from "../../model/value.ts";
import type { Queryable } from "./catalogue.ts";
import { connectionError } from "./connection-error.ts";
import type { PostgresConnection } from "./connection.ts";
import { type CopyColumns, copyColumnsOf, CopyRowParser } from "./copy-row.ts";
import { keyText } from "./keys.ts";
import { rowPlan } from "./row-plan.ts";
import type { SessionStash } from "./session-stash.ts";
import { whileServerWorks } from "./silence-watch.ts";
import { type CopiedRow, copyRows } from "./snapshot-copy.ts";
import { BEGIN_SQL, chunkSql, rowsSql } from "./snapshot-sql.ts";
import type { TableLocks } from "./table-lock.ts";
import { checkUnchanged, type TablePlan } from "./table-plan.ts";
import { serverText } from "./types.ts";
import { Visibility } from "./visibility.ts";

/** Keys that are asked for at once: bounds the statement's text. */
const KEYS_PER_QUERY = 500;

/** What a snapshot needs beside its connection. */
export interface SnapshotDependencies {
  readonly sessions: SessionStash;
  readonly locks: TableLocks;
  /** The publication's row filter for a table, by oid. */
  readonly filterOf: (identity: string) => string | null;
  readonly positionOf: (lsn: string) => Position;
}

/**
 * One REPEATABLE READ transaction on a connection of its own. What it sees is known from the first statement on; the
 * log end is read after that, so that every commit it sees lies before (I7).
 */
export class PostgresSnapshot implements SourceSnapshot {
  readonly logEnd: Position;
  readonly #visibility: Visibility;
  readonly #connection: PostgresConnection;
  readonly #dependencies: SnapshotDependencies;
  /** Tables are locked once; after that nothing about them can change until the transaction ends. */
  readonly #locked = new WeakMap<TableShape, TablePlan>();
  /** A COPY is under way, or was left half read: the session can only be cut. */
  #copying = false;
  #closed = false;

  private constructor(
    connection: PostgresConnection,
    dependencies: SnapshotDependencies,
    visibility: Visibility,
    logEnd: Position,
  ) {
    this.#connection = connection;
    this.#dependencies = dependencies;
    this.#visibility = visibility;
    this.logEnd = logEnd;
  }

  /** @throws MillraceError MR_SOURCE_REFUSED or MR_SOURCE_LOST_CONNECTION */
  static async open(dependencies: SnapshotDependencies): Promise<PostgresSnapshot> {
    const connection = await dependencies.sessions.take();
    try {
      const { visibility, end } = await whileServerWorks(connection, () =>
        begin(connection.client),
      );
      const logEnd = dependencies.positionOf(end);
      return new PostgresSnapshot(connection, dependencies, visibility, logEnd);
    } catch (error) {
      connection.destroy();
      throw connectionError(error, "taking a snapshot");
    }
  }

  get token(): Json {
    return this.#visibility.token;
  }

  sees(transaction: TransactionId): boolean {
    return this.#visibility.sees(transaction);
  }

  async *readChunk(
    shape: TableShape,
    range: ChunkRange,
    options: { maxValueBytes: number; batchBytes: number },
  ): AsyncGenerator<ChunkBatch, void, undefined> {
    const plan = checkUnchanged(shape, await this.#plan(shape));
    const sql = chunkSql(plan, range, this.#dependencies.filterOf(shape.identity));
    const parser = new CopyRowParser(copyColumnsOf(shape), options.maxValueBytes);
    for await (const batch of this.#copy(shape, sql, parser, options.batchBytes)) {
      failpoint("snapshot.chunk-batch");
      yield chunkBatch(shape, batch);
    }
  }

  async readRows(
    shape: TableShape,
    keys: readonly Row[],
    options: { maxValueBytes: number; keysOnly?: boolean },
  ): Promise<ReadonlyMap<string, Row>> {
    const plan = await this.#planIfThere(shape);
    const found = new Map<string, Row>();
    if (plan === null) return found;
    const filter = this.#dependencies.filterOf(shape.identity);
    const columns = options.keysOnly === true ? shape.key : shape.columns.map((_, index) => index);
    const names = columns.map((index) => plan.columns[index] ?? "NULL");
    const parser = new CopyRowParser(partOf(copyColumnsOf(shape), columns), options.maxValueBytes);
    for (let at = 0; at < keys.length; at += KEYS_PER_QUERY) {
      const texts = keys.slice(at, at + KEYS_PER_QUERY).map((row) => keyTextsOf(shape, row));
      const sql = rowsSql(plan, names, texts, filter);
      for await (const batch of this.#copy(shape, sql, parser, Number.POSITIVE_INFINITY)) {
        for (const { values } of batch) {
          const row = spread(shape, columns, values);
          found.set(keyText(shape, row), row);
        }
      }
    }
    return found;
  }

  /**
   * Null where the table, or its key, is gone. The log has no word about a dropped table, so that who asks for its rows
   * must be told that there are none, or would ask for ever.
   */
  async #planIfThere(shape: TableShape): Promise<TablePlan | null> {
    try {
      return await this.#plan(shape);
    } catch (error) {
      if (error instanceof MillraceError && error.facts["dropped"] === true) return null;
      throw error;
    }
  }

  /** Ends the transaction, and with it the locks on tables; never throws. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#copying || this.#connection.broken !== null) this.#connection.destroy();
    else await this.#dependencies.sessions.giveBack(this.#connection);
  }

  /** @throws MillraceError MR_BUG where a COPY is under way, or the snapshot was closed. */
  async *#copy(
    shape: TableShape,
    sql: string,
    parser: CopyRowParser,
    batchBytes: number,
  ): AsyncGenerator<CopiedRow[], void, undefined> {
    this.#checkFree(shape);
    this.#copying = true;
    const doing = `reading ${shape.id}`;
    yield* copyRows(this.#connection, sql, parser, {
      batchBytes,
      rowOverheadBytes: rowPlan(shape).overheadBytes,
      doing,
    });
    this.#copying = false;
  }

  #checkFree(shape: TableShape): void {
    if (this.#closed) throw new MillraceError("MR_BUG", `reading ${shape.id} in a closed snapshot`);
    if (!this.#copying) return;
    throw new MillraceError(
      "MR_SOURCE_LOST_CONNECTION",
      `reading ${shape.id} in a snapshot whose session is being read, or was left half read`,
    );
  }

  async #plan(shape: TableShape): Promise<TablePlan> {
    const locked = this.#locked.get(shape);
    if (locked !== undefined) return locked;
    this.#checkFree(shape);
    try {
      const plan = await whileServerWorks(this.#connection, () =>
        this.#dependencies.locks.lock(this.#connection.client, shape),
      );
      this.#locked.set(shape, plan);
      return plan;
    } catch (error) {
      throw connectionError(error, `preparing to read ${shape.id}`);
    }
  }
}

/** Where the log ends now, on a primary or on a standby. */
export const LOG_END_SQL = `
SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
  ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text AS lsn`;

/** Opens the transaction. What it sees is asked first, the log's end after that (I7). */
async function begin(client: Queryable): Promise<{ visibility: Visibility; end: string }> {
  await client.query(BEGIN_SQL);
  const seen = await client.query<{ snapshot: string; recovery: boolean }>(
    "SELECT pg_catalog.pg_current_snapshot()::text AS snapshot, pg_catalog.pg_is_in_recovery() AS recovery",
  );
  failpoint("snapshot.taken");
  const end = await client.query<{ lsn: string }>(LOG_END_SQL);
  const { snapshot = "", recovery = false } = seen.rows[0] ?? {};
  return { visibility: Visibility.parse(snapshot, recovery), end: end.rows[0]?.lsn ?? "" };
}

function chunkBatch(shape: TableShape, batch: readonly CopiedRow[]): ChunkBatch {
  const rows: Change[] = [];
  const { overheadBytes } = rowPlan(shape);
  let bytes = 0;
  for (const row of batch) {
    const weight = row.bytes + overheadBytes;
    bytes += weight;
    rows.push(new Change("r", shape, null, row.values, null, null, null, weight));
  }
  const last = batch.at(-1);
  return { rows, bytes, lastKey: last === undefined ? null : chunkKeyOf(shape, last.values) };
}

/** The key after which a later read goes on; null for a table without key, which cannot be read in parts. */
function chunkKeyOf(shape: TableShape, row: Row): ChunkKey | null {
  return shape.key.length === 0 ? null : [...keyTextsOf(shape, row)];
}

function keyTextsOf(shape: TableShape, row: Row): readonly string[] {
  return shape.key.map((index) => {
    const value: Value = row[index] ?? null;
    if (value === null || typeof value === "symbol") throw notAKey(shape);
    if (typeof value === "object" && !(value instanceof Uint8Array)) throw notAKey(shape);
    return serverText(value);
  });
}

function notAKey(shape: TableShape): MillraceError {
  return new MillraceError("MR_BUG", `a row of ${shape.id} came without its key`);
}

function partOf(all: CopyColumns, columns: readonly number[]): CopyColumns {
  const kept = columns.flatMap((column, index) => (all.kept.has(column) ? [index] : []));
  return { conversions: columns.map((index) => all.conversions[index] ?? 0), kept: new Set(kept) };
}

/** A full-width row of the columns that were read; the others are UNCHANGED, never NULL (I9). */
function spread(shape: TableShape, columns: readonly number[], values: Row): Row {
  if (columns.length === shape.columns.length) return values;
  const row: Value[] = shape.columns.map(() => UNCHANGED);
  for (const [at, index] of columns.entries()) row[index] = values[at] ?? null;
  return row;
}
