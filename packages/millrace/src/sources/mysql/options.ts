import type { Unmatched } from "../../model/uncaptured.ts";
import {
  CONNECTION_DEFAULTS,
  type MysqlConnectionConfig,
  type MysqlTls,
  type Password,
} from "./config.ts";
import type { MysqlLogOptions } from "./log.ts";
import type { ValueOptions } from "./row-plan.ts";
import type { TypeOptions } from "./types.ts";

/** A batch is given once it weighs this much. */
const BATCH_BYTES = 1_048_576;
/** Some 8,000 rows of ten columns. */
const HELD_BYTES = 8 * BATCH_BYTES;
/** A row may have several large values. */
const ROW_OF_VALUES = 4;
/** A server that is well is heard so often within the time after which it counts as gone. */
const HEARTBEATS_PER_SILENCE = 4;

/** TLS as the pipeline file says it, with the files' contents. */
export interface TlsOptions {
  /** `prefer` encrypts where the server can, and goes on without where it cannot. */
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** PEM texts. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Numbers of which a reader takes one, both ends included. */
export interface ServerIdRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Where the log of a new pipeline begins. Only `initial` loads the tables; the others take what is in the log, and the
 * target has to hold the rest already.
 */
export type MysqlStartup =
  | { readonly mode: "initial" | "latest-offset" | "earliest-offset" }
  /** `file` as the server names it (`binlog.000003`), `pos` in bytes: where an event begins. */
  | { readonly mode: "specific-offset"; readonly file: string; readonly pos: number }
  /** What was executed before: `uuid:1-7,…`; MariaDB: `0-1-7,…`. */
  | { readonly mode: "specific-offset"; readonly gtidSet: string }
  /** Milliseconds since 1970. */
  | { readonly mode: "timestamp"; readonly timestampMs: number };

/** Options of a MySQL or MariaDB source, normalised: every default is filled in, patterns are compiled. */
export interface MysqlSourceOptions {
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  /** Or how to get one for each new connection; such a one never travels without TLS. */
  readonly password: Password | null;
  readonly tls: TlsOptions;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
  /** How long one statement may run, and how long a chunk's snapshot may live, milliseconds. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** The tables to capture; `schema` is the database. */
  readonly matches: (schema: string, name: string) => boolean;
  /** Items of the pattern that none of these tables matches. */
  readonly unmatched?: Unmatched;
  /** The pattern as the user wrote it, for messages. */
  readonly tablesText: string;
  /** Differs from that of every replica and other reader of the server; null: one that is made of the pipeline's name. */
  readonly serverId: ServerIdRange | null;
  readonly types: TypeOptions;
  readonly values: ValueOptions;
  /** Whether tables are captured whose foreign keys change rows without the log. */
  readonly unloggedCascades: "refuse" | "accept";
  /** Tables that gh-ost and pt-osc swap are followed through the swap. */
  readonly onlineSchemaChanges: boolean;
  /** What is written there in words (`binlog_format=STATEMENT`) is passed by, where none of their tables is captured. */
  readonly ignoredDatabases: readonly string[];
  /** How often an idle server says where its log ends, milliseconds; 0 is as seldom as the read timeout allows. */
  readonly heartbeatIntervalMs: number;
  readonly startup: MysqlStartup;
}

/** The defaults of what need not be said. */
export const MYSQL_SOURCE_DEFAULTS = {
  port: CONNECTION_DEFAULTS.port,
  password: null,
  tls: { mode: "prefer", ca: null, cert: null, key: null },
  connectTimeoutMs: CONNECTION_DEFAULTS.connectTimeoutMs,
  readTimeoutMs: CONNECTION_DEFAULTS.readTimeoutMs,
  statementTimeoutMs: CONNECTION_DEFAULTS.statementTimeoutMs,
  lockTimeoutMs: CONNECTION_DEFAULTS.lockTimeoutMs,
  serverId: null,
  types: { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" },
  values: { zeroDatesAreNull: false },
  unloggedCascades: "refuse",
  onlineSchemaChanges: false,
  ignoredDatabases: [],
  heartbeatIntervalMs: 30_000,
  startup: { mode: "initial" },
} as const satisfies Partial<MysqlSourceOptions>;

/** How to connect, with `prefer` as what the server turned out to offer. */
export function connectionConfig(
  options: MysqlSourceOptions,
  pipeline: string,
  serverHasTls: boolean,
): MysqlConnectionConfig {
  return {
    host: options.hostname,
    port: options.port,
    user: options.username,
    password: options.password ?? "",
    tls: tlsOf(options.tls, serverHasTls),
    applicationName: `millrace ${pipeline}`,
    connectTimeoutMs: options.connectTimeoutMs,
    readTimeoutMs: options.readTimeoutMs,
    statementTimeoutMs: options.statementTimeoutMs,
    lockTimeoutMs: options.lockTimeoutMs,
  };
}

function tlsOf(tls: TlsOptions, serverHasTls: boolean): false | MysqlTls {
  if (tls.mode === "disable" || (tls.mode === "prefer" && !serverHasTls)) return false;
  return {
    mode: tls.mode === "prefer" ? "require" : tls.mode,
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.cert === null ? {} : { cert: tls.cert }),
    ...(tls.key === null ? {} : { key: tls.key }),
  };
}

type LogLimits = Pick<
  MysqlLogOptions,
  "heartbeatMs" | "silenceTimeoutMs" | "batchBytes" | "heldBytes" | "limits"
>;

/** What the log reader is told. */
export function logConfig(
  { heartbeatIntervalMs, readTimeoutMs }: MysqlSourceOptions,
  maxValueBytes: number,
): LogLimits {
  const seldomMs = readTimeoutMs / HEARTBEATS_PER_SILENCE;
  return {
    heartbeatMs: Math.min(heartbeatIntervalMs === 0 ? seldomMs : heartbeatIntervalMs, seldomMs),
    silenceTimeoutMs: readTimeoutMs,
    batchBytes: BATCH_BYTES,
    heldBytes: HELD_BYTES,
    limits: { maxValueBytes, maxRowBytes: maxValueBytes * ROW_OF_VALUES },
  };
}
