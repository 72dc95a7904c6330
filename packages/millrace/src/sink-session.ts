import { sqlSinkInput } from "./build-sink.ts";
import type { DsqlSinkConfig, PostgresSinkConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import { openConnection } from "./sinks/dsql/connector.ts";
import { authenticationFor, connectGate, deafSinkObserver } from "./sinks/dsql/create-sql-sink.ts";
import { sqlSinkOptions } from "./sinks/dsql/options.ts";
import { DSQL, POSTGRES } from "./sinks/dsql/profile.ts";
import type { SinkProfile } from "./sinks/dsql/profile.ts";
import type { SinkConnection } from "./sinks/dsql/sink-connection.ts";

/** How long a question of somebody who only looks may take. */
const LOOK_TIMEOUT_MS = 10 * 60_000;

/** What this kind of server can do and how much it takes. */
export function profileOf({ kind }: DsqlSinkConfig | PostgresSinkConfig): SinkProfile {
  return kind === "dsql" ? DSQL : POSTGRES;
}

/** What opening a session needs from outside. */
export interface SessionPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** One session at a SQL sink, for looking: it takes no part in fences and changes nothing by itself. */
export function openSinkSession(
  config: DsqlSinkConfig | PostgresSinkConfig,
  ports: SessionPorts,
  extensions: Extensions = {},
): Promise<SinkConnection> {
  const profile = profileOf(config);
  // A look at a whole table may take longer than any request of a pipeline.
  const requestTimeoutMs = Math.max(config.requestTimeoutMs, LOOK_TIMEOUT_MS);
  const options = sqlSinkOptions(profile, { ...sqlSinkInput(config), requestTimeoutMs });
  const authentication =
    extensions.authentication ?? authenticationFor(options, ports.clock, deafSinkObserver);
  return openConnection({
    ...ports,
    options,
    profile,
    authentication,
    gate: connectGate(profile, ports),
  });
}
