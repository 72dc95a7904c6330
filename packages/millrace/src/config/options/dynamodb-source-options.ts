import type { AcceptedKeys } from "../section.ts";
import { defaulting, optional } from "../option.ts";
import type { OptionValues } from "../option.ts";
import {
  choice,
  duration,
  flag,
  integer,
  path,
  percent,
  secret,
  text,
  textLike,
  words,
} from "../option-type.ts";
import { awsRegion, roleArn } from "./aws-options.ts";
import { DYNAMODB_COLUMNS } from "./dynamodb-columns-options.ts";
import { LOAD_PROTECTION_OPTIONS } from "./source-protection-options.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A login in it would be shown. */
const endpoint = textLike("URL", /^https?:\/\/(?:\[[0-9a-f:.]+\]|[^\s/@:[\]]+)(?::\d+)?\/?$/i, {
  wrong: "is not an http: or https: address",
  remedy: "Write one such as http://127.0.0.1:8000, without a path and without a login",
});

/** As AWS allows them. Source: DynamoDB developer guide, "Naming rules". */
const tableNames = {
  ...words,
  decode: (value: string) => {
    const read = words.decode(value);
    if (!("value" in read))
      return {
        wrong: "is empty: no table would be read",
        remedy: "Name tables, or leave it out to find them by their tags",
      };
    const odd = read.value.find((name) => !/^[A-Za-z0-9_.-]{3,255}$/.test(name));
    if (odd === undefined) return read;
    return {
      wrong: "holds what is no table's name",
      remedy: "Write names of 3 to 255 letters, digits, _ - . separated by commas",
    };
  },
};

/** Where AWS is, and as whom it is asked. */
const CONNECTION = {
  region: defaulting(awsRegion, "eu-west-1", {
    name: "aws.region",
    aliases: ["region"],
    example: "eu-central-1",
    doc: "AWS region of the tables, of all services that are asked.",
  }),
  accessKeyId: optional(secret, {
    name: "aws.access.key.id",
    example: "${env:AWS_ACCESS_KEY_ID}",
    defaultDoc: "the usual AWS credentials of the process",
    doc: "Static credentials, with `aws.secret.key`. Without them the SDK's default chain counts: environment, profile, SSO, web identity, the role of the container or instance.",
    conflicts: ["aws.profile", "web-identity.token-file"],
  }),
  secretKey: optional(secret, {
    name: "aws.secret.key",
    example: "${env:AWS_SECRET_ACCESS_KEY}",
    doc: "Secret of `aws.access.key.id`.",
  }),
  sessionToken: optional(secret, {
    name: "aws.session.token",
    example: "${env:AWS_SESSION_TOKEN}",
    doc: "Session token of `aws.access.key.id`, of temporary credentials.",
  }),
  profile: optional(text, {
    name: "aws.profile",
    example: "shop",
    doc: "Profile of the shared configuration files that credentials are taken from.",
    conflicts: ["aws.access.key.id", "web-identity.token-file"],
  }),
  iamRole: optional(roleArn, {
    name: "iam-role",
    aliases: ["aws.assume.role.arn"],
    example: "arn:aws:iam::123456789012:role/millrace",
    doc: "Role that is assumed, with the credentials above, before anything is asked: of another account, for example. The tables are those of its account.",
  }),
  externalId: optional(text, {
    name: "iam-role.external-id",
    example: "shop-7f3a",
    doc: "External id that the role's trust policy asks for.",
  }),
  sessionName: optional(
    textLike("name", /^[\w+=,.@-]{2,64}$/, {
      wrong: "is not a session name",
      remedy: "Write 2 to 64 letters, digits, and + = , . @ - _",
    }),
    {
      name: "iam-role.session-name",
      example: "millrace-shop",
      defaultDoc: "`millrace-` and the pipeline's name",
      doc: "Name that the role's sessions have in CloudTrail.",
    },
  ),
  webIdentityTokenFile: optional(path, {
    name: "web-identity.token-file",
    example: "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
    doc: "File with the OIDC token by which `iam-role` is assumed. On EKS nothing need be written: the default chain finds it in the environment.",
    conflicts: ["aws.access.key.id", "aws.profile"],
  }),
  endpoint: optional(endpoint, {
    name: "endpoint",
    example: "http://127.0.0.1:8000",
    doc: "Address of all services in place of AWS' own: `dynamodb-local`, or a proxy of yours. Those below count before it.",
  }),
  dynamodbEndpoint: optional(endpoint, {
    name: "dynamodb.service.endpoint",
    example: "https://vpce-0123.dynamodb.eu-west-1.vpce.amazonaws.com",
    doc: "Address of DynamoDB. It counts for Streams too, unless it is one of AWS', whose Streams have another.",
  }),
  streamsEndpoint: optional(endpoint, {
    name: "dynamodb.streams.service.endpoint",
    example: "https://streams.dynamodb.eu-west-1.amazonaws.com",
    doc: "Address of DynamoDB Streams.",
  }),
  taggingEndpoint: optional(endpoint, {
    name: "resource.tagging.service.endpoint",
    example: "https://tagging.eu-west-1.amazonaws.com",
    doc: "Address of the Resource Groups Tagging API.",
  }),
  stsEndpoint: optional(endpoint, {
    name: "sts.service.endpoint",
    example: "https://sts.eu-west-1.amazonaws.com",
    doc: "Address of STS, which gives out roles.",
  }),
  connectTimeoutMs: defaulting(duration(250, HOUR_MS), 10_000, {
    name: "connect.timeout",
    example: "10s",
    doc: "How long opening a connection to a service may take.",
  }),
  readTimeoutMs: defaulting(duration(1_000, HOUR_MS), 30_000, {
    name: "read.timeout",
    example: "30s",
    doc: "How long a service may owe an answer, or rest in the middle of one, before it is asked again.",
  }),
} as const;

/** DISCOVERY. */
const DISCOVERY = {
  ingestionKey: defaulting(text, "datalake-ingest", {
    name: "dynamodb.table.ingestion.tag.key",
    example: "datalake-ingest",
    doc: "Key of the tag that a table has to carry to be read; its value does not matter.",
  }),
  environmentKey: defaulting(text, "environment", {
    name: "dynamodb.table.env.tag.key",
    example: "environment",
    doc: "Key of the tag that tells a table's environment.",
  }),
  environmentValues: defaulting(words, ["dev"], {
    name: "dynamodb.table.env.tag.value",
    example: "prod",
    doc: "Environment of the tables to read; several values, separated by commas, are any of them. A table has to carry both tags.",
  }),
  whitelist: optional(tableNames, {
    name: "dynamodb.table.whitelist",
    aliases: ["dynamodb.table.includelist"],
    example: "Orders,Customers",
    doc: "Names of the tables to read, whatever tags they carry; then tags are not asked for.",
    conflicts: [
      "dynamodb.table.ingestion.tag.key",
      "dynamodb.table.env.tag.key",
      "dynamodb.table.env.tag.value",
    ],
  }),
  bothImages: defaulting(flag, false, {
    name: "stream.both-images",
    example: "true",
    doc: "Only tables whose stream has NEW_AND_OLD_IMAGES, so that each change can tell what was before. Else NEW_IMAGE is enough. Tables with another view are listed with the reason, and left out.",
  }),
  rediscoveryMs: defaulting(integer(1_000, 24 * HOUR_MS, "milliseconds"), 60_000, {
    name: "connect.dynamodb.rediscovery.period",
    example: "60000",
    doc: "How often tables are looked for. One that appears is read from then on; no other is disturbed.",
  }),
  graceMs: defaulting(duration(0, 30 * 24 * HOUR_MS), 10 * MINUTE_MS, {
    name: "discovery.grace",
    example: "10min",
    doc: "How long a table that is not found any more (no tag, no stream, deleted) is read on before it is let go of; its state stays at the sink. An answer that could not be had counts for nothing.",
  }),
} as const;

/** INIT_SYNC. */
const INIT_SYNC = {
  initSyncDelayS: defaulting(integer(0, 86_400, "seconds"), 60, {
    name: "init.sync.delay.period",
    example: "60",
    doc: "How long an INIT_SYNC that has read nothing when a run begins waits before its first page: a table's first one, and one that a start begins anew after a loss. One that is gone on with does not wait, nor a resync while the pipeline runs.",
  }),
  segments: optional(integer(1, 10_000), {
    name: "init.sync.segments",
    example: "8",
    defaultDoc: "by the table's size, one for each 256 MiB, from 1 to 1,000",
    doc: "Segments of a table's Scan. Each is a chunk with a start key of its own; the number stays for as long as one INIT_SYNC takes.",
  }),
  snapshotParallelism: optional(integer(1, 64), {
    name: "scan.snapshot.parallelism",
    example: "4",
    defaultDoc: "the sink's `parallelism`",
    doc: "Segments of a table that are read at once.",
  }),
  consistentReads: defaulting(flag, true, {
    name: "init.sync.consistent.reads",
    example: "true",
    doc: "Consistent reads cost twice the read units. With `false` a page may lack a change that the stream has brought already: such a row is older than it should be until the item changes next.",
  }),
  capacityShare: defaulting(percent, 0.5, {
    name: "init.sync.read-capacity.share",
    aliases: ["dynamodb.snapshot.max.rcu.percentage"],
    example: "50%",
    doc: "Share of a table's read capacity that its scan may take: of the provisioned units, which are looked up again and again; of an on-demand table's own maximum, and where it has none, of 12,000 units a second. Throttling makes it slower.",
  }),
  maxReadUnits: optional(integer(1, 10_000_000, "read units per second"), {
    name: "init.sync.max-read-units",
    example: "500",
    defaultDoc: "without bound",
    doc: "Read units that a table's scan may take per second, whatever its share comes to.",
  }),
  ...LOAD_PROTECTION_OPTIONS,
} as const;

/** SYNC. */
const STREAM = {
  startupMode: defaulting(
    choice(["initial", "earliest-offset", "latest-offset", "timestamp"], {
      snapshot: {
        wrong: "is not supported as a mode",
        remedy: "Write initial and run with --until-caught-up",
      },
      "specific-offset": {
        wrong: "is not a mode of streams, whose shards come and go",
        remedy: "Write timestamp, with scan.startup.timestamp-millis",
      },
    }),
    "initial",
    {
      name: "scan.startup.mode",
      example: "initial",
      doc: "`initial`: load the tables, then follow their streams. The others load nothing, and the target must hold the rest already: `earliest-offset` takes all that the streams still have (24 hours), `latest-offset` what comes from now on, `timestamp` what was written from a moment on. It counts for a table's first start only; one that has begun goes on where it stood.",
    },
  ),
  startupTimestampMs: optional(integer(0, 8_640_000_000_000_000, "milliseconds since 1970"), {
    name: "scan.startup.timestamp-millis",
    example: "1700000000000",
    doc: "With `scan.startup.mode: timestamp`: records from then on, whose times are whole seconds.",
  }),
  readEveryMs: defaulting(duration(0, MINUTE_MS), 200, {
    name: "stream.read.interval",
    example: "0s",
    doc: "The least time between two reads of a shard. The service allows five a second, of 1,000 records at most; a stand-in may allow more.",
  }),
  idlePollMs: defaulting(duration(200, 10 * MINUTE_MS), 1_000, {
    name: "stream.idle.poll.interval",
    example: "10s",
    doc: "How long a shard that has nothing new is left alone at most. A shorter one sees changes sooner, a longer one costs less: AWS counts every question of every shard.",
  }),
  shardDiscoveryMs: defaulting(duration(1_000, HOUR_MS), 60_000, {
    name: "stream.shards.discovery.interval",
    example: "1min",
    doc: "How often a stream's shards are listed. Children of a shard that ends are asked for at once.",
  }),
  overlapMs: defaulting(duration(0, 24 * HOUR_MS), HOUR_MS, {
    name: "stream.init-sync.overlap",
    example: "1h",
    doc: "Records that are older than the begin of their table's INIT_SYNC by more than this are left out: its rows have what they tell.",
  }),
  restartAfterMs: defaulting(duration(MINUTE_MS, 24 * HOUR_MS), 19 * HOUR_MS, {
    name: "init.sync.restart.after",
    example: "19h",
    doc: "An INIT_SYNC during which the stream was not read for so long begins anew: with the overlap, that is where the safe zone ends.",
  }),
  safeZoneMs: defaulting(duration(HOUR_MS, 24 * HOUR_MS), 20 * HOUR_MS, {
    name: "stream.safe-zone",
    example: "20h",
    doc: "How old the place may be that a stream is gone on with. Streams keep records for 24 hours; whoever comes later cannot know what is gone, which is a loss: `on-loss` decides.",
  }),
  onLoss: defaulting(choice(["resync", "fail", "continue"]), "resync", {
    name: "on-loss",
    example: "resync",
    doc: "What happens when a stream no longer has what comes next: a shard that is gone or trimmed, another stream, a table that was made anew, a stream that was disabled, a process that was down for too long. `resync` loads the table again, and removes at the sink what it does not find any more. `fail` stops the table and says so. `continue` goes on with what there is; the status says for ever that changes may be missing.",
  }),
} as const;

/** For files that were written for the connector that this source comes from. */
const ANCESTOR = {
  leaseBillingMode: optional(choice(["PROVISIONED", "PAY_PER_REQUEST"]), {
    name: "kcl.table.billing.mode",
    example: "PROVISIONED",
    doc: "Taken for the files of kafka-connect-dynamodb. No lease tables are made: positions are kept at the sink.",
  }),
} as const;

/** `source:` with `type: dynamodb`. */
export const DYNAMODB_SOURCE_OPTIONS = {
  ...CONNECTION,
  ...DISCOVERY,
  ...INIT_SYNC,
  ...STREAM,
  ...DYNAMODB_COLUMNS,
  ...ANCESTOR,
} as const;

/** What `source:` with `type: dynamodb` is once it is parsed. */
export type DynamodbSourceSection = OptionValues<typeof DYNAMODB_SOURCE_OPTIONS>;

/** Keys that are taken and do nothing. */
export const DYNAMODB_SOURCE_ACCEPTED: AcceptedKeys = { keys: {}, prefixes: {} };

const BY_NAME = "Write dynamodb.table.whitelist: with the names, or tag the tables";

/** Keys that would change what happens and are not possible. */
export const DYNAMODB_SOURCE_REFUSED: Readonly<Record<string, string>> = {
  tables: BY_NAME,
  "tables.exclude": BY_NAME,
  hostname: "Take it out: AWS is found by aws.region, or by endpoint",
  port: "Take it out: AWS is found by aws.region, or by endpoint",
  username:
    "Take it out: AWS credentials are aws.access.key.id and aws.secret.key, or those of the process",
  password:
    "Take it out: AWS credentials are aws.access.key.id and aws.secret.key, or those of the process",
  "slot.name": "Take it out: a stream has no slot",
  "kafka.topic.prefix": "Write it in the sink: topics are the sink's",
  "scan.incremental.snapshot.chunk.size":
    "Take it out: a chunk is a segment of the Scan; write init.sync.segments for their number",
};
