import type { ClientConfig } from "pg";
import { connectionFailure, placedFailure } from "../../errors/connection-failure.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock, Logger, Random } from "../../model/ports.ts";
import type { AuthenticationProvider } from "./authentication.ts";
import type { ConnectGate } from "./connect-gate.ts";
import { accessDenied, classify } from "./errors.ts";
import type { SqlSinkOptions, TlsOptions } from "./options.ts";
import type { SinkProfile } from "./profile.ts";
import { SinkConnection } from "./sink-connection.ts";

/** What opening a connection needs from outside. */
export interface ConnectorParts {
  readonly options: SqlSinkOptions;
  readonly profile: Pick<SinkProfile, "sessionSql">;
  readonly authentication: AuthenticationProvider;
  readonly gate: ConnectGate;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Attempts per connection that was asked for; the pipeline's own retry goes on from there. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 100;

/**
 * Opens a connection: at the pace of the gate, with a fresh token once where access was denied, again with growing
 * pauses where the server could not take it now (connection rate, waking up, network).
 * @throws MillraceError MR_SINK_REFUSED or MR_SINK_LOST_CONNECTION.
 */
export async function openConnection(
  parts: ConnectorParts,
  signal?: AbortSignal,
): Promise<SinkConnection> {
  let fresh = false;
  for (let attempt = 1; ; attempt++) {
    await parts.gate.pass(signal);
    try {
      return await attemptOnce(parts, fresh);
    } catch (error) {
      const failure = connectingError(error, parts.options);
      const renew: boolean = accessDenied(error) && !fresh && parts.options.useIamAuth;
      if (!renew && (failure.class !== "transient" || attempt >= ATTEMPTS)) throw failure;
      fresh ||= renew;
      await pause(parts, attempt, failure, signal);
    }
  }
}

/** What the operator can mend is told by the option of the file that it is about. */
function connectingError(error: unknown, options: SqlSinkOptions): MillraceError {
  const { host, port, username, password, database, useIamAuth, tls } = options;
  const other = classify(error, { doing: `connecting to ${host}:${port}` });
  // With IAM there is no password that could be corrected; DSQL's hint says what the token lacks.
  if (useIamAuth && accessDenied(error)) return other;
  const failure = connectionFailure(error, {
    host,
    port,
    user: username,
    database,
    hasPassword: password !== null,
    sslMode: tls.mode,
    hasCa: tls.ca !== null,
    names: { host: "host", database: "database" },
  });
  return failure === null ? other : placedFailure("sink", failure, other);
}

async function pause(
  parts: ConnectorParts,
  attempt: number,
  failure: MillraceError,
  signal?: AbortSignal,
) {
  parts.log.debug("connection refused, trying again", { code: failure.code, attempt });
  const ceilingMs = FIRST_PAUSE_MS * 2 ** attempt;
  await parts.clock.sleep(ceilingMs * (0.5 + parts.random() / 2), signal);
}

async function attemptOnce(parts: ConnectorParts, fresh: boolean): Promise<SinkConnection> {
  const { options, clock, profile } = parts;
  const password = await passwordWithin(parts, fresh);
  const open = (tls: TlsOptions) =>
    SinkConnection.open(clientConfig(options, tls, password), {
      clock,
      requestTimeoutMs: options.requestTimeoutMs,
      connectTimeoutMs: options.connectTimeoutMs,
      serverTimeouts: options.serverTimeouts,
      sessionSql: profile.sessionSql,
    });
  if (options.tls.mode !== "prefer") return open(options.tls);
  try {
    return await open({ ...options.tls, mode: "require" });
  } catch (error) {
    if (!(error instanceof Error && /does not support SSL/.test(error.message))) throw error;
    return open({ ...options.tls, mode: "disable" });
  }
}

/** Where tokens and credentials come from may hang as any server may (I10). */
async function passwordWithin(parts: ConnectorParts, fresh: boolean): Promise<string> {
  const { options, clock } = parts;
  const stop = new AbortController();
  const late = clock.sleep(options.connectTimeoutMs, stop.signal).then(() => {
    throw new MillraceError(
      "MR_SINK_LOST_CONNECTION",
      `getting a password took longer than ${options.connectTimeoutMs} ms`,
    );
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([parts.authentication.password({ fresh }), late]);
  } finally {
    stop.abort();
  }
}

/**
 * Only what every server takes stands in the start-up packet: DSQL refuses statement_timeout and its like there.
 */
function clientConfig(options: SqlSinkOptions, tls: TlsOptions, password: string): ClientConfig {
  return {
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.username,
    password,
    application_name: "millrace",
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: options.connectTimeoutMs,
    ssl: sslConfig(tls),
  };
}

function sslConfig(tls: TlsOptions): ClientConfig["ssl"] {
  if (tls.mode === "disable") return false;
  const material = {
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.cert === null ? {} : { cert: tls.cert }),
    ...(tls.key === null ? {} : { key: tls.key }),
  };
  if (tls.mode === "verify-full") return { ...material, rejectUnauthorized: true };
  if (tls.mode === "verify-ca")
    return { ...material, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  return { ...material, rejectUnauthorized: false };
}
