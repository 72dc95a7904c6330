import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTable, readStream, start, type Started } from "../testing/clients.ts";

let started: Started;
let arn = "";
beforeAll(async () => {
  started = await start();
  arn = await makeTable(started.dynamodb, "accounts");
});
afterAll(() => started[Symbol.asyncDispose]());

const TableName = "accounts";
const key = (id: string) => ({ id: { S: id } });
const set = (id: string, v: number) => ({
  Put: { TableName, Item: { ...key(id), v: { N: String(v) } } },
});
const valueOf = async (id: string): Promise<string | undefined> =>
  (await started.dynamodb.getItem({ TableName, Key: key(id), ConsistentRead: true })).Item?.["v"]
    ?.N;
const recordsOf = async (id: string): Promise<number> =>
  (await readStream(started.streams, arn)).filter(
    ({ dynamodb }) => dynamodb?.Keys?.["id"]?.S === id,
  ).length;

describe("a transaction", () => {
  it("writes to a table that was made anew as soon as it is there", async () => {
    const { dynamodb } = started;
    const put = (id: string) => ({ Put: { TableName: "anew", Item: key(id) } });
    for (let round = 0; round < 10; round += 1) {
      await makeTable(dynamodb, "anew");
      await dynamodb.transactWriteItems({ TransactItems: [put("a"), put("b")] });
      expect((await dynamodb.scan({ TableName: "anew" })).Count).toBe(2);
      await dynamodb.deleteTable({ TableName: "anew" });
      const isThere = (): Promise<boolean> =>
        dynamodb.describeTable({ TableName: "anew" }).then(
          () => true,
          () => false,
        );
      while (await isThere());
    }
  });

  it("writes all of its items, each with a record", async () => {
    await started.dynamodb.transactWriteItems({ TransactItems: [set("a", 1), set("b", 2)] });
    await started.dynamodb.transactWriteItems({
      TransactItems: [
        {
          Update: {
            TableName,
            Key: key("a"),
            UpdateExpression: "SET v = v + :one",
            ExpressionAttributeValues: { ":one": { N: "1" } },
          },
        },
        { Delete: { TableName, Key: key("b") } },
        {
          ConditionCheck: {
            TableName,
            Key: key("none"),
            ConditionExpression: "attribute_not_exists(id)",
          },
        },
      ],
    });
    expect([await valueOf("a"), await valueOf("b"), await valueOf("none")]).toEqual([
      "2",
      undefined,
      undefined,
    ]);
    expect([await recordsOf("a"), await recordsOf("b"), await recordsOf("none")]).toEqual([
      2, 2, 0,
    ]);
  });

  it("whose one condition fails writes nothing, and says which", async () => {
    await started.dynamodb.transactWriteItems({ TransactItems: [set("held", 5)] });
    const refused = started.dynamodb.transactWriteItems({
      TransactItems: [
        set("c", 1),
        {
          Update: {
            TableName,
            Key: key("held"),
            UpdateExpression: "SET v = :v",
            ConditionExpression: "v > :ten",
            ExpressionAttributeValues: { ":v": { N: "0" }, ":ten": { N: "10" } },
            ReturnValuesOnConditionCheckFailure: "ALL_OLD",
          },
        },
      ],
    });
    await expect(refused).rejects.toMatchObject({
      name: "TransactionCanceledException",
      message:
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]",
      CancellationReasons: [
        { Code: "None" },
        {
          Code: "ConditionalCheckFailed",
          Message: "The conditional request failed",
          Item: { v: { N: "5" } },
        },
      ],
    });
    expect([await valueOf("c"), await valueOf("held")]).toEqual([undefined, "5"]);
    expect(await recordsOf("c")).toBe(0);
  });

  it("with a token that was used does nothing again, with another request is refused, after ten minutes is a new one", async () => {
    const add = (token: string, by: string) =>
      started.dynamodb.transactWriteItems({
        ClientRequestToken: token,
        TransactItems: [
          {
            Update: {
              TableName,
              Key: key("counted"),
              UpdateExpression: "ADD v :by",
              ExpressionAttributeValues: { ":by": { N: by } },
            },
          },
        ],
      });
    await add("once", "1");
    await add("once", "1");
    expect([await valueOf("counted"), await recordsOf("counted")]).toEqual(["1", 1]);
    await expect(add("once", "2")).rejects.toMatchObject({
      name: "IdempotentParameterMismatchException",
    });
    started.local.control.shiftClock(10 * 60_000 + 1_000);
    await add("once", "1");
    expect(await valueOf("counted")).toBe("2");
  });

  it.each([
    ["of two writes of one item", [set("x", 1), set("x", 2)], "multiple operations on one item"],
    ["of nothing", [], "Member must have length greater than or equal to 1"],
    [
      "of two actions in one",
      [{ ...set("x", 1), Delete: { TableName, Key: key("x") } }],
      "can only contain one of",
    ],
    [
      "of a wrong expression",
      [{ Update: { TableName, Key: key("x"), UpdateExpression: "SET" } }],
      "Invalid UpdateExpression",
    ],
    [
      "of a table that is not there",
      [{ Delete: { TableName: "nowhere", Key: key("x") } }],
      "Requested resource not found",
    ],
  ])("%s is refused as a whole", async (_name, TransactItems, message) => {
    await expect(started.dynamodb.transactWriteItems({ TransactItems })).rejects.toThrow(message);
  });
});
