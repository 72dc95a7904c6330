import { readFileSync } from "node:fs";
import type { PostgresSourceConfig, SourceConfig, TlsConfig } from "./config/pipeline-config.ts";
import type { ConnectorContext, Source } from "./model/source.ts";
import { compileTablePatterns } from "./schema/table-pattern.ts";
import { CONNECTION_DEFAULTS, LOG_DEFAULTS } from "./sources/postgres/config.ts";
import type { PostgresConnectionConfig, PostgresTls } from "./sources/postgres/config.ts";
import { SOURCES } from "./sources/registry.ts";

/** Makes the source that a pipeline's file describes. Opens nothing. */
export function buildSource(config: SourceConfig, context: ConnectorContext): Source {
  return SOURCES[config.kind](
    {
      connection: sourceConnection(config, context.pipeline),
      log: {
        ...LOG_DEFAULTS,
        slotName: config.slotName,
        publicationName: config.publicationName,
        failover: config.slotFailover,
        publishViaPartitionRoot: config.partitions === "root",
        heartbeatIntervalMs: config.heartbeatIntervalMs,
      },
      matches: tableFilter(config),
      tablesText: config.tables,
    },
    context,
  );
}

/** How the source's server is reached. The password is revealed here and nowhere else. */
export function sourceConnection(
  config: PostgresSourceConfig,
  pipeline: string,
): PostgresConnectionConfig {
  return {
    ...CONNECTION_DEFAULTS,
    host: config.hostname,
    port: config.port,
    user: config.username,
    password: config.password?.reveal() ?? "",
    database: config.database,
    tls: sourceTls(config.tls),
    applicationName: applicationName(pipeline),
    connectTimeoutMs: config.connectTimeoutMs,
  };
}

/** What servers show for our sessions: PostgreSQL keeps 63 characters of ASCII. */
export function applicationName(pipeline: string): string {
  return `millrace/${pipeline.replace(/[^\x20-\x7e]/g, "?")}`.slice(0, 63);
}

/** `tables` less `tables.exclude`. */
function tableFilter(config: PostgresSourceConfig): (schema: string, name: string) => boolean {
  const wanted = compileTablePatterns(config.tables, [3]);
  const unwanted =
    config.tablesExclude === null ? null : compileTablePatterns(config.tablesExclude, [3]);
  return (schema, name) => {
    const parts = [config.database, schema, name];
    return wanted.match(parts) !== null && (unwanted === null || unwanted.match(parts) === null);
  };
}

function sourceTls({ mode, caFile, certFile, keyFile }: TlsConfig): PostgresTls {
  if (mode === "disable") return false;
  return {
    mode,
    ...(caFile === null ? {} : { ca: readFileSync(caFile, "utf8") }),
    ...(certFile === null ? {} : { cert: readFileSync(certFile, "utf8") }),
    ...(keyFile === null ? {} : { key: readFileSync(keyFile, "utf8") }),
  };
}
