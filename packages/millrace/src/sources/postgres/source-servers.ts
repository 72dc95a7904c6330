import { MillraceError } from "../../errors/millrace-error.ts";
import type { ConnectorContext } from "../../model/source.ts";
import type { Queryable } from "./catalogue.ts";
import type { PostgresConnectionConfig } from "./config.ts";
import type { PostgresConnection } from "./connection.ts";
import { connectionError } from "./connection-error.ts";
import { ControlPool } from "./control-pool.ts";
import { type LogHistory, readHistory } from "./log-history.ts";
import { openWalsender } from "./log.ts";
import { chooseConnection, type PostgresSourceOptions, type ServerAddress } from "./options.ts";
import { SessionStash } from "./session-stash.ts";
import { standbyError } from "./snapshot-begin.ts";

/** What tells one server of a cluster from another, and how it stands. */
export interface ServerStanding {
  /** The same on a primary and all its standbys. */
  readonly system: string;
  readonly inRecovery: boolean;
  /** When it was started: two servers never say the same. */
  readonly started: string;
  /** On a standby the last that was made durable: it may lag. */
  readonly timeline: number;
}

/** All connections, or all walsenders, are in use. */
const TOO_MANY = "53300";

const STANDING_SQL = `
SELECT system_identifier::text AS system, pg_catalog.pg_is_in_recovery() AS "inRecovery",
  pg_catalog.pg_postmaster_start_time()::text AS started,
  (CASE WHEN pg_catalog.pg_is_in_recovery() THEN GREATEST(c.timeline_id, r.min_recovery_end_timeline)
   ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int
   END) AS timeline
FROM pg_catalog.pg_control_system(), pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_control_recovery() r`;

/** Asks a server who it is. */
export async function readStanding(client: Queryable): Promise<ServerStanding> {
  const { rows } = await client.query<ServerStanding>(STANDING_SQL);
  const [row] = rows;
  if (row === undefined) throw new MillraceError("MR_BUG", "pg_control_system gave no row");
  return row;
}

/**
 * The servers of one source: the one whose log is read, which may be a standby; the primary, where that is another one
 * and known; the one that chunks are read from. Same role, password and TLS for all.
 */
export class SourceServers {
  readonly log: ControlPool;
  readonly chunks: ControlPool;
  /** Snapshots for reads that somebody waits for. */
  readonly logSessions: SessionStash;
  readonly chunkSessions: SessionStash;
  readonly #other: ControlPool | null;
  /** `hostname` took over from the primary that the file names. */
  #isPromoted = false;
  readonly #options: PostgresSourceOptions;
  readonly #context: ConnectorContext;
  /** What `tls: prefer` turned out to mean, by address; asked once. */
  readonly #configs = new Map<string, Promise<PostgresConnectionConfig>>();

  constructor(options: PostgresSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    const { primary, snapshot } = options;
    this.log = new ControlPool(() => this.logConfig());
    this.#other = primary === null ? null : new ControlPool(() => this.#config(primary));
    this.chunks = snapshot === null ? this.log : new ControlPool(() => this.#config(snapshot));
    this.logSessions = new SessionStash(() => this.logConfig());
    this.chunkSessions =
      snapshot === null
        ? this.logSessions
        : new SessionStash(
            () => this.#config(snapshot),
            (connection) => this.checkChunkServer(connection),
          );
  }

  /** Takes what is written: publication, heartbeats. The log's server where that is the primary. */
  get primary(): ControlPool {
    return this.#isPromoted ? this.log : (this.#other ?? this.log);
  }

  /** Chunks are read from a server of their own. */
  get chunksElsewhere(): boolean {
    return this.chunks !== this.log;
  }

  /** How to reach the log's server. */
  logConfig(): Promise<PostgresConnectionConfig> {
    return this.#config(this.#options);
  }

  /** How to reach the primary. */
  primaryConfig(): Promise<PostgresConnectionConfig> {
    const { primary } = this.#options;
    return this.#isPromoted || primary === null ? this.logConfig() : this.#config(primary);
  }

  /**
   * Refuses a `primary.hostname` that is none, or that of another cluster. Where `hostname` itself was promoted, the one
   * that the file names is not asked any more.
   * @throws MillraceError
   */
  async checkPrimary(log: ServerStanding): Promise<void> {
    const { primary } = this.#options;
    if (primary === null || this.#other === null) return;
    this.#isPromoted = !log.inRecovery;
    if (this.#isPromoted) return;
    const other = await readStanding(this.#other);
    if (other.system !== log.system)
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        `primary.hostname ${primary.hostname} is a server of another cluster than hostname`,
      );
    // A failover may be under way.
    if (other.inRecovery)
      throw new MillraceError(
        "MR_SOURCE_LOST_CONNECTION",
        `primary.hostname ${primary.hostname} is a standby: it takes neither publication nor heartbeat`,
      );
  }

  /**
   * Rows of another cluster, or of a branch that the log will never tell of, must not get among ours. Asked of every
   * session, for behind a name may be another server tomorrow, and of one whose server was promoted meanwhile.
   */
  readonly checkChunkServer = async (connection: PostgresConnection): Promise<void> => {
    const there = await readStanding(connection.client);
    const log = await readStanding(this.log);
    if (there.system !== log.system)
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        "snapshot.hostname is a server of another cluster than hostname (system_identifier)",
      );
    if (!there.inRecovery && there.started !== log.started)
      throw standbyError(
        "snapshot.hostname is no standby: it was promoted, and has a log of its own",
      );
    if (there.timeline > log.timeline)
      throw standbyError(
        `snapshot.hostname is on timeline ${there.timeline}, hostname on ${log.timeline}: it follows another server`,
      );
  };

  /**
   * Which branch of the log the log's server is on. Where all walsenders are in use, one of them perhaps by a reader of
   * ours that is about to be ended, an unchanged timeline has to do; null where there is none to compare with.
   */
  async readHistory(before: LogHistory | null): Promise<LogHistory | null> {
    try {
      return await this.#readHistory();
    } catch (error) {
      if (!(error instanceof MillraceError) || error.facts["sqlState"] !== TOO_MANY) throw error;
      const { timeline, inRecovery } = await readStanding(this.log);
      if (before === null || (!inRecovery && timeline === before.timeline)) return before;
      throw error;
    }
  }

  async #readHistory(): Promise<LogHistory> {
    const walsender = await openWalsender(await this.logConfig());
    try {
      return await readHistory(walsender);
    } catch (error) {
      throw connectionError(error, "asking for the log's history");
    } finally {
      await walsender.close();
    }
  }

  async close(): Promise<void> {
    await this.chunkSessions.close();
    await this.logSessions.close();
    for (const pool of new Set([this.log, this.#other, this.chunks])) await pool?.close();
  }

  #config(address: ServerAddress): Promise<PostgresConnectionConfig> {
    const { hostname, port } = address;
    const name = `${hostname} ${port}`;
    const known = this.#configs.get(name);
    if (known !== undefined) return known;
    const options = { ...this.#options, hostname, port };
    const config = chooseConnection(options, this.#context.pipeline).catch((error: unknown) => {
      this.#configs.delete(name);
      throw error;
    });
    this.#configs.set(name, config);
    return config;
  }
}
