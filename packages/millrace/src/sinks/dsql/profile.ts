import type { DpuRates } from "./dpu-estimate.ts";

/** What a kind of SQL server can do and how much it takes. The sink goes by these, never by the kind. */
export interface SinkProfile {
  readonly kind: string;
  /** Rows that one transaction may change, the sink's own rows included. */
  readonly maxRowsPerCommit: number;
  /** Bytes of one transaction by our estimate, the margin already taken off. */
  readonly maxBytesPerCommit: number;
  /** A value larger than this does not fit into one message even when every byte of it is escaped, bytes. */
  readonly maxValueBytes: number;
  /** Bytes of the parameters of one statement; a longer write is cut into several statements of the transaction. */
  readonly maxStatementBytes: number;
  readonly maxKeyColumns: number;
  readonly maxColumns: number;
  /** Bytes of one key, where that is less than a source may have; a row with a longer one is refused. */
  readonly maxKeyBytes: number | null;
  /** Bytes of a key's columns as they are declared (`varchar(n)`); null where nobody adds them up. */
  readonly maxDeclaredKeyBytes: number | null;
  /** Schemas besides `public`, and tables, of one database; null where there is no such limit. */
  readonly maxSchemas: number | null;
  readonly maxTables: number | null;
  /** Base types that cannot be part of a key. */
  readonly unindexableTypes: ReadonlySet<string>;
  /** Whether an UPDATE may write key columns, so that a key takes another spelling of itself. */
  readonly updatesKeys: boolean;
  /** What a numeric without precision becomes. */
  readonly bareNumeric: "numeric" | "numeric(76,38)";
  readonly maxNumericPrecision: number;
  /** New connections per second that all of us may open, and how many at once. */
  readonly connectsPerSecond: number;
  readonly connectBurst: number;
  /** Whether a session can be told to end its own statements and transactions after a time. */
  readonly serverTimeouts: boolean;
  /** Whether it takes COPY … FROM STDIN within a transaction. */
  readonly copies: boolean;
  /** What transactions are billed by; null where nobody bills them. */
  readonly dpu: DpuRates | null;
  /** What a session needs besides, whatever the role's defaults are: statements, each on its own. */
  readonly sessionSql: readonly string[];
  readonly defaults: ProfileDefaults;
}

/** Defaults that differ by kind of server; the rest stand in `options.ts`. */
export interface ProfileDefaults {
  readonly port: number;
  readonly database: string;
  readonly useIamAuth: boolean;
  readonly sslMode: SslMode;
}

/** libpq's words for how a connection is encrypted and the server is checked. */
export type SslMode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full";

const MIB = 1024 * 1024;

/** Aurora DSQL as of autumn 2026: the quotas page of its user guide, and what was observed on clusters. */
export const DSQL: SinkProfile = {
  kind: "dsql",
  maxRowsPerCommit: 3_000,
  // 10 MiB is the limit; what the server counts per row and per index entry is not published, so a fifth is margin.
  maxBytesPerCommit: 8 * MIB,
  // A column takes 1 MiB after compression, so only the server can say; a message takes 10 MiB and escaping doubles.
  maxValueBytes: 4 * MIB,
  maxStatementBytes: 9 * MIB,
  maxKeyColumns: 8,
  maxColumns: 255,
  maxKeyBytes: 1_024,
  maxDeclaredKeyBytes: 2_000,
  maxSchemas: 10,
  maxTables: 1_000,
  unindexableTypes: new Set(["bytea", "json", "jsonb", "interval", "timetz"]),
  // Not known of a cluster. Its keys have one spelling each, but for the zeros of floats.
  updatesKeys: false,
  bareNumeric: "numeric(76,38)",
  maxNumericPrecision: 1_000,
  connectsPerSecond: 50,
  connectBurst: 100,
  // Transactions end by themselves after five minutes, and hold no locks.
  serverTimeouts: false,
  // Nobody knows of a cluster that took one.
  copies: false,
  dpu: {
    perByteWritten: 0.000_048_83,
    leastBytesWritten: 1_024,
    perByteRead: 0.000_001_831_05,
    leastBytesRead: 2_048,
    leastRowBytes: 128,
  },
  sessionSql: [],
  defaults: { port: 5432, database: "postgres", useIamAuth: true, sslMode: "verify-full" },
};

/** Plain PostgreSQL, 13 and later. */
export const POSTGRES: SinkProfile = {
  kind: "postgres",
  maxRowsPerCommit: 10_000,
  maxBytesPerCommit: 16 * MIB,
  maxValueBytes: 32 * MIB,
  maxStatementBytes: 128 * MIB,
  maxKeyColumns: 32,
  maxColumns: 1_600,
  maxKeyBytes: null,
  maxDeclaredKeyBytes: null,
  maxSchemas: null,
  maxTables: null,
  unindexableTypes: new Set(["json"]),
  updatesKeys: true,
  bareNumeric: "numeric",
  maxNumericPrecision: 1_000,
  connectsPerSecond: 100,
  connectBurst: 100,
  serverTimeouts: true,
  copies: true,
  dpu: null,
  // A role or a database may be set to answer COMMIT before it is on disk: what is acknowledged to the source then is
  // not durable (I4). A stronger setting than `on` is left alone.
  sessionSql: [
    "SELECT pg_catalog.set_config('synchronous_commit', 'on', false)" +
      " WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local')",
  ],
  defaults: { port: 5432, database: "postgres", useIamAuth: false, sslMode: "prefer" },
};
