import { MillraceError } from "../../errors/millrace-error.ts";
import { isBug } from "../../errors/own-fault.ts";
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
import type { Queryable } from "./catalogue.ts";
import { ChunkPlanner } from "./chunks.ts";
import { prepareDdlTrigger, refuseDdlTrigger } from "./ddl-trigger.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import { emitMessage, whileNudging } from "./heartbeat.ts";
import { keyText } from "./keys.ts";
import { readCarriers } from "./carriers.ts";
import { branchedAt, historyJson, keptHistory, type LogHistory } from "./log-history.ts";
import { LongStep } from "./long-step.ts";
import { openPostgresLog, openWalsender, type PostgresLog } from "./log.ts";
import { logConfig, type PostgresSourceOptions } from "./options.ts";
import { boundary, bytesBetween, comparePositions, parseLsn, positionText } from "./position.ts";
import {
  dropPublication,
  preparePublication,
  readPublication,
  refusePublication,
} from "./publication.ts";
import { type PublishedTable, readPublished } from "./published.ts";
import { refuseUnreadable } from "./reading-rights.ts";
import { letSlotGo } from "./let-go.ts";
import { lsnBehind, ReplayGate } from "./replay-gate.ts";
import { dropSlot, prepareSlot, refuseLostSlot, refuseSlot } from "./slot.ts";
import { readLogEnd } from "./snapshot-begin.ts";
import { PostgresSourceBlock } from "./source-block.ts";
import { PostgresSnapshot } from "./snapshot.ts";
import { readRetention } from "./retention.ts";
import { readStanding } from "./server-standing.ts";
import { SourceServers } from "./source-servers.ts";
import { atStandby, StandbySnapshot } from "./standby-snapshot.ts";
import { TableLocks } from "./table-lock.ts";
import { type Looked, TableLooks } from "./table-looks.ts";
import { joinTransactions } from "./transaction-id.ts";
import { nextTransaction, readVisibility, transactionsEnded } from "./transactions-ended.ts";
import { Visibility } from "./visibility.ts";

/** What a server does before it gives a new slot, however long it takes. */
const SLOT_MAKING = {
  what: "log",
  reason: "slot",
  why: "the server makes the replication slot, for which every transaction that is open there has to end",
} as const;

/** A PostgreSQL database (13 to 18) as a source: tables and log, put together. */
export class PostgresSource implements Source {
  readonly kind = "postgres";
  readonly #options: PostgresSourceOptions;
  readonly #context: ConnectorContext;
  readonly #servers: SourceServers;
  readonly #locks: { readonly log: TableLocks; readonly chunks: TableLocks };
  readonly #planner: ChunkPlanner;
  /** Chunks wait here for the server that they are read from. */
  readonly #gate: ReplayGate;
  /** And the log here for its own, where that is a standby. */
  readonly #logGate: ReplayGate;
  #log: PostgresLog | null = null;
  readonly #slotMaking: LongStep;
  readonly #looks: TableLooks;
  /** The branch of the log that {@link prepare} found. */
  #history: LogHistory | null = null;
  readonly joinTransactions?: (one: TransactionId, other: TransactionId) => TransactionId;
  #published: ReadonlyMap<string, PublishedTable> | null = null;
  /** Server processes of logs that were opened. */
  readonly #walsenders = new Set<number>();
  /** Tables whose being left out was said in the log. */
  readonly #warned = new Set<TableId>();
  /** Transactions below this may have written to a table before the publication had it. */
  #joinedBelow: bigint | null = null;

  constructor(options: PostgresSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    this.#servers = new SourceServers(options, context);
    const { log, chunks } = this.#servers;
    this.#locks = { log: new TableLocks(log), chunks: new TableLocks(chunks) };
    this.#planner = new ChunkPlanner(chunks);
    this.#gate = new ReplayGate({ ...context, what: "load", client: chunks });
    this.#logGate = new ReplayGate({ ...context, what: "log", client: log });
    this.#slotMaking = new LongStep(context.clock, SLOT_MAKING);
    if (this.#servers.chunksElsewhere) this.joinTransactions = joinTransactions;
    this.#looks = new TableLooks(options.publicationName);
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

  bytesBetween(from: Position, to: Position): number {
    return bytesBetween(from, to);
  }

  /** See {@link Source.origin}. */
  origin(names: OriginNames): SourceBlock {
    return new PostgresSourceBlock(names, this.#options.database);
  }

  /** The cluster's system identifier, which a restored copy shares with its original, and the database. */
  async identity(): Promise<Json> {
    // The first that a run asks: its catalogue comes from where its log does.
    this.#servers.renew();
    const standing = await readStanding(this.#servers.log);
    await this.#servers.checkPrimary(standing);
    const { system } = standing;
    return { system, database: this.#options.database };
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    const found = await this.#discovery();
    // Refused tables stop the start, which says why; views would be left out in silence.
    for (const { id, why, remedy } of found.views) {
      if (this.#warned.has(id)) continue;
      this.#warned.add(id);
      this.#context.log.warn(`${id} matches but is left out: ${why}`, { table: id, remedy });
    }
    return found.tables;
  }

  async refusals(): Promise<readonly RefusedTable[]> {
    return (await this.#discovery()).refused;
  }

  async unmatched(): Promise<readonly UnmatchedPattern[]> {
    return (await this.#discovery()).unmatched();
  }

  async #discovery(): Promise<Discovery> {
    const { matches, unmatched, partitions, createPublication, publicationName } = this.#options;
    const { log } = this.#servers;
    const published = await readPublished(log, publicationName);
    // Where there is none at all, the start is refused with the SQL for all tables, and not each of them.
    const isCreated =
      createPublication ||
      (published.size === 0 && (await readPublication(log, publicationName)) === null);
    const going = { matches, unmatched, partitions, published, publicationName };
    return discoverTables(log, { ...going, createPublication: isCreated });
  }

  /** Rights and settings are asked for; that the role may read a log at all, by opening a connection that could. */
  async check(
    tables: readonly TableShape[],
    { toLoad = [] }: { readonly toLoad?: readonly TableShape[] } = {},
  ): Promise<void> {
    const { publicationName, createPublication: manage, slotName, partitions } = this.#options;
    const request = { publicationName, viaRoot: partitions === "root", tables, manage };
    await this.#servers.checkPrimary(await readStanding(this.#servers.log));
    await this.#servers.log.use((client) => refuseSlot(client, slotName));
    await refuseUnreadable(this.#servers.log, toLoad);
    await this.#servers.primary.use(async (client) => {
      await refusePublication(client, request);
      if (this.#options.ddlMessages) await refuseDdlTrigger(client, slotName);
    });
    try {
      await (await openWalsender(await this.#servers.logConfig())).close();
    } catch (error) {
      // All walsenders may be in use at the moment; the pipeline waits for one.
      if (!(error instanceof MillraceError) || error.class !== "transient") throw error;
    }
  }

  async prepare(
    tables: readonly TableShape[],
    known: Position | null,
    options: { recreate?: boolean; history?: Json | null } = {},
  ): Promise<PreparedLog> {
    const recreate = options.recreate === true;
    this.#servers.renew();
    const { log, primary } = this.#servers;
    const { joined, end, carriers } = await this.#capture(tables, known, recreate);
    // What was looked at and made by now, no snapshot may be older than.
    this.#gate.begin(end);
    const { clock } = this.#context;
    await this.#logGate.passed(end);
    const { slotName, slotFailover: failover } = this.#options;
    const wanted = { slotName, failover, known, recreate };
    const prepare = () => log.use((client) => prepareSlot(client, wanted), { once: true });
    const slot = await this.#slotMaking.run(() => whileNudging(primary, clock, prepare));
    const before = keptHistory(options.history);
    this.#history = await this.#servers.readHistory(before);
    const branch = this.#history === null ? null : branchedAt(before, this.#history);
    failpoint("source.prepared");
    const history = this.#history === null ? null : historyJson(this.#history);
    const branched = branch === null ? null : boundary(branch);
    return { ...slot, joined, carriers, history, branched };
  }

  /** See {@link Source.checkLog}. */
  async checkLog(known: Position): Promise<void> {
    const { publicationName, slotName } = this.#options;
    await this.#servers.primary.use((client) => checkPublication(client, publicationName));
    await this.#servers.log.use((client) => refuseLostSlot(client, slotName, known));
  }

  /** Brings the publication in step with the tables, and what tells of them. */
  #capture(tables: readonly TableShape[], known: Position | null, recreate: boolean) {
    const { publicationName, createPublication: manage, slotName, partitions } = this.#options;
    const request = { publicationName, viaRoot: partitions === "root", tables, manage };
    const oids = tables.map(({ identity }) => identity);
    return this.#servers.primary.use(
      async (client) => {
        if (known !== null && !recreate) await checkPublication(client, publicationName);
        const { joined } = await preparePublication(client, request);
        const found = await readCarriers(client, publicationName, oids);
        failpoint("source.published");
        // Before the slot: what the slot decodes is told of from its beginning.
        if (this.#options.ddlMessages) await prepareDdlTrigger(client, slotName);
        this.#published = await readPublished(client, publicationName);
        this.#joinedBelow = await nextTransaction(client);
        const carriers = new Map(
          tables.map(({ id, identity }) => [id, found?.get(identity)?.carrier ?? null]),
        );
        return { joined, carriers, end: await readLogEnd(client) };
      },
      { once: true },
    );
  }

  /**
   * Waits for every transaction that had begun to write when the publication was last altered: what such a one wrote
   * before is not in the log, so that a snapshot must see it. The server has nothing that could wake us.
   */
  async safeToSnapshot(_tables: readonly TableId[], signal: AbortSignal): Promise<void> {
    const { primary, chunks } = this.#servers;
    this.#joinedBelow ??= await nextTransaction(primary);
    const ended = transactionsEnded(chunks, this.#joinedBelow, { ...this.#context, signal });
    this.#gate.raise((await ended) ?? 0);
  }

  look(tables: readonly Looked[]): Promise<readonly TableLook[]> {
    return this.#servers.log.use((client) => this.#looks.look(client, tables));
  }

  async openLog(start: LogStart): Promise<SourceLog> {
    const connection = await this.#servers.runConfig();
    const primary = await this.#servers.primaryConfig();
    const log = logConfig(this.#options);
    // Whoever looks beside this log has seen none of the shapes.
    this.#looks.forgetShapes();
    const earlier = this.#walsenders;
    const timeline = this.#history?.timeline ?? null;
    const options = { context: this.#context, connection, primary, timeline, log, earlier };
    return (this.#log = await openPostgresLog(options, start));
  }

  async openSnapshot(wish: SnapshotWish = {}): Promise<SourceSnapshot> {
    this.#published ??= await readPublished(this.#servers.log, this.#options.publicationName);
    if (wish.reads === "row" || !this.#servers.chunksElsewhere) return this.#snapshot("log", wish);
    return atStandby(async () => {
      const behind = await this.#gate.passed(lsnBehind(wish), wish.signal);
      const snapshot = await this.#snapshot("chunks", wish, behind);
      this.#gate.raise(lsnBehind({ transactions: wish.transactions ?? [] }));
      return new StandbySnapshot(snapshot);
    });
  }

  #snapshot(where: "log" | "chunks", { exact }: SnapshotWish, behind = 0): Promise<SourceSnapshot> {
    const { logSessions, chunkSessions } = this.#servers;
    const dependencies = {
      sessions: where === "log" ? logSessions : chunkSessions,
      locks: this.#locks[where],
      filterOf: (identity: string) => this.#published?.get(identity)?.filter ?? null,
      positionOf: (lsn: string) => boundary(parseLsn(lsn)),
      ...(where === "chunks" && { checkServer: this.#servers.checkChunkServer }),
    };
    return PostgresSnapshot.open(dependencies, exact, behind);
  }

  /** A standby that cannot be asked has seen nothing, as far as anybody knows; the log goes on without. */
  async unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]> {
    if (transactions.length === 0) return [];
    try {
      const now = await readVisibility(this.#servers.chunks);
      this.#gate.raise(lsnBehind({ transactions: transactions.filter((id) => now.sees(id)) }));
      return transactions.filter((id) => !now.sees(id));
    } catch (error) {
      if (!this.#servers.chunksElsewhere || isBug(error)) throw error;
      return transactions;
    }
  }

  sees(token: Json, transaction: TransactionId): boolean {
    return Visibility.ofToken(token).sees(transaction);
  }

  async nudge(): Promise<void> {
    try {
      await emitMessage(this.#servers.primary, true);
    } catch (error) {
      if (isBug(error)) throw error;
      this.#context.log.debug("the log could not be nudged", { reason: String(error) });
    }
  }

  async logEnd(): Promise<Position> {
    return boundary(await readLogEnd(this.#servers.log));
  }

  retention(): Promise<SourceRetention | null> {
    return readRetention(this.#servers.log, this.#options.slotName);
  }

  waits(): readonly SourceWait[] {
    const parts = [this.#log, this.#gate, this.#logGate, this.#slotMaking];
    return parts.flatMap((part) => part?.wait ?? []);
  }

  async letGo(identity: Json): Promise<void> {
    const { slotName, database } = this.#options;
    await this.#servers.log.use(async (client) => {
      const { system } = await readStanding(client);
      await letSlotGo(client, slotName, { wanted: identity, here: { system, database } });
    });
  }

  async planChunk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange> {
    const plan = () => this.#planner.plan(shape, from, rows);
    if (!this.#servers.chunksElsewhere) return plan();
    return atStandby(async () => {
      await this.#gate.passed(0);
      return plan();
    });
  }

  /** Drops what {@link prepare} made: the slot, and the publication where it is ours. For `millrace cleanup`. */
  async cleanUp(): Promise<void> {
    const { slotName, publicationName, createPublication } = this.#options;
    await this.#servers.log.use((client) => dropSlot(client, slotName));
    if (createPublication)
      await this.#servers.primary.use((client) => dropPublication(client, publicationName));
  }

  async close(): Promise<void> {
    await this.#servers.close();
  }
}

/**
 * A publication that went away took with it whatever was changed until now: the log is read with the catalogue of
 * each change's time, so that making it again mends nothing (I8). @throws MillraceError MR_SOURCE_PUBLICATION_MISSING
 */
async function checkPublication(client: Queryable, name: string): Promise<void> {
  if ((await readPublication(client, name)) !== null) return;
  throw new MillraceError("MR_SOURCE_PUBLICATION_MISSING", `publication ${name} does not exist`);
}
