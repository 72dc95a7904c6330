import type { Duplex } from "node:stream";
import { type Connection, type ConnectionOptions, createConnection } from "mysql2";
import { TcpBytes } from "../../bytes/tcp-bytes.ts";
import { TlsBytes } from "../../bytes/tls-bytes.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { MysqlConnectionConfig, MysqlTls } from "./config.ts";
import { connectionError } from "./connection-error.ts";
import { EventReader } from "./event-reader.ts";
import { parseServerVersion, type ServerVersion } from "./server-version.ts";

/** One row of an answer, every value as the server's text. */
export type TextRow = readonly (string | null)[];

/** A session that answers questions. */
export interface Queryable {
  /** Rows of one statement; `values` stand for its question marks, as literals. @throws MillraceError */
  query(sql: string, values?: readonly (string | number)[]): Promise<readonly TextRow[]>;
}

/** How long the goodbye to a server may take. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * What makes values and statements the same in every session of ours, whatever the user or the server have set: UTC, no
 * mode that changes what quotes or blanks mean, and a server that waits for a slow sink.
 */
function settingsOf(config: MysqlConnectionConfig, { flavor }: ServerVersion): string {
  const lockSeconds = Math.max(1, Math.ceil(config.lockTimeoutMs / 1000));
  const statementMs = Math.max(1, Math.ceil(config.statementTimeoutMs));
  const settings: Readonly<Record<string, string | number>> = {
    time_zone: "'+00:00'",
    sql_mode: "''",
    net_write_timeout: 3600,
    net_read_timeout: 3600,
    lock_wait_timeout: lockSeconds,
    innodb_lock_wait_timeout: lockSeconds,
    group_concat_max_len: 1_048_576,
    // MySQL bounds SELECTs, in milliseconds, MariaDB all statements, in seconds.
    ...(flavor === "mysql"
      ? { max_execution_time: statementMs }
      : { max_statement_time: statementMs / 1000 }),
  };
  const assignments = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `SET SESSION ${assignments.join(", ")}`;
}

/**
 * An authenticated session. SQL goes by {@link query}; {@link takeOver} gives its bytes to an {@link EventReader} for a
 * dump, which is the last that the session does.
 */
export class MysqlConnection implements Queryable {
  readonly client: Connection;
  readonly config: MysqlConnectionConfig;
  version: ServerVersion = parseServerVersion("");
  readonly #tcp: TcpBytes;
  #broken: Error | null = null;

  constructor(client: Connection, config: MysqlConnectionConfig, tcp: TcpBytes) {
    this.client = client;
    this.config = config;
    this.#tcp = tcp;
    client.on("error", (error) => {
      this.#broken ??= error;
    });
  }

  /** Why the connection can no longer be used, null while it can. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** The server's id of this session. */
  get threadId(): number {
    return this.client.threadId;
  }

  query(sql: string, values: readonly (string | number)[] = []): Promise<readonly TextRow[]> {
    const { readTimeoutMs: timeout } = this.config;
    const request = { sql, timeout, values: [...values], rowsAsArray: true, typeCast: false };
    return new Promise((resolve, reject) => {
      this.client.query(request, (error, answer) => {
        if (error === null) resolve(textRows(answer));
        else reject(connectionError(error, "asking the server"));
      });
    });
  }

  /** Sends a command and reads what comes by ourselves from then on. No query may be under way. */
  takeOver(command: Uint8Array): EventReader {
    const stream: unknown = Reflect.get(this.client, "stream");
    const isPlain = stream === this.#tcp.socket;
    if (isPlain) this.#tcp.takeOver();
    const bytes = isPlain ? this.#tcp : new TlsBytes(stream as Duplex);
    bytes.write(command);
    return new EventReader(bytes);
  }

  /** Ends the session; never throws, and does not wait for a server that does not answer. */
  async close(): Promise<void> {
    const { socket } = this.#tcp;
    if (socket.destroyed) return;
    const late = setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS);
    await new Promise<void>((resolve) => {
      socket.once("close", resolve);
      this.client.end(() => this.client.destroy());
    });
    clearTimeout(late);
  }

  /** Cuts the connection without a word; what waits for an answer fails. */
  destroy(): void {
    this.client.destroy();
    this.#tcp.socket.destroy();
  }
}

/** Answers of statements without rows are objects. */
function textRows(answer: unknown): readonly TextRow[] {
  if (!Array.isArray(answer)) return [];
  return answer.map((row: readonly (Buffer | null)[]) =>
    row.map((value) => value?.toString("utf8") ?? null),
  );
}

/**
 * Connects, authenticates and makes the session's settings.
 * @throws MillraceError MR_SOURCE_REFUSED or MR_SOURCE_LOST_CONNECTION.
 */
export async function openConnection(config: MysqlConnectionConfig): Promise<MysqlConnection> {
  const { password } = config;
  const secret = typeof password === "string" ? password : await password(false);
  const tcp = new TcpBytes();
  const connection = new MysqlConnection(
    createConnection(optionsOf(config, secret, tcp)),
    config,
    tcp,
  );
  try {
    await connected(connection);
    const [row] = await connection.query("SELECT VERSION()");
    connection.version = parseServerVersion(row?.[0] ?? "");
    await connection.query(settingsOf(config, connection.version));
    await config.opened?.(connection);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error instanceof MillraceError ? error : connectionError(error, "connecting");
  }
}

function connected({ client }: MysqlConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    client.connect((error) => (error === null ? resolve() : reject(error)));
  });
}

function optionsOf(
  config: MysqlConnectionConfig,
  password: string,
  tcp: TcpBytes,
): ConnectionOptions {
  const { host, port, user, connectTimeoutMs: connectTimeout, applicationName } = config;
  return {
    host,
    port,
    user,
    password,
    connectTimeout,
    connectAttributes: { program_name: applicationName },
    // Each connection has a socket of its own, which connects only now.
    stream: () => tcp.socket.setNoDelay(true).setKeepAlive(true, 10_000).connect({ host, port }),
    ...(config.tls === false ? {} : { ssl: tlsOptions(config.tls) }),
    // Tokens are presented as they are (RDS): only such a password, and never without TLS.
    enableCleartextPlugin: config.tls !== false && typeof config.password === "function",
  };
}

function tlsOptions({ mode, ca, cert, key }: MysqlTls): NonNullable<ConnectionOptions["ssl"]> {
  return {
    rejectUnauthorized: mode !== "require",
    verifyIdentity: mode === "verify-full",
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
