import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import type { AwsApi } from "./aws-api.ts";
import { CONNECTION_DEFAULTS, type DynamoConnection } from "./config.ts";
import { serviceCode } from "./errors.ts";
import { apiOf, connectionTo, type LocalApi, startLocalApi } from "./local-api.fixture.ts";

const HOUR_MS = 3_600_000;
/** More than a signature may be off, and back again before an iterator is old. */
const SKEW_MS = 20 * 60_000;
const KEYS = { accessKeyId: "AKIATEST", secretAccessKey: "of the test" };
const ROLE = "arn:aws:iam::123456789012:role/reader";

let started: LocalApi;
beforeAll(async () => {
  // Keys that it knows are held to their signatures.
  started = await startLocalApi({
    credentials: [KEYS, { accessKeyId: "test", secretAccessKey: "test" }],
  });
});
afterAll(() => started[Symbol.asyncDispose]());
beforeEach(async () => {
  started.local.control.reset();
  await makeTable(started.dynamodb, "orders");
  for (const S of ["one", "two"])
    await started.dynamodb.putItem({ TableName: "orders", Item: { id: { S } } });
});
let opened: AwsApi[] = [];
afterEach(async () => {
  for (const api of opened) await api.close();
  opened = [];
});

function open(more: Partial<DynamoConnection> = {}): AwsApi {
  const keys = { ...KEYS, sessionToken: null };
  const api = apiOf({ ...connectionTo(started.local.url, { keys }), ...more });
  opened.push(api);
  return api;
}

async function iteratorOf(api: AwsApi): Promise<string> {
  const { stream } = await api.describeTable("orders");
  const arn = stream?.arn ?? "";
  const { shards } = await api.describeStream(arn);
  return api.shardIterator(arn, shards[0]?.id ?? "", { at: "TRIM_HORIZON" });
}

/** Agents of those who asked for records, as a server that answers with nothing sees them. */
async function asked(
  act: (url: string) => Promise<void>,
): Promise<readonly (string | undefined)[]> {
  const agents: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    request.resume();
    const target = String(request.headers["x-amz-target"]);
    if (target.endsWith("GetRecords"))
      agents.push(String(request.headers["amz-sdk-invocation-id"] !== undefined));
    const answer = target.endsWith("GetRecords") ? { Records: [] } : { ShardIterator: "next" };
    response.end(JSON.stringify(answer));
  });
  const url = await listen(server);
  await act(url);
  server.close();
  return agents;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a question for records", () => {
  it("goes the way that the SDK went before, signed as the service wants it", async () => {
    const api = open();
    const page = await api.records(await iteratorOf(api), { limit: 1 });
    expect(page.records.map(({ newImage }) => newImage)).toEqual([{ id: { S: "one" } }]);
    const next = await api.records(page.next ?? "");
    expect(next.records.map(({ newImage }) => newImage)).toEqual([{ id: { S: "two" } }]);
    expect(Math.abs(next.timeMs - started.local.control.nowMs())).toBeLessThan(60_000);
  });

  it("is the SDK's as long as no way is known", async () => {
    const bySdk = await asked(async (url) => {
      const api = open(connectionTo(url));
      await api.records("first");
      await api.records("second");
    });
    expect(bySdk).toEqual(["true", "false"]);
  });

  it("is the SDK's where an endpoint has a path that is escaped", async () => {
    const bySdk = await asked(async (url) => {
      const { endpoints } = connectionTo(url);
      const api = open({ endpoints: { ...endpoints, streams: `${url}/a%20b` } });
      await api.records("first");
      await api.records("second");
    });
    expect(bySdk).toEqual(["true", "true"]);
  });

  it("is refused by name: an iterator that is old, a rate, a right", async () => {
    const { control } = started.local;
    const api = open();
    const iterator = await iteratorOf(api);
    for (const code of [
      "ExpiredIteratorException",
      "ThrottlingException",
      "AccessDeniedException",
    ]) {
      control.inject({ kind: "error", code, action: "GetRecords" });
      const refused: unknown = await api.records(iterator).catch((error: unknown) => error);
      expect(serviceCode(refused)).toBe(code);
    }
    await expect(api.records(iterator)).resolves.toMatchObject({ records: [{}, {}] });
  });

  it("is asked again: a proxy's page, a connection that is cut, an error of the service", async () => {
    const { control } = started.local;
    const api = open();
    const iterator = await iteratorOf(api);
    control.inject({ kind: "page", action: "GetRecords", status: 200 });
    control.inject({ kind: "cut", when: "after", action: "GetRecords", nth: 2 });
    control.inject({
      kind: "error",
      code: "InternalServerError",
      status: 500,
      action: "GetRecords",
      nth: 3,
    });
    await expect(api.records(iterator)).resolves.toMatchObject({ records: [{}, {}] });
    expect(control.calls().filter(({ action }) => action === "GetRecords")).toHaveLength(4);
  });

  it("is signed by the service's clock where this machine's is wrong", async () => {
    const api = open();
    const iterator = await iteratorOf(api);
    started.local.control.shiftClock(-SKEW_MS);
    await expect(api.records(iterator)).resolves.toMatchObject({ records: [{}, {}] });
    started.local.control.shiftClock(SKEW_MS);
    await expect(api.records(iterator)).resolves.toMatchObject({ records: [{}, {}] });
    const told = started.local.control.calls().filter(({ action }) => action === "GetRecords");
    expect(told.map(({ error }) => error)).toEqual([
      "InvalidSignatureException",
      null,
      "InvalidSignatureException",
      null,
    ]);
  });

  it("is signed with credentials that are read anew where the old ones have ended", async () => {
    const { control } = started.local;
    const role = { arn: ROLE, externalId: null, sessionName: "millrace-shop" };
    const keys = { ...KEYS, sessionToken: null };
    const api = open(connectionTo(started.local.url, { keys, role }));
    await iteratorOf(api);
    // Its clock alone goes on: here they are good for an hour still.
    control.shiftClock(HOUR_MS + 60_000);
    const iterator = await iteratorOf(open());
    await expect(api.records(iterator)).resolves.toMatchObject({ records: [{}, {}] });
    const told = control.calls().filter(({ action }) => action === "GetRecords");
    expect(told.at(-1)?.error).toBeNull();
    expect(control.calls().filter(({ action }) => action === "AssumeRole").length).toBeGreaterThan(
      1,
    );
  });
});

describe("an answer that does not come", () => {
  const silent = createServer((request, response) => {
    request.resume();
    if (String(request.headers["x-amz-target"]).endsWith("GetShardIterator")) {
      response.end(JSON.stringify({ ShardIterator: "next" }));
      return;
    }
    silenced++;
    if (isHalf) response.writeHead(200, { "content-length": "100" }).write('{"Records": [');
  });
  let isHalf = false;
  let silenced = 0;
  let url = "";
  beforeAll(async () => {
    url = await listen(silent);
  });
  afterAll(() => {
    silent.closeAllConnections();
    silent.close();
  });

  it.each([
    ["at all", false],
    ["whole", true],
  ])("%s is waited for no longer than it may take", async (_, half) => {
    isHalf = half;
    const api = open({ ...connectionTo(url), readTimeoutMs: 50 });
    await api.shardIterator("arn", "shard", { at: "TRIM_HORIZON" });
    await expect(api.records("next")).rejects.toMatchObject({
      code: "MR_SOURCE_LOST_CONNECTION",
      class: "transient",
      message: expect.stringContaining("TimeoutError"),
    });
  });

  it.each([
    ["at all", false],
    ["whole", true],
  ])("%s is waited for by nobody who has had enough", async (_, half) => {
    isHalf = half;
    const api = open(connectionTo(url));
    await api.shardIterator("arn", "shard", { at: "TRIM_HORIZON" });
    const enough = new AbortController();
    const before = silenced;
    const reading = api.records("next", { signal: enough.signal });
    reading.catch(() => undefined);
    await expect.poll(() => silenced).toBe(before + 1);
    enough.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await expect(api.records("next", { signal: enough.signal })).rejects.toThrow("enough");
  });

  it("because nothing listens any more is a connection that is lost", async () => {
    const gone = createServer((request, response) => {
      request.resume();
      response.end(JSON.stringify({ ShardIterator: "next" }));
    });
    const api = open({ ...CONNECTION_DEFAULTS, ...connectionTo(await listen(gone)) });
    await api.shardIterator("arn", "shard", { at: "TRIM_HORIZON" });
    gone.closeAllConnections();
    await new Promise((resolve) => gone.close(resolve));
    await expect(api.records("next")).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
  });
});
