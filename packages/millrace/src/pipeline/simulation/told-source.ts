import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, Position, TransactionId } from "../../model/position.ts";
import type {
  DiscoveredTable,
  LogStart,
  PreparedLog,
  SnapshotWish,
  Source,
  SourceLog,
  SourceSnapshot,
} from "../../model/source.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { DdlToldWords } from "./ddl-told-words.ts";
import { holdsAt, ofCatalogue, placed } from "./followed-shape.ts";
import { FollowedTables, type TableMoment } from "./followed-tables.ts";
import { ModelSource, type ModelSourceOptions, type SlotHolder } from "./model-source.ts";
import type { OneServerLink } from "./one-server-link.ts";
import { ModelLog } from "./source-log.ts";
import { modelPosition, type ModelPosition, type SourceServer } from "./source-server.ts";
import { ModelSnapshot, refuseOtherServer, sees } from "./source-snapshot.ts";

/** Of a hundred statements. */
const PER_CENT = 100;
/** Spreads commits over a hundred. */
const SPREAD = 37;

/** How a source is that tells schema changes in their place. */
export interface ToldOptions extends ModelSourceOptions {
  /** Of a hundred statements, how many the source does not understand: the catalogue is asked. */
  readonly unknown: number;
}

/** The model's source connector where the log tells everything, as MySQL's does. */
export class ToldSource extends ModelSource {
  readonly tellsOutdated = true;
  readonly #server: SourceServer;
  readonly #link: OneServerLink;
  readonly #holder: SlotHolder;
  readonly #options: ToldOptions;
  /** Where the run's log begins. */
  #start = 0;
  /** Shapes of a log that was begun by this run, with their places. */
  #first: ReadonlyMap<TableId, TableShape> = new Map();
  #tables: FollowedTables | null = null;

  constructor(server: SourceServer, link: OneServerLink, holder: SlotHolder, options: ToldOptions) {
    super(server, link, holder, options);
    this.#server = server;
    this.#link = link;
    this.#holder = holder;
    this.#options = options;
  }

  /** A run begins: what the last one knew may be older than what is durable now. */
  override async identity() {
    this.#tables = null;
    this.#first = new Map();
    this.#link.begin();
    return super.identity();
  }

  override async discover(): Promise<readonly DiscoveredTable[]> {
    const found = await super.discover();
    return found.map((table) => ({ ...table, shape: this.#asLogged(table.shape) }));
  }

  /** The catalogue may be ahead of the log. */
  #asLogged(truth: TableShape): TableShape {
    const now = ofCatalogue(truth, null);
    if (this.#tables !== null) return this.#tables.asLogged(truth.id) ?? now;
    const first = this.#first.get(truth.id);
    return first !== undefined && JSON.stringify(first.columns) === JSON.stringify(now.columns)
      ? first
      : now;
  }

  /** Only a table that nobody has read the log of may be gone unsaid. */
  override readonly look: NonNullable<Source["look"]> = async (tables) => {
    await this.#link.call("look");
    return tables.map(({ shape: { id }, standing: { carrier } }) => ({
      id,
      being: carrier !== null || this.#server.visible.has(id) ? "there" : "gone",
      carrier: "log",
      parts: null,
      lost: null,
      rows: "same",
      moved: false,
      shape: null,
    }));
  };

  override async prepare(
    tables: readonly TableShape[],
    known: Position | null,
    options: { recreate?: boolean; history?: Json | null } = {},
  ): Promise<PreparedLog> {
    await this.#link.call("prepare");
    this.#tables = null;
    if (known === null || options.recreate === true) return this.#begin(tables, options.recreate);
    const { slot } = this.#server;
    const position = modelPosition(known);
    if (slot === null || position[0] < slot.start[0])
      throw new MillraceError("MR_SOURCE_SLOT_LOST", "(model) the log does not hold what is next");
    [this.#start] = position;
    const { era } = this.#server;
    const elsewhere = eraOf(options.history ?? null) !== era;
    return { start: known, created: false, joined: [], history: { era }, elsewhere };
  }

  async #begin(tables: readonly TableShape[], isAnew = false): Promise<PreparedLog> {
    // Another log has other places.
    if (isAnew) this.#server.nudge();
    while (tables.some(({ id }) => this.#server.tableLocked(id)))
      await this.#link.step("waits for locks");
    const { visible, logEnd, world } = this.#server;
    const shapes = tables.flatMap(({ id }) => visible.get(id)?.shape ?? []);
    this.#first = new Map(
      shapes.map((truth) => [truth.id, placed(ofCatalogue(truth, null), logEnd)]),
    );
    const slot = { start: logEnd, acknowledged: logEnd };
    if (isAnew || this.#server.slot === null) this.#server.slot = slot;
    [this.#start] = logEnd;
    world.tell(() => `the log begins at ${logEnd.join(".")}`);
    const joined = tables.map(({ id }) => id);
    return { start: logEnd, created: true, joined, history: { era: this.#server.era } };
  }

  override async safeToSnapshot(_: readonly TableId[], signal: AbortSignal): Promise<void> {
    await this.#seen(this.#start, signal);
  }

  override async openLog(start: LogStart): Promise<SourceLog> {
    await this.#link.call("log open");
    const { slot } = this.#server;
    if (slot === null) throw new MillraceError("MR_SOURCE_SLOT_MISSING", "(model) the log is gone");
    const from: ModelPosition = start.from === null ? [this.#start, 0] : modelPosition(start.from);
    const tables = new Map(
      [...start.tables].map(([id, shape]) => [id, this.#placed(shape, from)] as const),
    );
    const followed = new FollowedTables({ ...start, tables }, from, {
      ask: (id) => this.#moment(id),
      understood: (commit) => (commit * SPREAD) % PER_CENT >= this.#options.unknown,
    });
    this.#tables = followed;
    await followed.begin();
    if (this.#server.slot !== slot)
      throw new MillraceError("MR_SOURCE_SLOT_LOST", "(model) the log went before it was open");
    // Another session of the same reader is ended by the server.
    this.#holder.session?.breakOff();
    const { era } = this.#server;
    const words = new DdlToldWords(followed, from, { maxValueBytes: start.maxValueBytes, era });
    const log = new ModelLog(this.#server, this.#link, from, words);
    this.#holder.session = log;
    return log;
  }

  #placed(shape: TableShape, from: ModelPosition): TableShape {
    const first = this.#first.get(shape.id);
    return first !== undefined && holdsAt(first, from) ? this.#asLoggedKept(shape, first) : shape;
  }

  #asLoggedKept(shape: TableShape, first: TableShape): TableShape {
    return JSON.stringify(shape.columns) === JSON.stringify(first.columns) ? first : shape;
  }

  /** A row is asked for, which waits for whoever alters the table (`sources/mysql/catalogue-moment.ts`). */
  async #moment(id: TableId): Promise<TableMoment> {
    await this.#link.call("catalogue");
    while (this.#server.tableLocked(id)) await this.#link.step("waits for a lock");
    const { visible, logEnd } = this.#server;
    return { shape: visible.get(id)?.shape ?? null, end: logEnd[0] };
  }

  override async openSnapshot({
    reads,
    position,
    signal,
  }: SnapshotWish = {}): Promise<SourceSnapshot> {
    const wished = position === undefined ? 0 : modelPosition(position)[0];
    if (reads !== "row")
      await this.#seen(Math.max(this.#start, this.#tables?.behind ?? 0, wished), signal);
    return ModelSnapshot.open(this.#server, this.#link);
  }

  override sees(token: Json, transaction: TransactionId): boolean {
    this.#link.tellCare(() => refuseOtherServer(token, transaction));
    return sees(token, transaction);
  }

  override async unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]> {
    await this.#link.call("unseen");
    const token = this.#server.token();
    for (const id of transactions) this.#link.tellCare(() => refuseOtherServer(token, id));
    return transactions.filter((id) => token.unseen.some((one) => id.split("#")[0] === one));
  }

  /** Waits until everything that is in the log before a place is visible. */
  async #seen(lsn: number, signal?: AbortSignal): Promise<void> {
    const { log, logged } = this.#server;
    const waitedFor = [...logged].filter((tx) =>
      log.some(({ id, commit }) => id === tx.id && commit < lsn),
    );
    do {
      await this.#link.call("waits for what is seen");
      signal?.throwIfAborted();
    } while (waitedFor.some(({ state }) => state === "logged"));
  }
}

/** Which server's log the pipeline has kept that it read; the first one, where it kept none. */
function eraOf(history: Json): number {
  return typeof history === "object" && history !== null && "era" in history
    ? Number(history.era)
    : 0;
}
