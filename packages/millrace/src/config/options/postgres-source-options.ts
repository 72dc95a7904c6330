import type { AcceptedKeys } from "../section.ts";
import { defaulting, optional, required } from "../option.ts";
import type { OptionValues } from "../option.ts";
import { hostName } from "../host-name.ts";
import {
  choice,
  duration,
  flag,
  integer,
  port,
  secret,
  tableList,
  text,
  textLike,
} from "../option-type.ts";
import { RDS_IAM_OPTIONS } from "./aws-options.ts";
import {
  LOAD_PROTECTION_OPTIONS,
  SLOT_PROTECTION_OPTIONS,
  STATEMENT_PROTECTION_OPTIONS,
} from "./source-protection-options.ts";
import { SSL_MODE_DEFAULT_DOC, SSL_MODE_DOC, sslMode, TLS_FILES } from "./tls-options.ts";

const HOUR_MS = 3_600_000;

const SLOT_NAME = textLike("name", /^[a-z0-9_]{1,63}$/, {
  wrong: "is not a slot name",
  remedy: "Write 1 to 63 lower-case letters, digits and underscores",
});

const PUBLICATION_NAME = textLike("name", /^[^\p{Cc}]{1,63}$/u, {
  wrong: "is not a publication name",
  remedy: "Write 1 to 63 characters",
});

const PLUGIN_REFUSAL = {
  wrong: "is not supported",
  remedy: "Write pgoutput, which every PostgreSQL server has, or leave the option out",
};

const OTHER_SERVER = "this name and its port";

/** `source:` with `type: postgres`. */
export const POSTGRES_SOURCE_OPTIONS = {
  hostname: required(
    hostName("hostname, port, username, password, and the database as the first part of tables"),
    {
      name: "hostname",
      example: "db.internal",
      doc: "Host name or address of the server whose log is read: the primary, or a standby of it (PostgreSQL 16 and later).",
    },
  ),
  port: defaulting(port, 5432, { name: "port", example: "5432", doc: "Port of the server." }),
  primaryHostname: optional(hostName(OTHER_SERVER), {
    name: "primary.hostname",
    example: "db.internal",
    doc: "The primary, where `hostname` is a standby: publication and heartbeats are written there. Without it an administrator's publication is needed (`publication.create: never`), and no heartbeat is written. Role, password and TLS are the same as for `hostname`.",
  }),
  primaryPort: defaulting(port, 5432, {
    name: "primary.port",
    example: "5432",
    doc: "Port of the primary.",
  }),
  snapshotHostname: optional(hostName(OTHER_SERVER), {
    name: "snapshot.hostname",
    example: "replica.internal",
    doc: "A standby that the full load is read from, so that the primary is spared; its log is still read at `hostname`. Role, password and TLS are the same. Single rows that a change needs are read at `hostname`, where they can be seen soonest.",
  }),
  snapshotPort: defaulting(port, 5432, {
    name: "snapshot.port",
    example: "5432",
    doc: "Port of that standby.",
  }),
  username: required(text, {
    name: "username",
    example: "millrace",
    doc: "Role that reads. It needs REPLICATION, SELECT on the tables and, unless an administrator makes the publication, CREATE on the database and ownership of the tables.",
  }),
  password: optional(secret, {
    name: "password",
    example: "${env:PGPASSWORD}",
    doc: "Password of the role. Left out where the server trusts the connection or a client certificate, and with `use-iam-auth`.",
  }),
  ...RDS_IAM_OPTIONS,
  tables: required(tableList, {
    name: "tables",
    example: "shop.public.\\.*",
    doc: "Tables to capture: `database.schema.table`, a comma list of regular expressions part by part. A plain dot separates the parts, `\\.` is the expression's dot, so `\\.*` means any name. The database is a plain name and the same everywhere. A table that appears later and matches is taken up within 15 seconds.",
  }),
  tablesExclude: optional(tableList, {
    name: "tables.exclude",
    example: "shop.public.audit_\\.*",
    doc: "Tables that are not captured although `tables` matches them; the same spelling.",
  }),
  slotName: optional(SLOT_NAME, {
    name: "slot.name",
    example: "millrace_shop",
    defaultDoc: "`millrace_` and the pipeline's name",
    doc: "Replication slot that keeps the log. It is made when it is missing on the first run; on a later run its loss is a loss of changes (see `on-loss`).",
  }),
  publicationName: optional(PUBLICATION_NAME, {
    name: "publication.name",
    example: "millrace_shop",
    defaultDoc: "the slot's name",
    doc: "Publication that the slot reads; of exactly the captured tables where `publication.create` leaves it to Millrace.",
  }),
  publicationCreate: defaulting(choice(["if-missing", "never"]), "if-missing", {
    name: "publication.create",
    example: "never",
    doc: "`if-missing`: the publication is Millrace's own, made and kept in step with the captured tables. `never`: it is an administrator's, with the column lists and row filters that it has, and is only read.",
  }),
  decodingPlugin: defaulting(
    choice(["pgoutput"], { decoderbufs: PLUGIN_REFUSAL, wal2json: PLUGIN_REFUSAL }),
    "pgoutput",
    {
      name: "decoding.plugin.name",
      fromFlink: true,
      example: "pgoutput",
      doc: "Logical decoding plugin.",
    },
  ),
  schemaChangeEnabled: defaulting(flag, true, {
    name: "schema-change.enabled",
    fromFlink: true,
    example: "true",
    doc: "Whether changes of a table's columns are followed. `false` is the same as `schema.change.behavior: ignore`.",
    unsetNotice:
      "is not given: Flink CDC would not see schema changes of PostgreSQL; Millrace follows them",
  }),
  schemaMessages: defaulting(choice(["off", "event-trigger"]), "off", {
    name: "schema-change.messages",
    example: "event-trigger",
    doc: "`event-trigger`: an event trigger at the source (PostgreSQL 14 and later) writes each change of a captured table's shape into the log, at its place between the rows. Made where the role may; else `validate --connect` prints the SQL. `off`: a change is seen with the table's next row, or by looking.",
  }),
  startupMode: defaulting(
    choice(["initial", "snapshot", "latest-offset"], {
      "committed-offset": {
        wrong:
          "is not supported: rows from before the slot would be missing without anybody knowing",
        remedy: "Write initial to load the tables first, or latest-offset to take new changes only",
      },
    }),
    "initial",
    {
      name: "scan.startup.mode",
      example: "initial",
      doc: "`initial`: load the tables, then follow the log. `snapshot`: load them, take what was written meanwhile, and end, as `run --until-caught-up` does; another run takes what was written since, and until then the slot keeps the log for it (`millrace cleanup` drops it). `latest-offset`: only changes from now on; the target must hold the rest already.",
    },
  ),
  chunkRows: defaulting(integer(100, 10_000_000, "rows"), 8096, {
    name: "scan.incremental.snapshot.chunk.size",
    example: "8096",
    doc: "Rows of one chunk of the full load, about. A chunk that was interrupted goes on where it stood.",
  }),
  snapshotParallelism: optional(integer(1, 64), {
    name: "scan.snapshot.parallelism",
    example: "4",
    defaultDoc: "the sink's `parallelism`",
    doc: "Chunks that are read at once; each has a connection of its own.",
  }),
  backfillSkip: defaulting(flag, false, {
    name: "scan.incremental.snapshot.backfill.skip",
    fromFlink: true,
    example: "false",
    doc: "Taken for Flink CDC's files. Changes made during the full load are always put in their place, so `true` changes nothing.",
    unsetNotice:
      "is not given: Flink CDC would skip the backfill for PostgreSQL and repeat changes; Millrace applies each change of the load's time once, in its place",
  }),
  heartbeatIntervalMs: defaulting(duration(0, 24 * HOUR_MS), 30_000, {
    name: "heartbeat.interval",
    example: "30s",
    doc: "How often an idle source is given a sign of life, so that its slot does not hold the server's log. `0` turns it off.",
  }),
  connectTimeoutMs: defaulting(duration(250, HOUR_MS), 30_000, {
    name: "connect.timeout",
    example: "30s",
    doc: "How long opening a connection may take, from the look-up of the name to a session that is set up.",
  }),
  readTimeoutMs: defaulting(duration(1_000, HOUR_MS), 120_000, {
    name: "read.timeout",
    example: "2min",
    doc: "How long the server may owe an answer before the connection is doubted. A log connection that stays silent is replaced; of a query or a chunk the server is asked on another connection whether it still works on it, and only where it does not is the connection replaced. A query may take longer than this.",
  }),
  ...LOAD_PROTECTION_OPTIONS,
  ...SLOT_PROTECTION_OPTIONS,
  ...STATEMENT_PROTECTION_OPTIONS,
  sslMode: optional(sslMode, {
    name: "ssl-mode",
    example: "verify-full",
    defaultDoc: SSL_MODE_DEFAULT_DOC,
    doc: SSL_MODE_DOC,
  }),
  ...TLS_FILES,
  slotFailover: defaulting(flag, false, {
    name: "slot.failover",
    example: "true",
    doc: "Makes the slot with the failover option (PostgreSQL 17 and later), so that standbys keep a copy of it.",
  }),
  partitions: defaulting(choice(["root", "leaves"]), "root", {
    name: "partitions",
    example: "root",
    doc: "A partitioned table is captured as one table (`root`) or each of its partitions as a table (`leaves`).",
  }),
  onLoss: defaulting(choice(["fail", "resync"]), "fail", {
    name: "on-loss",
    example: "resync",
    doc: "What happens when the source no longer has the changes that come next (a lost slot, a dropped publication): `fail` stops and says so, `resync` loads the tables again.",
  }),
} as const;

/** What `source:` with `type: postgres` is once it is parsed. */
export type PostgresSourceOptions = OptionValues<typeof POSTGRES_SOURCE_OPTIONS>;

const CHUNKS = "has no meaning here: chunk bounds come from the key itself";

/** Flink's keys of this source that are taken and do nothing. */
export const POSTGRES_SOURCE_ACCEPTED: AcceptedKeys = {
  keys: {
    name: "has no meaning here: a source is known by its pipeline's name",
    "scan.snapshot.fetch.size":
      "has no meaning here: rows are read in pages of bytes, under memory.budget",
    "scan.incremental.snapshot.chunk.key-column": CHUNKS,
    "chunk-key.even-distribution.factor.upper-bound": CHUNKS,
    "chunk-key.even-distribution.factor.lower-bound": CHUNKS,
    "scan.incremental.snapshot.unbounded-chunk-first.enabled": CHUNKS,
    "chunk-meta.group.size": CHUNKS,
    "scan.incremental.close-idle-reader.enabled":
      "has no meaning here: a reader that has ended holds nothing",
    "scan.newly-added-table.enabled":
      "has no meaning here: new tables that match are always taken up at the next start",
    "scan.lsn-commit.checkpoints-num-delay":
      "has no meaning here: the slot moves as soon as changes are durable at the sink",
    "connect.max-retries":
      "has no meaning here: a lost connection is tried again with growing pauses until it is back",
    "connection.pool.size":
      "has no meaning here: the source opens one connection per chunk in work (scan.snapshot.parallelism) and a few for log and catalogue",
    "include-comments.enabled": "has no meaning here: comments are not carried",
    "metadata.list": "has no meaning here: op_ts and its like cannot be projected",
    "server-time-zone": "has no meaning here: timestamps with time zone are read in UTC",
  },
  prefixes: {
    "debezium.":
      "has no meaning here: Debezium is not part of Millrace; values keep every digit and every microsecond",
    "jdbc.properties.":
      "has no meaning here: JDBC is not part of Millrace; see ssl-mode and connect.timeout",
  },
};

/** Keys of Flink's source that would change what happens and are not possible. */
export const POSTGRES_SOURCE_REFUSED: Readonly<Record<string, string>> = {
  "table-id.include-database":
    "Take it out: targets are named schema.table; a route can put the database's name into them",
  database: "Take it out: the database is the first part of tables",
};
