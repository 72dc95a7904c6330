import type { Duplex } from "node:stream";
import { type AuthPlugin, type Connection, type ConnectionOptions, createConnection } from "mysql2";
import { type ByteSource, lostConnection } from "../../bytes/byte-source.ts";
import { TcpBytes } from "../../bytes/tcp-bytes.ts";
import { TlsBytes } from "../../bytes/tls-bytes.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { MysqlConnectionConfig, MysqlTls } from "./config.ts";
import { watchAnswer } from "./answer-watch.ts";
import { connectingError } from "./connecting-error.ts";
import { connectionError } from "./connection-error.ts";
import { AnswerReader } from "./answer-reader.ts";
import { signEd25519 } from "./ed25519.ts";
import { EventReader } from "./event-reader.ts";
import { parseServerVersion, type ServerVersion } from "./server-version.ts";

/** One row of an answer, every value as the server's text. */
export type TextRow = readonly (string | null)[];

/** A session that answers questions. */
export interface Queryable {
  /** Rows of one statement; `values` stand for its question marks, as literals. @throws MillraceError */
  query(sql: string, values?: readonly (string | number)[]): Promise<readonly TextRow[]>;
}

/** Everybody sees his own sessions. */
const AT_WORK_SQL = `SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ? AND COMMAND <> 'Sleep'
  AND STATE NOT IN ('Sending to client', 'Writing to net')`;

/** What a server makes up for a login by `ed25519`; the packet may have a byte more. */
const NONCE_BYTES = 32;

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
 * An authenticated session. SQL goes by {@link query}, what has many rows by {@link select}; {@link takeOver} gives its bytes
 * to an {@link EventReader} for a dump, which is the last that the session does.
 */
export class MysqlConnection implements Queryable {
  readonly client: Connection;
  readonly config: MysqlConnectionConfig;
  version: ServerVersion = parseServerVersion("");
  readonly #tcp: TcpBytes;
  /** What a SELECT reads into; one after the other, so that small ones do not take as much again. */
  #window: Buffer<ArrayBuffer> | undefined = undefined;
  #broken: Error | null = null;
  /** Those who wait for an answer: the driver tells them nothing where we cut the connection. */
  readonly #waiting = new Set<(reason: MillraceError) => void>();

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

  /** Waits for the answer as long as the server works on it. */
  query(sql: string, values: readonly (string | number)[] = []): Promise<readonly TextRow[]> {
    const { readTimeoutMs: everyMs, statementTimeoutMs } = this.config;
    return new Promise((resolve, reject) => {
      const stop = watchAnswer({
        everyMs,
        // The server ends statements itself by then.
        mostMs: statementTimeoutMs + everyMs,
        isAtWork: () => this.isAtWork(),
        cut: (waitedMs) => this.#cut(`${waitedMs} ms without an answer that the server works on`),
      });
      this.#send(sql, values).finally(stop).then(resolve, reject);
    });
  }

  /**
   * Whether the server works on what it was asked, as another session sees it: a request that never arrived leaves it
   * asleep, and an answer that does not come through is sent for ever. False also where nobody can be asked.
   */
  async isAtWork(): Promise<boolean> {
    const { opened: _, ...plain } = this.config;
    let other: MysqlConnection | null = null;
    try {
      other = await openConnection(plain);
      const found = await other.ask(AT_WORK_SQL, [this.threadId]);
      return found.length > 0;
    } catch {
      return false;
    } finally {
      other?.destroy();
    }
  }

  /** Waits for the answer no longer than the read timeout: for small questions. @throws MillraceError */
  ask(sql: string, values: readonly (string | number)[] = []): Promise<readonly TextRow[]> {
    // The driver's own bound would hold the process for as long, whatever becomes of the connection.
    const { readTimeoutMs } = this.config;
    const late = setTimeout(
      () => this.#cut(`${readTimeoutMs} ms without an answer`),
      readTimeoutMs,
    );
    return this.#send(sql, values).finally(() => clearTimeout(late));
  }

  #send(sql: string, values: readonly (string | number)[]): Promise<readonly TextRow[]> {
    const asked = { sql, values: [...values], rowsAsArray: true, typeCast: false };
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.client.query(asked, (error, answer) => {
        this.#waiting.delete(reject);
        if (error === null) resolve(textRows(answer));
        else reject(connectionError(error, "asking the server"));
      });
    });
  }

  /** Sends a command and reads what comes by ourselves from then on. No query may be under way. */
  takeOver(command: Uint8Array): EventReader {
    return new EventReader(this.#taken(command));
  }

  /** Sends a SELECT, whose rows are read by ourselves; once all are, {@link AnswerReader.handBack} gives the session back. */
  select(sql: string): AnswerReader {
    const reader = new AnswerReader(this.#taken(AnswerReader.command(sql)), this.#window);
    this.#window = reader.buffer;
    return reader;
  }

  /** The session's bytes, once it has been sent this. No query may be under way. */
  #taken(command: Uint8Array): ByteSource {
    const stream: unknown = Reflect.get(this.client, "stream");
    const isPlain = stream === this.#tcp.socket;
    if (isPlain) this.#tcp.takeOver();
    const bytes = isPlain ? this.#tcp : new TlsBytes(stream as Duplex);
    bytes.write(command);
    return bytes;
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
    this.#cut("the connection was closed by us");
  }

  #cut(why: string): void {
    const reason = lostConnection(why);
    this.#broken ??= reason;
    this.client.destroy();
    this.#tcp.socket.destroy();
    for (const fail of this.#waiting) fail(reason);
    this.#waiting.clear();
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
    const [row] = await connection.ask("SELECT VERSION()");
    connection.version = parseServerVersion(row?.[0] ?? "");
    await connection.ask(settingsOf(config, connection.version));
    await config.opened?.(connection);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error instanceof MillraceError ? error : connectingError(error, config);
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
    // They would stand before a statement's text.
    flags: ["-CLIENT_QUERY_ATTRIBUTES"],
    // Each connection has a socket of its own, which connects only now.
    stream: () => tcp.socket.setNoDelay(true).setKeepAlive(true, 10_000).connect({ host, port }),
    ...(config.tls === false ? {} : { ssl: tlsOptions(config.tls) }),
    authPlugins: { client_ed25519: ed25519Login(password) },
    // Tokens are presented as they are (RDS): only such a password, and never without TLS.
    enableCleartextPlugin: config.tls !== false && typeof config.password === "function",
  };
}

/** MariaDB's login of that name: the password signs what the server made up. */
function ed25519Login(password: string): AuthPlugin {
  return () => (nonce) =>
    signEd25519(Buffer.from(password, "utf8"), nonce.subarray(0, NONCE_BYTES));
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
