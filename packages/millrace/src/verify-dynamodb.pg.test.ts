/** Items are compared with the rows of a sink: no order of keys, and everything on its way meanwhile. */
import { startDsqlLocal } from "dsql-local";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { verifyPipeline } from "./verify-pipeline.ts";

/** A standing that time alone moves is written every 15 s, and a difference is looked at three times. */
const TIMEOUT_MS = 300_000;

type Put = Parameters<ItemsBetween["dynamodb"]["putItem"]>[0];

interface Target {
  readonly sink: (name: string) => object;
  readonly query: (sql: string) => Promise<readonly object[]>;
}

let between: ItemsBetween;
let cluster: Awaited<ReturnType<typeof startDsqlLocal>>;
let dsql: pg.Client;
const targets = new Map<string, Target>();
beforeAll(async () => {
  [between, cluster] = await Promise.all([itemsBetween(), startDsqlLocal({ tls: "off" })]);
  dsql = new pg.Client({ connectionString: cluster.url });
  await dsql.connect();
  const url = new URL(cluster.url);
  targets.set("postgres", { sink: () => ({}), query: (sql) => between.target.query(sql) });
  targets.set("dsql", {
    sink: (name) => ({
      sink: {
        type: "dsql",
        host: url.hostname,
        port: Number(url.port),
        username: decodeURIComponent(url.username),
        "use-iam-auth": false,
        password: "any",
        "ssl-mode": "disable",
        "state.schema": `millrace_${name}`,
      },
    }),
    query: async (sql) => (await dsql.query<object>(sql)).rows,
  });
});
afterAll(async () => {
  await between.release();
  await dsql.end();
  await cluster.stop();
});

/** Keys of every type that a key may have, and what an item may hold. */
const ITEMS: Readonly<Record<string, (n: number) => NonNullable<Put["Item"]>>> = {
  bytes: (n) => ({ id: { B: Buffer.from([n, 0, 255 - n]) }, note: { S: `n${n}` } }),
  numbers: (n) => ({ id: { N: `${n * 7 - 30}.5` }, note: { S: `n${n}` } }),
  texts: (n) => ({ id: { S: `İ${n}ß` }, note: { S: `n${n}` } }),
};
const COUNT = 130;
const VALUES = [
  { N: "12345678901234567890123456789012345678" },
  { N: "1E-120" },
  { SS: ["b", "a"] },
  { NS: ["3", "1.50"] },
  { BS: [Buffer.from([1]), Buffer.from([0, 2])] },
  { B: Buffer.from("odd") },
  { BOOL: true },
  { NULL: true },
  { S: "" },
  { L: [{ M: { a: { N: "1.0" }, b: { L: [] } } }, { S: "x" }] },
  { M: {} },
] satisfies NonNullable<Put["Item"]>[string][];

/** Tables of DynamoDB, and what one kind of sink has of them. */
function tablesInto(kind: "postgres" | "dsql") {
  const target = targets.get(kind);
  if (target === undefined) throw new Error("no such target");
  // DSQL takes no bytea in a key.
  const names = Object.keys(ITEMS).filter((table) => kind !== "dsql" || table !== "bytes");
  const name = `v_${kind}`;
  const file = between.file(
    name,
    {
      "dynamodb.table.whitelist": names.map((table) => `${kind}-${table}`).join(","),
      "columns.sample.items": 20,
    },
    target.sink(name),
  );
  return { kind, names, file, query: (sql: string) => target.query(sql) };
}

type Tables = ReturnType<typeof tablesInto>;

async function loaded({ kind, names, file }: Tables): Promise<void> {
  for (const name of names) {
    const TableName = `${kind}-${name}`;
    const [AttributeType = "S"] = Object.keys(ITEMS[name]?.(0)["id"] ?? {});
    await makeTable(between.dynamodb, TableName, {
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: AttributeType as "S" }],
    });
    for (let n = 0; n < COUNT; n++) {
      const Item = { ...ITEMS[name]?.(n), value: VALUES[n % VALUES.length] ?? { NULL: true } };
      await between.dynamodb.putItem({ TableName, Item });
    }
  }
  const pipeline = await between.run(file);
  await pipeline.caughtUp();
}

async function expectEqual({ kind, names, file }: Tables): Promise<void> {
  expect(await verifyPipeline(file)).toMatchObject({
    equal: true,
    tables: names.map((name) => ({
      table: `public.${kind}-${name}`,
      problem: null,
      sourceRows: COUNT,
      targetRows: COUNT,
    })),
  });
}

async function expectFound({ kind, names, file, query }: Tables): Promise<void> {
  const at = (name: string): string => `public."${kind}-${name}"`;
  for (const name of names) {
    await query(`DELETE FROM ${at(name)} WHERE note = 'n3'`);
    await query(`UPDATE ${at(name)} SET note = 'other' WHERE note = 'n4'`);
    await query(`UPDATE ${at(name)} SET document = '{"a":1}' WHERE note = 'n5'`);
  }
  await query(`INSERT INTO ${at("numbers")} (id, note) VALUES (7777, 'ghost')`);
  const { equal, tables } = await verifyPipeline(file, { maxRowsNamed: 10 });
  expect(equal).toBe(false);
  const extra = (name: string) => (name === "numbers" ? 1 : 0);
  expect(tables).toMatchObject(
    names.map((name) => ({
      table: `public.${kind}-${name}`,
      missing: 1,
      different: 2,
      extra: extra(name),
      unsettled: 0,
      sourceRows: COUNT,
      targetRows: COUNT - 1 + extra(name),
    })),
  );
  const numbers = tables.find(({ table }) => table.endsWith("numbers"))?.rows ?? [];
  const found = numbers.map(
    ({ kind: what, key, columns }) => `${what} ${key["id"]} ${columns.join()}`,
  );
  expect(found.toSorted()).toEqual([
    "different -2.5 note",
    "different 5.5 document",
    "extra 7777 ",
    "missing -9.5 ",
  ]);
}

describe("items of DynamoDB and their rows in PostgreSQL and Aurora DSQL", () => {
  afterAll(() => between.stop());

  it(
    "are found equal, whatever the key is and the values are; and told by key and column where they differ",
    async () => {
      const both = [tablesInto("postgres"), tablesInto("dsql")];
      await Promise.all(both.map(loaded));
      await Promise.all(both.map(expectEqual));
      await Promise.all(both.map(expectFound));
    },
    TIMEOUT_MS,
  );
});

describe("items that are being written", () => {
  it(
    "are equal in the end: what is on its way is waited for",
    async () => {
      await makeTable(between.dynamodb, "busy");
      const put = (n: number) =>
        between.dynamodb.putItem({
          TableName: "busy",
          Item: { id: { S: String(n % 200) }, n: { N: String(n) } },
        });
      for (let n = 0; n < 200; n++) await put(n);
      const file = between.file("busy", { "dynamodb.table.whitelist": "busy" });
      const pipeline = await between.run(file);
      await pipeline.caughtUp();
      let stops = false;
      const writing = (async () => {
        for (let n = 200; !stops; n++) {
          await put(n);
          if (n % 3 === 0)
            await between.dynamodb.deleteItem({
              TableName: "busy",
              Key: { id: { S: String((n * 7) % 200) } },
            });
        }
      })();
      // Keys that never rest cannot be judged: writing ends while the comparison goes on.
      const compared = verifyPipeline(file, {
        onProgress: ({ differingRows }) => {
          if (differingRows > 0) stops = true;
        },
      });
      const result = await compared.finally(() => {
        stops = true;
      });
      await writing;
      expect(result).toMatchObject({
        equal: true,
        tables: [{ missing: 0, extra: 0, different: 0, unsettled: 0, problem: null }],
      });
      await between.stop();
    },
    TIMEOUT_MS,
  );
});

describe("what cannot be compared", () => {
  it("is told of a table that the pipeline has and nobody can read now, beside the others", async () => {
    for (const table of ["read-on", "turned-off"]) await makeTable(between.dynamodb, table);
    const file = between.file("off", { "dynamodb.table.whitelist": "read-on,turned-off" });
    const pipeline = await between.run(file);
    await pipeline.caughtUp();
    await between.stop();
    await between.dynamodb.updateTable({
      TableName: "turned-off",
      StreamSpecification: { StreamEnabled: false },
    });
    expect(await verifyPipeline(file)).toMatchObject({
      equal: false,
      tables: [
        { table: "public.read-on", problem: null, sourceRows: 0 },
        {
          table: "public.turned-off",
          problem: expect.stringMatching(/^it has no stream. Run aws/),
        },
      ],
    });
  });

  it("is a sink of files or topics, which is said before anything is read", async () => {
    const file = between.file("files", {}, { sink: { type: "jsonl", path: "/nowhere" } });
    await expect(verifyPipeline(file)).rejects.toMatchObject({
      code: "MR_USAGE",
      detail: expect.stringContaining("a jsonl sink cannot be compared"),
    });
  });
});
