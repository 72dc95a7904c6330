import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import { connectionFailure, placedFailure } from "../../errors/connection-failure.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { PostgresConnectionConfig, PostgresTls } from "./config.ts";
import { connectionError } from "./connection-error.ts";
import { boundsOf, type SessionPurpose, settingsOf } from "./session-bounds.ts";
import { TcpBytes } from "../../bytes/tcp-bytes.ts";
import { TlsBytes } from "../../bytes/tls-bytes.ts";
import { WireReader } from "./wire-reader.ts";

/**
 * What makes the text of a value the same in every session of ours, whatever the role or the database have set:
 * `value.ts` promises PostgreSQL's ISO forms. An empty search_path makes names inside values (regclass …) complete.
 * `money` follows `lc_monetary`, which is left alone, since its number of digits is part of what the stored value means. Warnings must come through:
 * one of them is all that 18 says of a publication that is gone.
 */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  TimeZone: "UTC",
  DateStyle: "ISO, YMD",
  IntervalStyle: "postgres",
  extra_float_digits: "1",
  bytea_output: "hex",
  xmlbinary: "base64",
  xmloption: "content",
  search_path: "",
  client_min_messages: "warning",
};

/** What this session is for. */
export interface OpenOptions {
  /** How long it may keep the server; `question` by default. */
  readonly purpose?: SessionPurpose;
  /** Makes a walsender connection: replication commands as well as SQL (simple protocol only). */
  readonly replication?: boolean;
  /** A query whose answer takes longer fails here, whatever the server says. */
  readonly queryTimeoutMs?: number;
}

/** How long the goodbye to a server may take. */
const CLOSE_TIMEOUT_MS = 1_000;

/** `pg` knows the start-up parameter, its types do not. */
interface ClientConfig extends pg.ClientConfig {
  readonly replication?: "database";
  readonly connection: pg.Connection;
}

/**
 * An authenticated session. SQL goes by `client`; {@link PostgresConnection.takeOver} gives its bytes to a
 * {@link WireReader} for COPY OUT or replication. A failure while nobody waits for an answer is kept in `broken`.
 */
export class PostgresConnection {
  readonly client: pg.Client;
  readonly config: PostgresConnectionConfig;
  readonly #connection: pg.Connection;
  readonly #tcp: TcpBytes | null;
  #broken: Error | null = null;

  constructor(
    client: pg.Client,
    config: PostgresConnectionConfig,
    connection: pg.Connection,
    tcp: TcpBytes | null,
  ) {
    this.client = client;
    this.config = config;
    this.#connection = connection;
    this.#tcp = tcp;
    client.on("error", (error) => {
      this.#broken ??= error;
    });
  }

  /** Why the connection can no longer be used, null while it can. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** The id of the server's process for this session. */
  get processId(): number | null {
    const id: unknown = Reflect.get(this.client, "processID");
    return typeof id === "number" ? id : null;
  }

  /** Bytes that the server has sent so far and that were taken from the kernel. */
  get heardBytes(): number {
    const { stream } = this.#connection;
    return "bytesRead" in stream && typeof stream.bytesRead === "number" ? stream.bytesRead : 0;
  }

  /**
   * Sends `sql` (START_REPLICATION, COPY … TO STDOUT) and reads the answer by ourselves from then on. No query may
   * be under way. After COPY, {@link WireReader.handBack} makes `client` usable again.
   */
  takeOver(sql: string): WireReader {
    this.#tcp?.takeOver();
    const reader = new WireReader(this.#tcp ?? new TlsBytes(this.#connection.stream));
    reader.sendQuery(sql);
    return reader;
  }

  /** Ends the session; never throws, and does not wait for a server that does not answer. */
  async close(): Promise<void> {
    const late = setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS);
    await this.client.end().catch(() => undefined);
    clearTimeout(late);
  }

  /** Cuts the connection without a word; what waits for an answer fails, with `why` where it is given. */
  destroy(why?: Error): void {
    this.#connection.stream.destroy(why);
  }
}

/**
 * Connects, authenticates and makes the session's settings. A token that is refused is made anew once: the keys that it was
 * signed with may have been exchanged.
 * @throws MillraceError MR_SOURCE_REFUSED or MR_SOURCE_LOST_CONNECTION.
 */
export async function openConnection(
  config: PostgresConnectionConfig,
  options: OpenOptions = {},
): Promise<PostgresConnection> {
  const connection = await logIn(config, options);
  try {
    await config.opened?.(connection);
    return connection;
  } catch (error) {
    connection.destroy();
    // It may be lost meanwhile, too.
    throw connectionError(error, `looking at ${config.host}:${config.port}`);
  }
}

async function logIn(
  config: PostgresConnectionConfig,
  options: OpenOptions,
): Promise<PostgresConnection> {
  try {
    return await connectOnce(config, options, false);
  } catch (error) {
    if (typeof config.password !== "function" || !isLoginRefused(error)) throw error;
    return connectOnce(config, options, true);
  }
}

/** SQLSTATE class 28; PAM, which IAM of RDS goes through, is 28000. */
function isLoginRefused(error: unknown): boolean {
  const state = error instanceof MillraceError ? error.facts["sqlState"] : null;
  return typeof state === "string" && state.startsWith("28");
}

async function connectOnce(
  config: PostgresConnectionConfig,
  options: OpenOptions,
  renewed: boolean,
): Promise<PostgresConnection> {
  const where = `connecting to ${config.host}:${config.port}/${config.database} as ${config.user}`;
  const password = await passwordOf(config, where, renewed);
  const tcp = config.tls === false ? new TcpBytes() : null;
  const ssl = tlsOptions(config.tls);
  const connection = new pg.Connection({
    ...(tcp === null ? {} : { stream: () => tcp.socket }),
    ssl,
    keepAlive: true,
    keepAliveInitialDelayMillis: config.tcpKeepAliveMs,
  });
  const clientConfig: ClientConfig = {
    host: config.host,
    port: config.port,
    user: config.user,
    password,
    database: config.database,
    ssl,
    application_name: config.applicationName,
    connectionTimeoutMillis: config.connectTimeoutMs,
    connection,
    ...(options.replication === true ? { replication: "database" } : {}),
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
  };
  const opened = new PostgresConnection(new pg.Client(clientConfig), config, connection, tcp);
  try {
    await setUp(opened, options.purpose ?? "question");
  } catch (error) {
    opened.destroy();
    throw connectingError(error, config, where);
  }
  return opened;
}

/** The bound is over all of it: `pg` has one for what comes before the first query only. */
async function setUp(opened: PostgresConnection, purpose: SessionPurpose): Promise<void> {
  const late = setTimeout(
    () => opened.destroy(new Error("timeout expired")),
    opened.config.connectTimeoutMs,
  );
  try {
    await opened.client.connect();
    await opened.client.query(sessionSettingsSql(purpose, opened.config));
  } finally {
    clearTimeout(late);
  }
}

/** What the operator can mend is told by the option of the file that it is about. */
function connectingError(
  error: unknown,
  config: PostgresConnectionConfig,
  where: string,
): MillraceError {
  const { host, port, user, password, database, tls } = config;
  const failure = connectionFailure(error, {
    host,
    port,
    user,
    database,
    hasPassword: password !== "",
    hasToken: typeof password === "function",
    sslMode: tls === false ? "disable" : tls.mode,
    hasCa: tls !== false && tls.ca !== undefined,
    names: { host: "hostname", database: "tables" },
  });
  const other = connectionError(error, where);
  return failure === null ? other : placedFailure("source", failure, other);
}

async function passwordOf(
  config: PostgresConnectionConfig,
  where: string,
  renewed: boolean,
): Promise<string> {
  if (typeof config.password === "string") return config.password;
  try {
    return await config.password(renewed);
  } catch (error) {
    throw connectionError(error, `${where}: getting the password`);
  }
}

/** One statement that sets only what this server's version knows. */
function sessionSettingsSql(purpose: SessionPurpose, config: PostgresConnectionConfig): string {
  const settings = { ...SESSION_SETTINGS, ...settingsOf(boundsOf(purpose, config)) };
  const values = Object.entries(settings)
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(", ");
  return (
    `SELECT pg_catalog.set_config(s.name, s.value, false) FROM (VALUES ${values}) AS s(name, value) ` +
    "JOIN pg_catalog.pg_settings AS known ON pg_catalog.lower(known.name) = pg_catalog.lower(s.name)"
  );
}

/** Node's TLS options for our modes. */
function tlsOptions(tls: PostgresTls): false | ConnectionOptions {
  if (tls === false) return false;
  const { mode, ca, cert, key, passphrase } = tls;
  const checked = mode !== "require" || ca !== undefined;
  return {
    rejectUnauthorized: checked,
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}
