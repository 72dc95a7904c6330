import { readFileSync } from "node:fs";
import type {
  MysqlSourceConfig,
  PostgresSourceConfig,
  SourceConfig,
  TlsConfig,
} from "./config/pipeline-config.ts";
import { unmatchedPatterns } from "./config/unmatched-patterns.ts";
import type { Clock } from "./model/ports.ts";
import type { Unmatched } from "./model/uncaptured.ts";
import { rdsPassword } from "./rds-token.ts";
import { compileTablePatterns } from "./schema/table-pattern.ts";
import { awsCredentials } from "./sinks/dsql/iam-authentication.ts";
import type { MysqlSourceOptions } from "./sources/mysql/options.ts";
import type {
  PostgresSourceOptions,
  ServerAddress,
  TlsOptions,
} from "./sources/postgres/options.ts";

/** What a PostgreSQL source is told. */
export function postgresOptions(config: PostgresSourceConfig, clock: Clock): PostgresSourceOptions {
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
    unmatched: unmatchedOf(config),
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

/** What a MySQL or MariaDB source is told. */
export function mysqlOptions(config: MysqlSourceConfig, clock: Clock): MysqlSourceOptions {
  const { hostname, port, username } = config;
  const password = passwordOf(config, clock);
  return {
    hostname,
    port,
    username,
    password:
      typeof password === "function"
        ? (renewed) => password({ hostname, port }, renewed)
        : password,
    tls: tlsOptions(config.tls),
    connectTimeoutMs: config.connectTimeoutMs,
    readTimeoutMs: config.readTimeoutMs,
    statementTimeoutMs: config.statementTimeoutMs,
    lockTimeoutMs: config.lockTimeoutMs,
    matches: tableFilter(config),
    unmatched: unmatchedOf(config),
    tablesText: config.tables,
    serverId: config.serverId,
    types: {
      tinyint1AsBoolean: config.tinyint1AsBoolean,
      timeAsInterval: config.timeAsInterval,
      geometry: config.geometry,
    },
    values: { zeroDatesAreNull: config.zeroDates === "as-null" },
    onlineSchemaChanges: config.onlineSchemaChanges,
    ignoredDatabases: config.ignoredDatabases ?? [],
    unloggedCascades: config.unloggedCascades,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    startup: config.startup,
  };
}

/** A password of the file, revealed here and nowhere else; or one that is signed for each connection. */
function passwordOf(
  { password, useIamAuth, region, iamRole, username }: MysqlSourceConfig | PostgresSourceConfig,
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
export function tableFilter(config: SourceConfig): (schema: string, name: string) => boolean {
  const { database, tables, tablesExclude } = config;
  const parts = database === null ? 2 : 3;
  const wanted = compileTablePatterns(tables, [parts]);
  const unwanted = tablesExclude === null ? null : compileTablePatterns(tablesExclude, [parts]);
  return (schema, name) => {
    const names = [database ?? "", schema, name];
    return wanted.match(names) !== null && (unwanted === null || unwanted.match(names) === null);
  };
}

/** Items of `tables` that match nothing, whatever `tables.exclude` says of it. */
function unmatchedOf({ database, tables }: SourceConfig): Unmatched {
  const outer = database === null ? [] : [database];
  const patterns = compileTablePatterns(tables, [outer.length + 2]);
  return (found) =>
    unmatchedPatterns(
      patterns,
      found.map(({ schema, name }) => [...outer, schema, name]),
    );
}

/** The files' contents: connectors are given texts, so that a bad path is found here. */
export function tlsOptions({ mode, caFile, certFile, keyFile }: TlsConfig): TlsOptions {
  const pem = (file: string | null) => (file === null ? null : readFileSync(file, "utf8"));
  return { mode, ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) };
}
