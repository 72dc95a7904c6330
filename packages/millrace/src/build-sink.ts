import { hostname } from "node:os";
import { buildKafkaSink, type OriginOf } from "./build-kafka-sink.ts";
import { tlsOptions } from "./source-options.ts";
import type { DsqlSinkConfig, PostgresSinkConfig, SinkConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import { Holder, type ProcessName } from "./model/holder.ts";
import type { Random } from "./model/ports.ts";
import type { ConnectorContext } from "./model/source.ts";
import type { Sink } from "./model/sink.ts";
import type { ConnectionObserver } from "./observe/connection-metrics.ts";
import type { SqlSinkInput } from "./sinks/dsql/options.ts";
import { statePathOf } from "./sinks/jsonl/state-file.ts";
import { SINKS } from "./sinks/registry.ts";

/**
 * Makes the sink that a pipeline's file describes. Opens nothing. `origin`: what messages tell of their source; `holder`: who this
 * process was to an earlier sink of the same task, where there may have been one (I5).
 */
export async function buildSink(
  config: SinkConfig,
  connectorContext: ConnectorContext,
  connections: ConnectionObserver | null,
  { authentication, schemaMapper }: Extensions = {},
  origin: OriginOf = () => null,
  holder?: Holder,
): Promise<Sink> {
  const context = {
    ...connectorContext,
    holder: holder ?? thisHolder(connectorContext.random),
    ...(connections === null
      ? {}
      : { sinkObserver: connections, kafkaObserver: connections.kafka }),
    ...(authentication === undefined ? {} : { authentication }),
    ...(schemaMapper === undefined ? {} : { schemaMapper }),
  };
  switch (config.kind) {
    case "dsql":
      return SINKS.dsql(sqlSinkInput(config), context);
    case "postgres":
      return SINKS.postgres(sqlSinkInput(config), context);
    case "kafka":
      return buildKafkaSink(config, context, origin);
    case "jsonl":
      return SINKS.jsonl({ path: config.path, statePath: statePathOf(config.path) }, context);
  }
}

/** This process as a holder of a task. */
export function thisHolder(random: Random): Holder {
  return new Holder(random, thisProcess(), isThere);
}

/** How an operator finds this process. */
function thisProcess(): ProcessName {
  return { host: hostname(), pid: process.pid, startedMs: Math.round(performance.timeOrigin) };
}

/** By its number, which a host gives again at some time: what is there may be another one. */
export function isThere({ host, pid, startedMs }: ProcessName): boolean | null {
  if (host !== hostname()) return null;
  if (pid === process.pid) return startedMs === thisProcess().startedMs;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** How the sink's server is reached. The password is revealed here and nowhere else. */
export function sqlSinkInput(config: DsqlSinkConfig | PostgresSinkConfig): SqlSinkInput {
  const iam =
    config.kind === "dsql"
      ? {
          useIamAuth: config.useIamAuth,
          region: config.region,
          iamRole: config.iamRole,
          adminUser: config.adminUser,
        }
      : { useIamAuth: false };
  return {
    ...iam,
    host: config.host,
    port: config.port,
    database: config.database,
    username: config.username,
    password: config.password?.reveal() ?? null,
    maxPoolSize: config.maxPoolSize,
    minPoolSize: config.minPoolSize,
    connectionMaxLifetimeMs: config.connectionMaxLifetimeMs,
    connectionIdleTimeoutMs: config.connectionIdleTimeoutMs,
    connectTimeoutMs: config.connectTimeoutMs,
    requestTimeoutMs: config.requestTimeoutMs,
    stateSchema: config.stateSchema,
    unconstrainedNumeric: config.unconstrainedNumeric,
    tls: tlsOptions(config.tls),
  };
}
