import type { AttributeValue, ScanCommandOutput } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientsOf, makeTable, start, type Started } from "../testing/clients.ts";

let started: Started;
beforeAll(async () => {
  started = await start();
});
afterAll(() => started[Symbol.asyncDispose]());

const item = (id: number, bytes = 1) => ({ id: { S: `k${id}` }, text: { S: "x".repeat(bytes) } });

describe("items", () => {
  it("are scanned in segments whose union is the table, page by page", async () => {
    await makeTable(started.dynamodb, "scanned");
    for (let from = 0; from < 100; from += 25) {
      const requests = Array.from({ length: 25 }, (_, n) => ({
        PutRequest: { Item: item(from + n) },
      }));
      await started.dynamodb.batchWriteItem({ RequestItems: { scanned: requests } });
    }
    const ids: (string | undefined)[] = [];
    for (const Segment of [0, 1, 2]) {
      let start_: Record<string, AttributeValue> | undefined;
      do {
        const from = start_ === undefined ? {} : { ExclusiveStartKey: start_ };
        const page: ScanCommandOutput = await started.dynamodb.scan({
          TableName: "scanned",
          Segment,
          TotalSegments: 3,
          Limit: 20,
          ...from,
        });
        ids.push(...(page.Items ?? []).map(({ id }) => id?.S));
        start_ = page.LastEvaluatedKey;
      } while (start_ !== undefined);
    }
    expect(new Set(ids).size).toBe(100);
    expect(ids).toHaveLength(100);
  });

  it("of another account or region are not seen", async () => {
    await makeTable(started.dynamodb, "mine");
    const elsewhere = clientsOf(started.local.url, { region: "us-west-2" });
    const others = clientsOf(started.local.url, { accessKeyId: "222222222222" });
    for (const { dynamodb } of [elsewhere, others]) {
      await expect(dynamodb.describeTable({ TableName: "mine" })).rejects.toMatchObject({
        name: "ResourceNotFoundException",
      });
      expect((await dynamodb.listTables({})).TableNames).toEqual([]);
    }
    await makeTable(others.dynamodb, "mine");
    const { Table } = await others.dynamodb.describeTable({ TableName: "mine" });
    expect(Table?.TableArn).toBe("arn:aws:dynamodb:eu-west-1:222222222222:table/mine");
    for (const { dynamodb } of [elsewhere, others]) dynamodb.destroy();
  });

  it("are told with a condition that failed, where that is asked for", async () => {
    await makeTable(started.dynamodb, "conditions");
    await started.dynamodb.putItem({ TableName: "conditions", Item: item(1) });
    const refused = started.dynamodb.putItem({
      TableName: "conditions",
      Item: item(1, 2),
      ConditionExpression: "attribute_not_exists(id)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    await expect(refused).rejects.toMatchObject({
      name: "ConditionalCheckFailedException",
      Item: item(1),
    });
  });

  it("are refused in dynalite's words where they are wrong", async () => {
    await makeTable(started.dynamodb, "refusing");
    const put = (Item: Record<string, { S: string } | { N: string }>) =>
      started.dynamodb.putItem({ TableName: "refusing", Item });
    await expect(put({ n: { N: "1" } })).rejects.toThrow("Missing the key id in the item");
    await expect(put({ id: { S: "a" }, n: { N: "1".repeat(39) } })).rejects.toThrow(
      "more than 38 significant digits",
    );
    await expect(
      started.dynamodb.putItem({ TableName: "nowhere", Item: item(1) }),
    ).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  it("that a batch leaves undone are given back, and done the next time", async () => {
    await makeTable(started.dynamodb, "batched");
    started.local.control.inject({ kind: "unprocessed", count: 2 });
    const requests = [1, 2, 3].map((id) => ({ PutRequest: { Item: item(id) } }));
    const first = await started.dynamodb.batchWriteItem({ RequestItems: { batched: requests } });
    expect(first.UnprocessedItems?.["batched"]).toEqual(requests.slice(1));
    expect((await started.dynamodb.scan({ TableName: "batched" })).Count).toBe(1);
    const second = await started.dynamodb.batchWriteItem({ RequestItems: first.UnprocessedItems });
    expect(second.UnprocessedItems).toEqual({});
    started.local.control.inject({ kind: "unprocessed", count: 1 });
    const Keys = [1, 2].map((id) => ({ id: { S: `k${id}` } }));
    const read = await started.dynamodb.batchGetItem({ RequestItems: { batched: { Keys } } });
    expect([read.Responses?.["batched"]?.length, read.UnprocessedKeys?.["batched"]?.Keys]).toEqual([
      1,
      Keys.slice(1),
    ]);
  });
});

describe("throughput", () => {
  it("is counted, and what is over is refused until time has given more", async () => {
    await using own = await start({ throttle: true, burstSeconds: 5 });
    const ProvisionedThroughput = { ReadCapacityUnits: 1, WriteCapacityUnits: 1 };
    await makeTable(own.dynamodb, "narrow", { BillingMode: "PROVISIONED", ProvisionedThroughput });
    const put = () =>
      own.dynamodb.putItem({
        TableName: "narrow",
        Item: item(1, 10_000),
        ReturnConsumedCapacity: "TOTAL",
      });
    expect((await put()).ConsumedCapacity).toMatchObject({
      TableName: "narrow",
      CapacityUnits: 10,
    });
    const refused = put();
    await expect(refused).rejects.toMatchObject({ name: "ProvisionedThroughputExceededException" });
    const scan = await own.dynamodb.scan({ TableName: "narrow" });
    expect(scan.ConsumedCapacity).toBeUndefined();
    expect(scan.Count).toBe(1);
  });

  it("of an on-demand table is limited where the table says so", async () => {
    await using own = await start({ throttle: true, burstSeconds: 1 });
    const OnDemandThroughput = { MaxReadRequestUnits: 1, MaxWriteRequestUnits: 1 };
    await makeTable(own.dynamodb, "capped", { OnDemandThroughput });
    const { Table } = await own.dynamodb.describeTable({ TableName: "capped" });
    expect(Table?.OnDemandThroughput).toEqual(OnDemandThroughput);
    await own.dynamodb.putItem({ TableName: "capped", Item: item(1, 30_000) });
    const refused = own.dynamodb.putItem({ TableName: "capped", Item: item(2) });
    await expect(refused).rejects.toMatchObject({ name: "ThrottlingException" });
  });
});
