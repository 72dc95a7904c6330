/** Every action that is answered, by service. */
import type { Call, Handler } from "./call.ts";
import { batchWrite } from "./items/batches.ts";
import { batchGet, readHandler } from "./items/reads.ts";
import { transactGet } from "./items/transact-get.ts";
import { transactWrite } from "./items/transactions.ts";
import { writeHandler } from "./items/writes.ts";
import type { Fields } from "./json.ts";
import { describeStream, listStreams } from "./streams/describe.ts";
import { limited } from "./streams/limits.ts";
import { getRecords, getShardIterator } from "./streams/read.ts";
import { createTable, deleteTable } from "./tables/create.ts";
import { describeTable, tableOf } from "./tables/describe.ts";
import { listTags, tagResource, untagResource } from "./tables/tags.ts";
import { describeTimeToLive, updateTimeToLive } from "./tables/time-to-live.ts";
import { updateTable } from "./tables/update.ts";
import { getResources } from "./tagging/get-resources.ts";

/** Actions by the prefix of `X-Amz-Target`. */
export const handlers: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  DynamoDB_20120810: {
    BatchGetItem: batchGet,
    BatchWriteItem: batchWrite,
    CreateTable: createTable,
    DeleteItem: writeHandler("DeleteItem"),
    DeleteTable: deleteTable,
    DescribeContinuousBackups: describeContinuousBackups,
    DescribeEndpoints: describeEndpoints,
    DescribeLimits: describeLimits,
    DescribeTable: describeTable,
    DescribeTimeToLive: describeTimeToLive,
    GetItem: readHandler("GetItem"),
    ListTables: ({ realm, request }) => realm.engine.call("ListTables", request),
    ListTagsOfResource: listTags,
    PutItem: writeHandler("PutItem"),
    Query: readHandler("Query"),
    Scan: readHandler("Scan"),
    TagResource: tagResource,
    TransactGetItems: transactGet,
    TransactWriteItems: transactWrite,
    UntagResource: untagResource,
    UpdateItem: writeHandler("UpdateItem"),
    UpdateTable: updateTable,
    UpdateTimeToLive: updateTimeToLive,
  },
  DynamoDBStreams_20120810: {
    DescribeStream: limited(describeStream, "DescribeStream"),
    GetRecords: limited(getRecords, "GetRecords"),
    GetShardIterator: getShardIterator,
    ListStreams: listStreams,
  },
  ResourceGroupsTaggingAPI_20170126: { GetResources: getResources },
};

async function describeContinuousBackups(call: Call): Promise<Fields> {
  tableOf(call);
  const recovery = { PointInTimeRecoveryStatus: "DISABLED" };
  return {
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: "ENABLED",
      PointInTimeRecoveryDescription: recovery,
    },
  };
}

/** A day. */
const CACHE_MINUTES = 1_440;

async function describeEndpoints({ realm }: Call): Promise<Fields> {
  const Address = `dynamodb.${realm.region}.amazonaws.com`;
  return { Endpoints: [{ Address, CachePeriodInMinutes: CACHE_MINUTES }] };
}

async function describeLimits(): Promise<Fields> {
  return {
    AccountMaxReadCapacityUnits: 80_000,
    AccountMaxWriteCapacityUnits: 80_000,
    TableMaxReadCapacityUnits: 40_000,
    TableMaxWriteCapacityUnits: 40_000,
  };
}
