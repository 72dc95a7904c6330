import { MillraceError } from "../../errors/millrace-error.ts";
import { Holder } from "../../model/holder.ts";
import type { Clock, Logger, Random } from "../../model/ports.ts";
import type { AuthenticationProvider, TokenObserver } from "./authentication.ts";
import { passwordAuthentication } from "./authentication.ts";
import { ConnectGate } from "./connect-gate.ts";
import { openConnection } from "./connector.ts";
import { awsCredentials, iamAuthentication, regionOfHost } from "./iam-authentication.ts";
import type { CostObserver } from "./dpu-estimate.ts";
import type { SqlSinkInput, SqlSinkOptions } from "./options.ts";
import { sqlSinkOptions } from "./options.ts";
import type { PoolObserver } from "./pool.ts";
import { ConnectionPool } from "./pool.ts";
import type { SinkProfile } from "./profile.ts";
import { SqlSink } from "./sql-sink.ts";
import type { SchemaMapper } from "./type-mapping.ts";
import { ownMapper } from "./type-mapping.ts";

/** What the sink tells about its connections, tokens and costs; for metrics. */
export interface SqlSinkObserver extends PoolObserver, TokenObserver, CostObserver {}

/** Hears nothing. */
export const deafSinkObserver: SqlSinkObserver = {
  counts() {},
  acquired() {},
  signed() {},
  failed() {},
  estimatedDpu() {},
};

/** What a sink is given beside its options. */
export interface SqlSinkContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly observer?: SqlSinkObserver;
  /** Shared by all sinks of the process that write to one cluster; each has its own where it is left out. */
  readonly gate?: ConnectGate;
  /** Takes the place of password and IAM authentication. */
  readonly authentication?: AuthenticationProvider;
  /** The process that takes over, as a holder of the task; one of its own where it is left out. */
  readonly holder?: Holder;
  /** Takes the place of the sink's own mapping of columns. */
  readonly schemaMapper?: SchemaMapper;
}

/** Makes a sink for a kind of server. */
export function createSqlSink(
  profile: SinkProfile,
  input: SqlSinkInput,
  context: SqlSinkContext,
): SqlSink {
  const options = sqlSinkOptions(profile, input);
  const { clock, random, log } = context;
  const observer = context.observer ?? deafSinkObserver;
  const authentication = context.authentication ?? authenticationFor(options, clock, observer);
  const gate = context.gate ?? connectGate(profile, { clock, random });
  const connector = { options, profile, authentication, gate, clock, random, log };
  const limits = {
    max: options.maxPoolSize,
    min: options.minPoolSize,
    maxLifetimeMs: options.connectionMaxLifetimeMs,
    idleTimeoutMs: options.connectionIdleTimeoutMs,
  };
  const pool = new ConnectionPool(
    (signal) => openConnection(connector, signal),
    limits,
    { clock, random },
    observer,
  );
  const mapper = context.schemaMapper ?? ownMapper;
  const holder = context.holder ?? new Holder(random);
  return new SqlSink({ profile, options, pool, mapper, observer, clock, random, log, holder });
}

/** A gate with the profile's pace. */
export function connectGate(
  profile: SinkProfile,
  ports: { clock: Clock; random: Random },
): ConnectGate {
  return new ConnectGate(
    { perSecond: profile.connectsPerSecond, burst: profile.connectBurst },
    ports,
  );
}

/**
 * Password or IAM, as the options say.
 * @throws MillraceError MR_SINK_REFUSED where the region is neither set nor part of the host name.
 */
export function authenticationFor(
  options: SqlSinkOptions,
  clock: Clock,
  observer: TokenObserver,
): AuthenticationProvider {
  if (!options.useIamAuth) return passwordAuthentication(options.password ?? "");
  const region = options.region ?? regionOfHost(options.host);
  if (region === null) {
    throw new MillraceError(
      "MR_SINK_REFUSED",
      `region is not set, and the host ${options.host} does not tell it`,
    );
  }
  return iamAuthentication({
    host: options.host,
    region,
    admin: options.adminUser ?? options.username === "admin",
    credentials: awsCredentials({ region, role: options.iamRole }),
    clock,
    observer,
  });
}
