import { MillraceError } from "../../errors/millrace-error.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { ChunkServer } from "./chunk-server.ts";
import type { PostgresConnectionConfig } from "./config.ts";
import type { PostgresConnection } from "./connection.ts";
import { connectionError } from "./connection-error.ts";
import { ControlPool } from "./control-pool.ts";
import { type LogHistory, readHistory } from "./log-history.ts";
import { openWalsender } from "./log.ts";
import { OneServer } from "./one-server.ts";
import { chooseConnection, type PostgresSourceOptions, type ServerAddress } from "./options.ts";
import { readStanding, type ServerStanding } from "./server-standing.ts";
import { SessionStash } from "./session-stash.ts";
import { TimelineProbe } from "./timeline-probe.ts";

/** All connections, or all walsenders, are in use. */
const TOO_MANY = "53300";

/**
 * The servers of one source: the one whose log is read, which may be a standby; the primary, where that is another one
 * and known; the one that chunks are read from. Same role, password and TLS for all. Behind a name may be several, and
 * each session may meet another one: what one session told is never taken for what another one's snapshot sees.
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
  readonly #chunkServer: ChunkServer;
  readonly #chunkTimeline: TimelineProbe;
  /** Whose log a run reads. */
  readonly #one = new OneServer();
  readonly #options: PostgresSourceOptions;
  readonly #context: ConnectorContext;
  /** What `tls: prefer` turned out to mean, by address; asked once. */
  readonly #configs = new Map<string, Promise<PostgresConnectionConfig>>();

  constructor(options: PostgresSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    const { primary, snapshot } = options;
    this.log = new ControlPool(() => this.runConfig());
    this.#other = primary === null ? null : new ControlPool(() => this.#config(primary));
    this.chunks = snapshot === null ? this.log : new ControlPool(() => this.#config(snapshot));
    this.logSessions = new SessionStash(() => this.runConfig());
    this.chunkSessions =
      snapshot === null ? this.logSessions : new SessionStash(() => this.#config(snapshot));
    this.#chunkTimeline = new TimelineProbe(async () =>
      openWalsender(await this.#config(snapshot ?? options)),
    );
    this.#chunkServer = new ChunkServer({
      log: this.log,
      logHistory: (before) => this.readHistory(before),
      chunkHistory: () => historyAt(this.#config(snapshot ?? options)),
      chunkTimeline: (started) => this.#chunkTimeline.timelineOf(started),
      expectLog: (standing) => this.#one.expect(standing),
    });
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

  /** The same for what has to be the server that this run reads the log of. */
  async runConfig(): Promise<PostgresConnectionConfig> {
    return { ...(await this.logConfig()), opened: this.#one.check };
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

  /** Looks at the server that a chunk's snapshot was taken at. @throws MillraceError */
  readonly checkChunkServer = (connection: PostgresConnection): Promise<void> => {
    return this.#chunkServer.check(connection);
  };

  /**
   * Every run begins with sessions of its own, as its log does: those that were opened before may be to a primary that
   * lives on while `hostname` leads to another one.
   */
  renew(): void {
    this.#one.forget();
    this.#chunkTimeline.renew();
    for (const pool of new Set([this.log, this.#other, this.chunks])) pool?.renew();
    for (const sessions of new Set([this.logSessions, this.chunkSessions])) sessions.renew();
  }

  /**
   * Which branch of the log the log's server is on. Where all walsenders are in use, one of them perhaps by a reader of
   * ours that is about to be ended, an unchanged timeline has to do; null where there is none to compare with.
   */
  async readHistory(before: LogHistory | null): Promise<LogHistory | null> {
    try {
      return await historyAt(this.runConfig());
    } catch (error) {
      if (!(error instanceof MillraceError) || error.facts["sqlState"] !== TOO_MANY) throw error;
      const { timeline, inRecovery } = await readStanding(this.log);
      if (before === null || (!inRecovery && timeline === before.timeline)) return before;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#chunkTimeline.close();
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

async function historyAt(config: Promise<PostgresConnectionConfig>): Promise<LogHistory> {
  const walsender = await openWalsender(await config);
  try {
    return await readHistory(walsender);
  } catch (error) {
    throw connectionError(error, "asking for the log's history");
  } finally {
    await walsender.close();
  }
}
