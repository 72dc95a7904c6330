import { MillraceError } from "../../errors/millrace-error.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import type { Clock, Logger, Random } from "../../model/ports.ts";
import { type Holder, holderText, takenOverText } from "../../model/holder.ts";
import type {
  Commit,
  CommitResult,
  KeyPage,
  LaneRow,
  Sink,
  SinkCapabilities,
  Takeover,
  TargetChange,
  TargetCheck,
  TargetIdentities,
  TaskDocument,
} from "../../model/sink.ts";
import type { TableId, TableShape, TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { claimTargets } from "./claim-targets.ts";
import { sendCommit } from "./commit.ts";
import { planCommit } from "./commit-plan.ts";
import type { CostObserver } from "./dpu-estimate.ts";
import { estimateDpu } from "./dpu-estimate.ts";
import type { SqlSinkOptions } from "./options.ts";
import type { ConnectionPool } from "./pool.ts";
import type { SinkProfile } from "./profile.ts";
import type { RetryPorts } from "./retry.ts";
import { untilDone } from "./retry.ts";
import type { Ways } from "./row-ways.ts";
import { RowWays } from "./row-ways.ts";
import type { SinkConnection } from "./sink-connection.ts";
import { estimateRowBytes } from "./size-estimate.ts";
import type { StateStatements } from "./state-statements.ts";
import { stateStatements } from "./state-statements.ts";
import { ensureStateTables } from "./state-tables.ts";
import { mapTargetTable } from "./table-mapping.ts";
import { TableStatements } from "./table-statements.ts";
import type { TaskName } from "./takeover.ts";
import {
  readDocuments,
  readHolder,
  readLanes,
  readLetters,
  readTasks,
  takeOver,
} from "./takeover.ts";
import type { SchemaMapper } from "./type-mapping.ts";
import { TargetTables } from "./target-tables.ts";

/** What the sink is made of. It owns the pool and closes it. */
export interface SqlSinkParts {
  /** This process as a holder of the task. */
  readonly holder: Holder;
  readonly profile: SinkProfile;
  readonly options: SqlSinkOptions;
  readonly pool: ConnectionPool;
  readonly mapper: SchemaMapper;
  readonly observer: CostObserver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Lanes beyond this would only wait for connections. */
const MAX_LANES = 256;

/**
 * Writes rows and checkpoints to Aurora DSQL or PostgreSQL, exactly once: every commit of a lane is one transaction
 * that also writes its lane row, under a fence that the server checks (I5, I6).
 */
export class SqlSink implements Sink {
  readonly kind: string;
  readonly capabilities: SinkCapabilities;
  readonly #parts: SqlSinkParts;
  readonly #statements: StateStatements;
  readonly #tables: TargetTables;
  readonly #compiled = new WeakMap<TargetTable, TableStatements>();
  readonly #ways: RowWays;
  readonly #closing = new AbortController();
  readonly #holder: Holder;
  #task: (TaskName & { readonly fence: number }) | null = null;

  constructor(parts: SqlSinkParts) {
    const { profile } = parts;
    this.kind = profile.kind;
    this.capabilities = {
      transactional: true,
      maxLanes: MAX_LANES,
      maxRowsPerCommit: profile.maxRowsPerCommit,
      maxBytesPerCommit: profile.maxBytesPerCommit,
      maxValueBytes: profile.maxValueBytes,
      lastWriteWins: true,
      partialUpdates: true,
      takesLines: profile.copies,
    };
    this.#parts = parts;
    this.#holder = parts.holder;
    this.#ways = new RowWays(profile, parts);
    this.#statements = stateStatements(parts.options.stateSchema);
    const stillMine = (connection: SinkConnection) => this.#stillMine(connection);
    const { pool } = parts;
    const { serverTimeouts } = profile;
    this.#tables = new TargetTables({ pool, retry: this.#retry(), stillMine, serverTimeouts });
  }

  /** See {@link Sink.mapTable}. */
  mapTable(shape: TableShape, target: { schema: string; name: string }): TargetTable {
    const { profile, options, mapper } = this.#parts;
    const mapping = { profile, unconstrainedNumeric: options.unconstrainedNumeric };
    return mapTargetTable(shape, target, mapping, mapper);
  }

  /** See {@link Sink.estimateBytes}. */
  estimateBytes(_table: TargetTable, row: Row): number {
    return estimateRowBytes(row);
  }

  /** See {@link Sink.open}. */
  async open(): Promise<void> {
    await this.#parts.pool.start();
    const prepare = (connection: SinkConnection) => ensureStateTables(connection, this.#statements);
    await untilDone(
      () => this.#parts.pool.use(prepare),
      this.#retry(),
      "preparing the state tables",
    );
  }

  /** See {@link Sink.takeOver}. */
  async takeOver({ pipeline, task, lanes }: TaskName & { lanes: number }): Promise<Takeover> {
    const parts = {
      pool: this.#parts.pool,
      statements: this.#statements,
      retry: this.#retry(),
      holder: this.#holder,
    };
    const takeover = await takeOver(parts, { pipeline, task }, lanes);
    this.#task = { pipeline, task, fence: takeover.fence };
    return takeover;
  }

  /** See {@link Sink.holder}. */
  async holder(): Promise<string | null> {
    const task = this.#currentTask();
    const look = (connection: SinkConnection) => readHolder(connection, this.#statements, task);
    const { mark } = await this.#parts.pool.use(look);
    return mark === null ? null : holderText(mark);
  }

  /** See {@link Sink.readLanes}. */
  readLanes(): Promise<readonly LaneRow[]> {
    const task = this.#currentTask();
    return this.#parts.pool.use((connection) => readLanes(connection, this.#statements, task));
  }

  /** See {@link Sink.commit}. */
  async commit(commit: Commit): Promise<CommitResult> {
    const ways = this.#ways.choose(commit);
    for (;;) {
      try {
        return await this.#send(commit, ways);
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        if (!this.#ways.narrow(error, commit, ways)) throw error;
      }
    }
  }

  /** See {@link Sink.claimTargets}. */
  claimTargets(
    targets: readonly TableId[],
    shared: boolean,
    others: "let-go" | "keep" = "let-go",
  ): Promise<void> {
    const claim = { pipeline: this.#currentTask().pipeline, targets, shared, others };
    const stillMine = (connection: SinkConnection) => this.#stillMine(connection);
    return untilDone(
      () => this.#parts.pool.use((c) => claimTargets(c, this.#statements, claim, stillMine)),
      this.#retry(),
      "claiming targets",
    );
  }

  /** See {@link Sink.checkTable}. */
  checkTable(table: TargetTable, create: "if-missing" | "never"): Promise<TargetCheck> {
    return this.#tables.check(table, create);
  }

  /** See {@link Sink.checkPresent}. */
  checkPresent(tables: readonly TargetTable[]): Promise<ReadonlyMap<TargetTable, TargetCheck>> {
    return this.#tables.checkPresent(tables);
  }

  /** See {@link Sink.addColumns}. */
  addColumns(table: TargetTable): Promise<readonly string[]> {
    return this.#tables.addColumns(table);
  }

  /** See {@link Sink.identifyTargets}. */
  identifyTargets(tables: readonly TargetTable[]): Promise<TargetIdentities> {
    const home = { schema: this.#parts.options.stateSchema, name: "state" };
    return this.#tables.identify(tables, home);
  }

  /** See {@link Sink.applyChange}. */
  applyChange(change: TargetChange): Promise<void> {
    return this.#tables.apply(change);
  }

  /** See {@link Sink.finishChange}. */
  finishChange(change: TargetChange): Promise<void> {
    return this.#tables.finish(change);
  }

  /** See {@link Sink.readKeys}. */
  readKeys(table: TargetTable, after: Row | null, limit: number): Promise<KeyPage> {
    return this.#tables.readKeys(table, after, limit);
  }

  /** See {@link Sink.readDeadLetters}. */
  readDeadLetters(task: TaskName): Promise<readonly DeadLetter[]> {
    return this.#parts.pool.use((connection) => readLetters(connection, this.#statements, task));
  }

  /** See {@link Sink.readDocuments}. */
  readDocuments(pipeline: string, prefix: string): Promise<readonly TaskDocument[]> {
    return this.#parts.pool.use((connection) =>
      readDocuments(connection, this.#statements, pipeline, prefix),
    );
  }

  /** See {@link Sink.readTasks}. */
  readTasks(pipeline: string): Promise<readonly string[]> {
    return this.#parts.pool.use((connection) => readTasks(connection, this.#statements, pipeline));
  }

  /** See {@link Sink.close}. */
  async close(): Promise<void> {
    this.#closing.abort(new MillraceError("MR_SINK_LOST_CONNECTION", "the sink was closed"));
    await this.#parts.pool.close();
  }

  async #send(commit: Commit, ways: Ways): Promise<CommitResult> {
    const task = this.#currentTask();
    const planned = planCommit(commit, {
      task,
      statements: this.#statements,
      maxStatementBytes: this.#parts.profile.maxStatementBytes,
      tableStatements: (table) => this.#compile(table),
      withArrays: (table) => this.#ways.withArrays(table),
      withCopy: (table) => this.#ways.withCopy(table, ways),
      inserted: ways.inserted,
      replaced: ways.replaced,
    });
    const { pool, profile, observer } = this.#parts;
    const result = await pool
      .use((connection) => sendCommit(connection, commit, planned))
      .catch((error: unknown) => {
        this.#ways.failed(error, planned);
        throw error;
      });
    this.#ways.passed(planned);
    if (profile.dpu !== null && result.outcome === "done")
      observer.estimatedDpu(estimateDpu(profile.dpu, commit, planned, result.deletedSome));
    return result;
  }

  #compile(table: TargetTable): TableStatements {
    const known = this.#compiled.get(table);
    if (known !== undefined) return known;
    const made = new TableStatements(table, this.#parts.profile.updatesKeys);
    this.#compiled.set(table, made);
    return made;
  }

  /** DDL carries no fence; looking at it just before narrows what a zombie can do to one statement (design/001, "Barriers"). */
  async #stillMine(connection: SinkConnection): Promise<void> {
    const task = this.#task;
    if (task === null) return;
    const lanes = await readLanes(connection, this.#statements, task);
    if (lanes.every((lane) => lane.fence === task.fence)) return;
    const found = await readHolder(connection, this.#statements, task);
    throw new MillraceError("MR_FENCED", takenOverText(found.mark, found.fence));
  }

  #currentTask(): TaskName & { readonly fence: number } {
    if (this.#task === null)
      throw new MillraceError("MR_BUG", "the sink was used before its takeover");
    return this.#task;
  }

  #retry(): RetryPorts {
    const { clock, random, log } = this.#parts;
    return { clock, random, log, signal: this.#closing.signal };
  }
}
