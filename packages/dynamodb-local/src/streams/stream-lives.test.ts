import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  makeTable,
  readStream,
  shardsOf,
  start,
  startAsItIs,
  type Started,
} from "../testing/clients.ts";

const HOUR_MS = 3_600_000;

let started: Started;
beforeAll(async () => {
  started = await start();
});
afterAll(() => started[Symbol.asyncDispose]());

const put = (table: string, id: string): Promise<unknown> =>
  started.dynamodb.putItem({ TableName: table, Item: { id: { S: id } } });
const enable = { StreamEnabled: true, StreamViewType: "NEW_IMAGE" as const };

describe("a stream that is disabled", () => {
  it("can be read for 24 hours; what is written meanwhile is in none; enabling makes another one", async () => {
    const first = await makeTable(started.dynamodb, "on-off");
    await put("on-off", "a");
    await started.dynamodb.updateTable({
      TableName: "on-off",
      StreamSpecification: { StreamEnabled: false },
    });
    await put("on-off", "b");
    const { Table } = await started.dynamodb.describeTable({ TableName: "on-off" });
    expect(Table?.StreamSpecification).toBeUndefined();
    expect(Table?.LatestStreamArn).toBe(first);
    const { StreamDescription } = await started.streams.describeStream({ StreamArn: first });
    expect(StreamDescription?.StreamStatus).toBe("DISABLED");
    expect(
      StreamDescription?.Shards?.every(
        ({ SequenceNumberRange }) => SequenceNumberRange?.EndingSequenceNumber,
      ),
    ).toBe(true);
    expect(await readStream(started.streams, first)).toHaveLength(1);

    const { TableDescription } = await started.dynamodb.updateTable({
      TableName: "on-off",
      StreamSpecification: enable,
    });
    const second = TableDescription?.LatestStreamArn ?? "";
    expect(second).toMatch(/:table\/on-off\/stream\/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
    expect(second).not.toBe(first);
    await put("on-off", "c");
    const [record] = await readStream(started.streams, second);
    expect(record?.dynamodb?.Keys).toEqual({ id: { S: "c" } });
    const { Streams } = await started.streams.listStreams({ TableName: "on-off" });
    expect(Streams?.map(({ StreamArn }) => StreamArn)).toEqual([first, second]);

    started.local.control.shiftClock(24 * HOUR_MS + 1_000);
    const gone = started.streams.describeStream({ StreamArn: first });
    await expect(gone).rejects.toThrow(`Requested resource not found: Stream: ${first} not found`);
    expect((await started.streams.listStreams({ TableName: "on-off" })).Streams).toHaveLength(1);
  });

  it.each([
    [enable, "Table already has an enabled stream: TableName: switched"],
    [
      { StreamEnabled: true },
      "One or more parameter values were invalid: If stream is being enabled then UpdateViewType is required",
    ],
    [
      { StreamEnabled: false, StreamViewType: "KEYS_ONLY" as const },
      "One or more parameter values were invalid: If stream is being disabled, then UpdateViewType must not be specified",
    ],
  ])("is switched by %j in the service's words only", async (StreamSpecification, message) => {
    await makeTable(started.dynamodb, "switched").catch(() => undefined);
    const update = started.dynamodb.updateTable({ TableName: "switched", StreamSpecification });
    await expect(update).rejects.toMatchObject({ name: "ValidationException", message });
  });

  it("cannot be disabled where there is none", async () => {
    await makeTable(started.dynamodb, "without", { StreamSpecification: { StreamEnabled: false } });
    const update = started.dynamodb.updateTable({
      TableName: "without",
      StreamSpecification: { StreamEnabled: false },
    });
    await expect(update).rejects.toThrow("Table has no stream to disable: TableName: without");
  });
});

describe("a table that is deleted and made anew", () => {
  it("has another id and another stream; the old one can be read on", async () => {
    const first = await makeTable(started.dynamodb, "anew");
    const before = await started.dynamodb.describeTable({ TableName: "anew" });
    await put("anew", "a");
    await started.dynamodb.deleteTable({ TableName: "anew" });
    const second = await makeTable(started.dynamodb, "anew");
    const after = await started.dynamodb.describeTable({ TableName: "anew" });
    expect(after.Table?.TableId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(after.Table?.TableId).not.toBe(before.Table?.TableId);
    expect(second).not.toBe(first);
    expect(await readStream(started.streams, first)).toHaveLength(1);
    expect(await readStream(started.streams, second)).toHaveLength(0);
  });

  it("is not deleted while it is protected", async () => {
    await makeTable(started.dynamodb, "kept", { DeletionProtectionEnabled: true });
    const refused = started.dynamodb.deleteTable({ TableName: "kept" });
    await expect(refused).rejects.toThrow(
      "Resource cannot be deleted as it is currently protected against deletion.",
    );
    await started.dynamodb.updateTable({ TableName: "kept", DeletionProtectionEnabled: false });
    await expect(started.dynamodb.deleteTable({ TableName: "kept" })).resolves.toBeDefined();
  });
});

describe("items whose time is over", () => {
  it("are deleted by the service, and the record says so; others, and much older times, stay", async () => {
    const arn = await makeTable(started.dynamodb, "passing");
    await started.dynamodb.updateTimeToLive({
      TableName: "passing",
      TimeToLiveSpecification: { AttributeName: "until", Enabled: true },
    });
    const nowSeconds = Math.floor(started.local.control.nowMs() / 1_000);
    const until = (id: string, seconds: number): Promise<unknown> =>
      started.dynamodb.putItem({
        TableName: "passing",
        Item: { id: { S: id }, until: { N: String(seconds) } },
      });
    await until("over", nowSeconds + 30);
    await until("later", nowSeconds + 3_600);
    await until("ancient", nowSeconds - 6 * 365 * 86_400);
    expect(await started.local.control.sweepExpired()).toBe(0);
    started.local.control.shiftClock(60_000);
    expect(await started.local.control.sweepExpired()).toBe(1);
    const removed = (await readStream(started.streams, arn)).filter(
      ({ eventName }) => eventName === "REMOVE",
    );
    expect(removed.map(({ dynamodb }) => dynamodb?.Keys?.["id"]?.S)).toEqual(["over"]);
    expect(removed[0]?.userIdentity).toEqual({
      PrincipalId: "dynamodb.amazonaws.com",
      Type: "Service",
    });
    const described = await started.dynamodb.describeTimeToLive({ TableName: "passing" });
    expect(described.TimeToLiveDescription).toEqual({
      AttributeName: "until",
      TimeToLiveStatus: "ENABLED",
    });
  });
});

describe("streams", () => {
  it("are listed page by page", async () => {
    for (const name of ["list-a", "list-b", "list-c"]) await makeTable(started.dynamodb, name);
    const names: (string | undefined)[] = [];
    let after: string | undefined;
    do {
      const start_ = after === undefined ? {} : { ExclusiveStartStreamArn: after };
      const page = await started.streams.listStreams({ Limit: 1, ...start_ });
      names.push(...(page.Streams ?? []).map(({ TableName }) => TableName));
      after = page.LastEvaluatedStreamArn;
    } while (after !== undefined);
    expect(names.filter((name) => name?.startsWith("list-"))).toEqual([
      "list-a",
      "list-b",
      "list-c",
    ]);
  });

  it("begin with as many shards as the throughput asks for", async () => {
    await using own = await startAsItIs();
    const onDemand = await makeTable(own.dynamodb, "on-demand");
    const ProvisionedThroughput = { ReadCapacityUnits: 3_000, WriteCapacityUnits: 1_500 };
    const provisioned = await makeTable(own.dynamodb, "provisioned", {
      BillingMode: "PROVISIONED",
      ProvisionedThroughput,
    });
    expect(await shardsOf(own.streams, onDemand)).toHaveLength(4);
    expect(await shardsOf(own.streams, provisioned)).toHaveLength(3);
  });

  it("are ENABLING, without shards, and not to be changed, while a table takes its time", async () => {
    await using own = await start({ stateMs: 600_000 });
    const created = await own.dynamodb.createTable({
      TableName: "slow",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
      StreamSpecification: enable,
    });
    expect(created.TableDescription?.TableStatus).toBe("CREATING");
    const { StreamDescription } = await own.streams.describeStream({
      StreamArn: created.TableDescription?.LatestStreamArn,
    });
    expect(StreamDescription).toMatchObject({ StreamStatus: "ENABLING", Shards: [] });
    const update = { TableName: "slow", StreamSpecification: { StreamEnabled: false } };
    await expect(own.dynamodb.updateTable(update)).rejects.toMatchObject({
      name: "ResourceInUseException",
    });
  });
});
