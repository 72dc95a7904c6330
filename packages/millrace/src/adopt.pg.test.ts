import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeTable, readStream, shardsOf } from "../../dynamodb-local/src/testing/clients.ts";
import { adopt } from "./adopt.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";
import { tableOf } from "./tables-between.fixture.ts";

const POLL = { timeout: 60_000, interval: 50 };

let between: ItemsBetween;
let folder: string;
beforeAll(async () => {
  [between, folder] = await Promise.all([
    itemsBetween(),
    mkdtemp(join(tmpdir(), "millrace-adopt-")),
  ]);
});
afterEach(() => between.stop());
afterAll(async () => {
  await Promise.all([between.release(), rm(folder, { recursive: true })]);
});

const put = (TableName: string, id: string, n = "1") =>
  between.dynamodb.putItem({ TableName, Item: { id: { S: id }, n: { N: n } } });

/** A lease of KCL's: what its table has of a shard. */
async function lease(table: string, shard: string, checkpoint: string): Promise<void> {
  const TableName = `datalake-KCL-${table}`;
  await makeTable(between.dynamodb, TableName, {
    AttributeDefinitions: [{ AttributeName: "leaseKey", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "leaseKey", KeyType: "HASH" }],
    StreamSpecification: { StreamEnabled: false },
  });
  const Item = { leaseKey: { S: shard }, checkpoint: { S: checkpoint }, leaseCounter: { N: "7" } };
  await between.dynamodb.putItem({ TableName, Item });
}

/** A table that the connector has read up to some record, and what somebody has made of its topic. */
async function read(table: string, rows: readonly string[] | null): Promise<void> {
  const stream = await makeTable(between.dynamodb, table);
  await put(table, "a");
  await put(table, "b");
  const [, last] = await readStream(between.streams, stream);
  const [shard] = await shardsOf(between.streams, stream);
  await lease(table, shard?.ShardId ?? "", last?.dynamodb?.SequenceNumber ?? "");
  if (rows === null) return;
  await between.target.query(
    `CREATE TABLE public.${table} (id text PRIMARY KEY, document jsonb NOT NULL)`,
  );
  for (const id of rows)
    await between.target.query(`INSERT INTO public.${table} VALUES ('${id}', '{"n": 1}')`);
}

async function offsetsFile(name: string, offsets: readonly object[]): Promise<string> {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify({ offsets }));
  return file;
}

function offset(table: string, more: object = {}): object {
  // Behind the making of its stream.
  const startMs = Date.now();
  const finished = { init_sync_state: "FINISHED", init_sync_end: startMs + 5, init_sync_count: 2 };
  const own = { version: "1.0", table_name: table, init_sync_start: startMs, ...finished };
  return { partition: { table_name: table }, offset: { ...own, ...more } };
}

const fileOf = (name: string, ...tables: readonly string[]) =>
  between.file(name, {
    "dynamodb.table.whitelist": tables.join(","),
    "columns.sample.items": 0,
  });

const rowsOf = (table: string) =>
  between.target.query(`SELECT id, document->>'n' AS n FROM public.${table} ORDER BY id`);

describe("tables of Trustpilot's connector whose rows are in a database", () => {
  it("go on behind its leases: nothing is loaded, what came since is there, once", async () => {
    await read("done", ["a", "b", "x"]);
    // A load would make it 1 again, as the item has it.
    await between.target.query(`UPDATE public.done SET document = '{"n": 99}' WHERE id = 'a'`);
    await put("done", "b", "2");
    await put("done", "x");
    await between.dynamodb.deleteItem({ TableName: "done", Key: { id: { S: "x" } } });
    between.local.control.split({ table: "done" });
    await put("done", "c");
    const file = fileOf("adopted", "done");
    const input = pipelineFileOf(file);
    const offsets = await offsetsFile("done", [offset("done"), offset("other")]);
    const told = [
      { table: "done", outcome: "adopted", state: "SYNC" },
      { table: "other", outcome: "not-chosen", state: null },
    ];
    const schemas = () =>
      between.target.query("SELECT nspname FROM pg_namespace WHERE nspname = 'millrace_adopted'");
    expect(await adopt(input, { offsets, dryRun: true })).toMatchObject(told);
    expect(await schemas()).toEqual([]);
    expect(await adopt(input, { offsets })).toMatchObject(told);
    expect(await adopt(input, { offsets })).toMatchObject([{ outcome: "refused" }, told[1]]);
    await put("done", "b", "3");
    const run = await between.run(file);
    await run.caughtUp();
    await expect
      .poll(() => rowsOf("done"), POLL)
      .toEqual([
        { id: "a", n: "99" },
        { id: "b", n: "3" },
        { id: "c", n: "1" },
      ]);
    expect(tableOf(run, "public.done")).toMatchObject({ state: "SYNC", rowsLoaded: 2 });
  });

  it("go on with their Scan behind its key", async () => {
    await read("half", ["a"]);
    await put("half", "c");
    const { LastEvaluatedKey } = await between.dynamodb.scan({ TableName: "half", Limit: 1 });
    const scanned = LastEvaluatedKey?.["id"]?.S ?? "";
    await between.target.query(`UPDATE public.half SET id = '${scanned}'`);
    const running = {
      init_sync_state: "RUNNING",
      init_sync_count: 1,
      exclusive_start_key: JSON.stringify({ id: { s: scanned } }),
    };
    const file = fileOf("midway", "half");
    const offsets = await offsetsFile("half", [offset("half", running)]);
    expect(await adopt(pipelineFileOf(file), { offsets })).toMatchObject([
      { table: "half", outcome: "adopted", state: "INIT_SYNC" },
    ]);
    const run = await between.run(file);
    await run.caughtUp();
    expect((await rowsOf("half")).map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(tableOf(run, "public.half").rowsLoaded).toBe(3);
  });

  it("are loaded where their rows cannot be there: no target, none that fits, an empty one", async () => {
    await read("absent", null);
    await read("empty", []);
    await read("narrow", null);
    await between.target.query("CREATE TABLE public.narrow (id text PRIMARY KEY)");
    await between.target.query("INSERT INTO public.narrow VALUES ('a')");
    const tables = ["absent", "empty", "narrow"];
    const offsets = await offsetsFile(
      "left",
      tables.map((table) => offset(table)),
    );
    const told = await adopt(pipelineFileOf(fileOf("left", ...tables)), { offsets });
    expect(told).toMatchObject([
      { outcome: "left", why: expect.stringMatching(/absent/) },
      { outcome: "left", why: expect.stringMatching(/empty has no row.*2 items/) },
      { outcome: "left", why: expect.stringMatching(/document/) },
    ]);
    const run = await between.run(fileOf("left", "absent", "empty"));
    await run.caughtUp();
    expect(await rowsOf("empty")).toHaveLength(2);
  });

  it("are not looked for in a topic: the file names no brokers", async () => {
    const asked = adopt(pipelineFileOf(fileOf("topic", "done")), { offsets: "topic:offsets" });
    await expect(asked).rejects.toThrow("names no brokers");
  });
});
