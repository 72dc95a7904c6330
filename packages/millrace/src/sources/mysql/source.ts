import { MillraceError } from "../../errors/millrace-error.ts";
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
import type { TableId, TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { ChunkPlanner } from "./chunks.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import { FirstShapes } from "./first-shapes.ts";
import { FollowedLog } from "./followed-log.ts";
import { keyText } from "./keys.ts";
import { readLogEnd } from "./log-end.ts";
import { dumpStart } from "./log-files.ts";
import { historyJson, keptHistory } from "./log-history.ts";
import { openMysqlLog } from "./log.ts";
import { openTables } from "./open-tables.ts";
import type { CapturedTables } from "./captured-tables.ts";
import { probeLog } from "./log-probe.ts";
import { refuseLogSettings } from "./log-settings.ts";
import { LogSizes } from "./log-sizes.ts";
import { logConfig, type MysqlSourceOptions } from "./options.ts";
import {
  boundary,
  comparePositions,
  type LogPosition,
  logPosition,
  positionText,
} from "./position.ts";
import { beginLog, goOn } from "./prepare-log.ts";
import { readerId } from "./reader-id.ts";
import { refuseUnreadable } from "./reading-rights.ts";
import { readRetention } from "./retention.ts";
import { SeenPlace } from "./seen-place.ts";
import { seenWait } from "./seen-wait.ts";
import { MysqlSnapshot } from "./snapshot.ts";
import { SourceServer } from "./source-server.ts";
import { type Looked, lookAtTables } from "./table-looks.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import { Visibility } from "./visibility.ts";

const LATEST = { mode: "latest-offset" } as const;

/** A MySQL or MariaDB server as a source: tables and log, put together. */
export class MysqlSource implements Source {
  readonly kind = "mysql";
  readonly #options: MysqlSourceOptions;
  readonly #context: ConnectorContext;
  readonly #server: SourceServer;
  readonly #planner: ChunkPlanner;
  #seen: SeenPlace;
  readonly #sizes = new LogSizes();
  /** Of positions in the present server's files. */
  #era = 0;
  /** Where the log of this run begins: older transactions are in no log of ours, so that each chunk has to see them. */
  #start: LogPosition | null = null;
  /** Where the pipeline's log began, if that was now. */
  #first: LogPosition | null = null;
  /** What its tables were then. */
  #shapes = FirstShapes.NONE;
  /** All before it is durable at the sink. */
  #acknowledged: LogOffset | null = null;
  /** How often another reader turned out to have our id. */
  #clashes = 0;
  /** Of the log that is open; null before. */
  #tables: CapturedTables | null = null;
  /** Tables whose being left out was said in the log. */
  readonly #warned = new Set<TableId>();

  constructor(options: MysqlSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    this.#server = new SourceServer(options, context);
    this.#planner = new ChunkPlanner(this.#server.control);
    this.#seen = new SeenPlace(context);
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

  /** A server may be replaced by another one that has its log: {@link prepare} holds the logs against each other. */
  async identity(): Promise<Json> {
    // The first that a run asks: its catalogue comes from where its log does.
    this.#server.renew();
    this.#tables = null;
    this.#shapes = FirstShapes.NONE;
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
    return found.tables.map((table) => ({
      ...table,
      shape: this.#tables?.asLogged(table.shape) ?? this.#shapes.placed(table.shape),
    }));
  }

  async refusals(): Promise<readonly RefusedTable[]> {
    return (await this.#discovery()).refused;
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
    const standing = await this.#server.standing();
    refuseLogSettings(standing, tables);
    const from = known === null || options.recreate === true ? null : logPosition(known);
    const before = keptHistory(options.history);
    // Another log has other places, also where the numbers are the same.
    const era = options.recreate === true ? this.#era + 1 : this.#era;
    const log = { server: this.#server, standing };
    if (from !== null) {
      const { start, history } = await goOn(log, from, before);
      this.#take(start, history.era);
      failpoint("mysql-source.prepared");
      return { start, created: false, joined: [], history: historyJson(history) };
    }
    // What is made anew begins with a load, as at the log's end.
    const startup = options.recreate === true ? LATEST : this.#options.startup;
    const { types } = this.#options;
    const { start, history, shapes } = await beginLog(log, tables, { startup, types, era });
    this.#take(start, history.era);
    this.#first = start;
    this.#shapes = shapes;
    failpoint("mysql-source.prepared");
    const joined = tables.map(({ id }) => id);
    return { start, created: true, joined, history: historyJson(history) };
  }

  #take(start: LogPosition, era: number): void {
    // What was seen of another log proves nothing.
    if (era !== this.#era) this.#seen = new SeenPlace(this.#context);
    this.#era = era;
    this.#tables = null;
    this.#start = start;
    this.#acknowledged = start[0];
  }

  /** Waits until all that the log of this run will not tell is seen by every snapshot. */
  async safeToSnapshot(_tables: readonly TableId[], signal: AbortSignal): Promise<void> {
    const start = this.#start?.[0];
    if (start === undefined) return;
    await this.#server.control.use((session) => this.#seen.reach(session, start, signal));
  }

  look(tables: readonly Looked[]): Promise<readonly TableLook[]> {
    return lookAtTables(this.#server.control, tables);
  }

  async openLog(begin: LogStart): Promise<SourceLog> {
    const { from, maxValueBytes } = begin;
    const start = from === null ? this.#first : logPosition(from);
    if (start === null) throw new MillraceError("MR_BUG", "a log that was not prepared");
    const { serverId: range } = this.#options;
    const tables = await openTables(this.#server.control, this.#options, {
      ...begin,
      tables: new Map([...begin.tables].map(([id, shape]) => [id, this.#shapes.placed(shape)])),
    });
    this.#tables = tables;
    const log = await openMysqlLog(
      {
        ...logConfig(this.#options, maxValueBytes),
        ...readerId(this.#context.pipeline, range, this.#clashes),
        clock: this.#context.clock,
        connection: await this.#server.config(),
        tables,
      },
      start,
    );
    return new FollowedLog(log, {
      acknowledged: (position) => {
        this.#acknowledged = logPosition(position)[0];
      },
      clashed: () => {
        this.#clashes += 1;
      },
    });
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
      seen: this.#seen,
      clock,
      values: this.#options.values,
      positionOf: (end: LogOffset) => this.#place(end),
    };
    // Who reads a row looks himself whether the snapshot sees what he needs.
    const behind = reads === "row" ? null : this.#behind(position);
    return MysqlSnapshot.open(dependencies, {
      exact,
      behind,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** What snapshots of chunks have to see: what no log of ours tells, and what is asked for. */
  #behind(position: Position | undefined): LogOffset | null {
    const wished = position === undefined ? null : logPosition(position)[0];
    const isHere = wished?.era === this.#era;
    const places = [this.#start?.[0], this.#tables?.behind, isHere ? wished : null].filter(isPlace);
    return places.toSorted(compareOffsets).at(-1) ?? null;
  }

  async unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]> {
    if (transactions.length === 0) return [];
    const now = await this.#server.control.use((session) => this.#seen.visibility(session));
    return transactions.filter((id) => !now.sees(id));
  }

  sees(token: Json, transaction: TransactionId): boolean {
    return Visibility.ofToken(token).sees(transaction);
  }

  /** The server tells by itself where an idle log ends. */
  async nudge(): Promise<void> {
    // Nothing has to be written.
  }

  async logEnd(): Promise<Position> {
    return this.#place(await this.#server.control.use((session) => readLogEnd(session)));
  }

  async retention(): Promise<SourceRetention | null> {
    const from = this.#acknowledged;
    if (from === null) return null;
    return readRetention(this.#server.control, from, (files) => this.#sizes.see(files));
  }

  waits(): readonly SourceWait[] {
    const { wait } = this.#seen;
    return wait === null ? [] : [seenWait(wait)];
  }

  planChunk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange> {
    return this.#planner.plan(shape, from, rows);
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /** A place that the log has not told of has no number. */
  #place({ file, at }: LogOffset): LogPosition {
    return boundary({ file, at, era: this.#era, n: null, hash: null });
  }
}

function isPlace(place: LogOffset | null | undefined): place is LogOffset {
  return place !== null && place !== undefined;
}
