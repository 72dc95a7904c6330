import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  iteratorOf,
  makeTable,
  readShard,
  readStream,
  shardsOf,
  start,
  type Started,
} from "../testing/clients.ts";

import type { ViewType } from "./record.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let started: Started;
let count = 0;
beforeAll(async () => {
  started = await start();
});
afterAll(() => started[Symbol.asyncDispose]());

/** A table of one's own, with a stream. */
async function fresh(
  viewType?: "NEW_IMAGE" | "OLD_IMAGE" | "KEYS_ONLY",
): Promise<{ table: string; arn: string }> {
  count += 1;
  const table = `streamed-${count}`;
  const StreamViewType: ViewType = viewType ?? "NEW_AND_OLD_IMAGES";
  const StreamSpecification = { StreamEnabled: true, StreamViewType };
  return { table, arn: await makeTable(started.dynamodb, table, { StreamSpecification }) };
}

const put = (table: string, id: string, v: string): Promise<unknown> =>
  started.dynamodb.putItem({ TableName: table, Item: { id: { S: id }, v: { N: v } } });

describe("what is written", () => {
  it.each([
    ["NEW_IMAGE", [true, true, false], [false, false, false]],
    ["OLD_IMAGE", [false, false, false], [false, true, true]],
    ["KEYS_ONLY", [false, false, false], [false, false, false]],
    [undefined, [true, true, false], [false, true, true]],
  ] as const)("is told with the images of view type %s", async (viewType, newImages, oldImages) => {
    const { table, arn } = await fresh(viewType);
    await put(table, "a", "1");
    await put(table, "a", "2");
    await started.dynamodb.deleteItem({ TableName: table, Key: { id: { S: "a" } } });
    const records = await readStream(started.streams, arn);
    expect(records.map(({ eventName }) => eventName)).toEqual(["INSERT", "MODIFY", "REMOVE"]);
    expect(records.map(({ dynamodb }) => dynamodb?.NewImage !== undefined)).toEqual(newImages);
    expect(records.map(({ dynamodb }) => dynamodb?.OldImage !== undefined)).toEqual(oldImages);
    for (const { dynamodb } of records) expect(dynamodb?.Keys).toEqual({ id: { S: "a" } });
  });

  it("leaves one record an item, whatever wrote it", async () => {
    const { table, arn } = await fresh();
    const PutRequest = (id: string) => ({ PutRequest: { Item: { id: { S: id } } } });
    await started.dynamodb.batchWriteItem({
      RequestItems: { [table]: ["a", "b"].map(PutRequest) },
    });
    await started.dynamodb.updateItem({
      TableName: table,
      Key: { id: { S: "c" } },
      UpdateExpression: "SET v = :v",
      ExpressionAttributeValues: { ":v": { N: "1" } },
    });
    await started.dynamodb.transactWriteItems({
      TransactItems: [
        { Put: { TableName: table, Item: { id: { S: "d" } } } },
        { Delete: { TableName: table, Key: { id: { S: "a" } } } },
      ],
    });
    const records = await readStream(started.streams, arn);
    const told = records.map(
      ({ eventName, dynamodb }) => `${eventName} ${dynamodb?.Keys?.["id"]?.S}`,
    );
    expect(told.toSorted()).toEqual(["INSERT a", "INSERT b", "INSERT c", "INSERT d", "REMOVE a"]);
  });

  it("leaves no record where nothing changed", async () => {
    const { table, arn } = await fresh();
    const Item = { id: { S: "a" }, v: { N: "1.50" }, tags: { SS: ["x", "y"] } };
    await started.dynamodb.putItem({ TableName: table, Item });
    await started.dynamodb.putItem({
      TableName: table,
      Item: { ...Item, v: { N: "15e-1" }, tags: { SS: ["y", "x"] } },
    });
    const SET = {
      UpdateExpression: "SET v = :v",
      ExpressionAttributeValues: { ":v": { N: "1.5" } },
    };
    await started.dynamodb.updateItem({ TableName: table, Key: { id: { S: "a" } }, ...SET });
    await started.dynamodb.deleteItem({ TableName: table, Key: { id: { S: "nobody" } } });
    const refused = started.dynamodb.putItem({
      TableName: table,
      Item: { id: { S: "a" } },
      ConditionExpression: "attribute_not_exists(id)",
    });
    await expect(refused).rejects.toMatchObject({ name: "ConditionalCheckFailedException" });
    expect(await readStream(started.streams, arn)).toHaveLength(1);
  });

  it("has the members that the documentation shows", async () => {
    const { table, arn } = await fresh();
    const at = (value: string) => ({ Message: { S: value }, id: { S: "101" } });
    await started.dynamodb.putItem({ TableName: table, Item: at("New item!") });
    const [record] = await readStream(started.streams, arn);
    expect(record).toMatchObject({
      eventName: "INSERT",
      eventVersion: "1.1",
      eventSource: "aws:dynamodb",
      awsRegion: "eu-west-1",
      dynamodb: { StreamViewType: "NEW_AND_OLD_IMAGES", NewImage: at("New item!") },
    });
    expect(record?.eventID).toMatch(/^[0-9a-f]{32}$/);
    expect(record?.dynamodb?.SequenceNumber).toMatch(/^\d{21,40}$/);
    expect(record?.dynamodb?.ApproximateCreationDateTime?.getMilliseconds()).toBe(0);
  });
});

describe("a shard that is closed", () => {
  it("is read to its end, then its children; LATEST of it is its end", async () => {
    const { table, arn } = await fresh();
    await put(table, "a", "1");
    const [parent] = await shardsOf(started.streams, arn);
    const children = started.local.control.split({ table });
    await put(table, "a", "2");
    const shards = await shardsOf(started.streams, arn);
    expect(shards.map(({ ParentShardId }) => ParentShardId)).toEqual([
      undefined,
      parent?.ShardId,
      parent?.ShardId,
    ]);
    expect(shards[0]?.SequenceNumberRange?.EndingSequenceNumber).toBeDefined();
    expect(await readShard(started.streams, arn, parent?.ShardId)).toMatchObject({
      ended: true,
      records: { length: 1 },
    });
    const both = await Promise.all(children.map((id) => readShard(started.streams, arn, id)));
    expect(both.flatMap(({ records }) => records)).toHaveLength(1);
    expect(both.every(({ ended }) => !ended)).toBe(true);
    const end = await started.streams.getRecords({
      ShardIterator: await iteratorOf(started.streams, arn, parent?.ShardId, "LATEST"),
    });
    expect(end).toMatchObject({ Records: [] });
    expect(end.NextShardIterator).toBeUndefined();
  });

  it("is found with its children by the filter for child shards", async () => {
    const { table, arn } = await fresh();
    const [parent] = await shardsOf(started.streams, arn);
    const children = started.local.control.split({ table });
    const asked = {
      StreamArn: arn,
      ShardFilter: { Type: "CHILD_SHARDS" as const, ShardId: parent?.ShardId ?? "" },
    };
    const { StreamDescription } = await started.streams.describeStream(asked);
    expect(StreamDescription?.Shards?.map(({ ShardId }) => ShardId)).toEqual(children);
  });

  it("is told page by page, and only the last page has no LastEvaluatedShardId", async () => {
    const { table, arn } = await fresh();
    for (let round = 0; round < 7; round += 1) started.local.control.split({ table });
    const { StreamDescription } = await started.streams.describeStream({ StreamArn: arn });
    expect(StreamDescription?.Shards).toHaveLength(100);
    const all = await shardsOf(started.streams, arn);
    expect(all).toHaveLength(255);
    const places = new Map(all.map(({ ShardId }, index) => [ShardId, index]));
    for (const { ShardId, ParentShardId } of all.slice(1)) {
      expect(places.get(ParentShardId) ?? Infinity).toBeLessThan(places.get(ShardId) ?? 0);
    }
  });

  it.each([
    ["childless", 1, true],
    ["open-parent", 3, false],
    ["orphaned", 2, undefined],
  ] as const)(
    "is told %s by an answer that is not consistent yet, once",
    async (how, shards, closed) => {
      const { table, arn } = await fresh();
      const [parent] = await shardsOf(started.streams, arn);
      started.local.control.split({ table });
      started.local.control.inject({ kind: "stale", how, table });
      const stale = await shardsOf(started.streams, arn);
      expect(stale).toHaveLength(shards);
      const told = stale.find(({ ShardId }) => ShardId === parent?.ShardId);
      expect(told && told.SequenceNumberRange?.EndingSequenceNumber !== undefined).toBe(closed);
      expect(await shardsOf(started.streams, arn)).toHaveLength(3);
    },
  );
});

describe("an iterator", () => {
  it("of LATEST gives what is written after it; an empty page is no end", async () => {
    const { table, arn } = await fresh();
    await put(table, "a", "1");
    const [shard] = await shardsOf(started.streams, arn);
    const first = await started.streams.getRecords({
      ShardIterator: await iteratorOf(started.streams, arn, shard?.ShardId, "LATEST"),
    });
    expect(first.Records).toEqual([]);
    await put(table, "a", "2");
    const second = await started.streams.getRecords({ ShardIterator: first.NextShardIterator });
    expect(second.Records?.map(({ dynamodb }) => dynamodb?.NewImage?.["v"]?.N)).toEqual(["2"]);
  });

  it("at a number begins with it, after a number behind it, and pages by Limit", async () => {
    const { table, arn } = await fresh();
    for (const v of ["1", "2", "3"]) await put(table, "a", v);
    const [shard] = await shardsOf(started.streams, arn);
    const page = await started.streams.getRecords({
      ShardIterator: await iteratorOf(started.streams, arn, shard?.ShardId),
      Limit: 2,
    });
    expect(page.Records).toHaveLength(2);
    const asked = {
      StreamArn: arn,
      ShardId: shard?.ShardId ?? "",
      SequenceNumber: page.Records?.[1]?.dynamodb?.SequenceNumber,
    };
    for (const [type, versions] of [
      ["AT_SEQUENCE_NUMBER", ["2", "3"]],
      ["AFTER_SEQUENCE_NUMBER", ["3"]],
    ] as const) {
      const { ShardIterator } = await started.streams.getShardIterator({
        ...asked,
        ShardIteratorType: type,
      });
      const { Records } = await started.streams.getRecords({ ShardIterator });
      expect(Records?.map(({ dynamodb }) => dynamodb?.NewImage?.["v"]?.N)).toEqual(versions);
    }
  });

  it("expires after 15 minutes, and not at 15 minutes", async () => {
    const { arn } = await fresh();
    const [shard] = await shardsOf(started.streams, arn);
    const iterator = await iteratorOf(started.streams, arn, shard?.ShardId);
    started.local.control.shiftClock(15 * MINUTE_MS - 1_000);
    await expect(started.streams.getRecords({ ShardIterator: iterator })).resolves.toBeDefined();
    started.local.control.shiftClock(2_000);
    const late = started.streams.getRecords({ ShardIterator: iterator });
    await expect(late).rejects.toMatchObject({ name: "ExpiredIteratorException" });
  });

  it("that points at what was trimmed is refused, and so is one that is asked for there", async () => {
    const { table, arn } = await fresh();
    await put(table, "a", "1");
    const [shard] = await shardsOf(started.streams, arn);
    const { records } = await readShard(started.streams, arn, shard?.ShardId);
    const asked = {
      StreamArn: arn,
      ShardId: shard?.ShardId ?? "",
      SequenceNumber: records[0]?.dynamodb?.SequenceNumber,
    };
    started.local.control.shiftClock(24 * HOUR_MS - MINUTE_MS);
    const { ShardIterator } = await started.streams.getShardIterator({
      ...asked,
      ShardIteratorType: "AT_SEQUENCE_NUMBER",
    });
    started.local.control.shiftClock(2 * MINUTE_MS);
    await expect(started.streams.getRecords({ ShardIterator })).rejects.toMatchObject({
      name: "TrimmedDataAccessException",
    });
    const again = started.streams.getShardIterator({
      ...asked,
      ShardIteratorType: "AFTER_SEQUENCE_NUMBER",
    });
    await expect(again).rejects.toMatchObject({ name: "TrimmedDataAccessException" });
    expect(await readShard(started.streams, arn, shard?.ShardId)).toEqual({
      records: [],
      ended: true,
    });
    started.local.control.shiftClock(5 * HOUR_MS);
    const gone = iteratorOf(started.streams, arn, shard?.ShardId);
    await expect(gone).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: "Requested resource not found: Shard does not exist",
    });
  });

  it.each([
    [{ ShardIterator: "nonsense" }, "ValidationException"],
    [{ ShardIterator: "a|1|b" }, "ValidationException"],
  ])("%j is refused by name", async (asked, name) => {
    await expect(started.streams.getRecords(asked)).rejects.toMatchObject({ name });
  });

  it("of a number that is none of its shard, or of a Limit beyond 1,000, is refused", async () => {
    const { arn } = await fresh();
    const [shard] = await shardsOf(started.streams, arn);
    const asked = {
      StreamArn: arn,
      ShardId: shard?.ShardId ?? "",
      ShardIteratorType: "AT_SEQUENCE_NUMBER" as const,
    };
    const SequenceNumber = "1".repeat(40);
    await expect(
      started.streams.getShardIterator({ ...asked, SequenceNumber }),
    ).rejects.toMatchObject({ name: "ValidationException" });
    const iterator = await iteratorOf(started.streams, arn, shard?.ShardId);
    const many = started.streams.getRecords({ ShardIterator: iterator, Limit: 1_001 });
    await expect(many).rejects.toThrow("Member must have value less than or equal to 1000");
  });

  it("gives an empty page and the same place where a fault says so", async () => {
    const { table, arn } = await fresh();
    await put(table, "a", "1");
    const [shard] = await shardsOf(started.streams, arn);
    started.local.control.inject({ kind: "empty", table });
    const iterator = await iteratorOf(started.streams, arn, shard?.ShardId);
    const empty = await started.streams.getRecords({ ShardIterator: iterator });
    expect(empty.Records).toEqual([]);
    const full = await started.streams.getRecords({ ShardIterator: empty.NextShardIterator });
    expect(full.Records).toHaveLength(1);
  });
});
