import type { MysqlConnection } from "./connection.ts";

/**
 * A password, or how to get a fresh one for each new connection (IAM tokens, secret stores). `renewed` after the server
 * has refused one: what it is made with is read anew too.
 */
export type Password = string | ((renewed: boolean) => Promise<string>);

/** How a connection is encrypted; PEM texts. */
export interface MysqlTls {
  /** `require` encrypts and believes any certificate; `verify-full` checks the server's name too. */
  readonly mode: "require" | "verify-ca" | "verify-full";
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How to reach a server. */
export interface MysqlConnectionConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Password;
  /** False: plain text. */
  readonly tls: false | MysqlTls;
  readonly connectTimeoutMs: number;
  /** After so long without an answer the server is asked whether it works on one; if not, the connection is cut. */
  readonly readTimeoutMs: number;
  /** How long one statement may run at the server, milliseconds. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** Tells sessions of ours from others at the server (`program_name`). */
  readonly applicationName: string;
  /** Looks at a session before anybody gets it; rejects where it is not wanted. */
  readonly opened?: (connection: MysqlConnection) => Promise<void>;
}

/** The defaults of {@link MysqlConnectionConfig} that do not name a server. */
export const CONNECTION_DEFAULTS = {
  port: 3306,
  tls: false,
  applicationName: "millrace",
  connectTimeoutMs: 30_000,
  readTimeoutMs: 120_000,
  statementTimeoutMs: 1_800_000,
  lockTimeoutMs: 30_000,
} as const satisfies Partial<MysqlConnectionConfig>;
