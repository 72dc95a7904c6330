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
  words,
} from "../option-type.ts";
import {
  LOAD_PROTECTION_OPTIONS,
  STATEMENT_PROTECTION_OPTIONS,
} from "./source-protection-options.ts";
import { RDS_IAM_OPTIONS } from "./aws-options.ts";
import { SSL_MODE_DEFAULT_DOC, SSL_MODE_DOC, sslMode, TLS_FILES } from "./tls-options.ts";
import { serverIds } from "./server-ids.ts";

const HOUR_MS = 3_600_000;

const BINLOG_FILE = textLike("name", /^[^/\\]+\.\d{6,}$/, {
  wrong: "is not a file of a binary log",
  remedy: "Write one as SHOW BINARY LOGS names it",
});

/** UUIDs with intervals and tags (MySQL), or domain, server and number (MariaDB). */
const GTIDS = String.raw`(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\s*:\s*(?:\d+(?:\s*-\s*\d+)?|[a-z_][a-z0-9_]{0,31}))+|\d+-\d+-\d+)`;
const GTID_SET = textLike(
  "GTID set",
  new RegExp(String.raw`^\s*${GTIDS}(?:\s*,\s*${GTIDS})*\s*$`, "i"),
  {
    wrong: "is not a set of GTIDs",
    remedy: "Write what gtid_executed (MariaDB: gtid_binlog_pos) was",
  },
);

/** Where the log begins. */
const STARTUP_OPTIONS = {
  startupMode: defaulting(
    choice([
      "initial",
      "snapshot",
      "earliest-offset",
      "latest-offset",
      "specific-offset",
      "timestamp",
    ]),
    "initial",
    {
      name: "scan.startup.mode",
      example: "initial",
      doc: "`initial`: load the tables, then follow the log. `snapshot`: load them, take what was written meanwhile, and end, as `run --until-caught-up` does; another run takes what was written since. The others load nothing, and the target must hold the rest already: `latest-offset` takes changes from now on, `earliest-offset` all that the server still has, `specific-offset` what comes after a file and offset or a set of GTIDs, `timestamp` what was written from a moment on. It counts for the first start only; a pipeline that has begun goes on where it stood. A table that was altered behind that place is read with the columns that it had then where the log names them (`binlog_row_metadata=FULL`) and it has them still; else a row that does not fit its present columns stops the pipeline with `MR_SOURCE_UNREADABLE`, and a table of which no such row comes is loaded again at the ALTER. Nothing of the log is left out.",
    },
  ),
  startupFile: optional(BINLOG_FILE, {
    name: "scan.startup.specific-offset.file",
    example: "binlog.000003",
    doc: "File of the binary log that is begun with, as the server names it; with `scan.startup.mode: specific-offset`.",
    conflicts: ["scan.startup.specific-offset.gtid-set"],
  }),
  startupPos: optional(integer(4, Number.MAX_SAFE_INTEGER, "bytes"), {
    name: "scan.startup.specific-offset.pos",
    example: "4",
    defaultDoc: "the file's beginning",
    doc: "Offset in that file, where a transaction begins.",
  }),
  startupGtidSet: optional(GTID_SET, {
    name: "scan.startup.specific-offset.gtid-set",
    example: "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77",
    doc: "What was executed before the first change that is wanted: `gtid_executed` (MariaDB: `gtid_binlog_pos`) as it was then.",
  }),
  startupTimestampMs: optional(integer(0, 8_640_000_000_000_000, "milliseconds since 1970"), {
    name: "scan.startup.timestamp-millis",
    example: "1700000000000",
    doc: "Transactions that were written from then on, by the server's clock; with `scan.startup.mode: timestamp`.",
  }),
} as const;

/** What becomes of values that other databases do not have. */
const VALUE_OPTIONS = {
  tinyint1AsBoolean: defaulting(flag, false, {
    name: "treat-tinyint1-as-boolean.enabled",
    example: "true",
    doc: "Whether `TINYINT(1)`, which `BOOLEAN` is another name of, is a boolean at the sink. It holds any number from -128 to 127; with `true` all but 0 is true.",
    unsetNotice:
      "is not given: Flink CDC would make TINYINT(1) a boolean, which turns 2 into true; Millrace keeps the number",
  }),
  timeAsInterval: defaulting(flag, false, {
    name: "time-as-interval.enabled",
    example: "true",
    doc: "Whether `TIME` is an interval at the sink. MySQL's goes from -838:59:59 to 838:59:59; a `time` takes a day's only, and other values become dead letters.",
  }),
  geometry: defaulting(choice(["geojson", "wkb"]), "geojson", {
    name: "geometry.mode",
    example: "wkb",
    doc: "`geojson`: spatial values are GeoJSON, without their SRID. `wkb`: bytes as the server keeps them, four bytes of SRID and then WKB.",
  }),
  zeroDates: defaulting(choice(["dead-letter", "as-null"]), "dead-letter", {
    name: "zero-dates",
    example: "as-null",
    doc: "Dates with a zero for year, month or day, which exist nowhere else: a row that has one is parked as a dead letter, or (`as-null`) the value becomes NULL, also where the source's column is NOT NULL: targets have NOT NULL on their keys only. A key that has one stays a dead letter.",
  }),
} as const;

/** `source:` with `type: mysql`. */
export const MYSQL_SOURCE_OPTIONS = {
  hostname: required(hostName("hostname, port, username, password, and the database in tables"), {
    name: "hostname",
    example: "db.internal",
    doc: "Host name or address of the server: MySQL or MariaDB, which it says itself. A replica does where it logs what it applies (`log_replica_updates`).",
  }),
  port: defaulting(port, 3306, { name: "port", example: "3306", doc: "Port of the server." }),
  username: required(text, {
    name: "username",
    example: "millrace",
    doc: "User that reads. It needs REPLICATION SLAVE, REPLICATION CLIENT (which MariaDB shows as BINLOG MONITOR) and SELECT on the tables; RELOAD as well on a MySQL without GTIDs.",
  }),
  password: optional(secret, {
    name: "password",
    example: "${env:MYSQL_PASSWORD}",
    doc: "Password of the user. Left out where a client certificate is enough, and with `use-iam-auth`.",
  }),
  ...RDS_IAM_OPTIONS,
  tables: required(tableList, {
    name: "tables",
    example: "shop.\\.*",
    doc: "Tables to capture: `database.table`, a comma list of regular expressions part by part. A plain dot separates the parts, `\\.` is the expression's dot, so `\\.*` means any name. One pipeline may read several databases. A table that appears later and matches is taken up by itself.",
  }),
  tablesExclude: optional(tableList, {
    name: "tables.exclude",
    example: "shop.audit_\\.*",
    doc: "Tables that are not captured although `tables` matches them; the same spelling.",
  }),
  serverId: optional(serverIds, {
    name: "server-id",
    example: "5400-5404",
    defaultDoc: "one that is made of the pipeline's name",
    doc: "Number, or range of numbers, by which the server tells its replicas and readers apart: nobody else may have it, or each cuts the other off. Of a range the first one that is free is taken.",
  }),
  schemaChangeEnabled: defaulting(flag, true, {
    name: "schema-change.enabled",
    fromFlink: true,
    example: "true",
    doc: "Whether changes of a table's columns are followed. `false` is the same as `schema.change.behavior: ignore`.",
  }),
  onlineSchemaChanges: defaulting(flag, false, {
    name: "scan.parse.online.schema.changes.enabled",
    example: "true",
    doc: "Whether the table that gh-ost or pt-online-schema-change swaps in is the same table with other columns. Without it such a table is loaded anew.",
  }),
  unloggedCascades: defaulting(choice(["refuse", "accept"]), "refuse", {
    name: "unlogged-cascades",
    example: "accept",
    doc: "What a foreign key does to the rows of its table (`ON DELETE` or `ON UPDATE` with `CASCADE` or `SET NULL`) is logged by MySQL from 9.6 on, and never by MariaDB. `refuse`: a table with such a key is not captured where the server does not log it, and the start says so. `accept`: it is captured, and such rows stay at the sink as they were.",
  }),
  ignoredDatabases: optional(words, {
    name: "ignored-statements.databases",
    example: "percona",
    doc: "Databases that a program writes to in words (`binlog_format=STATEMENT`) and of which nothing is wanted, as `pt-table-checksum` does: a statement that writes one table there is passed by, whatever it reads. You say with it that no trigger of that table, and nothing that the statement calls, changes rows of captured tables. It holds for no database of which a table is captured.",
  }),
  ...STARTUP_OPTIONS,
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
  }),
  heartbeatIntervalMs: defaulting(duration(0, 24 * HOUR_MS), 30_000, {
    name: "heartbeat.interval",
    example: "30s",
    doc: "How often a server that has nothing to send says where its log ends, so that a pipeline whose tables rest goes on with the log and is not left behind when old files are purged. With `0` that is as seldom as `read.timeout` allows. Nothing is written at the source.",
  }),
  connectTimeoutMs: defaulting(duration(250, HOUR_MS), 30_000, {
    name: "connect.timeout",
    example: "30s",
    doc: "How long opening a connection may take, from the look-up of the name to a session that is set up.",
  }),
  readTimeoutMs: defaulting(duration(1_000, HOUR_MS), 120_000, {
    name: "read.timeout",
    example: "2min",
    doc: "How long the server may owe an answer, or the log be silent, before the connection is given up and opened again. Where it owes an answer it is asked on another connection first whether it works on it, and is waited for as long as it does.",
  }),
  ...LOAD_PROTECTION_OPTIONS,
  ...STATEMENT_PROTECTION_OPTIONS,
  ...VALUE_OPTIONS,
  sslMode: optional(sslMode, {
    name: "ssl-mode",
    example: "verify-full",
    defaultDoc: SSL_MODE_DEFAULT_DOC,
    doc: SSL_MODE_DOC,
  }),
  ...TLS_FILES,
  onLoss: defaulting(choice(["fail", "resync"]), "fail", {
    name: "on-loss",
    example: "resync",
    doc: "What happens when the changes that come next cannot be had: the source no longer has them (files were purged, RESET, another server without GTIDs), or its log holds what nobody can apply (statements in place of rows). `fail` stops and says so, `resync` loads the tables again and goes on behind that place.",
  }),
} as const;

/** What `source:` with `type: mysql` is once it is parsed. */
export type MysqlSourceSection = OptionValues<typeof MYSQL_SOURCE_OPTIONS>;

const CHUNKS = "has no meaning here: chunk bounds come from the key itself";
const NEWCOMERS =
  "has no meaning here: new tables that match are always taken up, with the rows that they have";

/** Flink's keys of this source that are taken and do nothing. */
export const MYSQL_SOURCE_ACCEPTED: AcceptedKeys = {
  keys: {
    name: "has no meaning here: a source is known by its pipeline's name",
    "server-time-zone":
      "has no meaning here: TIMESTAMP is read in UTC and DATETIME as it stands, whatever the server's zone is",
    "scan.snapshot.fetch.size":
      "has no meaning here: rows are read in pages of bytes, under memory.budget",
    "scan.incremental.snapshot.chunk.key-column": CHUNKS,
    "chunk-key.even-distribution.factor.upper-bound": CHUNKS,
    "chunk-key.even-distribution.factor.lower-bound": CHUNKS,
    "scan.incremental.snapshot.unbounded-chunk-first.enabled": CHUNKS,
    "chunk-meta.group.size": CHUNKS,
    "scan.incremental.close-idle-reader.enabled":
      "has no meaning here: a reader that has ended holds nothing",
    "scan.newly-added-table.enabled": NEWCOMERS,
    "scan.binlog.newly-added-table.enabled": NEWCOMERS,
    "connect.max-retries":
      "has no meaning here: a lost connection is tried again with growing pauses until it is back",
    "connection.pool.size":
      "has no meaning here: the source opens one connection per chunk in work (scan.snapshot.parallelism) and a few for log and catalogue",
    "include-comments.enabled": "has no meaning here: comments are not carried",
    "metadata.list": "has no meaning here: op_ts and its like cannot be projected",
    "use.legacy.json.format":
      "has no meaning here: JSON is the text that the server itself prints, in the load as in the log",
  },
  prefixes: {
    "debezium.":
      "has no meaning here: Debezium is not part of Millrace; values keep every digit and every microsecond",
    "jdbc.properties.":
      "has no meaning here: JDBC is not part of Millrace; see ssl-mode and connect.timeout",
  },
};

const IN_A_TRANSACTION =
  "Take it out: a log is begun where a transaction begins; name that place by file and pos, or by gtid-set";
const NO_SLOT =
  "Take it out: MySQL keeps its log for a time (binlog_expire_logs_seconds), not for a reader";

/** Keys that would change what happens and are not possible. */
export const MYSQL_SOURCE_REFUSED: Readonly<Record<string, string>> = {
  "scan.startup.specific-offset.skip-events": IN_A_TRANSACTION,
  "scan.startup.specific-offset.skip-rows": IN_A_TRANSACTION,
  database: "Take it out: the database is the first part of tables",
  "slot.name": NO_SLOT,
  "slot.max-retained": NO_SLOT,
  "slot.max-retained.action": NO_SLOT,
};
