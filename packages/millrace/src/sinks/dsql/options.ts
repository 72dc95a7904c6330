import type { SinkProfile, SslMode } from "./profile.ts";

/** How a connection is encrypted; PEM texts, not paths. */
export interface TlsOptions {
  readonly mode: SslMode;
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Everything the SQL sink can be told, normalised. The names are those of the pipeline file in camel case. */
export interface SqlSinkOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  /** For password authentication; ignored where `useIamAuth` is on. */
  readonly password: string | null;
  readonly useIamAuth: boolean;
  /** Null takes it from the host name (`<id>.dsql.<region>.on.aws`). */
  readonly region: string | null;
  /** ARN of a role to assume before signing; null signs with the process' own credentials. */
  readonly iamRole: string | null;
  /** Sign for `DbConnectAdmin`; null decides by the user's name, as DSQL does. */
  readonly adminUser: boolean | null;
  readonly maxPoolSize: number;
  readonly minPoolSize: number;
  readonly connectionMaxLifetimeMs: number;
  readonly connectionIdleTimeoutMs: number;
  /** An answer that takes longer than this counts as a lost connection: the server cannot be asked to cancel. */
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Whether the server takes settings of a session that end what its client no longer waits for. */
  readonly serverTimeouts: boolean;
  readonly stateSchema: string;
  /** What a numeric without precision becomes: the profile's own wide numeric, or text. */
  readonly unconstrainedNumeric: "numeric" | "text";
  readonly tls: TlsOptions;
}

/** What a caller must say; all else has a default. */
export type SqlSinkInput = { readonly host: string } & {
  readonly [K in Exclude<keyof SqlSinkOptions, "host" | "tls" | "unconstrainedNumeric">]?:
    | SqlSinkOptions[K]
    | undefined;
} & {
  readonly tls?: Partial<TlsOptions> | undefined;
  /** `numeric(76,38)` is the pipeline file's word for the profile's wide numeric. */
  readonly unconstrainedNumeric?: "numeric" | "numeric(76,38)" | "text" | undefined;
};

/** Longest life of a connection: DSQL cuts after 60 minutes without a word, a transaction may take five of them. */
export const DEFAULT_LIFETIME_MS = 55 * 60_000;

/** Fills in defaults; the only place where they stand. */
export function sqlSinkOptions(profile: SinkProfile, input: SqlSinkInput): SqlSinkOptions {
  const { defaults } = profile;
  const maxPoolSize = input.maxPoolSize ?? 16;
  return {
    host: input.host,
    port: input.port ?? defaults.port,
    database: input.database ?? defaults.database,
    username: input.username ?? (defaults.useIamAuth ? "admin" : "postgres"),
    password: input.password ?? null,
    useIamAuth: input.useIamAuth ?? defaults.useIamAuth,
    region: input.region ?? null,
    iamRole: input.iamRole ?? null,
    adminUser: input.adminUser ?? null,
    maxPoolSize,
    minPoolSize: Math.min(input.minPoolSize ?? 1, maxPoolSize),
    connectionMaxLifetimeMs: input.connectionMaxLifetimeMs ?? DEFAULT_LIFETIME_MS,
    connectionIdleTimeoutMs: input.connectionIdleTimeoutMs ?? 10 * 60_000,
    requestTimeoutMs: input.requestTimeoutMs ?? 120_000,
    connectTimeoutMs: input.connectTimeoutMs ?? 30_000,
    serverTimeouts: profile.serverTimeouts,
    stateSchema: input.stateSchema ?? "millrace",
    unconstrainedNumeric: input.unconstrainedNumeric === "text" ? "text" : "numeric",
    tls: tlsOptions(defaults.sslMode, input.tls),
  };
}

function tlsOptions(mode: SslMode, input: Partial<TlsOptions> | undefined): TlsOptions {
  return {
    mode: input?.mode ?? mode,
    ca: input?.ca ?? null,
    cert: input?.cert ?? null,
    key: input?.key ?? null,
  };
}
