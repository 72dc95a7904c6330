import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { GetResourcesCommandOutput } from "@aws-sdk/client-resource-groups-tagging-api";
import { sharedMoto } from "../../../test/support/moto.ts";
import { startDynamodbLocal, type DynamodbLocal } from "./local.ts";
import {
  clientsOf,
  iteratorOf,
  makeTable,
  readStream,
  shardsOf,
  type Clients,
} from "./testing/clients.ts";

// The same calls to moto and to ours: where moto answers as the service does (not: no-op writes, shards, numbers' texts,
// capacity, the end of a scan), the answers are the same.

let local: DynamodbLocal;
let both: readonly [Clients, Clients];
let urls: readonly [string, string];
const run = randomBytes(4).toString("hex");
beforeAll(async () => {
  local = await startDynamodbLocal({ shards: 1, ttlSweepMs: 0 });
  urls = [await sharedMoto(), local.url];
  both = [clientsOf(urls[0]), clientsOf(urls[1])];
});
afterAll(async () => {
  for (const { dynamodb } of both) {
    const { TableNames } = await dynamodb.listTables({});
    const own = (TableNames ?? []).filter((name) => name.startsWith(run));
    for (const TableName of own) await dynamodb.deleteTable({ TableName });
  }
  await local.stop();
});

/** What both say to the same. */
async function same<T>(ask: (clients: Clients) => Promise<T>): Promise<T> {
  const [theirs, ours] = await Promise.all([ask(both[0]), ask(both[1])]);
  expect(ours).toEqual(theirs);
  return ours;
}

/** What is refused, and how. */
async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "answered",
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  );
}

type Item = Record<string, AttributeValue>;

const VALUES: Item = {
  text: { S: "grüße 𝄞" },
  empty: { S: "" },
  number: { N: "12345678901234567890123456789012345678" },
  tiny: { N: "-0.000000000000000000000000000001" },
  bytes: { B: new Uint8Array([0, 255, 7]) },
  texts: { SS: ["a", "b"] },
  numbers: { NS: ["1", "2.5"] },
  list: { L: [{ N: "1" }, { L: [{ NULL: true }] }, { M: { x: { BOOL: false } } }] },
  map: { M: { "odd name.#": { S: "x" }, deep: { M: { n: { N: "7" } } } } },
};

describe("moto and ours say the same", () => {
  it.each(["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"] as const)(
    "of what is written, with view type %s",
    async (StreamViewType) => {
      const TableName = `${run}-${StreamViewType}`;
      const told = await same(async ({ dynamodb, streams }) => {
        const StreamSpecification = { StreamEnabled: true, StreamViewType };
        const arn = await makeTable(dynamodb, TableName, { StreamSpecification });
        const put = (id: string, more: Item = {}) =>
          dynamodb.putItem({ TableName, Item: { id: { S: id }, ...more } });
        await put("a", VALUES);
        await put("a", { v: { N: "1" } });
        await dynamodb.updateItem({
          TableName,
          Key: { id: { S: "a" } },
          UpdateExpression: "SET v = v + :one REMOVE nothing",
          ExpressionAttributeValues: { ":one": { N: "1" } },
        });
        await dynamodb.deleteItem({ TableName, Key: { id: { S: "nobody" } } });
        await refusal(
          dynamodb.putItem({
            TableName,
            Item: { id: { S: "a" } },
            ConditionExpression: "attribute_not_exists(id)",
          }),
        );
        await dynamodb.batchWriteItem({
          RequestItems: { [TableName]: [{ PutRequest: { Item: { id: { S: "b" } } } }] },
        });
        await dynamodb.transactWriteItems({
          TransactItems: [
            { Put: { TableName, Item: { id: { S: "c" } } } },
            { Delete: { TableName, Key: { id: { S: "a" } } } },
          ],
        });
        const records = await readStream(streams, arn);
        return records.map(({ eventName, dynamodb: data }) => ({
          eventName,
          keys: data?.Keys,
          newImage: data?.NewImage,
          oldImage: data?.OldImage,
          view: data?.StreamViewType,
        }));
      });
      expect(told.map(({ eventName }) => eventName)).toEqual([
        "INSERT",
        "MODIFY",
        "MODIFY",
        "INSERT",
        "INSERT",
        "REMOVE",
      ]);
    },
  );

  it("of iterators: from the latest, at and after a number", async () => {
    const TableName = `${run}-iterators`;
    const read = await same(async ({ dynamodb, streams }) => {
      const arn = await makeTable(dynamodb, TableName);
      const put = (v: string) =>
        dynamodb.putItem({ TableName, Item: { id: { S: "a" }, v: { N: v } } });
      await put("1");
      const [shard] = await shardsOf(streams, arn);
      const latest = await iteratorOf(streams, arn, shard?.ShardId, "LATEST");
      await put("2");
      const versions = async (ShardIterator: string | undefined) => {
        const { Records, NextShardIterator } = await streams.getRecords({ ShardIterator });
        return [
          Records?.map(({ dynamodb: data }) => data?.NewImage?.["v"]?.N),
          NextShardIterator !== undefined,
        ];
      };
      const first = await streams.getRecords({
        ShardIterator: await iteratorOf(streams, arn, shard?.ShardId),
        Limit: 1,
      });
      const asked = {
        StreamArn: arn,
        ShardId: shard?.ShardId ?? "",
        SequenceNumber: first.Records?.[0]?.dynamodb?.SequenceNumber,
      };
      const at = await streams.getShardIterator({
        ...asked,
        ShardIteratorType: "AT_SEQUENCE_NUMBER",
      });
      const after = await streams.getShardIterator({
        ...asked,
        ShardIteratorType: "AFTER_SEQUENCE_NUMBER",
      });
      return [
        await versions(latest),
        await versions(at.ShardIterator),
        await versions(after.ShardIterator),
      ];
    });
    expect(read).toEqual([
      [["2"], true],
      [["1", "2"], true],
      [["2"], true],
    ]);
  });

  it("of items: read back, scanned in segments, asked for by a condition", async () => {
    const TableName = `${run}-items`;
    const seen = await same(async ({ dynamodb }) => {
      await makeTable(dynamodb, TableName, { StreamSpecification: { StreamEnabled: false } });
      const requests = Array.from({ length: 20 }, (_, n) => ({
        PutRequest: { Item: { id: { S: `k${n}` }, n: { N: String(n) } } },
      }));
      await dynamodb.batchWriteItem({ RequestItems: { [TableName]: requests } });
      await dynamodb.putItem({ TableName, Item: { id: { S: "values" }, ...VALUES } });
      const read = await dynamodb.getItem({
        TableName,
        Key: { id: { S: "values" } },
        ConsistentRead: true,
      });
      const pages = await Promise.all(
        [0, 1, 2].map((Segment) => dynamodb.scan({ TableName, Segment, TotalSegments: 3 })),
      );
      const filtered = await dynamodb.scan({
        TableName,
        FilterExpression: "n >= :n",
        ExpressionAttributeValues: { ":n": { N: "15" } },
      });
      const ids = pages.flatMap(({ Items }) => (Items ?? []).map(({ id }) => id?.S ?? ""));
      return [
        read.Item,
        ids.toSorted((a, b) => (a < b ? -1 : 1)),
        filtered.Count,
        filtered.ScannedCount,
      ];
    });
    expect(seen[1]).toHaveLength(21);
  });

  it("of what is refused, by name", async () => {
    const TableName = `${run}-refused`;
    const names = await same(async ({ dynamodb, streams }) => {
      const arn = await makeTable(dynamodb, TableName);
      const put = (Item: Item) => refusal(dynamodb.putItem({ TableName, Item }));
      const id = { id: { S: "a" } };
      return [
        await put({ v: { S: "no key" } }),
        await put({ id: { S: "" } }),
        await put({ ...id, v: { N: "NaN" } }),
        await put({ ...id, v: { SS: [] } }),
        await put({ ...id, v: { S: "x".repeat(410_000) } }),
        await refusal(dynamodb.describeTable({ TableName: `${run}-nowhere` })),
        await refusal(dynamodb.getItem({ TableName: `${run}-nowhere`, Key: id })),
        await refusal(
          dynamodb.deleteItem({ TableName, Key: id, ConditionExpression: "attribute_exists(id)" }),
        ),
        await refusal(
          dynamodb.transactWriteItems({
            TransactItems: [
              { Delete: { TableName, Key: id, ConditionExpression: "attribute_exists(id)" } },
            ],
          }),
        ),
        await refusal(streams.describeStream({ StreamArn: arn.replace(run, "ffffffff") })),
      ];
    });
    expect(names.slice(0, 5)).toEqual(names.slice(0, 5).map(() => "ValidationException"));
  });

  it("of tables found by their tags, page by page", async () => {
    const tags: readonly (readonly [string, Record<string, string>])[] = [
      ["one", { [run]: "", env: "dev" }],
      ["two", { [run]: "x", env: "prod" }],
      ["three", { [run]: "y", env: "dev" }],
    ];
    const found = await same(async ({ dynamodb, tagging }) => {
      for (const [name, own] of tags) {
        const Tags = Object.entries(own).map(([Key, Value]) => ({ Key, Value }));
        await makeTable(dynamodb, `${run}-${name}`, { Tags });
      }
      const names = async (
        TagFilters: { Key: string; Values?: string[] }[],
        ResourceTypeFilters: string[],
      ) => {
        const { ResourceTagMappingList } = await tagging.getResources({
          TagFilters,
          ResourceTypeFilters,
        });
        return (ResourceTagMappingList ?? [])
          .map(({ ResourceARN }) => ResourceARN ?? "")
          .toSorted((a, b) => (a < b ? -1 : 1));
      };
      const all: string[] = [];
      let token: string | undefined;
      do {
        const page = {
          TagFilters: [{ Key: run }],
          ResourcesPerPage: 2,
          ...(token ? { PaginationToken: token } : {}),
        };
        const answer: GetResourcesCommandOutput = await tagging.getResources(page);
        all.push(
          ...(answer.ResourceTagMappingList ?? []).map(({ ResourceARN }) => ResourceARN ?? ""),
        );
        token = answer.PaginationToken;
      } while (token);
      return [
        all.toSorted((a, b) => (a < b ? -1 : 1)),
        await names([{ Key: run }, { Key: "env", Values: ["dev"] }], ["dynamodb:table"]),
        await names([{ Key: run, Values: ["x", "y"] }], ["dynamodb"]),
        await names([{ Key: run }], ["s3"]),
      ];
    });
    expect(found.map((each) => each.length)).toEqual([3, 2, 2, 0]);
  });

  it("of who is asking, also as a role in another account", async () => {
    const RoleArn = "arn:aws:iam::222222222222:role/reader";
    const identities = await Promise.all(
      both.map(async ({ sts }, index) => {
        const { Account } = await sts.getCallerIdentity({});
        const { Credentials, AssumedRoleUser } = await sts.assumeRole({
          RoleArn,
          RoleSessionName: "test",
        });
        const role = clientsOf(urls[index] ?? "", {
          accessKeyId: Credentials?.AccessKeyId ?? "",
          secretAccessKey: Credentials?.SecretAccessKey ?? "",
          sessionToken: Credentials?.SessionToken ?? "",
        });
        const there = await role.sts.getCallerIdentity({});
        const TableName = `${run}-iterators`;
        const isSeen = await refusal(role.dynamodb.describeTable({ TableName }));
        return [Account, AssumedRoleUser?.Arn, there.Account, there.Arn, isSeen];
      }),
    );
    expect(identities[1]).toEqual(identities[0]);
  });
});
