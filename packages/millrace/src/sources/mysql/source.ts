import { failpoint } from "../../model/failpoint.ts";
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
  TableLook,
} from "../../model/source.ts";
import type { OriginNames, SourceBlock } from "../../model/source-block.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import type { UnmatchedPattern } from "../../model/uncaptured.ts";
import type { Row } from "../../model/value.ts";
import { ChunkPlanner } from "./chunks.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import { keyText } from "./keys.ts";
import { readLogEnd } from "./log-end.ts";
import { dumpStart } from "./log-files.ts";
import { probeLog } from "./log-probe.ts";
import { refuseLogSettings } from "./log-settings.ts";
import { LogSizes } from "./log-sizes.ts";
import type { MysqlSourceOptions } from "./options.ts";
import { comparePositions, logPosition, positionText } from "./position.ts";
import { refuseUnreadable } from "./reading-rights.ts";
import { PurgeAge, readRetention } from "./retention.ts";
import { RunLog } from "./run-log.ts";
import { seenWait } from "./seen-wait.ts";
import { MysqlSnapshot } from "./snapshot.ts";
import { MysqlSourceBlock } from "./source-block.ts";
import { SourceServer } from "./source-server.ts";
import { type Looked, lookAtTables } from "./table-looks.ts";
import type { LogOffset } from "./transaction-id.ts";
import { Visibility } from "./visibility.ts";

/** A MySQL or MariaDB server as a source: tables and log, put together. */
export class MysqlSource implements Source {
  readonly kind = "mysql";
  readonly lineLayout = "packet";
  readonly tellsOutdated = true;
  readonly #options: MysqlSourceOptions;
  readonly #context: ConnectorContext;
  readonly #server: SourceServer;
  readonly #planner: ChunkPlanner;
  readonly #log: RunLog;
  readonly #sizes = new LogSizes();
  readonly #purgeAge: PurgeAge;
  /** Tables whose being left out was said in the log. */
  readonly #warned = new Set<TableId>();

  constructor(options: MysqlSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    this.#server = new SourceServer(options, context);
    this.#purgeAge = new PurgeAge(context.clock);
    this.#planner = new ChunkPlanner(this.#server.control);
    this.#log = new RunLog(this.#server, options, context);
  }

  comparePositions(a: Position, b: Position): number {
    return comparePositions(a, b);
  }

  positionText(position: Position): string {
    return positionText(position);
  }

  keyText(shape: TableShape, row: Row): string {
    return keyText(shape, row);
  }

  bytesBetween(from: Position, to: Position): number | null {
    return this.#sizes.between(logPosition(from)[0], logPosition(to)[0]);
  }

  /** See {@link Source.origin}. */
  origin(names: OriginNames): SourceBlock {
    return new MysqlSourceBlock(names, () => this.#server.block);
  }

  /** A server may be replaced by another one that has its log: {@link prepare} holds the logs against each other. */
  async identity(): Promise<Json> {
    // The first that a run asks: its catalogue comes from where its log does.
    this.#server.renew();
    this.#log.renew();
    const flavor = await this.#server.control.use(({ version }) => Promise.resolve(version.flavor));
    return { flavor };
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    const found = await this.#discovery();
    // Refused tables stop the start, which says why; views would be left out in silence.
    for (const { id, why, remedy } of found.views) {
      if (this.#warned.has(id)) continue;
      this.#warned.add(id);
      this.#context.log.warn(`${id} matches but is left out: ${why}`, { table: id, remedy });
    }
    // The log may be behind the catalogue; whatever it tells of a shape it tells in its place.
    return found.tables.map((table) => ({ ...table, shape: this.#log.asLogged(table.shape) }));
  }

  async refusals(): Promise<readonly RefusedTable[]> {
    return (await this.#discovery()).refused;
  }

  async unmatched(): Promise<readonly UnmatchedPattern[]> {
    return (await this.#discovery()).unmatched();
  }

  #discovery(): Promise<Discovery> {
    return discoverTables(this.#server.control, this.#options);
  }

  /** Settings are asked for; that the user may read the log, by reading its end. */
  async check(
    tables: readonly TableShape[],
    { toLoad = [] }: { readonly toLoad?: readonly TableShape[] } = {},
  ): Promise<void> {
    const standing = await this.#server.standing();
    refuseLogSettings(standing, tables);
    const end = await this.#server.control.use((session) => readLogEnd(session));
    await probeLog(await this.#server.config(), dumpStart(standing, end));
    await refuseUnreadable(this.#server.control, toLoad);
  }

  async prepare(
    tables: readonly TableShape[],
    known: Position | null,
    options: { recreate?: boolean; history?: Json | null } = {},
  ): Promise<PreparedLog> {
    this.#server.renew();
    const prepared = await this.#log.prepare(tables, known, options);
    failpoint("mysql-source.prepared");
    return prepared;
  }

  checkLog(known: Position, history: Json | null): Promise<void> {
    return this.#log.check(known, history);
  }

  /** Waits until all that the log of this run will not tell is seen by every snapshot. */
  async safeToSnapshot(_tables: readonly TableId[], signal: AbortSignal): Promise<void> {
    const { start, seen } = this.#log;
    if (start === null) return;
    await this.#server.control.use((session) => seen.reach(session, start, signal));
  }

  look(tables: readonly Looked[]): Promise<readonly TableLook[]> {
    return lookAtTables(this.#server.control, tables);
  }

  openLog(start: LogStart): Promise<SourceLog> {
    return this.#log.open(start);
  }

  async openSnapshot({
    reads,
    exact = false,
    position,
    signal,
  }: SnapshotWish = {}): Promise<SourceSnapshot> {
    const { clock } = this.#context;
    const { sessions } = this.#server;
    const dependencies = {
      sessions,
      seen: this.#log.seen,
      clock,
      values: this.#options.values,
      positionOf: (end: LogOffset) => this.#log.placeOf(end),
    };
    // Who reads a row looks himself whether the snapshot sees what he needs.
    const behind = reads === "row" ? null : this.#log.behind(position);
    return MysqlSnapshot.open(dependencies, {
      exact,
      behind,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]> {
    if (transactions.length === 0) return [];
    const now = await this.#server.control.use((session) => this.#log.seen.visibility(session));
    return transactions.filter((id) => !now.sees(id));
  }

  sees(token: Json, transaction: TransactionId): boolean {
    return Visibility.ofToken(token).sees(transaction);
  }

  /** The server tells by itself where an idle log ends. */
  async nudge(): Promise<void> {
    // Nothing has to be written.
  }

  async logEnd(known?: Position): Promise<Position> {
    const end = await this.#server.control.use((session) => readLogEnd(session));
    return this.#log.placeOf(end, known);
  }

  async retention(): Promise<SourceRetention | null> {
    const from = this.#log.acknowledged;
    if (from === null) return null;
    const { control } = this.#server;
    return readRetention(control, from, this.#purgeAge, (files) => this.#sizes.see(files));
  }

  waits(): readonly SourceWait[] {
    const { wait } = this.#log.seen;
    return wait === null ? [] : [seenWait(wait)];
  }

  planChunk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange> {
    return this.#planner.plan(shape, from, rows);
  }

  async close(): Promise<void> {
    await this.#server.close();
  }
}
