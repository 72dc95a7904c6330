import { MillraceError } from "../../errors/millrace-error.ts";
import type { Unmatched } from "../../model/uncaptured.ts";
import type {
  Password,
  PostgresConnectionConfig,
  PostgresLogConfig,
  PostgresTls,
} from "./config.ts";
import { CONNECTION_DEFAULTS, LOG_DEFAULTS } from "./config.ts";
import { openConnection } from "./connection.ts";

/** TLS as the pipeline file says it, with the files' contents. */
export interface TlsOptions {
  /** `prefer` encrypts where the server can, and goes on without where it cannot. */
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** PEM texts. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Where a server listens. */
export interface ServerAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Options of a PostgreSQL source, normalised: every default is filled in, patterns are compiled. */
export interface PostgresSourceOptions {
  /** The server whose log is read; a standby may do (16 and later). */
  readonly hostname: string;
  readonly port: number;
  /** The primary, where `hostname` is a standby; null where it is not known, or is `hostname`. */
  readonly primary: ServerAddress | null;
  /** The standby that chunks are read from; null where that is `hostname`. */
  readonly snapshot: ServerAddress | null;
  readonly username: string;
  /** Or how to get one for a new connection to a server; such a one never travels without TLS. */
  readonly password: string | ((server: ServerAddress, renewed: boolean) => Promise<string>) | null;
  readonly database: string;
  readonly tls: TlsOptions;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
  /** How long one statement may run, and how long a chunk's snapshot may live, milliseconds. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** The tables to capture. */
  readonly matches: (schema: string, name: string) => boolean;
  /** Items of the pattern that none of these tables matches. */
  readonly unmatched?: Unmatched;
  /** The pattern as the user wrote it, for messages. */
  readonly tablesText: string;
  readonly slotName: string;
  readonly publicationName: string;
  /**
   * True: the publication is ours, made and kept in step with the captured tables. False: it is the user's, with
   * whatever column lists and row filters it has, and is only read.
   */
  readonly createPublication: boolean;
  /** The slot is kept in step on standbys (17 and later). */
  readonly slotFailover: boolean;
  /** Whether a partitioned table is captured as one table, or as its leaves. */
  readonly partitions: "root" | "leaves";
  /** Schema changes are told by an event trigger at the source, in their place between the rows. */
  readonly ddlMessages: boolean;
  /** How often an idle database gets a message so that its log can be freed, milliseconds; 0 is never. */
  readonly heartbeatIntervalMs: number;
}

/** The defaults of what need not be said. */
export const POSTGRES_SOURCE_DEFAULTS = {
  port: CONNECTION_DEFAULTS.port,
  primary: null,
  snapshot: null,
  password: null,
  tls: { mode: "prefer", ca: null, cert: null, key: null },
  connectTimeoutMs: CONNECTION_DEFAULTS.connectTimeoutMs,
  readTimeoutMs: CONNECTION_DEFAULTS.readTimeoutMs,
  statementTimeoutMs: CONNECTION_DEFAULTS.statementTimeoutMs,
  lockTimeoutMs: CONNECTION_DEFAULTS.lockTimeoutMs,
  createPublication: true,
  slotFailover: LOG_DEFAULTS.failover,
  partitions: "root",
  ddlMessages: LOG_DEFAULTS.ddlMessages,
  heartbeatIntervalMs: LOG_DEFAULTS.heartbeatIntervalMs,
} as const satisfies Partial<PostgresSourceOptions>;

/** How to connect, with `prefer` as what the server turned out to offer. */
export function connectionConfig(
  options: PostgresSourceOptions,
  pipeline: string,
  serverHasTls: boolean,
): PostgresConnectionConfig {
  return {
    ...CONNECTION_DEFAULTS,
    host: options.hostname,
    port: options.port,
    user: options.username,
    password: passwordOf(options),
    database: options.database,
    tls: tlsOf(options.tls, serverHasTls),
    applicationName: `millrace ${pipeline}`,
    connectTimeoutMs: options.connectTimeoutMs,
    readTimeoutMs: options.readTimeoutMs,
    statementTimeoutMs: options.statementTimeoutMs,
    lockTimeoutMs: options.lockTimeoutMs,
  };
}

function passwordOf({ password, hostname, port }: PostgresSourceOptions): Password {
  if (typeof password === "function") return (renewed) => password({ hostname, port }, renewed);
  return password ?? "";
}

/** What the log reader is told. */
export function logConfig(options: PostgresSourceOptions): PostgresLogConfig {
  return {
    ...LOG_DEFAULTS,
    slotName: options.slotName,
    publicationName: options.publicationName,
    failover: options.slotFailover,
    publishViaPartitionRoot: options.partitions === "root",
    ddlMessages: options.ddlMessages,
    heartbeatIntervalMs: options.heartbeatIntervalMs,
    silenceTimeoutMs: options.readTimeoutMs,
  };
}

function tlsOf(tls: TlsOptions, serverHasTls: boolean): PostgresTls {
  if (tls.mode === "disable" || (tls.mode === "prefer" && !serverHasTls)) return false;
  return {
    mode: tls.mode === "prefer" ? "require" : tls.mode,
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.cert === null ? {} : { cert: tls.cert }),
    ...(tls.key === null ? {} : { key: tls.key }),
  };
}

/** With `tls: prefer`, whether the server speaks TLS has to be tried. @throws MillraceError */
export async function chooseConnection(
  options: PostgresSourceOptions,
  pipeline: string,
): Promise<PostgresConnectionConfig> {
  const encrypted = connectionConfig(options, pipeline, true);
  if (options.tls.mode !== "prefer" || typeof options.password === "function") return encrypted;
  try {
    await (await openConnection(encrypted)).close();
    return encrypted;
  } catch (error) {
    if (!isTlsUnsupported(error)) throw error;
    const plain = connectionConfig(options, pipeline, false);
    await (await openConnection(plain)).close();
    return plain;
  }
}

/** Only this leads to plain text: a password that TLS would protect is never sent because something else failed. */
function isTlsUnsupported(error: unknown): boolean {
  const cause = error instanceof MillraceError ? error.cause : null;
  return cause instanceof Error && cause.message === "The server does not support SSL connections";
}
