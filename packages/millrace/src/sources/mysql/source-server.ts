import { lostConnection } from "../../bytes/byte-source.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { ConnectorContext } from "../../model/source.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";
import { ControlPool } from "./control-pool.ts";
import { connectionConfig, type MysqlSourceOptions } from "./options.ts";
import { readStanding, type ServerStanding } from "./server-standing.ts";
import type { BlockServer } from "./source-block.ts";
import type { ServerVersion } from "./server-version.ts";
import { SessionStash } from "./snapshot-sessions.ts";

/** What the driver says of a server that has no TLS. */
const NO_TLS = "HANDSHAKE_NO_SSL_SUPPORT";

/**
 * The sessions of one source. Behind its name may be several servers, one after the other or at once; all sessions of a
 * run are to the same one, or what its snapshots see could not be held against what its log says (I7, I8).
 */
export class SourceServer {
  readonly control: ControlPool;
  readonly sessions: SessionStash;
  readonly #options: MysqlSourceOptions;
  readonly #context: ConnectorContext;
  /** What `tls: prefer` turned out to mean; asked once. */
  #config: Promise<MysqlConnectionConfig> | null = null;
  /** As the first session of the run said. */
  #server: string | null = null;
  #block: BlockServer = { connector: "mysql", logName: null, serverId: 0 };

  constructor(options: MysqlSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    const config = (): Promise<MysqlConnectionConfig> => this.config();
    this.control = new ControlPool(config);
    this.sessions = new SessionStash(config);
  }

  /** How to reach the server that this run began with. */
  async config(): Promise<MysqlConnectionConfig> {
    this.#config ??= this.#choose().catch((error: unknown) => {
      this.#config = null;
      throw error;
    });
    return { ...(await this.#config), opened: this.#check };
  }

  /** Who made it, as its sessions say. */
  get flavor(): ServerVersion["flavor"] {
    return this.#block.connector;
  }

  /** What messages tell of it, as far as it is known. */
  get block(): BlockServer {
    return this.#block;
  }

  /** What the server is. @throws MillraceError */
  standing(): Promise<ServerStanding> {
    return this.control.use((session) => readStanding(session, session.version));
  }

  /** A run begins: its first session says which server it is of. */
  renew(): void {
    this.#server = null;
    this.control.renew();
    this.sessions.renew();
  }

  async close(): Promise<void> {
    await this.sessions.close();
    await this.control.close();
  }

  readonly #check = async (connection: MysqlConnection): Promise<void> => {
    const { flavor } = connection.version;
    const { server, serverId, basename } = await readStanding(connection, connection.version);
    this.#server ??= server;
    const logName = basename?.split(/[/\\]/).at(-1) ?? null;
    this.#block = { connector: flavor, logName, serverId };
    if (server !== this.#server)
      throw lostConnection(
        "hostname leads to another server than the one that this run began with",
      );
  };

  /** Only that the server has no TLS leads to plain text, and a password that is made for TLS never does. */
  async #choose(): Promise<MysqlConnectionConfig> {
    const { pipeline } = this.#context;
    const encrypted = connectionConfig(this.#options, pipeline, true);
    const { tls, password } = this.#options;
    if (tls.mode !== "prefer" || typeof password === "function") return encrypted;
    try {
      await (await openConnection(encrypted)).close();
      return encrypted;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.facts["errno"] !== NO_TLS) throw error;
      return connectionConfig(this.#options, pipeline, false);
    }
  }
}
