/** A stand-in with the AWS SDK's own clients, for tests. */
import { DynamoDB, type CreateTableCommandInput } from "@aws-sdk/client-dynamodb";
import {
  DynamoDBStreams,
  type GetRecordsCommandOutput,
  type Shard,
  type _Record,
} from "@aws-sdk/client-dynamodb-streams";
import { ResourceGroupsTaggingAPI } from "@aws-sdk/client-resource-groups-tagging-api";
import { STS } from "@aws-sdk/client-sts";
import { startDynamodbLocal, type DynamodbLocal } from "../local.ts";
import type { DynamodbLocalOptions } from "../options.ts";

export type { AttributeValue, DynamoDB } from "@aws-sdk/client-dynamodb";

/** The clients of one caller. */
export interface Clients {
  readonly dynamodb: DynamoDB;
  readonly streams: DynamoDBStreams;
  readonly tagging: ResourceGroupsTaggingAPI;
  readonly sts: STS;
}

/** What a caller signs with. */
export interface Caller {
  readonly region?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
}

/** Clients of an endpoint. They do not try again: a test wants to see the first answer. */
export function clientsOf(endpoint: string, caller: Caller = {}): Clients {
  const { region = "eu-west-1", accessKeyId = "test", secretAccessKey = "test" } = caller;
  const { sessionToken } = caller;
  const session = sessionToken === undefined ? {} : { sessionToken };
  const credentials = { accessKeyId, secretAccessKey, ...session };
  const options = { endpoint, region, credentials, maxAttempts: 1 };
  return {
    dynamodb: new DynamoDB(options),
    streams: new DynamoDBStreams(options),
    tagging: new ResourceGroupsTaggingAPI(options),
    sts: new STS(options),
  };
}

/** A stand-in and its clients. */
export interface Started extends Clients, AsyncDisposable {
  readonly local: DynamodbLocal;
}

/** Starts one, whose streams begin with one shard; it ends with the block that it is of. */
export async function start(options: DynamodbLocalOptions = {}): Promise<Started> {
  return startAsItIs({ shards: 1, ...options });
}

/** Likewise, with as many shards as the service would begin with. */
export async function startAsItIs(options: DynamodbLocalOptions = {}): Promise<Started> {
  const local = await startDynamodbLocal({ ttlSweepMs: 0, ...options });
  const clients = clientsOf(local.url);
  return {
    local,
    ...clients,
    [Symbol.asyncDispose]: async () => {
      clients.dynamodb.destroy();
      clients.streams.destroy();
      clients.tagging.destroy();
      clients.sts.destroy();
      await local.stop();
    },
  };
}

/** A table with the hash key `id`, a text, on demand; resolves when it is there. */
export async function makeTable(
  dynamodb: DynamoDB,
  name: string,
  options: Partial<CreateTableCommandInput> = {},
): Promise<string> {
  await dynamodb.createTable({
    TableName: name,
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    BillingMode: "PAY_PER_REQUEST",
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    ...options,
  });
  for (;;) {
    const { Table } = await dynamodb.describeTable({ TableName: name });
    if (Table?.TableStatus === "ACTIVE") return Table.LatestStreamArn ?? "";
  }
}

/** All shards of a stream, page by page. */
export async function shardsOf(streams: DynamoDBStreams, arn: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  let after: string | undefined;
  do {
    const from = after === undefined ? {} : { ExclusiveStartShardId: after };
    const { StreamDescription } = await streams.describeStream({ StreamArn: arn, ...from });
    shards.push(...(StreamDescription?.Shards ?? []));
    after = StreamDescription?.LastEvaluatedShardId;
  } while (after !== undefined);
  return shards;
}

/** An iterator. */
export async function iteratorOf(
  streams: DynamoDBStreams,
  arn: string,
  shardId: string | undefined,
  type: "TRIM_HORIZON" | "LATEST" = "TRIM_HORIZON",
): Promise<string> {
  const asked = { StreamArn: arn, ShardId: shardId ?? "", ShardIteratorType: type };
  return (await streams.getShardIterator(asked)).ShardIterator ?? "";
}

/** What a shard has, to its end or to where it is open, and whether it ended. */
export async function readShard(
  streams: DynamoDBStreams,
  arn: string,
  shardId: string | undefined,
): Promise<{ readonly records: _Record[]; readonly ended: boolean }> {
  const records: _Record[] = [];
  let iterator: string | undefined = await iteratorOf(streams, arn, shardId);
  while (iterator !== undefined) {
    const page: GetRecordsCommandOutput = await streams.getRecords({ ShardIterator: iterator });
    records.push(...(page.Records ?? []));
    iterator = page.NextShardIterator;
    if (page.Records?.length === 0 && iterator !== undefined) return { records, ended: false };
  }
  return { records, ended: true };
}

/** All records of a stream, shard by shard, parents before their children. */
export async function readStream(streams: DynamoDBStreams, arn: string): Promise<_Record[]> {
  const records: _Record[] = [];
  for (const { ShardId } of await shardsOf(streams, arn)) {
    records.push(...(await readShard(streams, arn, ShardId)).records);
  }
  return records;
}
