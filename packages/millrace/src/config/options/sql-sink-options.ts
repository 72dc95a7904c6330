import type { AcceptedKeys } from "../section.ts";
import { awsRegion, roleArn } from "./aws-options.ts";
import { defaulting, optional, required } from "../option.ts";
import type { OptionValues } from "../option.ts";
import { choice, flag, integer, port, secret, text, textLike } from "../option-type.ts";
import { databaseName, hostName } from "../host-name.ts";
import { SINK_OPTIONS } from "./sink-options.ts";
import { SSL_MODE_DEFAULT_DOC, SSL_MODE_DOC, sslMode, TLS_FILES } from "./tls-options.ts";

const HOUR_MS = 3_600_000;

const SCHEMA_NAME = textLike("name", /^[^\p{Cc}]{1,63}$/u, {
  wrong: "is not a schema name",
  remedy: "Write 1 to 63 characters",
});

const PARTS = "host, port, username, password, database";
const HOST = hostName(PARTS);
const DATABASE = databaseName(PARTS);

const DATABASE_DOC = "Database to write to.";

const COMMON = {
  host: required(HOST, {
    name: "host",
    aliases: ["hostname"],
    example: "target.internal",
    doc: "Host name of the server or cluster.",
  }),
  port: defaulting(port, 5432, { name: "port", example: "5432", doc: "Port of the server." }),
  password: optional(secret, {
    name: "password",
    example: "${env:SINK_PASSWORD}",
    doc: "Password of the role.",
  }),
  ...TLS_FILES,
  maxPoolSize: optional(integer(1, 1000, "connections"), {
    name: "max-pool-size",
    example: "20",
    defaultDoc: "one per lane and two more",
    doc: "Connections at most. Every lane needs one, and two more are needed besides. Of a source that is shared out (Kafka's partitions, DynamoDB's tables) each share that a process runs has as many: they are opened when they are wanted, and closed when idle.",
  }),
  minPoolSize: defaulting(integer(0, 1000, "connections"), 0, {
    name: "min-pool-size",
    example: "5",
    doc: "Connections that are kept open while there is nothing to write.",
  }),
  connectionMaxLifetimeMs: defaulting(integer(1000, 24 * HOUR_MS, "milliseconds"), 3_300_000, {
    name: "connection-max-lifetime-ms",
    example: "3300000",
    doc: "Age at which a connection is replaced, between two transactions. DSQL cuts connections without a word after 60 minutes; 55 leave time for what is under way.",
  }),
  connectionIdleTimeoutMs: defaulting(integer(1000, 24 * HOUR_MS, "milliseconds"), 300_000, {
    name: "connection-idle-timeout-ms",
    example: "300000",
    doc: "Idle time after which a connection above `min-pool-size` is closed.",
  }),
  connectTimeoutMs: defaulting(integer(250, HOUR_MS, "milliseconds"), 30_000, {
    name: "connect-timeout-ms",
    example: "30000",
    doc: "How long opening a connection may take, from the look-up of the name to a session that is set up.",
  }),
  requestTimeoutMs: defaulting(integer(1000, HOUR_MS, "milliseconds"), 120_000, {
    name: "request-timeout-ms",
    example: "120000",
    doc: "How long the server may take over one request (a statement, or a whole transaction that is sent at once) before its connection is given up and the lane row is asked what became of it. A PostgreSQL server is told to give up by itself then, so that nobody waits for the locks of a connection that is gone.",
  }),
  create: defaulting(choice(["if-missing", "never"]), "if-missing", {
    name: "create",
    example: "if-missing",
    doc: "Whether missing schemas and target tables are made. Existing tables are checked in either case: columns, types, key.",
  }),
  shared: defaulting(flag, false, {
    name: "shared",
    example: "true",
    doc: "Whether other pipelines may write to the target tables too; all of them must say so. Without it a target table belongs to one pipeline, the first that names it, until its file no longer does. Only pipelines with the same `state.schema` see each other. With it, what would remove rows of others is refused: TRUNCATE and DROP TABLE stop the pipeline, a table without key cannot be loaded, a resync removes nothing.",
  }),
  stateSchema: defaulting(SCHEMA_NAME, "millrace", {
    name: "state.schema",
    example: "millrace",
    doc: "Schema at the sink that holds the pipeline's state. A pipeline goes on from any machine that has its file.",
  }),
  unconstrainedNumeric: defaulting(choice(["numeric", "text"]), "numeric", {
    name: "unconstrained-numeric",
    example: "text",
    doc: "How a `numeric` without precision is stored where the sink has no such type: as `numeric(76,38)`, where a value that does not fit is parked and never rounded, or as `text`.",
  }),
} as const;

/** `sink:` with `type: postgres`. */
export const POSTGRES_SINK_OPTIONS = {
  ...COMMON,
  database: required(DATABASE, { name: "database", example: "shop", doc: DATABASE_DOC }),
  username: required(text, { name: "username", example: "millrace", doc: "Role that writes." }),
  sslMode: optional(sslMode, {
    name: "ssl-mode",
    example: "verify-full",
    defaultDoc: SSL_MODE_DEFAULT_DOC,
    doc: SSL_MODE_DOC,
  }),
  ...SINK_OPTIONS,
} as const;

/** `sink:` with `type: dsql`. */
export const DSQL_SINK_OPTIONS = {
  ...COMMON,
  host: required(HOST, {
    name: "host",
    aliases: ["hostname"],
    example: "abc123.dsql.eu-west-1.on.aws",
    doc: "Endpoint of the cluster, or where `dsql-local` listens.",
  }),
  database: defaulting(DATABASE, "postgres", {
    name: "database",
    example: "postgres",
    doc: `${DATABASE_DOC} A DSQL cluster has one, \`postgres\`.`,
  }),
  username: defaulting(text, "admin", {
    name: "username",
    example: "admin",
    doc: "Role that writes: `admin`, or a role that was granted to an IAM identity.",
  }),
  useIamAuth: optional(flag, {
    name: "use-iam-auth",
    example: "true",
    defaultDoc: "`true` unless `password` is given",
    doc: "Signs an IAM token as the password of every new connection, with the usual AWS credentials of the process.",
  }),
  region: optional(awsRegion, {
    name: "region",
    example: "eu-west-1",
    defaultDoc: "the one in `host`",
    doc: "AWS region of the cluster; needed with IAM where the host name does not hold it.",
  }),
  iamRole: optional(roleArn, {
    name: "iam-role",
    example: "arn:aws:iam::123456789012:role/millrace",
    doc: "Role that is assumed before tokens are signed.",
  }),
  adminUser: optional(flag, {
    name: "admin-user",
    example: "false",
    defaultDoc: "`true` for the user `admin`",
    doc: "Whether tokens are signed for DbConnectAdmin, which the user `admin` needs and every other user must not have.",
  }),
  sslMode: defaulting(sslMode, "verify-full", {
    name: "ssl-mode",
    example: "verify-full",
    doc: SSL_MODE_DOC,
  }),
  ...SINK_OPTIONS,
} as const;

/** What `sink:` with `type: postgres` is once it is parsed. */
export type PostgresSinkOptions = OptionValues<typeof POSTGRES_SINK_OPTIONS>;
/** What `sink:` with `type: dsql` is once it is parsed. */
export type DsqlSinkOptions = OptionValues<typeof DSQL_SINK_OPTIONS>;

/** Flink's keys of a sink that are taken and do nothing. */
export const SINK_ACCEPTED: AcceptedKeys = {
  keys: { name: "has no meaning here: a sink is known by its pipeline's name" },
  prefixes: {},
};

const IAM = "Take it out: IAM is for type: dsql";

/** Options of DSQL that a plain PostgreSQL sink does not have. */
export const POSTGRES_SINK_REFUSED: Readonly<Record<string, string>> = {
  "use-iam-auth": IAM,
  region: IAM,
  "iam-role": IAM,
  "admin-user": IAM,
};
