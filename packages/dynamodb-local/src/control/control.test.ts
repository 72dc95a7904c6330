import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  clientsOf,
  iteratorOf,
  makeTable,
  shardsOf,
  start,
  type Started,
} from "../testing/clients.ts";
import { matches } from "./faults.ts";

let started: Started;
beforeAll(async () => {
  started = await start({ control: "127.0.0.1:0" });
});
afterAll(() => started[Symbol.asyncDispose]());
beforeEach(() => started.local.control.reset());

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function control(method: string, path: string, body?: unknown): Promise<Answer> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${started.local.controlUrl}${path}`, { method, ...sent });
  const answer: unknown = await response.json();
  return { status: response.status, body: answer };
}

const list = () => started.dynamodb.listTables({});

describe("a fault", () => {
  it.each([
    [
      { kind: "error", code: "ThrottlingException", message: "Rate exceeded" },
      { name: "ThrottlingException", message: "Rate exceeded" },
    ],
    [
      { kind: "error", code: "InternalServerError", status: 500 },
      { name: "InternalServerError", $metadata: { httpStatusCode: 500 } },
    ],
    [{ kind: "page" }, { name: "SyntaxError", $metadata: { httpStatusCode: 503 } }],
    [{ kind: "cut", when: "before" }, { code: "ECONNRESET" }],
    [
      { kind: "deny", action: "dynamodb:List*" },
      {
        name: "AccessDeniedException",
        message:
          "User: arn:aws:iam::123456789012:user/test is not authorized to perform: dynamodb:ListTables on resource: * because no identity-based policy allows the dynamodb:ListTables action",
      },
    ],
  ])("%j strikes, and is gone when it is switched off", async (fault, expected) => {
    const { status, body } = await control("POST", "/faults", fault);
    expect([status, body]).toEqual([201, { id: expect.any(Number) }]);
    await expect(list()).rejects.toMatchObject(expected);
    await control("DELETE", "/faults");
    await expect(list()).resolves.toBeDefined();
  });

  it("strikes the nth call and so many, of one action, table or key", async () => {
    const { control: switches } = started.local;
    switches.inject({ kind: "error", code: "X", action: "List*", nth: 2, times: 2 });
    const outcomes: boolean[] = [];
    for (let call = 0; call < 5; call += 1)
      outcomes.push(
        await list().then(
          () => true,
          () => false,
        ),
      );
    expect(outcomes).toEqual([true, false, false, true, true]);
    expect(switches.faults()[0]?.struck).toBe(2);
    switches.clearFaults();
    switches.inject({ kind: "error", code: "X", table: "a", times: 0 });
    const describe_ = (TableName: string) => started.dynamodb.describeTable({ TableName });
    await expect(describe_("a-table")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    const arn = await makeTable(started.dynamodb, "abc");
    switches.inject({ kind: "error", code: "Y", table: "abc", action: "GetRecords" });
    const [shard] = await shardsOf(started.streams, arn);
    const iterator = await iteratorOf(started.streams, arn, shard?.ShardId);
    await expect(started.streams.getRecords({ ShardIterator: iterator })).rejects.toMatchObject({
      name: "Y",
    });
    switches.inject({ kind: "error", code: "Z", accessKeyId: "other", times: 0 });
    await expect(list()).resolves.toBeDefined();
    await expect(
      clientsOf(started.local.url, { accessKeyId: "other" }).dynamodb.listTables({}),
    ).rejects.toMatchObject({ name: "Z" });
  });

  it("of a cut after leaves the write done and unanswered", async () => {
    await makeTable(started.dynamodb, "cut");
    started.local.control.inject({ kind: "cut", when: "after", action: "PutItem" });
    await expect(
      started.dynamodb.putItem({ TableName: "cut", Item: { id: { S: "a" } } }),
    ).rejects.toMatchObject({ code: "ECONNRESET" });
    expect((await started.dynamodb.scan({ TableName: "cut" })).Count).toBe(1);
  });

  it("of a denied resource strikes that one only", async () => {
    await makeTable(started.dynamodb, "open");
    await makeTable(started.dynamodb, "closed");
    started.local.control.inject({
      kind: "deny",
      action: "dynamodb:Scan",
      resource: "arn:aws:dynamodb:*:table/closed",
    });
    await expect(started.dynamodb.scan({ TableName: "open" })).resolves.toBeDefined();
    const denied = started.dynamodb.scan({ TableName: "closed" });
    await expect(denied).rejects.toThrow(
      "on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/closed",
    );
    await expect(started.dynamodb.scan({ TableName: "closed" })).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    started.local.control.inject({ kind: "deny", action: "tag:*" });
    await expect(started.tagging.getResources({})).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    started.local.control.inject({ kind: "deny", action: "sts:*" });
    await expect(started.sts.getCallerIdentity({})).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
  });

  it("of all but what a policy allows strikes the rest", async () => {
    for (const table of ["open", "closed"]) await makeTable(started.dynamodb, table);
    started.local.control.inject({
      kind: "deny",
      action: "*",
      except: ["dynamodb:Batch* arn:aws:dynamodb:*:table/open", "dynamodb:Scan *"],
    });
    const get = (table: string) =>
      started.dynamodb.batchGetItem({ RequestItems: { [table]: { Keys: [{ id: { S: "a" } }] } } });
    await expect(started.dynamodb.scan({ TableName: "closed" })).resolves.toBeDefined();
    await expect(get("open")).resolves.toBeDefined();
    await expect(get("closed")).rejects.toMatchObject({ name: "AccessDeniedException" });
    await expect(started.tagging.getResources({})).rejects.toThrow("tag:GetResources");
  });

  it("of a delay is waited for", async () => {
    started.local.control.inject({ kind: "delay", delayMs: 120 });
    const before = performance.now();
    await list();
    expect(performance.now() - before).toBeGreaterThanOrEqual(110);
  });

  it.each([
    [{}, "kind must be one of error, page, delay, cut, deny, unprocessed, empty, stale"],
    [{ kind: "error" }, "code is missing"],
    [{ kind: "cut", when: "never" }, "when must be one of before, after"],
    [{ kind: "delay", delayMs: -1 }, "delayMs must be at least 0"],
    [{ kind: "delay", delayMs: 1.5 }, "delayMs must be a whole number"],
    [{ kind: "page", colour: "red" }, "colour is not known here"],
    [[], "kind must be one of error, page, delay, cut, deny, unprocessed, empty, stale"],
  ])("%j is refused with the reason", async (fault, error) => {
    expect(await control("POST", "/faults", fault)).toEqual({ status: 400, body: { error } });
  });

  it("pattern takes any part for a star, and nothing else for a dot", () => {
    expect(matches("Get*", "GetRecords")).toBe(true);
    expect(matches("a.c", "abc")).toBe(false);
    expect(matches("*", "")).toBe(true);
  });
});

describe("the control port", () => {
  it("moves the clock, turns shards over, and tells them as they are", async () => {
    const arn = await makeTable(started.dynamodb, "turned");
    const split = await control("POST", "/streams/split", { table: "turned" });
    expect(split.body).toEqual({ shardIds: [expect.any(String), expect.any(String)] });
    await control("POST", "/streams/rotate", { table: "turned" });
    await control("POST", "/clock", { shiftMs: 4 * 3_600_000 });
    expect(await shardsOf(started.streams, arn)).toHaveLength(7);
    const { body } = await control("GET", "/streams/turned");
    expect(body).toMatchObject({ shards: Array.from({ length: 7 }, () => ({ records: 0 })) });
    expect(await control("GET", "/streams/nowhere")).toEqual({
      status: 404,
      body: { error: "There is no table nowhere with a stream" },
    });
  });

  it("counts and keeps calls, without what was in them, and empties everything", async () => {
    await makeTable(started.dynamodb, "told");
    await started.dynamodb.putItem({ TableName: "told", Item: { id: { S: "confidential" } } });
    await started.dynamodb.describeTable({ TableName: "gone" }).catch(() => undefined);
    const { body } = await control("GET", "/counters");
    expect(body).toMatchObject({ calls: { PutItem: 1 }, errors: { ResourceNotFoundException: 1 } });
    const calls = JSON.stringify((await control("GET", "/calls")).body);
    expect(calls).toContain('"action":"PutItem","table":"told"');
    expect(calls).not.toContain("confidential");
    await control("PUT", "/roles", { arn: "arn:aws:iam::222222222222:role/x", externalId: "y" });
    expect(await control("POST", "/reset")).toEqual({ status: 200, body: {} });
    expect((await list()).TableNames).toEqual([]);
    expect((await control("GET", "/counters")).body).toEqual({
      calls: { ListTables: 1 },
      errors: {},
    });
    await expect(
      started.sts.assumeRole({
        RoleArn: "arn:aws:iam::222222222222:role/x",
        RoleSessionName: "zz",
      }),
    ).resolves.toBeDefined();
  });

  it("describes itself: every route answers, and every path of the document is one", async () => {
    const { body } = await control("GET", "/openapi.json");
    expect(body).toMatchObject({
      openapi: "3.1.0",
      paths: { "/faults": { post: { requestBody: {} } } },
    });
    await expect(JSON.stringify(body, null, 2)).toMatchFileSnapshot("golden/openapi.json");
    expect((await control("GET", "/health")).body).toMatchObject({ ready: true });
    expect((await control("POST", "/ttl/sweep")).body).toEqual({ deleted: 0 });
    expect((await control("DELETE", "/faults/7")).status).toBe(200);
    expect((await control("GET", "/nowhere")).status).toBe(404);
  });
});

describe("a request that is none", () => {
  const ask = (headers: Record<string, string>, body = "{}") =>
    fetch(started.local.url, { method: "POST", headers, body }).then(async (response) => {
      const answer: unknown = await response.json();
      return [response.status, answer];
    });
  const target = (name: string) => ({ "x-amz-target": `DynamoDB_20120810.${name}` });
  const authorization =
    "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x";

  it("is refused by name: no signature, no such action, no JSON", async () => {
    expect(await ask(target("ListTables"))).toEqual([
      400,
      {
        __type: "com.amazonaws.dynamodb.v20120810#MissingAuthenticationTokenException",
        message: "Request is missing Authentication Token",
      },
    ]);
    expect(await ask({ ...target("ExecuteStatement"), authorization })).toEqual([
      400,
      {
        __type: "com.amazonaws.dynamodb.v20120810#UnknownOperationException",
        message: "dynamodb-local does not answer ExecuteStatement; its README lists what it does",
      },
    ]);
    expect(await ask({ ...target("ListTables"), authorization }, "[")).toEqual([
      400,
      { __type: "com.amazonaws.dynamodb.v20120810#SerializationException" },
    ]);
    expect((await fetch(started.local.url)).status).toBe(200);
  });
});
