import { failpoint } from "../../model/failpoint.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { ChunkKey, Json, Position, TransactionId } from "../../model/position.ts";
import type {
  ChunkRange,
  ConnectorContext,
  DiscoveredTable,
  LogStart,
  PreparedLog,
  RefusedTable,
  SnapshotWish,
  Source,
  SourceLog,
  SourceRetention,
  SourceSnapshot,
  SourceWait,
} from "../../model/source.ts";
import type { OriginNames } from "../../model/source-block.ts";
import type { TableShape } from "../../model/table.ts";
import { AgeRules } from "./age-rules.ts";
import type { DynamoApi } from "./api.ts";
import type { SharedRoom } from "./byte-room.ts";
import { segmentAfter, segmentsOf } from "./chunks.ts";
import type { ColumnsOptions } from "./columns-options.ts";
import { keyItem } from "./key-item.ts";
import { keyText } from "./keys.ts";
import { type Loss, lossText, lostLog } from "./log-errors.ts";
import { TableLog } from "./log.ts";
import type { DynamoObserver } from "./observer.ts";
import type { DynamoSourceOptions } from "./options.ts";
import {
  comparePositions,
  joinPositions,
  logEndAt,
  parseStanding,
  positionText,
  shownPosition,
  type Standing,
  toPosition,
} from "./position.ts";
import { beginLog, goOnBehind, lossOf, streamOf } from "./prepare-log.ts";
import { ReadRate } from "./read-rate.ts";
import { streamRetention } from "./retention.ts";
import { ServiceClock } from "./service-clock.ts";
import { DynamoSourceBlock } from "./source-block.ts";
import { ScanSnapshot } from "./snapshot.ts";
import { TableFacts } from "./table-facts.ts";
import { TableRows } from "./table-rows.ts";
import { TableWaits } from "./table-waits.ts";
import { TimeGoal } from "./time-goal.ts";

/** One table of a pipeline. */
export interface TableParts {
  readonly table: string;
  /** For messages. */
  readonly region: string;
  /** Shared by all tables; whoever made it closes it. */
  readonly api: DynamoApi;
  readonly room: SharedRoom;
  readonly options: Pick<DynamoSourceOptions, "scan" | "stream" | "startup" | "onLoss">;
  readonly columns: ColumnsOptions;
  readonly observer?: DynamoObserver;
}

/** A table of DynamoDB as a source of its own: a task at the sink (design/009). Its scan and its stream, put together. */
export class DynamoSource implements Source {
  readonly kind = "dynamodb";
  /** Each of hundreds of tables commits its own row, and streams keep their records whoever has read them. */
  readonly frontierEveryMs = 15_000;
  readonly comparePositions = comparePositions;
  readonly join = joinPositions;
  readonly positionText = positionText;
  readonly shownPosition = shownPosition;
  readonly keyText = keyText;
  readonly initSyncDelay: { readonly ms: number; readonly why: string };
  readonly #parts: TableParts;
  readonly #context: ConnectorContext;
  readonly #serviceClock: ServiceClock;
  readonly #facts: TableFacts;
  readonly #rate: ReadRate;
  readonly #rows: TableRows;
  readonly #goal = new TimeGoal();
  /** The log's end that was told last. */
  #askedEndMs = Number.NEGATIVE_INFINITY;
  readonly #waits: TableWaits;
  readonly #closed = new AbortController();
  #log: TableLog | null = null;
  /** A loss that a log met and `on-loss: continue` passes by: the next preparing does. */
  #loss: Loss | null = null;
  /** Where the log goes on in place of where it was left, and what is missing. */
  #goesOn: Standing | null = null;
  #gap: Standing["gap"];

  constructor(parts: TableParts, context: ConnectorContext) {
    this.#parts = parts;
    this.#context = context;
    const { api, table, options } = parts;
    const { clock } = context;
    this.#serviceClock = new ServiceClock(clock);
    this.#facts = new TableFacts(api, table, clock);
    this.#rate = new ReadRate(options.scan, clock);
    this.#waits = new TableWaits(clock);
    const { signal } = this.#closed;
    this.#rows = new TableRows({ api, table, columns: parts.columns, rate: this.#rate, signal });
    const { delayMs: ms } = options.scan;
    this.initSyncDelay = { ms, why: `until ${ms / 1_000} s have passed (init.sync.delay.period)` };
    this.#goal.onRaised = () => this.#log?.hurry();
  }

  /** Whoever has the table's account and region; its id and stream are the log's, where another one is a loss (I8). */
  async identity(): Promise<Json> {
    const { arn } = await this.#facts.lately(this.#closed.signal);
    const [, , , region = "", account = ""] = arn.split(":");
    return { kind: "dynamodb", account, region };
  }

  origin(names: OriginNames): DynamoSourceBlock {
    return new DynamoSourceBlock(names, this.#parts.region);
  }

  remember(tables: readonly TableShape[]): void {
    this.#rows.remember(tables);
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    return [await this.#rows.discovered(await this.#facts.read(this.#closed.signal))];
  }

  async refusals(): Promise<readonly RefusedTable[]> {
    const table = await this.#facts.lately(this.#closed.signal);
    try {
      streamOf(table);
      return [];
    } catch (thrown) {
      if (!(thrown instanceof MillraceError)) throw thrown;
      const { id } = await this.#rows.shapeOf(table);
      return [{ id, why: thrown.detail, remedy: thrown.remedy }];
    }
  }

  async prepare(
    _tables: readonly TableShape[],
    known: Position | null,
    { recreate = false }: { recreate?: boolean; history?: Json | null } = {},
  ): Promise<PreparedLog> {
    this.#goesOn = null;
    if (known === null || recreate) {
      this.#loss = null;
      // The mode is for a first start: a stream that is begun anew comes with a load, and has deletes that no scan shows (I1).
      const startup = recreate ? ({ mode: "initial" } as const) : this.#parts.options.startup;
      const { signal } = this.#closed;
      const start = await beginLog(this.#logAt, { startup, signal });
      failpoint("dynamodb-source.prepared");
      return { start: toPosition(start), created: true, joined: [], history: null };
    }
    const standing = parseStanding(known);
    const loss = this.#loss ?? (await this.#lossOf(standing));
    if (loss !== null) await this.#meet(standing, loss);
    return { start: known, created: false, joined: [], history: null };
  }

  async checkLog(known: Position): Promise<void> {
    const loss = await this.#lossOf(parseStanding(known));
    if (loss !== null) throw lostLog(this.#parts.table, loss);
  }

  safeToSnapshot(): Promise<void> {
    return Promise.resolve();
  }

  async openLog(start: LogStart): Promise<SourceLog> {
    const { from, tables, paused, initSyncs, maxValueBytes } = start;
    if (from === null) throw new MillraceError("MR_BUG", "a stream is read from a standing on");
    const { api, table, options, room } = this.#parts;
    const { stream, scan } = options;
    const [shape] = tables.values();
    if (shape === undefined) throw new MillraceError("MR_BUG", `table ${table} has no shape`);
    const standing = this.#goesOn ?? parseStanding(from);
    const initSync = initSyncs?.get(shape.id) ?? null;
    const limits = { ...stream, restartAfterMs: scan.restartAfterMs };
    const rules = new AgeRules(limits, initSync, standing);
    if (initSync?.endMs === null) this.#goal.raise(this.#serviceClock.endMs());
    // A stream that begins anew may be of a table that was made anew, with another key than the sink knows.
    const isOutdated = paused?.has(shape.id) === true;
    const now = isOutdated ? this.#rows.nowOf(shape) : shape;
    const rows = this.#rows.rowsOf(now, maxValueBytes);
    this.#gap = standing.gap;
    this.#log = new TableLog({
      api,
      table,
      stream: standing.arn ?? "",
      from: standing,
      change: (record, position, transaction) => rows.change(record, position, transaction),
      rules,
      clock: this.#context.clock,
      serviceClock: this.#serviceClock,
      goal: this.#goal,
      room,
      readEveryMs: stream.readEveryMs,
      idlePollMs: stream.idlePollMs,
      shardDiscoveryMs: stream.shardDiscoveryMs,
      leftOut: (records) => this.#parts.observer?.leftOut(table, records),
      throttled: (shard, isThrottled) => this.#waits.throttled(shard, isThrottled),
      lost: (loss, cause) => this.#lost(loss, cause),
    });
    return this.#log;
  }

  openSnapshot({ signal }: SnapshotWish = {}): Promise<SourceSnapshot> {
    const { api, table, options } = this.#parts;
    const snapshot = new ScanSnapshot({
      api,
      table,
      facts: this.#facts,
      rate: this.#rate,
      serviceClock: this.#serviceClock,
      goal: this.#goal,
      consistent: options.scan.consistent,
      rows: (shape, maxValueBytes) => this.#rows.rowsOf(shape, maxValueBytes),
      keyOf: keyItem,
      ...(signal === undefined ? {} : { signal }),
    });
    return Promise.resolve(snapshot);
  }

  /** Whoever sees one record sees all before: a page has every write whose record came before it was asked for. */
  readonly joinTransactions = (_one: TransactionId, other: TransactionId): TransactionId => other;

  unseen(): Promise<readonly TransactionId[]> {
    return Promise.resolve([]);
  }

  sees(): boolean {
    return true;
  }

  /** The stream tells by time that nothing came; it is asked more often until then. */
  nudge(): Promise<void> {
    this.#goal.raise(this.#askedEndMs);
    this.#log?.hurry();
    return Promise.resolve();
  }

  /** Asked every second for the lag, which nobody waits for: who does nudges. */
  logEnd(): Promise<Position> {
    this.#askedEndMs = this.#serviceClock.endMs();
    return Promise.resolve(logEndAt(this.#askedEndMs));
  }

  retention(): Promise<SourceRetention | null> {
    return Promise.resolve(this.#log === null ? null : streamRetention(this.#serviceClock));
  }

  waits(): readonly SourceWait[] {
    return this.#waits.list({
      isScanRefused: this.#rate.refusedMs !== null,
      unlisted: this.#log?.unlisted ?? [],
      gap: this.#gap,
      misfits: this.#rows.misfits,
    });
  }

  recordsLeftOut(): number {
    return this.#log?.leftOut ?? 0;
  }

  /** Only that there is nothing: how much a stream has left, nobody tells. */
  bytesBetween(from: Position): number | null {
    return this.#log?.isIdleAt(parseStanding(from)) === true ? 0 : null;
  }

  async planChunk(_shape: TableShape, from: ChunkKey | null): Promise<ChunkRange> {
    const { segments } = this.#parts.options.scan;
    return segmentAfter(from, segmentsOf(segments, await this.#facts.lately(this.#closed.signal)));
  }

  async close(): Promise<void> {
    this.#closed.abort(new MillraceError("MR_SOURCE_LOST_CONNECTION", "the source was closed"));
    await this.#log?.close();
  }

  get #logAt() {
    const { api, table } = this.#parts;
    return { api, table, serviceClock: this.#serviceClock };
  }

  #lossOf(known: Standing): Promise<Loss | null> {
    const { stream, scan } = this.#parts.options;
    // Whether the table is being loaded only the log is told.
    const rules = new AgeRules({ ...stream, restartAfterMs: scan.restartAfterMs }, null, known);
    return lossOf(this.#logAt, known, (readToMs, nowMs) =>
      rules.isTooOld(readToMs, nowMs) ? rules.tooOld(readToMs, nowMs) : null,
    );
  }

  /** `continue` goes on with what there is; what is missing stays said. @throws MillraceError MR_SOURCE_LOSS */
  async #meet(known: Standing, loss: Loss): Promise<void> {
    const { table, options } = this.#parts;
    if (options.onLoss !== "continue") throw lostLog(table, loss);
    const why = lossText(loss);
    this.#goesOn = await goOnBehind(this.#logAt, known, loss);
    this.#loss = null;
    this.#context.log.warn("changes are missing at the sink (on-loss: continue)", { table, why });
  }

  /** A log that meets a loss and may go on ends all the same: the next one begins behind it. */
  #lost(loss: Loss, cause: unknown): MillraceError {
    const error = lostLog(this.#parts.table, loss, cause);
    if (this.#parts.options.onLoss !== "continue") return error;
    this.#loss = loss;
    return new MillraceError("MR_SOURCE_LOST_CONNECTION", error.detail, { cause: error });
  }
}
