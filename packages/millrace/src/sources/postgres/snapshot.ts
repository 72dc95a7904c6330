import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Json, Position, TransactionId } from "../../model/position.ts";
import { RowLine } from "../../model/row-line.ts";
import type { ChunkBatch, ChunkOptions, ChunkRange, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { type Row, UNCHANGED, type Value } from "../../model/value.ts";
import { SnapshotSession } from "../../sessions/snapshot-session.ts";
import { checkUnchanged, planIfThere } from "../../tables/changed-table.ts";
import { keyPortions, LoadedRows } from "../../tables/loaded-rows.ts";
import { rowOverheadBytes } from "../../tables/row-weight.ts";
import { connectionError } from "./connection-error.ts";
import type { PostgresConnection } from "./connection.ts";
import { type CopyColumns, copyColumnsOf, CopyRowParser } from "./copy-row.ts";
import { CopyLines } from "./copy-lines.ts";
import { keyText } from "./keys.ts";
import { formatLsn } from "./position.ts";
import type { SessionStash } from "./session-stash.ts";
import { whileServerWorks } from "./silence-watch.ts";
import { beginSnapshot, standbyError } from "./snapshot-begin.ts";
import { type CopiedRow, copyRows, type LineParser } from "./snapshot-copy.ts";
import { chunkSql, rowsSql } from "./snapshot-sql.ts";
import type { TableLocks } from "./table-lock.ts";
import type { TablePlan } from "./table-plan.ts";
import { serverText } from "./types.ts";
import type { Visibility } from "./visibility.ts";

/** Rows that are asked for by their keys come at once. */
const ALL = { batchBytes: Number.POSITIVE_INFINITY, closes: false };

/** What a snapshot needs beside its connection. */
export interface SnapshotDependencies {
  readonly sessions: SessionStash;
  readonly locks: TableLocks;
  /** The publication's row filter for a table, by oid. */
  readonly filterOf: (identity: string) => string | null;
  readonly positionOf: (lsn: string) => Position;
  /** Looks at the server that a snapshot was taken at. */
  readonly checkServer?: (connection: PostgresConnection) => Promise<void>;
}

/**
 * One REPEATABLE READ transaction on a connection of its own. What it sees is known from the first statement on; the
 * log end is read after that, so that every commit it sees lies before (I7).
 */
export class PostgresSnapshot implements SourceSnapshot {
  readonly logEnd: Position;
  readonly #visibility: Visibility;
  readonly #session: SnapshotSession<PostgresConnection>;
  readonly #dependencies: SnapshotDependencies;
  /** Tables are locked once; after that nothing about them can change until the transaction ends. */
  readonly #locked = new WeakMap<TableShape, TablePlan>();

  private constructor(
    connection: PostgresConnection,
    dependencies: SnapshotDependencies,
    visibility: Visibility,
    logEnd: Position,
  ) {
    this.#session = new SnapshotSession(connection, {
      giveBack: (given, isOver) => dependencies.sessions.giveBack(given, isOver),
      failure: connectionError,
    });
    this.#dependencies = dependencies;
    this.#visibility = visibility;
    this.logEnd = logEnd;
  }

  /**
   * On a standby not before that LSN was replayed. @throws MillraceError MR_SOURCE_REFUSED, MR_SOURCE_LOST_CONNECTION or
   * MR_SOURCE_STANDBY
   */
  static async open(
    dependencies: SnapshotDependencies,
    exact = false,
    behindLsn = 0,
  ): Promise<PostgresSnapshot> {
    const connection = await dependencies.sessions.take();
    try {
      const { visibility, end } = await whileServerWorks(connection, () =>
        beginSnapshot(connection.client, exact),
      );
      await dependencies.checkServer?.(connection);
      checkAge(visibility, behindLsn);
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

  get mayLiveMs(): number {
    return this.#session.mayLiveMs;
  }

  sees(transaction: TransactionId): boolean {
    return this.#visibility.sees(transaction);
  }

  async *readChunk(
    shape: TableShape,
    range: ChunkRange,
    options: ChunkOptions,
  ): AsyncGenerator<ChunkBatch, void, undefined> {
    const plan = checkUnchanged(shape, await this.#plan(shape));
    const { batchBytes, closes = false } = options;
    const copy = chunkSql(plan, range, this.#dependencies.filterOf(shape.identity));
    // In one message: the server is done when it has sent the rows, wherever on the way they wait for us.
    const sql = closes ? `${copy}; COMMIT` : copy;
    const rows = new CopyRowParser(copyColumnsOf(shape), options.maxValueBytes);
    const { lines } = options;
    const asLines = lines !== undefined && shape.key.length > 0;
    const parser: LineParser<Value[] | RowLine> = asLines
      ? new CopyLines(shape, rows, lines)
      : rows;
    if (shape.key.length === 0) await this.#liftStatementBound(shape);
    for await (const batch of this.#copy(shape, sql, parser, { batchBytes, closes })) {
      failpoint("snapshot.chunk-batch");
      yield chunkBatch(shape, batch);
    }
  }

  async readRows(
    shape: TableShape,
    keys: readonly Row[],
    options: { maxValueBytes: number; keysOnly?: boolean },
  ): Promise<ReadonlyMap<string, Row>> {
    const plan = await planIfThere(this.#plan(shape));
    const found = new Map<string, Row>();
    if (plan === null) return found;
    const filter = this.#dependencies.filterOf(shape.identity);
    const columns = options.keysOnly === true ? shape.key : shape.columns.map((_, index) => index);
    const names = columns.map((index) => plan.columns[index] ?? "NULL");
    const parser = new CopyRowParser(partOf(copyColumnsOf(shape), columns), options.maxValueBytes);
    for (const asked of keyPortions(keys)) {
      const texts = asked.map((row) => keyTextsOf(shape, row));
      const sql = rowsSql(plan, names, texts, filter);
      for await (const batch of this.#copy(shape, sql, parser, ALL)) {
        for (const { values } of batch) {
          const row = spread(shape, columns, values);
          found.set(keyText(shape, row), row);
        }
      }
    }
    return found;
  }

  /** Ends the transaction, and with it the locks on tables; never throws. */
  close(): Promise<void> {
    return this.#session.close();
  }

  /** @throws MillraceError MR_BUG where a COPY is under way, or the snapshot was closed. */
  async *#copy<Read>(
    shape: TableShape,
    sql: string,
    parser: LineParser<Read>,
    { batchBytes, closes }: { readonly batchBytes: number; readonly closes: boolean },
  ): AsyncGenerator<CopiedRow<Read>[], void, undefined> {
    const session = this.#session;
    session.begin(shape);
    yield* copyRows(session.connection, sql, parser, {
      batchBytes,
      rowOverheadBytes: rowOverheadBytes(shape),
      doing: `reading ${shape.id}`,
      ended: async () => {
        session.ended();
        if (closes) await session.close(true);
      },
    });
  }

  /** A table without key cannot be read in parts: its one statement takes as long as it takes. */
  async #liftStatementBound(shape: TableShape): Promise<void> {
    this.#session.checkFree(shape);
    try {
      const { client } = this.#session.connection;
      const lift = () => client.query("SET LOCAL statement_timeout = 0");
      await whileServerWorks(this.#session.connection, lift);
    } catch (error) {
      throw connectionError(error, `preparing to read ${shape.id}`);
    }
  }

  async #plan(shape: TableShape): Promise<TablePlan> {
    const locked = this.#locked.get(shape);
    if (locked !== undefined) return locked;
    this.#session.checkFree(shape);
    try {
      const plan = await whileServerWorks(this.#session.connection, () =>
        this.#dependencies.locks.lock(this.#session.connection.client, shape),
      );
      this.#locked.set(shape, plan);
      return plan;
    } catch (error) {
      throw connectionError(error, `preparing to read ${shape.id}`);
    }
  }
}

/** Another session may have told that the standby is there: behind its name may be two, and one may have crashed. */
function checkAge({ replayedLsn }: Visibility, behindLsn: number): void {
  if (replayedLsn === null || replayedLsn >= behindLsn) return;
  throw standbyError(
    `it has replayed to ${formatLsn(replayedLsn)} only, and what was told of snapshot.hostname before is at ${formatLsn(behindLsn)}`,
  );
}

function chunkBatch(shape: TableShape, batch: readonly CopiedRow<Value[] | RowLine>[]): ChunkBatch {
  const loaded = new LoadedRows(shape);
  for (const { values, bytes } of batch) {
    if (values instanceof RowLine) loaded.addLine(values, bytes);
    else loaded.add(values, bytes);
  }
  const last = shape.key.length === 0 ? undefined : batch.at(-1)?.values;
  if (last === undefined) return loaded.batch(null);
  const row = last instanceof RowLine ? (last.read().after ?? []) : last;
  return loaded.batch(keyTextsOf(shape, row));
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
