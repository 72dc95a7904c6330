import type { PostgresConnection } from "./connection.ts";

/**
 * A password, or how to get a fresh one for each new connection (IAM tokens, secret stores). `renewed` after the server
 * has refused one: what it is made with is read anew too.
 */
export type Password = string | ((renewed: boolean) => Promise<string>);

/**
 * TLS towards the server; `false` is plain text.
 *
 * - `require`: encrypted; the certificate is checked only where a `ca` is given (as libpq does).
 * - `verify-ca`: signed by `ca` (or by a public authority), whatever host it names.
 * - `verify-full`: also names the host that we dialled.
 */
export type PostgresTls =
  | false
  | {
      readonly mode: "require" | "verify-ca" | "verify-full";
      /** PEM text of the authorities that may have signed the server's certificate. */
      readonly ca?: string;
      /** PEM text of the client certificate and its key. */
      readonly cert?: string;
      readonly key?: string;
      readonly passphrase?: string;
    };

/** How to reach a PostgreSQL server: normalised, every default filled in. */
export interface PostgresConnectionConfig {
  /** A host name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Password;
  readonly database: string;
  readonly tls: PostgresTls;
  /** Shown in `pg_stat_activity` and in the server's log. */
  readonly applicationName: string;
  /** Until a session is authenticated and set up, names and TLS included. */
  readonly connectTimeoutMs: number;
  /** How long an answer may be owed before the server is asked whether it still works on it. */
  readonly readTimeoutMs: number;
  /** How long one statement may run at the server; 0 is without bound. */
  readonly statementTimeoutMs: number;
  /** How long a statement may wait for a lock. */
  readonly lockTimeoutMs: number;
  /** Idle time after which the kernel begins to ask whether the other side still lives. */
  readonly tcpKeepAliveMs: number;
  /** Looks at each session that was opened; rejects where it is not to be used. */
  readonly opened?: (connection: PostgresConnection) => Promise<void>;
}

/** What a log reader needs beside the connection. */
export interface PostgresLogConfig {
  readonly slotName: string;
  readonly publicationName: string;
  /** Makes the slot one that a standby keeps in step (17 and later; ignored before). */
  readonly failover: boolean;
  /** Changes of partitions arrive as changes of the partitioned table. */
  readonly publishViaPartitionRoot: boolean;
  /** Schema changes are told by messages that an event trigger writes (`ddl-trigger.ts`). */
  readonly ddlMessages: boolean;
  /** How often an idle database gets a logical message so that its log can be freed; 0 is never. */
  readonly heartbeatIntervalMs: number;
  /** Upper bound of the time between two status updates; a third of the server's patience where that is less. */
  readonly statusIntervalMs: number;
  /**
   * Silence of the server after which the connection is held to be lost: it is asked to say something well before. A
   * dead host may be found sooner by TCP keepalive, but something in between may answer that. Before 16 a server may be silent while it reads past a very large
   * transaction of other tables: shorter than that, and it would never get past it.
   */
  readonly silenceTimeoutMs: number;
  /**
   * A server that shuts down waits until everything it sent is acknowledged. It gets this long, then the connection
   * is given up, so that a slow sink does not keep an administrator from stopping the server.
   */
  readonly shutdownGraceMs: number;
  /** A batch is given once its items weigh this much, bytes. */
  readonly batchBytes: number;
  /** How long to wait for a slot that another connection still reads. */
  readonly slotBusyTimeoutMs: number;
}

/** The defaults of {@link PostgresConnectionConfig} that do not name a server. */
export const CONNECTION_DEFAULTS = {
  port: 5432,
  tls: false,
  applicationName: "millrace",
  connectTimeoutMs: 30_000,
  readTimeoutMs: 120_000,
  statementTimeoutMs: 1_800_000,
  lockTimeoutMs: 30_000,
  tcpKeepAliveMs: 10_000,
} as const satisfies Partial<PostgresConnectionConfig>;

/** The defaults of {@link PostgresLogConfig} that do not name objects. */
export const LOG_DEFAULTS = {
  failover: false,
  publishViaPartitionRoot: true,
  ddlMessages: false,
  heartbeatIntervalMs: 10_000,
  statusIntervalMs: 5_000,
  silenceTimeoutMs: 120_000,
  shutdownGraceMs: 10_000,
  batchBytes: 1_048_576,
  slotBusyTimeoutMs: 60_000,
} as const satisfies Partial<PostgresLogConfig>;
