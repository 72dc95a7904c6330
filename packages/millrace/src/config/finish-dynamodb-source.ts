import type { SourceParts } from "./finish-source.ts";
import type {
  DYNAMODB_SOURCE_OPTIONS,
  DynamodbSourceSection,
} from "./options/dynamodb-source-options.ts";
import type { DynamodbSourceConfig, DynamodbStartupConfig } from "./pipeline-config.ts";
import { type Say, sayOf } from "./say.ts";
import type { Section } from "./section.ts";

type DynamodbSection = Section<typeof DYNAMODB_SOURCE_OPTIONS>;

/** Fills in what follows from other options, and checks what only shows between them. */
export function finishDynamodbSource(
  section: DynamodbSection,
  parts: SourceParts,
): DynamodbSourceConfig {
  const { values } = section;
  const say = sayOf(section, "source", parts.findings);
  checkKeys(section, say);
  checkRole(section, say, parts);
  checkStartup(section, say);
  checkTimes(section, say);
  tellNotices(section, parts);
  const { startupMode: _mode, startupTimestampMs: _ms, ...rest } = values;
  return {
    ...rest,
    kind: "dynamodb",
    database: null,
    tables: "\\.*.\\.*",
    tablesExclude: null,
    startup: startupOf(values),
    sessionName: values.sessionName ?? sessionNameOf(parts.name),
    webIdentityTokenFile:
      values.webIdentityTokenFile === null
        ? null
        : parts.surroundings.resolvePath(values.webIdentityTokenFile),
    rows: parts.sink === "dsql" || parts.sink === "postgres" ? "tables" : "messages",
    tellsBefore: parts.tellsBefore,
    refusesMisfits: parts.settings.schemaChangeBehavior === "exception",
  };
}

function checkKeys({ values, failed }: DynamodbSection, say: Say): void {
  const { accessKeyId, secretKey, sessionToken } = values;
  if (failed.has("aws.access.key.id") || failed.has("aws.secret.key")) return;
  if (accessKeyId !== null && secretKey === null)
    say(
      "aws.access.key.id",
      "is given without aws.secret.key",
      "Write aws.secret.key: ${env:AWS_SECRET_ACCESS_KEY}",
    );
  if (secretKey !== null && accessKeyId === null)
    say(
      "aws.secret.key",
      "is given without aws.access.key.id",
      "Write aws.access.key.id: ${env:AWS_ACCESS_KEY_ID}",
    );
  if (sessionToken !== null && accessKeyId === null)
    say(
      "aws.session.token",
      "is given without aws.access.key.id",
      "Write the keys that it is of, or take it out",
    );
}

function checkRole({ values, given, failed }: DynamodbSection, say: Say, parts: SourceParts): void {
  if (values.iamRole === null && !failed.has("iam-role"))
    for (const name of ["iam-role.external-id", "iam-role.session-name", "web-identity.token-file"])
      if (given.has(name))
        say(name, "is given without iam-role", "Write iam-role: with the ARN of the role");
  if (values.webIdentityTokenFile === null) return;
  if (given.has("iam-role.external-id"))
    say(
      "iam-role.external-id",
      "is given with web-identity.token-file, whose roles know none",
      "Take out one of the two",
    );
  try {
    parts.surroundings.readFile(values.webIdentityTokenFile);
  } catch {
    say(
      "web-identity.token-file",
      `${values.webIdentityTokenFile} cannot be read`,
      "Make the file, or mend its path or its rights",
    );
  }
}

const TIMESTAMP = "scan.startup.timestamp-millis";

function checkStartup({ values, given, failed }: DynamodbSection, say: Say): void {
  const isTimed = values.startupMode === "timestamp";
  if (isTimed && !given.has(TIMESTAMP) && !failed.has(TIMESTAMP))
    say("scan.startup.mode", `is timestamp, but ${TIMESTAMP} is missing`, `Write ${TIMESTAMP}`);
  if (!isTimed && given.has(TIMESTAMP) && !failed.has("scan.startup.mode"))
    say(
      TIMESTAMP,
      `is given, but scan.startup.mode is ${values.startupMode}`,
      "Write scan.startup.mode: timestamp, or take it out",
    );
}

/** The seed's windows meet: 19 hours and one hour before it are where the safe zone of 20 hours begins. */
function checkTimes({ values }: DynamodbSection, say: Say): void {
  const { restartAfterMs, overlapMs, safeZoneMs } = values;
  if (restartAfterMs + overlapMs > safeZoneMs)
    say(
      "init.sync.restart.after",
      "and stream.init-sync.overlap are more than stream.safe-zone together: records of that time might be gone unseen",
      "Write shorter ones, or a longer stream.safe-zone",
    );
}

function tellNotices({ values, given, place }: DynamodbSection, { findings }: SourceParts): void {
  const tell = (name: string, message: string) =>
    findings.notice(given.get(name) ?? place, `source.${name}`, message);
  if (values.leaseBillingMode !== null)
    tell(
      "kcl.table.billing.mode",
      "has no meaning here: no lease tables are made, positions are kept at the sink",
    );
  if (!values.consistentReads)
    tell(
      "init.sync.consistent.reads",
      "is false: a row may stay older than its item until that changes next, where a page lacks what the stream has brought already",
    );
  if (values.safeZoneMs > 23 * 3_600_000)
    tell(
      "stream.safe-zone",
      "is more than 23 hours: AWS trims streams some time after 24, and says nothing of records that it has trimmed",
    );
}

function startupOf(values: DynamodbSourceSection): DynamodbStartupConfig {
  const { startupMode: mode, startupTimestampMs: timestampMs } = values;
  return mode === "timestamp" ? { mode, timestampMs: timestampMs ?? 0 } : { mode };
}

/** What CloudTrail shows of a pipeline's name, as far as a session's name may hold it. */
function sessionNameOf(pipeline: string): string {
  return `millrace-${pipeline}`.replaceAll(/[^\w+=,.@-]/g, "-").slice(0, 64);
}
