import type { DynamodbSourceConfig } from "./config/pipeline-config.ts";
import {
  type ColumnsOptions,
  MESSAGE_COLUMNS,
  TABLE_COLUMNS,
} from "./sources/dynamodb/columns-options.ts";
import type { DynamoConnection, DynamoEndpoints } from "./sources/dynamodb/config.ts";
import type { DynamoSourceOptions, TableChoice } from "./sources/dynamodb/options.ts";

/** What a DynamoDB source is told; secrets are revealed here and nowhere else. */
export function dynamodbOptions(config: DynamodbSourceConfig): DynamoSourceOptions {
  return {
    connection: connectionOf(config),
    discovery: {
      choice: choiceOf(config),
      periodMs: config.rediscoveryMs,
      graceMs: config.graceMs,
      bothImages: config.bothImages,
    },
    scan: {
      delayMs: config.initSyncDelayS * 1_000,
      segments: config.segments,
      consistent: config.consistentReads,
      capacityShare: config.capacityShare,
      maxUnits: config.maxReadUnits,
      restartAfterMs: config.restartAfterMs,
    },
    stream: {
      readEveryMs: config.readEveryMs,
      idlePollMs: config.idlePollMs,
      shardDiscoveryMs: config.shardDiscoveryMs,
      safeZoneMs: config.safeZoneMs,
      overlapMs: config.overlapMs,
    },
    startup: config.startup,
    columns: columnsOf(config),
    onLoss: config.onLoss,
  };
}

function connectionOf(config: DynamodbSourceConfig): DynamoConnection {
  const { accessKeyId, secretKey, sessionToken, iamRole, externalId, sessionName } = config;
  return {
    region: config.region,
    endpoints: endpointsOf(config),
    credentials: {
      keys:
        accessKeyId === null || secretKey === null
          ? null
          : {
              accessKeyId: accessKeyId.reveal(),
              secretAccessKey: secretKey.reveal(),
              sessionToken: sessionToken?.reveal() ?? null,
            },
      profile: config.profile,
      role: iamRole === null ? null : { arn: iamRole, externalId, sessionName },
      webIdentityTokenFile: config.webIdentityTokenFile,
    },
    connectTimeoutMs: config.connectTimeoutMs,
    readTimeoutMs: config.readTimeoutMs,
  };
}

/** Addresses of AWS' own answer for one service each; a stand-in answers for all of them. */
const OF_AWS = /\.(?:amazonaws\.com(?:\.cn)?|api\.aws)(?::\d+)?\/?$/i;

function endpointsOf(config: DynamodbSourceConfig): DynamoEndpoints {
  const { endpoint, dynamodbEndpoint, streamsEndpoint, taggingEndpoint, stsEndpoint } = config;
  const withStreams =
    dynamodbEndpoint !== null && !OF_AWS.test(dynamodbEndpoint) ? dynamodbEndpoint : null;
  return {
    dynamodb: dynamodbEndpoint ?? endpoint,
    streams: streamsEndpoint ?? withStreams ?? endpoint,
    tagging: taggingEndpoint ?? endpoint,
    sts: stsEndpoint ?? endpoint,
  };
}

function choiceOf(config: DynamodbSourceConfig): TableChoice {
  const { whitelist, ingestionKey, environmentKey, environmentValues } = config;
  return whitelist === null
    ? { by: "tags", ingestionKey, environmentKey, environmentValues }
    : { by: "whitelist", tables: whitelist };
}

/** What the file says of columns, over what fits the kind of sink. */
function columnsOf(config: DynamodbSourceConfig): ColumnsOptions {
  const base = config.rows === "tables" ? TABLE_COLUMNS : MESSAGE_COLUMNS;
  return {
    ...base,
    rules: config.columns ?? base.rules,
    sampleItems: config.sampleItems ?? base.sampleItems,
    sampleShare: config.sampleShare,
    document: {
      column: config.documentColumn,
      form: config.documentForm ?? base.document.form,
      holds: config.documentHolds ?? base.document.holds,
    },
    misfits: config.refusesMisfits ? "refuse" : "keep",
    before: base.before && config.tellsBefore,
  };
}
