/** What a cluster can be started with. */
import type { Limits } from "./rules/bounds.ts";

/** Options of `startDsqlLocal`; the command line has the same ones. */
export interface DsqlLocalOptions {
  /** Port to listen on; 0 (the default of the library) takes a free one. */
  readonly port?: number;
  /** Address to listen on, 127.0.0.1 by default. */
  readonly host?: string;
  /** Folder that keeps the data over restarts; a temporary cluster when left out. */
  readonly dataDir?: string;
  /** A PostgreSQL 16 of yours instead of the embedded one: `postgresql://superuser:password@host/database`. */
  readonly postgresUrl?: string;
  /** `trust` takes any password (default), `iam` checks the token as the service does. */
  readonly auth?: "iam" | "trust";
  /** Default `on`. */
  readonly tls?: "on" | "off";
  /** The key that tokens must be signed with; without it signatures are not checked. */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  /** Further names that clients may call the cluster by, in the token and by SNI. */
  readonly hostNames?: readonly string[];
  /** Turn away clients that send no server name, as the service does. */
  readonly requireServerName?: boolean;
  /** Rules as of this day: `2026-09-15` (the newest), or `2026-08-24`, before foreign keys and partial indexes. */
  readonly profile?: string;
  /** Where the control port listens, `ADDR:PORT`; off when left out. */
  readonly control?: string;
  /** The clock of ages, tokens and the one-hour life, in milliseconds. */
  readonly clock?: () => number;
  /** Limits other than the service's, so that a test reaches them soon; also set at the control port. */
  readonly limits?: Partial<Limits>;
  /** Life of a connection in milliseconds; one hour by default. */
  readonly connectionLifeMs?: number;
  /** How long an asynchronous job takes at least, in milliseconds; 0 by default. */
  readonly jobDelayMs?: number;
  /** What each statement but COMMIT and ROLLBACK takes besides its work, in milliseconds; 0 by default. */
  readonly statementDelayMs?: number;
  /** What each COMMIT of a write takes besides its work, in milliseconds; 0 by default. */
  readonly commitDelayMs?: number;
  /** Connections that PostgreSQL is prepared for; 1,000 by default. */
  readonly maxConnections?: number;
}
