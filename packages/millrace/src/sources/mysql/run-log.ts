import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, Position } from "../../model/position.ts";
import type { ConnectorContext, LogStart, PreparedLog, SourceLog } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { CapturedTables } from "./captured-tables.ts";
import { type ExecutedGtids, executedGtids } from "./executed-gtids.ts";
import { type CatchUpOptions, refuseMissing } from "./failover.ts";
import { FirstShapes } from "./first-shapes.ts";
import { FollowedLog } from "./followed-log.ts";
import { dumpStart } from "./log-files.ts";
import { historyJson, keptHistory } from "./log-history.ts";
import { eventsFrom } from "./log-probe.ts";
import { openMysqlLog } from "./log.ts";
import { refuseLogSettings } from "./log-settings.ts";
import { openTables } from "./open-tables.ts";
import { logConfig, type MysqlSourceOptions } from "./options.ts";
import {
  boundary,
  comparePositions,
  type LogGroup,
  type LogPosition,
  logPosition,
} from "./position.ts";
import { beginLog, goOn, type PlacedLog } from "./prepare-log.ts";
import { readXaStretch } from "./prepared-scan.ts";
import { readerId } from "./reader-id.ts";
import { SeenPlace } from "./seen-place.ts";
import type { SourceServer } from "./source-server.ts";
import { type LogAt, behind } from "./startup-place.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";

const LATEST = { mode: "latest-offset" } as const;

/** The log of a run: which one it is, where it begins, what its reader is told. */
export class RunLog {
  readonly #server: SourceServer;
  readonly #options: MysqlSourceOptions;
  readonly #context: ConnectorContext;
  #seen: SeenPlace;
  /** Of positions in the present server's files. */
  #era = 0;
  #placed: PlacedLog | null = null;
  #at: LogAt | null = null;
  /** Where the pipeline's log began, if that was now. */
  #first: LogPosition | null = null;
  /** What its tables were then. */
  #shapes = FirstShapes.NONE;
  /** Of the log that is open; null before. */
  #tables: CapturedTables | null = null;
  /** All before it is durable at the sink. */
  #acknowledged: LogOffset | null = null;
  /** How often another reader turned out to have our id. */
  #clashes = 0;

  constructor(server: SourceServer, options: MysqlSourceOptions, context: ConnectorContext) {
    this.#server = server;
    this.#options = options;
    this.#context = context;
    this.#seen = this.#seeing();
  }

  #seeing(): SeenPlace {
    return new SeenPlace({
      clock: this.#context.clock,
      readXaStretch: async (from, until) => {
        const start = dumpStart(await this.#server.standing(), from);
        return readXaStretch(eventsFrom(await this.#server.config(), start), until);
      },
    });
  }

  /** What snapshots of the log's server see. */
  get seen(): SeenPlace {
    return this.#seen;
  }

  /** What nothing is read of again; null before a log was prepared. */
  get acknowledged(): LogOffset | null {
    return this.#acknowledged;
  }

  /** A run begins: what was known of the log of the last one may be older than what is durable of it now. */
  renew(): void {
    this.#tables = null;
    this.#shapes = FirstShapes.NONE;
  }

  /** The shape that the log has told of a table, where it has: the catalogue's may be ahead of it. */
  asLogged(shape: TableShape): TableShape {
    return this.#tables?.asLogged(shape) ?? this.#shapes.placed(shape);
  }

  /** Where the run's log begins: older transactions are in no log of ours, so that each chunk has to see them. */
  get start(): LogOffset | null {
    return this.#placed?.place ?? null;
  }

  /** What snapshots of chunks have to see: what no log of ours tells, and what is asked for. */
  behind(position: Position | undefined): LogOffset | null {
    const wished = position === undefined ? null : logPosition(position)[0];
    const isHere = wished?.era === this.#era;
    const places = [this.start, this.#tables?.behind, isHere ? wished : null].filter(isPlace);
    return places.toSorted(compareOffsets).at(-1) ?? null;
  }

  /** A place that the log has not told of has no number. */
  placeOf({ file, at }: LogOffset, known?: Position): LogPosition {
    const era = known === undefined ? this.#era : logPosition(known)[0].era;
    return boundary({ file, at, era, n: null, hash: null });
  }

  /** See `Source.prepare`. @throws MillraceError */
  async prepare(
    tables: readonly TableShape[],
    known: Position | null,
    { recreate = false, history }: { recreate?: boolean; history?: Json | null } = {},
  ): Promise<PreparedLog> {
    const standing = await this.#server.standing();
    refuseLogSettings(standing, tables);
    const log: LogAt = { server: this.#server, standing };
    this.#at = log;
    const from = known === null || recreate ? null : logPosition(known);
    if (from === null) return this.#begin(log, tables, recreate);
    this.#era = Math.max(this.#era, from[0].era);
    const placed = await goOn(log, from, keptHistory(history), this.#catchUp);
    this.#take(placed);
    return {
      start: from,
      created: false,
      joined: [],
      history: historyJson(placed.history),
      elsewhere: placed.history.era !== from[0].era,
    };
  }

  /** See `Source.checkLog`. @throws MillraceError MR_SOURCE_LOSS */
  async check(known: Position, history: Json | null): Promise<void> {
    const log = { server: this.#server, standing: await this.#server.standing() };
    await goOn(log, logPosition(known), keptHistory(history), this.#catchUp);
  }

  async #begin(log: LogAt, tables: readonly TableShape[], recreate: boolean): Promise<PreparedLog> {
    const { types } = this.#options;
    // What is made anew begins with a load, as at the log's end.
    const startup = recreate ? LATEST : this.#options.startup;
    // Another log has other places, also where the numbers are the same.
    const era = recreate ? this.#era + 1 : this.#era;
    const catchUp = this.#catchUp;
    const begun = await beginLog(log, tables, { startup, types, era, catchUp });
    this.#take(begun);
    this.#first = begun.start;
    this.#shapes = begun.shapes;
    const joined = tables.map(({ id }) => id);
    return { start: begun.start, created: true, joined, history: historyJson(begun.history) };
  }

  get #catchUp(): CatchUpOptions {
    return { clock: this.#context.clock, withinMs: this.#options.connectTimeoutMs };
  }

  #take(placed: PlacedLog): void {
    // What was seen of another log proves nothing.
    if (placed.history.era !== this.#era) this.#seen = this.#seeing();
    this.#seen.begin(placed);
    this.#era = placed.history.era;
    this.#placed = placed;
    this.#tables = null;
    this.#acknowledged = readAgain(placed.place, placed.prepared);
  }

  /** See `Source.openLog`. @throws MillraceError */
  async open(begin: LogStart): Promise<SourceLog> {
    const known = begin.from === null ? this.#first : logPosition(begin.from);
    if (known === null || this.#at === null)
      throw new MillraceError("MR_BUG", "a log that was not prepared");
    const start = this.#here(known);
    const placed = new Map(
      [...begin.tables].map(([id, shape]) => [id, this.#shapes.placed(shape)]),
    );
    const { control } = this.#server;
    const tables = await openTables(control, this.#options, { ...begin, tables: placed });
    this.#tables = tables;
    const executed = this.#executedAt(known);
    const ahead = this.#aheadOf(known, begin.ahead ?? []);
    await refuseMissing(this.#at, ahead, this.#catchUp);
    const log = await openMysqlLog(
      {
        ...logConfig(this.#options, begin.maxValueBytes),
        ...readerId(this.#context.pipeline, this.#options.serverId, this.#clashes),
        clock: this.#context.clock,
        connection: await this.#server.config(),
        start: this.#dumpOf(this.#at, start, executed),
        place: { executed, ahead },
        tables,
        images: begin.images === true,
      },
      start,
    );
    const isBoundary = start[1] === 0 && start[2] === 0;
    // A replay that ends there would begin loads that the log is about to begin again, where each is told (I7).
    const isEntered = (start === known || isBoundary) && !tables.areUntold;
    return this.#followed(log, isEntered ? start : null);
  }

  /** A position of another server's log in the words of this one's. */
  #here(known: LogPosition): LogPosition {
    const [{ n, hash, gtids, era }, event, row] = known;
    if (era === this.#era || this.#placed === null) return known;
    const { place, prepared } = this.#placed;
    const group: LogGroup = { file: place.file, at: place.at, era: this.#era, n, hash };
    return [
      {
        ...group,
        ...(gtids === undefined ? {} : { gtids }),
        ...(prepared.length === 0 ? {} : { prepared }),
      },
      event,
      row,
    ];
  }

  /** What was executed before the reader's first group, to which each that it passes is added. */
  #executedAt([group]: LogPosition): ExecutedGtids | undefined {
    const isPlaced = this.#placed?.start[0].n === group.n;
    const gtids = group.gtids ?? (isPlaced ? this.#placed?.gtids : null) ?? null;
    return gtids === null ? undefined : executedGtids(this.#server.flavor, gtids);
  }

  /**
   * By place at the server that the pipeline began with. Of a server that took over the log is asked for by GTIDs for good:
   * it may have had its transactions in another order.
   */
  #dumpOf(log: LogAt, [group]: LogPosition, executed: ExecutedGtids | undefined) {
    const isByGtids = executed !== undefined && (this.#era > 0 || group.era !== this.#era);
    return isByGtids ? behind(this.#server.flavor, executed.text) : dumpStart(log.standing, group);
  }

  /** Of what is durable behind `known`, that which another server's log told. */
  #aheadOf(known: LogPosition, ahead: readonly Position[]): readonly LogGroup[] {
    const [{ era }, event] = known;
    const own = event > 0 && era !== this.#era ? [known[0]] : [];
    const others = ahead
      .filter((position) => comparePositions(position, known) > 0)
      .map((position) => logPosition(position)[0])
      .filter((group) => group.era !== this.#era && group.n !== null);
    return [...own, ...others];
  }

  #followed(log: SourceLog, entered: LogPosition | null): SourceLog {
    return new FollowedLog(log, {
      entered,
      acknowledged: (position) => {
        const [group] = logPosition(position);
        if (group.era === this.#era) this.#acknowledged = readAgain(group, group.prepared ?? []);
      },
      clashed: () => {
        this.#clashes += 1;
      },
    });
  }
}

/** The first place that is still to be read: what is prepared is read again when it is committed. */
function readAgain(place: LogOffset, prepared: readonly LogOffset[]): LogOffset {
  return [place, ...prepared].toSorted(compareOffsets)[0] ?? place;
}

function isPlace(place: LogOffset | null | undefined): place is LogOffset {
  return place !== null && place !== undefined;
}
