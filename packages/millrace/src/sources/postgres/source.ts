import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { ChunkKey, Json, Position, TransactionId } from "../../model/position.ts";
import type {
  ChunkRange,
  ConnectorContext,
  DiscoveredTable,
  LogStart,
  RefusedTable,
  Source,
  SourceLog,
  SourceSnapshot,
  TableLook,
} from "../../model/source.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import type { Queryable } from "./catalogue.ts";
import { ChunkPlanner } from "./chunks.ts";
import type { PostgresConnectionConfig } from "./config.ts";
import { ControlPool } from "./control-pool.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import { emitMessage } from "./heartbeat.ts";
import { keyText } from "./keys.ts";
import { openPostgresLog, openWalsender } from "./log.ts";
import { chooseConnection, logConfig, type PostgresSourceOptions } from "./options.ts";
import { boundary, bytesBetween, comparePositions, parseLsn, positionText } from "./position.ts";
import {
  dropPublication,
  preparePublication,
  readPublication,
  refusePublication,
} from "./publication.ts";
import { type PublishedTable, readPublished } from "./published.ts";
import { SessionStash } from "./session-stash.ts";
import { dropSlot, prepareSlot, refuseSlot } from "./slot.ts";
import { LOG_END_SQL, PostgresSnapshot } from "./snapshot.ts";
import { TableLocks } from "./table-lock.ts";
import { type Looked, TableLooks } from "./table-looks.ts";
import { Visibility } from "./visibility.ts";

/** First and longest wait between two looks at the transactions that a joining table waits for, milliseconds. */
const LOOK_AGAIN_MS = 50;
const LOOK_AGAIN_MOST_MS = 1_000;

/** A PostgreSQL database (13 to 18) as a source: tables and log, put together. */
export class PostgresSource implements Source {
  readonly kind = "postgres";
  readonly #options: PostgresSourceOptions;
  readonly #context: ConnectorContext;
  readonly #pool: ControlPool;
  readonly #sessions: SessionStash;
  readonly #locks: TableLocks;
  readonly #planner: ChunkPlanner;
  readonly #looks: TableLooks;
  /** What `tls: prefer` turned out to mean; asked once. */
  #config: Promise<PostgresConnectionConfig> | null = null;
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
    this.#pool = new ControlPool(() => this.#connectionConfig());
    this.#sessions = new SessionStash(() => this.#connectionConfig());
    this.#locks = new TableLocks(this.#pool);
    this.#planner = new ChunkPlanner(this.#pool);
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

  /** The cluster's system identifier, which a restored copy shares with its original, and the database. */
  async identity(): Promise<Json> {
    const { rows } = await this.#pool.query<{ system: string; database: string }>(
      "SELECT system_identifier::text AS system, pg_catalog.current_database()::text AS database " +
        "FROM pg_catalog.pg_control_system()",
    );
    const [row] = rows;
    if (row === undefined) throw new MillraceError("MR_BUG", "pg_control_system gave no row");
    return { system: row.system, database: row.database };
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

  async #discovery(): Promise<Discovery> {
    const { matches, partitions, createPublication, publicationName } = this.#options;
    const published = await readPublished(this.#pool, publicationName);
    return discoverTables(this.#pool, { matches, partitions, published, createPublication });
  }

  /** Rights and settings are asked for; that the role may read a log at all, by opening a connection that could. */
  async check(tables: readonly TableShape[]): Promise<void> {
    const { publicationName, createPublication: manage, slotName, partitions } = this.#options;
    const request = { publicationName, viaRoot: partitions === "root", tables, manage };
    await this.#pool.use(async (client) => {
      await refusePublication(client, request);
      await refuseSlot(client, slotName);
    });
    try {
      await (await openWalsender(await this.#connectionConfig())).close();
    } catch (error) {
      // All walsenders may be in use at the moment; the pipeline waits for one.
      if (!(error instanceof MillraceError) || error.class !== "transient") throw error;
    }
  }

  async prepare(
    tables: readonly TableShape[],
    known: Position | null,
    options: { recreate?: boolean } = {},
  ): Promise<{ start: Position; created: boolean; joined: readonly TableId[] }> {
    const { publicationName, createPublication: manage, slotName, partitions } = this.#options;
    const recreate = options.recreate === true;
    const request = { publicationName, viaRoot: partitions === "root", tables, manage };
    return this.#pool.use(
      async (client) => {
        if (known !== null && !recreate) await checkPublication(client, publicationName);
        const { joined } = await preparePublication(client, request);
        failpoint("source.published");
        this.#published = await readPublished(client, publicationName);
        this.#joinedBelow = await nextTransaction(client);
        const failover = this.#options.slotFailover;
        const slot = await prepareSlot(client, { slotName, failover, known, recreate });
        failpoint("source.prepared");
        return { ...slot, joined };
      },
      { once: true },
    );
  }

  /**
   * Waits for every transaction that had begun to write when the publication was last altered: what such a one wrote
   * before is not in the log, so that a snapshot must see it. The server has nothing that could wake us.
   */
  async safeToSnapshot(_tables: readonly TableId[], signal: AbortSignal): Promise<void> {
    this.#joinedBelow ??= await nextTransaction(this.#pool);
    let waitMs = LOOK_AGAIN_MS;
    while ((await readVisibility(this.#pool)).xmin < this.#joinedBelow) {
      await this.#context.clock.sleep(waitMs, signal);
      waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MOST_MS);
    }
  }

  look(tables: readonly Looked[]): Promise<readonly TableLook[]> {
    return this.#pool.use((client) => this.#looks.look(client, tables));
  }

  async openLog(start: LogStart): Promise<SourceLog> {
    const connection = await this.#connectionConfig();
    const log = logConfig(this.#options);
    // Whoever looks beside this log has seen none of the shapes.
    this.#looks.forgetShapes();
    const earlier = this.#walsenders;
    return openPostgresLog({ context: this.#context, connection, log, earlier }, start);
  }

  async openSnapshot(): Promise<SourceSnapshot> {
    this.#published ??= await readPublished(this.#pool, this.#options.publicationName);
    return PostgresSnapshot.open({
      sessions: this.#sessions,
      locks: this.#locks,
      filterOf: (identity) => this.#published?.get(identity)?.filter ?? null,
      positionOf: (lsn) => boundary(parseLsn(lsn)),
    });
  }

  async unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]> {
    if (transactions.length === 0) return [];
    const now = await readVisibility(this.#pool);
    return transactions.filter((transaction) => !now.sees(transaction));
  }

  sees(token: Json, transaction: TransactionId): boolean {
    return Visibility.ofToken(token).sees(transaction);
  }

  async nudge(): Promise<void> {
    try {
      await emitMessage(this.#pool, true);
    } catch (error) {
      this.#context.log.debug("the log could not be nudged", { reason: String(error) });
    }
  }

  async logEnd(): Promise<Position> {
    const { rows } = await this.#pool.query<{ lsn: string }>(LOG_END_SQL);
    return boundary(parseLsn(rows[0]?.lsn ?? ""));
  }

  planChunk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange> {
    return this.#planner.plan(shape, from, rows);
  }

  /** Drops what {@link prepare} made: the slot, and the publication where it is ours. For `millrace cleanup`. */
  async cleanUp(): Promise<void> {
    const { slotName, publicationName, createPublication } = this.#options;
    await this.#pool.use(async (client) => {
      await dropSlot(client, slotName);
      if (createPublication) await dropPublication(client, publicationName);
    });
  }

  async close(): Promise<void> {
    await this.#sessions.close();
    await this.#pool.close();
  }

  #connectionConfig(): Promise<PostgresConnectionConfig> {
    this.#config ??= chooseConnection(this.#options, this.#context.pipeline).catch(
      (error: unknown) => {
        this.#config = null;
        throw error;
      },
    );
    return this.#config;
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

/**
 * An id above those of all transactions that have begun to write. A snapshot's `xmax` is none: it is only above those
 * that have ended. On a standby, which has no ids to give, it has to do.
 */
async function nextTransaction(client: Queryable): Promise<bigint> {
  const { rows } = await client.query<{ xid: string }>(
    `SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
       THEN pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
       ELSE pg_catalog.pg_current_xact_id() END::text AS xid`,
  );
  return BigInt(rows[0]?.xid ?? 0);
}

async function readVisibility(client: Queryable): Promise<Visibility> {
  const { rows } = await client.query<{ snapshot: string; recovery: boolean }>(
    "SELECT pg_catalog.pg_current_snapshot()::text AS snapshot, pg_catalog.pg_is_in_recovery() AS recovery",
  );
  return Visibility.parse(rows[0]?.snapshot ?? "", rows[0]?.recovery);
}
