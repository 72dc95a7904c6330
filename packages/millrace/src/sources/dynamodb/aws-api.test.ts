import { createServer } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import { systemClock } from "../../model/ports.ts";
import { AwsApi } from "./aws-api.ts";
import type { Item, StreamRecord } from "./api.ts";
import { serviceCode } from "./errors.ts";
import { apiOf, connectionTo, type LocalApi, startLocalApi } from "./local-api.fixture.ts";

let started: LocalApi;
let api: AwsApi;
beforeAll(async () => {
  started = await startLocalApi();
  api = started.api;
});
afterAll(() => started[Symbol.asyncDispose]());
beforeEach(() => makeTable(started.dynamodb, "orders"));
afterEach(() => started.local.control.reset());

const calls = (action: string): number =>
  started.local.control.calls().filter((call) => call.action === action).length;

/** Two attributes of each, the second one bytes. */
async function makeBinaryTable(): Promise<void> {
  await makeTable(started.dynamodb, "blobs", {
    AttributeDefinitions: [
      { AttributeName: "at", AttributeType: "B" },
      { AttributeName: "id", AttributeType: "N" },
    ],
    KeySchema: [
      { AttributeName: "at", KeyType: "RANGE" },
      { AttributeName: "id", KeyType: "HASH" },
    ].toSorted((one) => (one.KeyType === "HASH" ? -1 : 1)) as never,
    BillingMode: "PROVISIONED",
    ProvisionedThroughput: { ReadCapacityUnits: 7, WriteCapacityUnits: 3 },
    StreamSpecification: { StreamEnabled: false },
  });
}

async function firstIterator(): Promise<string> {
  const { stream } = await api.describeTable("orders");
  const arn = stream?.arn ?? "";
  const { shards } = await api.describeStream(arn);
  return api.shardIterator(arn, shards[0]?.id ?? "", { at: "TRIM_HORIZON" });
}

describe("what a table tells", () => {
  it("has its key with the hash first, its stream, its capacity and an id", async () => {
    await makeBinaryTable();
    const orders = await api.describeTable("orders");
    expect(orders).toMatchObject({
      name: "orders",
      arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
      status: "ACTIVE",
      key: [{ name: "id", type: "S" }],
      stream: { view: "NEW_AND_OLD_IMAGES" },
      readUnits: 0,
      maxReadUnits: null,
    });
    expect(orders.tableId).not.toBe("");
    expect(orders.stream?.arn).toBe(orders.latestStreamArn);
    expect(await api.describeTable("blobs")).toMatchObject({
      key: [
        { name: "id", type: "N" },
        { name: "at", type: "B" },
      ],
      stream: null,
      readUnits: 7,
    });
  });

  it("is refused by name where there is none", async () => {
    const asked = api.describeTable("nothing");
    await expect(asked).rejects.toMatchObject({ code: "MR_SOURCE_MISSING", class: "transient" });
    expect(serviceCode(await asked.catch((error: unknown) => error))).toBe(
      "ResourceNotFoundException",
    );
  });
});

describe("items", () => {
  it("come page by page, on from a key of bytes, as DynamoDB spells them", async () => {
    await makeBinaryTable();
    const number = "12345678901234567890123456789012345678";
    for (const byte of [0, 255, 7])
      await started.dynamodb.putItem({
        TableName: "blobs",
        Item: { id: { N: "1" }, at: { B: new Uint8Array([byte]) }, number: { N: number } },
      });
    const items: Item[] = [];
    let startKey: Item | null = null;
    do {
      const request = { table: "blobs", segment: 0, segments: 1, startKey, limit: 1 };
      const page = await api.scan({ ...request, consistent: true });
      items.push(...page.items);
      expect(page.items.length).toBeLessThanOrEqual(1);
      startKey = page.lastKey;
      expect(page.units > 0).toBe(page.items.length > 0);
      expect(Math.abs(page.timeMs - started.local.control.nowMs())).toBeLessThan(60_000);
    } while (startKey !== null);
    expect(items).toEqual(
      ["AA==", "Bw==", "/w=="].map((B) => ({ id: { N: "1" }, at: { B }, number: { N: number } })),
    );
  });

  it("are read by their keys, however many, what is left over again, and no more than is asked for", async () => {
    const ids = Array.from({ length: 104 }, (_, index) => `item ${index}`);
    for (let from = 0; from < ids.length; from += 25)
      await started.dynamodb.batchWriteItem({
        RequestItems: {
          orders: ids.slice(from, from + 25).map((id) => ({
            PutRequest: {
              Item: { id: { S: id }, name: { S: "a reserved word" }, rest: { S: "not asked for" } },
            },
          })),
        },
      });
    started.local.control.inject({ kind: "unprocessed", count: 3, times: 2 });
    const keys = [...ids, "item 1", "nobody"].map((S) => ({ id: { S } }));
    const { items, units } = await api.getItems("orders", keys, { attributes: ["id", "name"] });
    expect(items.map(({ id }) => id).toSorted(byText)).toEqual(
      ids.map((S) => ({ S })).toSorted(byText),
    );
    expect(items.every((item) => Object.keys(item).length === 2)).toBe(true);
    // A key without item costs as one with a small one.
    expect(units).toBe(ids.length + 1);
  });
});

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

describe("a stream", () => {
  it("is asked for its shards ten times a second at most", async () => {
    const { stream } = await api.describeTable("orders");
    let ms = 0;
    const clock = {
      now: () => Date.now(),
      monotonic: () => ms,
      sleep: (pauseMs: number) => {
        ms += pauseMs;
        return Promise.resolve();
      },
    };
    const asking = new AwsApi(started.connection, { clock, random: Math.random });
    const arn = stream?.arn ?? "";
    await Promise.all([1, 2, 3].map(() => asking.describeStream(arn)));
    await asking.close();
    expect(ms).toBe(200);
  });

  it("tells its shards page by page, and the children of one of them", async () => {
    const { stream } = await api.describeTable("orders");
    const arn = stream?.arn ?? "";
    for (let round = 0; round < 7; round++) started.local.control.split({ table: "orders" });
    const shards = [];
    for (let after: string | null = null, more = true; more;) {
      const page = await api.describeStream(arn, { after });
      expect(page).toMatchObject({ status: "ENABLED", view: "NEW_AND_OLD_IMAGES" });
      shards.push(...page.shards);
      after = page.lastShard;
      more = after !== null;
    }
    expect(shards).toHaveLength(255);
    const root = shards.find(({ parent }) => parent === null);
    expect(root?.ending).not.toBeNull();
    const children = await api.describeStream(arn, { childrenOf: root?.id ?? "" });
    expect(children.shards.map(({ parent }) => parent)).toEqual([root?.id, root?.id]);
  });

  it("gives records with their images, times and order, and who deleted them", async () => {
    const item = { id: { S: "1" }, total: { N: "9.50" } };
    await started.dynamodb.putItem({ TableName: "orders", Item: item });
    await started.dynamodb.putItem({
      TableName: "orders",
      Item: { ...item, total: { N: "10" } },
    });
    await started.dynamodb.updateTimeToLive({
      TableName: "orders",
      TimeToLiveSpecification: { AttributeName: "ends", Enabled: true },
    });
    const ends = { N: String(Math.floor(Date.now() / 1_000) + 60) };
    await started.dynamodb.putItem({ TableName: "orders", Item: { id: { S: "2" }, ends } });
    started.local.control.shiftClock(3_600_000);
    await started.local.control.sweepExpired();
    const page = await api.records(await firstIterator(), { limit: 1_000 });
    const told = page.records.map((record) => short(record));
    expect(told).toEqual([
      {
        event: "INSERT",
        newImage: { ...item, total: { N: "9.5" } },
        oldImage: null,
        principal: null,
      },
      {
        event: "MODIFY",
        newImage: { ...item, total: { N: "10" } },
        oldImage: { ...item, total: { N: "9.5" } },
        principal: null,
      },
      {
        event: "INSERT",
        newImage: { id: { S: "2" }, ends },
        oldImage: null,
        principal: null,
      },
      {
        event: "REMOVE",
        newImage: null,
        oldImage: { id: { S: "2" }, ends },
        principal: "dynamodb.amazonaws.com",
      },
    ]);
    const [first] = page.records;
    expect(first?.keys).toEqual({ id: { S: "1" } });
    expect((first?.timeMs ?? 1) % 1_000).toBe(0);
    expect(first?.sequence).toMatch(/^\d{21,40}$/);
    expect(page.next).not.toBeNull();
    // Its own clock, which the test has moved.
    expect(Math.abs(page.timeMs - started.local.control.nowMs())).toBeLessThan(60_000);
  });
});

function short({ event, newImage, oldImage, principal }: StreamRecord) {
  return { event, newImage, oldImage, principal };
}

describe("a search by tags", () => {
  it("goes on to the last page, and begins again where that took too long", async () => {
    const arn = (name: string) => `arn:aws:dynamodb:eu-west-1:123456789012:table/${name}`;
    const page = (name: string, PaginationToken: string) => ({
      ResourceTagMappingList: [{ ResourceARN: arn(name) }, { ResourceARN: `${arn(name)}/index/i` }],
      PaginationToken,
    });
    const expired = { __type: "PaginationTokenExpiredException", message: "too late" };
    const answers = [
      page("a", "1"),
      ...[1, 2, 3, 4].map(() => expired),
      page("a", "2"),
      page("b", ""),
    ];
    const server = createServer((_request, response) => {
      const answer = answers.shift() ?? {};
      response.writeHead("message" in answer ? 400 : 200).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const paged = apiOf(connectionTo(`http://127.0.0.1:${port}`));
    expect(await paged.taggedTables([{ key: "ingest" }])).toEqual(["a", "b"]);
    expect(answers).toEqual([]);
    await paged.close();
    server.close();
  });

  it("finds who carries all of them", async () => {
    for (let index = 0; index < 3; index++) {
      const TableName = `tagged-${index}`;
      const Tags = [
        { Key: "ingest", Value: "whatever" },
        { Key: "environment", Value: index === 2 ? "prod" : "dev" },
      ];
      await makeTable(started.dynamodb, TableName, { Tags });
    }
    const find = (...values: string[]) =>
      api.taggedTables([{ key: "environment", values }, { key: "ingest" }]);
    expect([...(await find("dev"))].toSorted()).toEqual(["tagged-0", "tagged-1"]);
    expect(await find("prod", "dev")).toHaveLength(3);
    expect(await find("nowhere")).toEqual([]);
  });
});

describe("failures that pass by themselves", () => {
  it("are asked again: a proxy's page, a connection that is cut, an error of the service", async () => {
    const { control } = started.local;
    control.inject({ kind: "page", action: "DescribeTable", status: 200 });
    control.inject({ kind: "cut", when: "after", action: "DescribeTable", nth: 2 });
    control.inject({
      kind: "error",
      code: "InternalServerError",
      status: 500,
      action: "DescribeTable",
      nth: 3,
    });
    const before = calls("DescribeTable");
    await expect(api.describeTable("orders")).resolves.toMatchObject({ name: "orders" });
    expect(calls("DescribeTable") - before).toBe(4);
  });

  it("go to the pipeline where they stay, as what it tries again for ever", async () => {
    started.local.control.inject({ kind: "page", action: "DescribeTable", times: 0 });
    await expect(api.describeTable("orders")).rejects.toMatchObject({
      code: "MR_SOURCE_LOST_CONNECTION",
      class: "transient",
    });
  });

  it("are waited for where a call is throttled that is one of few, and told where it has a rate", async () => {
    const { control } = started.local;
    control.inject({ kind: "error", code: "ThrottlingException", action: "DescribeTable" });
    await api.describeTable("orders");
    control.inject({
      kind: "error",
      code: "ProvisionedThroughputExceededException",
      action: "Scan",
    });
    const before = calls("Scan");
    const page = { table: "orders", segment: 0, segments: 1, startKey: null, consistent: true };
    await expect(api.scan(page)).rejects.toMatchObject({
      code: "MR_SOURCE_THROTTLED",
      class: "transient",
    });
    expect(calls("Scan") - before).toBe(1);
  });
});

describe("refusals", () => {
  it("of a right name the action that is missing, and may be given back", async () => {
    started.local.control.inject({ kind: "deny", action: "dynamodb:DescribeStream" });
    const { stream } = await api.describeTable("orders");
    const asked = api.describeStream(stream?.arn ?? "");
    await expect(asked).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      class: "transient",
      remedy: expect.stringContaining("Allow dynamodb:DescribeStream"),
    });
  });

  it("of a right name it on a machine whose clock is wrong, too: once that was set, it was not the reason", async () => {
    started.local.control.shiftClock(30 * 3_600_000);
    started.local.control.inject({ kind: "deny", action: "dynamodb:DescribeTable" });
    await expect(api.describeTable("orders")).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      remedy: expect.stringContaining("Allow dynamodb:DescribeTable"),
    });
  });

  it("of a key of KMS say so", async () => {
    const message = "KMS key access denied";
    started.local.control.inject({ kind: "error", code: "AccessDeniedException", message });
    await expect(api.describeTable("orders")).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      remedy: expect.stringContaining("kms:Decrypt"),
    });
  });

  it("of what is trimmed, and of an iterator that is old, are told apart", async () => {
    const { control } = started.local;
    await started.dynamodb.putItem({ TableName: "orders", Item: { id: { S: "1" } } });
    const old = await firstIterator();
    control.shiftClock(16 * 60_000);
    const expired = await api.records(old).catch((error: unknown) => error);
    expect(serviceCode(expired)).toBe("ExpiredIteratorException");
    expect(expired).toMatchObject({ class: "transient" });
    const page = await api.records(await firstIterator());
    const { stream } = await api.describeTable("orders");
    const arn = stream?.arn ?? "";
    const shard = (await api.describeStream(arn)).shards[0]?.id ?? "";
    control.inject({
      kind: "error",
      code: "TrimmedDataAccessException",
      action: "GetShardIterator",
    });
    const sequence = page.records[0]?.sequence ?? "";
    const trimmed = api.shardIterator(arn, shard, { at: "AFTER_SEQUENCE_NUMBER", sequence });
    await expect(trimmed).rejects.toMatchObject({ code: "MR_SOURCE_LOSS", class: "loss" });
  });

  it("of what is wrong with a request stop", async () => {
    const request = { table: "orders", segment: 5, segments: 1, startKey: null, consistent: true };
    await expect(api.scan(request)).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      class: "config",
    });
  });
});

describe("what is told of requests", () => {
  it.each([
    ["ThrottlingException", "throttled"],
    ["InternalServerError", "lost"],
    ["UnrecognizedClientException", "credentials"],
    ["RequestExpired", "skew"],
    ["AccessDeniedException", "rights"],
    ["ResourceNotFoundException", "missing"],
    ["TrimmedDataAccessException", "trimmed"],
    ["ExpiredIteratorException", "expired-iterator"],
    ["ValidationException", "refused"],
  ])("is of %s that it was %s, and then what its repetition came to", async (code, outcome) => {
    const told: string[] = [];
    const observer = {
      requested: (action: string, how: string) => void told.push(`${action} ${how}`),
      readUnits: () => undefined,
      leftOut: () => undefined,
    };
    const own = new AwsApi(started.connection, { clock: systemClock, random: () => 0, observer });
    started.local.control.inject({ kind: "error", code, action: "DescribeTable" });
    await own.describeTable("orders").catch(() => null);
    await own.describeTable("orders");
    expect(told[0]).toBe(`DescribeTable ${outcome}`);
    expect(told.slice(1).filter((one) => one !== "DescribeTable ok")).toEqual([]);
    expect(told).toContain("DescribeTable ok");
    await own.close();
  });
});

describe("an answer that does not come", () => {
  it("is waited for no longer than it may take, whatever is asked", async () => {
    const silent = createServer((request) => void request.resume());
    const url = await new Promise<string>((resolve) => {
      silent.listen(0, "127.0.0.1", () => {
        const address = silent.address();
        resolve(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
      });
    });
    const connection = { ...connectionTo(url), readTimeoutMs: 50 };
    const own = new AwsApi(connection, { clock: systemClock, random: () => 0 });
    for (const ask of [() => own.describeTable("orders"), () => own.taggedTables([{ key: "a" }])])
      await expect(ask()).rejects.toMatchObject({
        code: "MR_SOURCE_LOST_CONNECTION",
        class: "transient",
      });
    await own.close();
    silent.closeAllConnections();
    silent.close();
  });
});

describe("a caller that has had enough", () => {
  it("hears its own reason, at once", async () => {
    started.local.control.inject({ kind: "delay", delayMs: 60_000, action: "DescribeTable" });
    const abort = new AbortController();
    const asked = api.describeTable("orders", abort.signal);
    abort.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  });
});
