import type { TaskSettings } from "../pipeline/settings.ts";
import type { Surroundings } from "./interpolate.ts";
import type { JSONL_SINK_OPTIONS } from "./options/jsonl-sink-options.ts";
import type { KAFKA_SINK_OPTIONS } from "./options/kafka-sink-options.ts";
import type { PIPELINE_OPTIONS } from "./options/pipeline-options.ts";
import type { DSQL_SINK_OPTIONS, POSTGRES_SINK_OPTIONS } from "./options/sql-sink-options.ts";
import type { DsqlSinkConfig, PostgresSinkConfig, SinkConfig } from "./pipeline-config.ts";
import { type Say, sayOf } from "./say.ts";
import type { Findings, Section } from "./section.ts";
import { finishKafkaSink } from "./finish-kafka-sink.ts";
import { finishTls } from "./finish-tls.ts";

/** Connections beside those of the lanes: one for takeover and catalogue, one for DDL. */
const SPARE_CONNECTIONS = 2;
/** DSQL's limit of rows in one transaction, ours included. */
const DSQL_MAX_ROWS = 3000;
const DSQL_HOST = /^[a-z0-9]+\.dsql(?:-[a-z0-9]+)?\.([a-z]{2}(?:-[a-z]+)+-\d+)\.on\.aws$/;

/** A sink's section with its kind. */
export type ParsedSink =
  | { readonly kind: "dsql"; readonly section: Section<typeof DSQL_SINK_OPTIONS> }
  | { readonly kind: "postgres"; readonly section: Section<typeof POSTGRES_SINK_OPTIONS> }
  | { readonly kind: "kafka"; readonly section: Section<typeof KAFKA_SINK_OPTIONS> }
  | { readonly kind: "jsonl"; readonly section: Section<typeof JSONL_SINK_OPTIONS> };

interface Parts {
  /** The pipeline's. */
  readonly name: string;
  /** Kind of the source. */
  readonly source: string;
  readonly settings: TaskSettings;
  readonly pipeline: Section<typeof PIPELINE_OPTIONS>;
  readonly surroundings: Surroundings;
  readonly findings: Findings;
}

/** Fills in what follows from other options, and checks what only shows between them. */
export function finishSink(sink: ParsedSink, parts: Parts): SinkConfig {
  switch (sink.kind) {
    case "dsql":
      return finishDsql(sink.section, parts);
    case "postgres":
      return finishPostgres(sink.section, parts);
    case "kafka":
      return finishKafkaSink(sink.section, parts);
    case "jsonl":
      return {
        ...sink.section.values,
        kind: "jsonl",
        path: parts.surroundings.resolvePath(sink.section.values.path),
      };
  }
}

function finishPostgres(
  section: Section<typeof POSTGRES_SINK_OPTIONS>,
  parts: Parts,
): PostgresSinkConfig {
  const { sslMode: _mode, sslCa: _ca, sslCert: _cert, sslKey: _key, ...rest } = section.values;
  const tls = finishTls(section, "sink", rest.host, null, parts);
  return { ...rest, kind: "postgres", tls, maxPoolSize: poolSize(section, parts) };
}

function finishDsql(section: Section<typeof DSQL_SINK_OPTIONS>, parts: Parts): DsqlSinkConfig {
  const { sslMode: _mode, sslCa: _ca, sslCert: _cert, sslKey: _key, ...rest } = section.values;
  const tls = finishTls(section, "sink", rest.host, "verify-full", parts);
  if (rest.batchRows > DSQL_MAX_ROWS) {
    const place = section.given.get("batch-size") ?? section.place;
    parts.findings.notice(
      place,
      "sink.batch-size",
      `is more than the ${DSQL_MAX_ROWS} rows that DSQL takes in one transaction; its limit holds`,
    );
  }
  const useIamAuth = rest.useIamAuth ?? rest.password === null;
  checkIam(section, useIamAuth, parts.findings);
  return {
    ...rest,
    kind: "dsql",
    tls,
    useIamAuth,
    region: rest.region ?? regionOf(rest.host),
    maxPoolSize: poolSize(section, parts),
  };
}

/** The region that a cluster's host name holds; null for any other name. */
export function regionOf(host: string): string | null {
  return DSQL_HOST.exec(host)?.[1] ?? null;
}

function checkIam(
  section: Section<typeof DSQL_SINK_OPTIONS>,
  useIamAuth: boolean,
  findings: Findings,
): void {
  const { adminUser, username } = section.values;
  const say = sayOf(section, "sink", findings);
  if (useIamAuth) checkSigning(section, say);
  else checkPassword(section, say);
  if (adminUser !== null && adminUser !== (username === "admin")) {
    const wrong = `is ${adminUser}, but username is ${username}`;
    say(
      "admin-user",
      wrong,
      "Take it out: DSQL wants DbConnectAdmin for the user admin and for nobody else",
    );
  }
}

function checkSigning({ values, failed }: Section<typeof DSQL_SINK_OPTIONS>, say: Say): void {
  if (values.password !== null) {
    say(
      "password",
      "is given, but use-iam-auth is true",
      "Take out one of the two: IAM signs the password itself",
    );
  }
  if (values.region !== null || failed.has("region") || failed.has("host")) return;
  if (regionOf(values.host) !== null) return;
  const wrong = "is missing, and the host name does not hold it";
  say(
    "region",
    wrong,
    "Write the region of the cluster, e.g. region: eu-west-1; or password, to do without IAM",
  );
}

function checkPassword({ values, failed }: Section<typeof DSQL_SINK_OPTIONS>, say: Say): void {
  if (values.password === null && !failed.has("password")) {
    const wrong = "is missing, and use-iam-auth is false";
    say("password", wrong, "Write password: ${env:SINK_PASSWORD}, or use-iam-auth: true");
  }
  if (values.iamRole !== null)
    say("iam-role", "is given without IAM", "Write use-iam-auth: true, or take it out");
}

function poolSize(
  section: Section<typeof DSQL_SINK_OPTIONS> | Section<typeof POSTGRES_SINK_OPTIONS>,
  { settings, findings }: Parts,
): number {
  const { maxPoolSize, minPoolSize } = section.values;
  const needed = settings.parallelism + SPARE_CONNECTIONS;
  const size = maxPoolSize ?? Math.max(needed, minPoolSize);
  const place = section.given.get("max-pool-size") ?? section.place;
  if (size < needed) {
    findings.problem(
      place,
      "sink.max-pool-size",
      `is ${size}, but ${settings.parallelism} lanes need ${needed} connections`,
      `Write max-pool-size: ${needed}, or a lower pipeline.parallelism`,
    );
  }
  if (minPoolSize > size)
    findings.problem(
      place,
      "sink.min-pool-size",
      `is ${minPoolSize}, more than max-pool-size (${size})`,
      "Write a lower one",
    );
  return size;
}
