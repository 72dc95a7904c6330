import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startDsqlLocal } from "dsql-local";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { planPipeline } from "./plan-pipeline.ts";
import { soon, tableOf } from "./tables-between.fixture.ts";

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
});
afterEach(() => between.stop());
afterAll(() => between.release());

const POLL = { timeout: 60_000, interval: 50 };

const put = (TableName: string, id: string, more: object = {}) =>
  between.dynamodb.putItem({ TableName, Item: { id: { S: id }, ...more } });

const rows = (table: string): Promise<unknown> =>
  between.target.query(`SELECT id, document FROM public."${table}" ORDER BY id`);

describe("DynamoDB's tables", () => {
  it("are loaded and followed: items, changes, deletes, over a restart", async () => {
    await makeTable(between.dynamodb, "orders");
    await put("orders", "1", { total: { N: "12345678901234567890123456789012345678" } });
    await put("orders", "2", { tags: { SS: ["a", "b"] } });
    const file = between.file("whole", {
      "dynamodb.table.whitelist": "orders",
      "columns.sample.items": 0,
    });
    const first = await between.run(file);
    await first.caughtUp();
    expect(tableOf(first, "public.orders").state).toBe("SYNC");
    expect(await rows("orders")).toEqual([
      { id: "1", document: expect.anything() },
      { id: "2", document: { tags: ["a", "b"] } },
    ]);
    const [total] = await between.target.query(
      "SELECT document->>'total' AS n FROM public.orders ORDER BY id",
    );
    expect(total).toEqual({ n: "12345678901234567890123456789012345678" });
    await put("orders", "3", { total: { N: "1" } });
    await between.dynamodb.deleteItem({ TableName: "orders", Key: { id: { S: "2" } } });
    await expect.poll(async () => JSON.stringify(await rows("orders")), POLL).toContain('"3"');
    await expect.poll(async () => JSON.stringify(await rows("orders")), POLL).not.toContain('"2"');
    await between.stop();
    await put("orders", "4");
    between.local.control.split({ table: "orders" });
    await put("orders", "5");
    const second = await between.run(file);
    await second.caughtUp();
    const ids = async () =>
      (await between.target.query("SELECT id FROM public.orders ORDER BY id")).map(
        (row) => row["id"],
      );
    await expect.poll(ids, POLL).toEqual(["1", "3", "4", "5"]);
    expect(tableOf(second, "public.orders").rowsLoaded).toBeLessThanOrEqual(2);
  });

  it("come and go by their tags while others run, and those that cannot be read are told", async () => {
    const tags = [
      { Key: "datalake-ingest", Value: "" },
      { Key: "environment", Value: "prod" },
    ];
    await makeTable(between.dynamodb, "tagged", { Tags: tags });
    await makeTable(between.dynamodb, "silent", {
      Tags: tags,
      StreamSpecification: { StreamEnabled: false },
    });
    await put("tagged", "1");
    const pipeline = await between.run(
      between.file("tags", { "dynamodb.table.env.tag.value": "prod", "discovery.grace": "0s" }),
    );
    await pipeline.caughtUp();
    expect(pipeline.status().waits).toMatchObject([
      { what: "table", reason: "left-out", table: "public.silent" },
    ]);
    await makeTable(between.dynamodb, "newcomer", { Tags: tags });
    await put("newcomer", "7");
    await soon(
      () =>
        pipeline
          .status()
          .tables.some(({ id, state }) => id === "public.newcomer" && state === "SYNC"),
      120_000,
    );
    expect(await rows("newcomer")).toHaveLength(1);
    expect(tableOf(pipeline, "public.tagged").state).toBe("SYNC");
    await between.dynamodb.untagResource({
      ResourceArn: "arn:aws:dynamodb:eu-west-1:123456789012:table/newcomer",
      TagKeys: ["environment"],
    });
    await soon(() => pipeline.status().tables.length === 1, 30_000);
    await put("tagged", "2");
    await expect.poll(() => rows("tagged"), POLL).toHaveLength(2);
  });
});

describe("a service that is away", () => {
  it("for an hour is told and waited for, and nothing of what was written meanwhile is lost", async () => {
    await makeTable(between.dynamodb, "patient");
    await put("patient", "1");
    const pipeline = await between.run(
      between.file("patient", { "dynamodb.table.whitelist": "patient" }),
    );
    await pipeline.caughtUp();
    const log = pipeline.status().channels.find(({ kind }) => kind === "log");
    expect(log?.frontier).toMatchObject({ shards: { begun: expect.any(Number) } });
    const { control } = between.local;
    for (const action of ["Get*", "Describe*"])
      control.inject({ kind: "cut", when: "before", action, times: 0 });
    await put("patient", "2");
    // For an hour: iterators have expired, and what they were behind has not been trimmed.
    control.shiftClock(3_600_000);
    await soon(() => pipeline.status().state === "retrying", 30_000);
    await soon(() => pipeline.status().waits.some(({ reason }) => reason === "not-described"));
    expect(pipeline.status().retrying).toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    control.clearFaults();
    await expect.poll(() => rows("patient"), POLL).toHaveLength(2);
    await soon(() => pipeline.status().state === "running" && pipeline.status().waits.length === 0);
    expect(tableOf(pipeline, "public.patient").rowsLoaded).toBe(1);
  });
});

describe("before a start", () => {
  it("validate says what is missing, and plan what would be done", async () => {
    await makeTable(between.dynamodb, "planned");
    await put("planned", "1", { total: { N: "1" }, name: { S: "a" } });
    await makeTable(between.dynamodb, "keys", {
      StreamSpecification: { StreamEnabled: true, StreamViewType: "KEYS_ONLY" },
    });
    const bad = between.file("bad", { "dynamodb.table.whitelist": "planned,keys,nothing" });
    const found = await checkPipeline(bad);
    expect(found.map(({ severity, what }) => `${severity}: ${what}`)).toEqual([
      "error: Table keys has a stream of KEYS_ONLY, and NEW_IMAGE or NEW_AND_OLD_IMAGES is needed.",
      "error: Table nothing is not there.",
    ]);
    await expect(between.run(bad)).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    between.local.control.inject({ kind: "deny", action: "dynamodb:GetRecords" });
    const file = between.file("plan", { "dynamodb.table.whitelist": "planned" });
    const denied = await checkPipeline(file);
    expect(denied).toMatchObject([
      { severity: "error", remedy: expect.stringContaining("Allow dynamodb:GetRecords") },
    ]);
    between.local.control.clearFaults();
    const { tables, findings } = await planPipeline(file);
    expect(findings).toEqual([]);
    expect(tables).toMatchObject([
      {
        table: "public.planned",
        notices: [expect.stringContaining("columns by a sample of 1 items")],
        targets: [
          {
            table: "public.planned",
            columns: [{ name: "id" }, { name: "name" }, { name: "total" }, { name: "document" }],
          },
        ],
      },
    ]);
  });

  it("a table whose key the sink does not take is told, and the others are planned, checked and run", async () => {
    const dsql = await startDsqlLocal({ tls: "off" });
    onTestFinished(() => dsql.stop());
    await makeTable(between.dynamodb, "by-text");
    await put("by-text", "1");
    await makeTable(between.dynamodb, "by-bytes", {
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "B" }],
    });
    const { host, port, user: username } = dsql;
    const file = (tables: string, name = "refused"): object => ({
      ...between.file(name, { "dynamodb.table.whitelist": tables }),
      sink: {
        type: "dsql",
        host,
        port,
        username,
        password: "any",
        "use-iam-auth": false,
        "ssl-mode": "disable",
      },
    });
    const { tables, findings } = await planPipeline(file("by-bytes,by-text"));
    expect(tables).toMatchObject([
      {
        table: "public.by-bytes",
        targets: [],
        refused: expect.stringMatching(/no bytea in a key/),
      },
      { table: "public.by-text", targets: [{ table: "public.by-text" }], refused: null },
    ]);
    const [told, ...more] = findings.filter(({ code }) => code === "MR_SINK_REFUSED");
    expect([told, more]).toMatchObject([
      {
        severity: "warning",
        what: expect.stringContaining("public.by-bytes"),
        whatFollows: "Table public.by-bytes is not read; the others are.",
      },
      [],
    ]);
    const pipeline = await between.run(file("by-bytes,by-text"));
    await soon(() => pipeline.status().error !== null);
    expect(pipeline.status()).toMatchObject({
      state: "running",
      error: { code: "MR_SINK_REFUSED", message: expect.stringContaining("public.by-bytes") },
    });
    await soon(() => tableOf(pipeline, "public.by-text").state === "SYNC");
    await between.stop();
    // Where nothing else is left, the pipeline does not start.
    const [only] = await checkPipeline(file("by-bytes", "alone"));
    expect(only).toMatchObject({
      severity: "error",
      whatFollows: "The pipeline would not start.",
      code: "MR_SINK_REFUSED",
    });
    await expect(between.run(file("by-bytes", "alone"))).rejects.toMatchObject({
      code: "MR_SINK_REFUSED",
    });
  });

  it("they say of a pipeline that has begun which tables go on where they stand, and which have lost something", async () => {
    for (const table of ["goes-on", "comes", "lost-stream"])
      await makeTable(between.dynamodb, table);
    await put("goes-on", "1", { total: { N: "1" } });
    const file = (tables: string, more: object = {}) =>
      between.file("begun", { "dynamodb.table.whitelist": tables, ...more });
    const pipeline = await between.run(file("goes-on,lost-stream"));
    await pipeline.caughtUp();
    await between.stop();
    // Another sample would give it another column: the pipeline has its shape.
    await put("goes-on", "2", { other: { BOOL: true } });
    await put("comes", "1");
    const planned = async (more: object = {}) => {
      const { tables, findings } = await planPipeline(file("comes,goes-on,lost-stream", more));
      return {
        tables: tables.map(({ table, isKnown, chunks }) => `${table} ${isKnown} ${chunks}`),
        columns: tables[1]?.targets[0]?.columns.map(({ name }) => name),
        findings: findings.map(({ severity, what }) => `${severity}: ${what}`),
      };
    };
    expect(await planned()).toEqual({
      tables: ["public.comes false 1", "public.goes-on true 0", "public.lost-stream true 0"],
      columns: ["id", "total", "document"],
      findings: [],
    });
    // Other columns are another table to the pipeline: it is loaded again.
    const { tables } = await planned({ columns: "goes-on: other boolean" });
    expect(tables[1]).toBe("public.goes-on false 1");
    for (const StreamEnabled of [false, true])
      await between.dynamodb.updateTable({
        TableName: "lost-stream",
        StreamSpecification: {
          StreamEnabled,
          ...(StreamEnabled ? { StreamViewType: "NEW_IMAGE" } : {}),
        },
      });
    expect(await checkPipeline(file("goes-on,lost-stream"))).toMatchObject([
      {
        severity: "warning",
        code: "MR_SOURCE_LOSS",
        what: expect.stringContaining("lost-stream"),
        whatFollows: "Table public.lost-stream would be loaded again (on-loss: resync).",
      },
    ]);
    expect(await checkPipeline(file("goes-on,lost-stream", { "on-loss": "fail" }))).toMatchObject([
      { severity: "error", code: "MR_SOURCE_LOSS" },
    ]);
  });
});
