import { readFileSync } from "node:fs";
import type { PostgresSourceConfig, SourceConfig, TlsConfig } from "./config/pipeline-config.ts";
import type { Finding } from "./model/finding.ts";
import type { Clock } from "./model/ports.ts";
import type { ConnectorContext, Source } from "./model/source.ts";
import type { TableId } from "./model/table.ts";
import { rdsPassword } from "./rds-token.ts";
import { compileTablePatterns } from "./schema/table-pattern.ts";
import { awsCredentials } from "./sinks/dsql/iam-authentication.ts";
import { openConnection } from "./sources/postgres/connection.ts";
import { chooseConnection } from "./sources/postgres/options.ts";
import type {
  PostgresSourceOptions,
  ServerAddress,
  TlsOptions,
} from "./sources/postgres/options.ts";
import { SOURCE_CHECKS, SOURCES } from "./sources/registry.ts";
import { readerOver, type TableReader } from "./verify/table-reader.ts";

/** Makes the source that a pipeline's file describes. Opens nothing. */
export function buildSource(config: SourceConfig, context: ConnectorContext): Source {
  switch (config.kind) {
    case "postgres":
      return SOURCES.postgres(postgresOptions(config, context.clock), context);
  }
}

/** What the source's server says about a pipeline before it is started; `known` are tables that it captures already. */
export function checkSource(
  config: SourceConfig,
  context: ConnectorContext,
  known: ReadonlySet<TableId> | null,
): Promise<Finding[]> {
  switch (config.kind) {
    case "postgres":
      return SOURCE_CHECKS.postgres(postgresOptions(config, context.clock), context, known);
  }
}

/** A session at the source that `verify` reads rows through. */
export async function openSourceReader(
  config: SourceConfig,
  { pipeline, clock }: ConnectorContext,
): Promise<SourceReader> {
  switch (config.kind) {
    case "postgres": {
      const choice = await chooseConnection(postgresOptions(config, clock), pipeline);
      const connection = await openConnection(choice, { purpose: "verify" });
      return {
        reader: readerOver(connection.client, "postgres"),
        close: () => connection.close(),
      };
    }
  }
}

/** See {@link openSourceReader}. */
export interface SourceReader {
  readonly reader: TableReader;
  close(): Promise<void>;
}

/** What a PostgreSQL source is told. The password is revealed here and nowhere else. */
function postgresOptions(config: PostgresSourceConfig, clock: Clock): PostgresSourceOptions {
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
export function tableFilter(config: SourceConfig): (schema: string, name: string) => boolean {
  const { database, tables, tablesExclude } = config;
  const counts = [3];
  const wanted = compileTablePatterns(tables, counts);
  const unwanted = tablesExclude === null ? null : compileTablePatterns(tablesExclude, counts);
  return (schema, name) => {
    const parts = [database, schema, name];
    return wanted.match(parts) !== null && (unwanted === null || unwanted.match(parts) === null);
  };
}

/** The files' contents: connectors are given texts, so that a bad path is found here. */
export function tlsOptions({ mode, caFile, certFile, keyFile }: TlsConfig): TlsOptions {
  const pem = (file: string | null) => (file === null ? null : readFileSync(file, "utf8"));
  return { mode, ca: pem(caFile), cert: pem(certFile), key: pem(keyFile) };
}
