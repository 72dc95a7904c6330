import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedMoto } from "../../../test/support/moto.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { type Clients, clientsOf, makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { pipelineFromItems } from "./items-between.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { verifyPipeline } from "./verify-pipeline.ts";
import { apiOf, connectionTo } from "./sources/dynamodb/local-api.fixture.ts";

// moto is a stand-in that we did not write. Its streams have one shard that never ends; tables, tags and images are as AWS'.

const run = `m${randomBytes(4).toString("hex")}`;
let url: string;
let clients: Clients;
let target: SharedPostgres;
const tables: string[] = [];
beforeAll(async () => {
  [url, target] = await Promise.all([sharedMoto(), sharedPostgres()]);
  clients = clientsOf(url);
});
afterAll(async () => {
  for (const TableName of tables) await clients.dynamodb.deleteTable({ TableName });
  await target.release();
});

async function make(name: string, environment: string): Promise<string> {
  const table = `${run}-${name}`;
  tables.push(table);
  const Tags = [
    { Key: `${run}-ingest`, Value: "" },
    { Key: `${run}-env`, Value: environment },
  ];
  await makeTable(clients.dynamodb, table, { Tags });
  return table;
}

describe("against moto", () => {
  it("tables are found by both tags, page by page", async () => {
    const wanted = await Promise.all(
      Array.from({ length: 3 }, (_, index) => make(`found-${index}`, "one")),
    );
    await make("other", "two");
    const api = apiOf(connectionTo(url));
    const found = await api.taggedTables([
      { key: `${run}-env`, values: ["one"] },
      { key: `${run}-ingest` },
    ]);
    expect([...found].toSorted()).toEqual(wanted.toSorted());
    const { key, stream, tableId } = await api.describeTable(wanted[0] ?? "");
    expect(key).toEqual([{ name: "id", type: "S" }]);
    expect(stream?.view).toBe("NEW_AND_OLD_IMAGES");
    expect(tableId).not.toBe("");
    await api.close();
  });

  it("a table is loaded and followed, item by item", async () => {
    const table = await make("whole", "three");
    const put = (id: string, name: string) =>
      clients.dynamodb.putItem({
        TableName: table,
        Item: { id: { S: id }, name: { S: name }, bytes: { B: Buffer.from(id) } },
      });
    for (let index = 0; index < 30; index++) await put(String(index), "loaded");
    const source = {
      "dynamodb.table.ingestion.tag.key": `${run}-ingest`,
      "dynamodb.table.env.tag.key": `${run}-env`,
      "dynamodb.table.env.tag.value": "three",
    };
    const file = pipelineFromItems(url, target, { name: run, source });
    expect(await checkPipeline(file)).toEqual([]);
    const pipeline = await loadPipeline(file);
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      await put("30", "new");
      await put("0", "changed");
      await clients.dynamodb.deleteItem({ TableName: table, Key: { id: { S: "1" } } });
      const rows = () =>
        target.query(`SELECT id, name, bytes FROM public."${table}" ORDER BY id::int`);
      const wanted = Array.from({ length: 31 }, (_, id) => ({
        id: String(id),
        name: id === 0 ? "changed" : id === 30 ? "new" : "loaded",
        bytes: Buffer.from(String(id)),
      })).filter(({ id }) => id !== "1");
      await expect.poll(rows, { timeout: 60_000 }).toEqual(wanted);
      await target.query(`UPDATE public."${table}" SET name = 'other' WHERE id = '7'`);
      expect(await verifyPipeline(file, { maxRowsNamed: 5 })).toMatchObject({
        equal: false,
        tables: [
          {
            sourceRows: 30,
            targetRows: 30,
            rows: [{ kind: "different", key: { id: "7" }, columns: ["name"] }],
          },
        ],
      });
    } finally {
      await pipeline.stop();
    }
    // A difference is looked at three times, each behind a standing that is written every 15 s.
  }, 300_000);
});
