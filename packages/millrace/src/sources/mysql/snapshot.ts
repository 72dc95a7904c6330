import type { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { Json, Position, TransactionId } from "../../model/position.ts";
import type { ChunkBatch, ChunkOptions, ChunkRange, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { SnapshotSession } from "../../sessions/snapshot-session.ts";
import {
  checkUnchanged,
  planIfThere,
  tableChanged,
  tableGone,
} from "../../tables/changed-table.ts";
import { keyPortions, LoadedRows } from "../../tables/loaded-rows.ts";
import { connectionError, errnoOf } from "./connection-error.ts";
import type { MysqlConnection } from "./connection.ts";
import { quote } from "./key-column.ts";
import { keyText } from "./keys.ts";
import { PacketLines } from "./packet-lines.ts";
import type { ValueOptions } from "./row-plan.ts";
import type { SeenPlace } from "./seen-place.ts";
import { beginSnapshot } from "./snapshot-begin.ts";
import type { AnsweredRow } from "./answer-reader.ts";
import { snapshotColumns } from "./snapshot-columns.ts";
import { streamRows } from "./snapshot-rows.ts";
import type { SessionStash } from "./snapshot-sessions.ts";
import { chunkSql, rowsSql, unbounded } from "./snapshot-sql.ts";
import { readTablePlan, type TablePlan } from "./table-plan.ts";
import type { LogOffset } from "./transaction-id.ts";
import type { Visibility } from "./visibility.ts";

/** What a snapshot needs beside its connection. */
export interface SnapshotDependencies {
  readonly sessions: SessionStash;
  readonly seen: SeenPlace;
  readonly clock: Clock;
  readonly values: ValueOptions;
  readonly positionOf: (end: LogOffset) => Position;
}

/** How a snapshot is opened. */
export interface OpenOptions {
  readonly exact?: boolean;
  /** Everything that begins before it is seen. */
  readonly behind?: LogOffset | null;
  readonly signal?: AbortSignal;
}

/**
 * One REPEATABLE READ transaction on a session of its own. What it sees is known when it is opened; the log end is read
 * after that, so that every commit it sees lies before (I7).
 */
export class MysqlSnapshot implements SourceSnapshot {
  readonly logEnd: Position;
  readonly #visibility: Visibility;
  readonly #session: SnapshotSession<MysqlConnection>;
  readonly #dependencies: SnapshotDependencies;
  /** Of tables that were read once: nothing about them can change until the transaction ends. */
  readonly #locked = new WeakMap<TableShape, TablePlan>();

  private constructor(
    connection: MysqlConnection,
    dependencies: SnapshotDependencies,
    visibility: Visibility,
    logEnd: Position,
  ) {
    this.#session = new SnapshotSession(connection, {
      giveBack: (given) => dependencies.sessions.giveBack(given),
      failure: connectionError,
    });
    this.#dependencies = dependencies;
    this.#visibility = visibility;
    this.logEnd = logEnd;
  }

  /** @throws MillraceError */
  static async open(
    dependencies: SnapshotDependencies,
    { exact = false, behind = null, signal }: OpenOptions = {},
  ): Promise<MysqlSnapshot> {
    const { seen, clock, sessions } = dependencies;
    const connection = await sessions.take();
    try {
      if (behind !== null)
        await seen.reach(connection, behind, signal ?? new AbortController().signal);
      const begun = await beginSnapshot(connection, { seen, clock, exact, signal });
      failpoint("mysql-snapshot.taken");
      const logEnd = dependencies.positionOf(begun.end);
      return new MysqlSnapshot(connection, dependencies, begun.visibility, logEnd);
    } catch (error) {
      connection.destroy();
      if (signal?.aborted === true) throw error;
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
    const { maxValueBytes, batchBytes, closes = false, lines: laneOf } = options;
    const { values } = this.#dependencies;
    const all = shape.columns.map((_, index) => index);
    const columns = snapshotColumns(shape, plan, all, { values, maxValueBytes, bounds: true });
    const { flavor } = this.#session.connection.version;
    const bounded = chunkSql(plan, columns.select, range);
    const sql = shape.key.length === 0 ? unbounded(bounded, flavor) : bounded;
    let loaded = new LoadedRows(shape);
    const lines =
      laneOf === undefined
        ? null
        : PacketLines.of(shape, { columns, values, maxValueBytes, laneOf });
    const take = (answered: AnsweredRow): boolean => {
      const line = lines?.line(answered) ?? null;
      const row = line === null ? columns.row(answered) : (lines?.row ?? []);
      if (line === null) loaded.add(row, answered.rowBytes);
      else loaded.addLine(line, answered.rowBytes);
      columns.lastKey.passed(answered, row);
      return loaded.bytes >= batchBytes;
    };
    for await (const _rows of this.#stream(shape, sql, { take, closes })) {
      if (loaded.bytes === 0) continue;
      failpoint("mysql-snapshot.chunk-batch");
      const batch = loaded.batch(columns.lastKey.read());
      loaded = new LoadedRows(shape);
      yield batch;
    }
  }

  async readRows(
    shape: TableShape,
    keys: readonly Row[],
    options: { maxValueBytes: number; keysOnly?: boolean },
  ): Promise<ReadonlyMap<string, Row>> {
    const found = new Map<string, Row>();
    const plan = keys.length === 0 ? null : await planIfThere(this.#plan(shape));
    if (plan === null) return found;
    const { values } = this.#dependencies;
    const { maxValueBytes, keysOnly = false } = options;
    const wanted = keysOnly ? shape.key : shape.columns.map((_, index) => index);
    const columns = snapshotColumns(shape, plan, wanted, { values, maxValueBytes, bounds: false });
    for (const asked of keyPortions(keys)) {
      const texts = new Set(asked.map((row) => keyText(shape, row)));
      const sql = rowsSql(shape, plan, columns.select, asked);
      const take = (answered: AnsweredRow): boolean => {
        const row = columns.row(answered);
        const text = keyText(shape, row);
        // The column's collation may hold another spelling to be the same key; for us that is another row.
        if (texts.has(text)) found.set(text, row);
        return false;
      };
      for await (const _rows of this.#stream(shape, sql, { take, closes: false })) continue;
    }
    return found;
  }

  /** Ends the transaction, and with it the locks on tables; never throws. */
  close(): Promise<void> {
    return this.#session.close();
  }

  async *#stream(
    shape: TableShape,
    sql: string,
    { take, closes }: { readonly take: (row: AnsweredRow) => boolean; readonly closes: boolean },
  ): AsyncGenerator<void, void, undefined> {
    const session = this.#session;
    session.begin(shape);
    const ended = async (): Promise<void> => {
      session.ended();
      if (closes) await session.close();
    };
    try {
      yield* streamRows(session.connection, sql, { take, doing: `reading ${shape.id}`, ended });
    } catch (error) {
      throw tableError(shape, error) ?? error;
    }
  }

  /**
   * Reading of the table keeps it as it is until the transaction ends; what was altered after the snapshot was opened is
   * refused by the server. The catalogue, which knows no snapshots, is asked after that.
   */
  async #plan(shape: TableShape): Promise<TablePlan> {
    const locked = this.#locked.get(shape);
    if (locked !== undefined) return locked;
    this.#session.checkFree(shape);
    try {
      const name = `${quote(shape.schema)}.${quote(shape.name)}`;
      await this.#session.connection.query(`SELECT 1 FROM ${name} LIMIT 1`);
      const plan = await readTablePlan(this.#session.connection, shape);
      this.#locked.set(shape, plan);
      return plan;
    } catch (error) {
      throw tableError(shape, error) ?? connectionError(error, `preparing to read ${shape.id}`);
    }
  }
}

const TABLE_ALTERED = 1412;
const UNKNOWN_COLUMN = 1054;
const NO_SUCH_TABLE: ReadonlySet<number> = new Set([1049, 1051, 1146]);

/** What the server says of a table that is not as it was; null where it says something else. */
function tableError(shape: TableShape, error: unknown): MillraceError | null {
  const errno = errnoOf(error) ?? 0;
  if (NO_SUCH_TABLE.has(errno)) return tableGone(shape, "the table was dropped");
  if (errno === TABLE_ALTERED) return tableChanged(shape, "it was altered after the snapshot");
  return errno === UNKNOWN_COLUMN ? tableChanged(shape, "a column is not there") : null;
}
