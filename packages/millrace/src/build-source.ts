import { readFileSync } from "node:fs";
import type { PostgresSourceConfig, SourceConfig, TlsConfig } from "./config/pipeline-config.ts";
import { type Clock, systemClock } from "./model/ports.ts";
import type { ConnectorContext, Source } from "./model/source.ts";
import { rdsPassword } from "./rds-token.ts";
import { compileTablePatterns } from "./schema/table-pattern.ts";
import { awsCredentials } from "./sinks/dsql/iam-authentication.ts";
import type { PostgresConnectionConfig } from "./sources/postgres/config.ts";
import { chooseConnection } from "./sources/postgres/options.ts";
import type {
  PostgresSourceOptions,
  ServerAddress,
  TlsOptions,
} from "./sources/postgres/options.ts";
import { SOURCES } from "./sources/registry.ts";

/** Makes the source that a pipeline's file describes. Opens nothing. */
export function buildSource(config: SourceConfig, context: ConnectorContext): Source {
  return SOURCES[config.kind](postgresSourceOptions(config, context.clock), context);
}

/** How one session at the source is opened, for `verify`. */
export function sourceConnection(
  config: SourceConfig,
  pipeline: string,
): Promise<PostgresConnectionConfig> {
  return chooseConnection(postgresSourceOptions(config), pipeline);
}

/** What a PostgreSQL source is told. The password is revealed here and nowhere else. */
export function postgresSourceOptions(
  config: PostgresSourceConfig,
  clock: Clock = systemClock,
): PostgresSourceOptions {
  const { hostname, port, username, database, slotName, publicationName } = config;
  return {
    hostname,
    port,
    primary: addressOf(config.primaryHostname, config.primaryPort),
    snapshot: addressOf(config.snapshotHostname, config.snapshotPort),
    username,
    password: passwordOf(config, clock),
    database,
    tls: tlsOptions(config.tls),
    connectTimeoutMs: config.connectTimeoutMs,
    readTimeoutMs: config.readTimeoutMs,
    statementTimeoutMs: config.statementTimeoutMs,
    lockTimeoutMs: config.lockTimeoutMs,
    matches: tableFilter(config),
    tablesText: config.tables,
    slotName,
    publicationName,
    createPublication: config.publicationCreate === "if-missing",
    slotFailover: config.slotFailover,
    partitions: config.partitions,
    ddlMessages: config.schemaMessages === "event-trigger",
    heartbeatIntervalMs: config.heartbeatIntervalMs,
  };
}

function addressOf(hostname: string | null, port: number): ServerAddress | null {
  return hostname === null ? null : { hostname, port };
}

/** A password of the file, or one that is signed for each connection. */
function passwordOf(
  { password, useIamAuth, region, iamRole, username }: PostgresSourceConfig,
  clock: Clock,
): PostgresSourceOptions["password"] {
  if (!useIamAuth || region === null) return password?.reveal() ?? null;
  return rdsPassword({
    region,
    username,
    clock,
    credentials: awsCredentials({ region, role: iamRole }),
  });
}

/** `tables` less `tables.exclude`. */
export function tableFilter(
  config: PostgresSourceConfig,
): (schema: string, name: string) => boolean {
  const wanted = compileTablePatterns(config.tables, [3]);
  const unwanted =
    config.tablesExclude === null ? null : compileTablePatterns(config.tablesExclude, [3]);
  return (schema, name) => {
    const parts = [config.database, schema, name];
    return wanted.match(parts) !== null && (unwanted === null || unwanted.match(parts) === null);
  };
}

/** The files' contents: connectors are given texts, so that a bad path is found here. */
export function tlsOptions({ mode, caFile, certFile, keyFile }: TlsConfig): TlsOptions {
  const pem = (file: string | null) => (file === null ? null : readFileSync(file, "utf8"));
  return { mode, ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) };
}
