import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../../../../test/support/postgres.ts";
import { sharedPostgres } from "../../../../test/support/postgres.ts";
import type { LogicalType } from "../model/logical-type.ts";
import type { TableShape, TargetTable } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import type { ColumnRule } from "../transform/rules.ts";
import { createRouter, defaultTargetOf } from "../transform/router.ts";
import type { Settle } from "./settle.ts";
import type { VerifyTable } from "./table-pair.ts";
import { pairTable } from "./table-pair.ts";
import type { TableReader } from "./table-reader.ts";
import { readerOver } from "./table-reader.ts";
import type { TableVerdict } from "./verify-tables.ts";
import { verifyTables } from "./verify-tables.ts";

const asItIs = (error: unknown): unknown => error;

/** name → [logical type, source type, target type] */
type Columns = Readonly<Record<string, readonly [LogicalType, string, string]>>;

let postgres: SharedPostgres;
let source: pg.Client;
let target: pg.Client;
let readers: { source: TableReader; target: TableReader };

beforeAll(async () => {
  postgres = await sharedPostgres();
  source = new pg.Client({ connectionString: postgres.url });
  target = new pg.Client({ connectionString: await postgres.createDatabase("target") });
  for (const client of [source, target]) {
    client.on("error", () => undefined);
    await client.connect();
  }
  readers = {
    source: readerOver(source, "postgres", asItIs),
    target: readerOver(target, "postgres", asItIs),
  };
});
afterAll(async () => {
  await source.end();
  await target.end();
  await postgres.release();
});

const text: LogicalType = { kind: "text", maxChars: null };
const bigint: LogicalType = { kind: "int", bits: 64 };
const other = (name: string): LogicalType => ({ kind: "other", name });

/** Makes the table on both sides and says how router and sink would have planned it. */
async function makeTable(
  name: string,
  columns: Columns,
  key: readonly string[],
  rules: readonly ColumnRule[] = [],
): Promise<VerifyTable> {
  const names = Object.keys(columns);
  const shape: TableShape = {
    id: tableId("public", name),
    schema: "public",
    name,
    identity: name,
    key: key.map((column) => names.indexOf(column)),
    columns: Object.entries(columns).map(([column, [type, sourceType]], index) => ({
      name: column,
      type,
      sourceType,
      nullable: !key.includes(column),
      ordinal: index + 1,
    })),
  };
  const router = createRouter({
    routes: [],
    columns: rules,
    routeMode: "ALL_MATCH",
    defaultTarget: defaultTargetOf("postgres"),
  });
  const [plan] = router.plan(shape);
  if (plan === undefined) throw new Error("no plan");
  const planned: TargetTable = {
    id: shape.id,
    schema: "public",
    name,
    keyless: key.length === 0,
    key: plan.shape.key,
    columns: plan.shape.columns.map(({ name: column, type, sourceType, nullable }) => ({
      name: column,
      type: sourceType === "mask" || sourceType === "hash" ? "text" : (columns[column]?.[2] ?? ""),
      logical: type,
      nullable,
    })),
  };
  const ddl = (types: readonly (readonly [string, string])[]): string =>
    `CREATE TABLE "${name}" (${types.map(([column, type]) => `${pg.escapeIdentifier(column)} ${type}`).join(", ")}${
      key.length === 0
        ? ""
        : `, PRIMARY KEY (${key.map((column) => pg.escapeIdentifier(column)).join(", ")})`
    })`;
  await source.query(ddl(Object.entries(columns).map(([column, types]) => [column, types[1]])));
  await target.query(ddl(planned.columns.map((column) => [column.name, column.type])));
  return { source: shape, plan, target: planned };
}

async function verify(table: VerifyTable, settle: Settle = null): Promise<TableVerdict> {
  const options = { ...readers, tables: [table], settle, maxRowsNamed: 10, rangeRows: 7 };
  const { tables, equal } = await verifyTables(options);
  const [verdict] = tables;
  if (verdict === undefined) throw new Error("no verdict");
  const { missing, extra, different, unsettled } = verdict;
  expect(equal).toBe(missing + extra + different + unsettled === 0);
  return verdict;
}

async function both(sql: string): Promise<void> {
  await source.query(sql);
  await target.query(sql);
}

const equalCounts = { missing: 0, extra: 0, different: 0, unsettled: 0, cutShort: false };

/** One table per way of keys, with 50 rows made by an expression over `n`. */
const keyShapes: readonly (readonly [string, Columns, readonly string[], string, string])[] = [
  ["ints", { id: [bigint, "bigint", "bigint"] }, ["id"], "n - 20", "ranges"],
  [
    "numerics",
    { id: [{ kind: "decimal", precision: null, scale: null }, "numeric", "numeric(76,38)"] },
    ["id"],
    "(n - 25) / 10.0",
    "ranges",
  ],
  [
    "texts",
    { id: [text, "text", "text"] },
    ["id"],
    "'k' || chr(40 + (n * 7)::int % 80) || n",
    "ranges",
  ],
  [
    "collated",
    { id: [text, 'text COLLATE "und-x-icu"', "text"] },
    ["id"],
    "chr(60 + n::int) || n",
    "keys",
  ],
  ["inets", { id: [other("inet"), "inet", "text"] }, ["id"], "('10.0.0.' || n)::inet", "keys"],
  [
    "fixed",
    { id: [{ kind: "text", maxChars: 6, fixed: true }, "character(6)", "text"] },
    ["id"],
    "rpad('p' || n, 6)",
    "keys",
  ],
  [
    "byteas",
    { id: [{ kind: "bytes", maxBytes: null }, "bytea", "bytea"] },
    ["id"],
    "int4send(n)",
    "ranges",
  ],
  [
    "zoned",
    {
      id: [{ kind: "timestamptz", precision: 6 }, "timestamptz", "timestamptz"],
      'odd "name': [{ kind: "uuid" }, "uuid", "uuid"],
    },
    ["id", 'odd "name'],
    "'2024-01-01 00:00+00'::timestamptz + n * interval '1 h', md5(n::text)::uuid",
    "ranges",
  ],
];

describe.each(keyShapes)("a table whose key is %s", (name, keyColumns, key, values, way) => {
  let table: VerifyTable;
  beforeAll(async () => {
    const columns: Columns = { ...keyColumns, value: [text, "text", "text"] };
    table = await makeTable(name, columns, key);
    const insert = (made: string): string =>
      `INSERT INTO "${name}" SELECT ${made}, 'v' || n FROM generate_series(1, 50) AS n`;
    await source.query(insert(values));
    // The sink gets the server's output, which is not what a cast of an inet to text gives.
    await target.query(insert(values.replace("::inet", "")));
  });

  it(`is compared by ${way}`, async () => {
    expect((await pairTable(table, readers)).way).toBe(way);
  });

  it("is found equal when it is", async () => {
    expect(await verify(table)).toMatchObject({ ...equalCounts, sourceRows: 50, targetRows: 50 });
  });

  it("has each missing, extra and changed row named", async () => {
    await source.query(`DELETE FROM "${name}" WHERE value IN ('v3', 'v50')`);
    await target.query(`DELETE FROM "${name}" WHERE value IN ('v1', 'v22', 'v23')`);
    await target.query(`UPDATE "${name}" SET value = NULL WHERE value = 'v31'`);
    await source.query(`UPDATE "${name}" SET value = '' WHERE value = 'v31'`);
    const verdict = await verify(table);
    expect(verdict).toMatchObject({ missing: 3, extra: 2, different: 1, unsettled: 0 });
    expect(verdict.rows).toHaveLength(6);
    const different = verdict.rows.filter(({ kind }) => kind === "different");
    expect(different.map(({ columns }) => columns)).toEqual([["value"]]);
    expect(Object.keys(different[0]?.key ?? {})).toEqual(key);
  });
});

describe("values that the two sides hold in different types", () => {
  const columns: Columns = {
    id: [bigint, "bigint", "bigint"],
    dec: [{ kind: "decimal", precision: null, scale: null }, "numeric", "numeric(76,38)"],
    dectext: [{ kind: "decimal", precision: null, scale: null }, "numeric", "text"],
    arr: [other("integer[]"), "integer[]", "text"],
    range: [other("int4range"), "int4range", "text"],
    at: [{ kind: "timestamptz", precision: 6 }, "timestamptz", "timestamptz"],
    bits: [other("bit varying"), "bit varying", "text"],
    fixed: [{ kind: "text", maxChars: 4, fixed: true }, "character(4)", "text"],
    js: [{ kind: "json" }, "json", "json"],
    jsb: [{ kind: "jsonb" }, "jsonb", "jsonb"],
    fl: [{ kind: "float", bits: 64 }, "double precision", "double precision"],
    bin: [{ kind: "bytes", maxBytes: null }, "bytea", "bytea"],
    span: [{ kind: "interval" }, "interval", "interval"],
  };

  it("are equal when their texts are", async () => {
    const table = await makeTable("typed", columns, ["id"]);
    const values = `1, 10.500, 10.500, '{1,NULL,3}', '[1,5)', '2024-07-01 12:00+02', B'101', 'ab',
      '{"a" : 1.50}', '{"b":1,"a":2}', 0.1::float8 + 0.2, '\\x00ff', '1 day 02:03:04'`;
    await source.query(`INSERT INTO typed VALUES (${values})`);
    await target.query(`INSERT INTO typed VALUES (${values.replace("'ab'", "'ab  '")})`);
    await both("INSERT INTO typed (id) VALUES (2)");
    expect(await verify(table)).toMatchObject({ ...equalCounts, sourceRows: 2 });
  });

  it.each([
    ["dec", "dec + 0.00000000000000000000000000000000000001"],
    ["dectext", "'10.5'"],
    ["arr", "'{1,3}'"],
    ["at", "at + interval '1 microsecond'"],
    ["fixed", "'ac  '"],
    ["js", `'{"a" :1.50}'`],
    ["jsb", `'{"b":1,"a":3}'`],
    ["fl", "0.3"],
    ["bin", "'\\x00fe'"],
    ["span", "'1 day 02:03:05'"],
    ["bits", "'1010'"],
  ])("%s is found different when it is %s", async (column, expression) => {
    const name = `typed_${column}`;
    const table = await makeTable(name, columns, ["id"]);
    await source.query(`INSERT INTO ${name} SELECT * FROM typed`);
    await target.query(`INSERT INTO ${name} SELECT * FROM typed`);
    await target.query(`UPDATE ${name} SET ${column} = ${expression} WHERE id = 1`);
    const { rows } = await verify(table);
    expect(rows).toEqual([{ kind: "different", key: { id: "1" }, columns: [column] }]);
  });
});

describe("a target that is not as it ought to be", () => {
  it("is told by what it lacks", async () => {
    const table = await makeTable("lacking", { id: [bigint, "bigint", "bigint"] }, ["id"]);
    const [id] = table.target.columns;
    if (id === undefined) throw new Error("no column");
    const columns = [id, { ...id, name: "more" }];
    const options = { ...readers, settle: null, maxRowsNamed: 0 };
    const lacking = { ...table, target: { ...table.target, columns } };
    expect(await verifyTables({ ...options, tables: [lacking] })).toMatchObject({
      equal: false,
      tables: [
        { problem: expect.stringMatching(/^the target has no column "more"\. Where that is new/) },
      ],
    });
    const absent = { ...table, target: { ...table.target, name: "absent" } };
    expect(await verifyTables({ ...options, tables: [absent] })).toMatchObject({
      equal: false,
      tables: [
        {
          problem: expect.stringMatching(
            /^the target table does not exist\. Where this pipeline has not run yet, `millrace run` makes it\. Where/,
          ) as string,
        },
      ],
    });
  });
});

describe("a table without key", () => {
  it("is compared as a bag of rows", async () => {
    const table = await makeTable(
      "bag",
      { a: [bigint, "bigint", "bigint"], b: [text, "text", "text"] },
      [],
    );
    await both(
      "INSERT INTO bag SELECT n % 5, CASE WHEN n % 2 = 0 THEN 'x' END FROM generate_series(1, 60) n",
    );
    expect(await verify(table)).toMatchObject({ ...equalCounts, sourceRows: 60, targetRows: 60 });
    await target.query("DELETE FROM bag WHERE ctid IN (SELECT ctid FROM bag WHERE a = 1 LIMIT 2)");
    await target.query("INSERT INTO bag VALUES (99, '')");
    expect(await verify(table)).toMatchObject({ missing: 2, extra: 1, different: 0 });
  });
});

describe("columns that are hidden on the way", () => {
  it("are compared as the router makes them, a hashed key too", async () => {
    const decimal: LogicalType = { kind: "decimal", precision: null, scale: null };
    const rules: ColumnRule[] = [
      {
        sourceTable: "public.hidden",
        exclude: ["gone"],
        mask: { columns: ["masked"], text: "***" },
        hash: { columns: ["id", "name"], key: "k".repeat(100) },
      },
    ];
    const columns: Columns = {
      gone: [text, "text", "text"],
      id: [decimal, "numeric", "text"],
      masked: [bigint, "bigint", "text"],
      name: [text, "text", "text"],
      plain: [text, "text", "text"],
    };
    const table = await makeTable("hidden", columns, ["id"], rules);
    const rows = [
      ["x", "10.50", "44", "Ada", "p"],
      [null, "7", null, null, null],
    ];
    for (const row of rows) {
      await source.query("INSERT INTO hidden VALUES ($1, $2, $3, $4, $5)", row);
      const projected = table.plan.project?.(row) ?? [];
      await target.query("INSERT INTO hidden VALUES ($1, $2, $3, $4)", [...projected]);
    }
    expect(await verify(table)).toMatchObject({ ...equalCounts, sourceRows: 2, targetRows: 2 });
    await target.query("UPDATE hidden SET name = 'ada' WHERE name IS NOT NULL");
    expect(await verify(table)).toMatchObject({ missing: 1, extra: 1 });
  });

  it("are hashed alike by the source and by the router, however a value is spelled", async () => {
    const types: Columns = {
      id: [bigint, "bigint", "bigint"],
      i: [{ kind: "interval" }, "interval", "text"],
      f: [{ kind: "float", bits: 64 }, "float8", "text"],
      c: [{ kind: "text", maxChars: 5, fixed: true }, "char(5)", "text"],
      p: [{ kind: "text", maxChars: null, fixed: true }, "bpchar", "text"],
      j: [{ kind: "jsonb" }, "jsonb", "text"],
    };
    const hash = { columns: ["i", "f", "c", "p", "j"], key: "k" };
    const spelled = await makeTable(
      "spelled",
      types,
      ["id"],
      [{ sourceTable: "public.spelled", hash }],
    );
    const intervals =
      "1 day|24:00:00|-1 mon 2 days -03:04:05.000006|1 year 1.5 sec|0|178000000 years|-00:00:00.1";
    for (const [n, interval] of intervals.split("|").entries()) {
      const { rows } = await source.query<Record<string, string>>(
        `INSERT INTO spelled VALUES ($1, $2, $3, 'ab', 'ab  ', '{"a": 1.50}')
         RETURNING id::text, i::text, f::text, c, p, j::text`,
        [n, interval, n % 2 === 0 ? "-0" : `1.5e${n}`],
      );
      const row = Object.keys(types).map((name) => rows[0]?.[name] ?? null);
      await target.query("INSERT INTO spelled VALUES ($1, $2, $3, $4, $5, $6)", [
        ...(spelled.plan.project?.(row) ?? []),
      ]);
    }
    expect(await verify(spelled)).toMatchObject({ ...equalCounts, sourceRows: 7, targetRows: 7 });
  });
});

describe("while changes flow", () => {
  const columns: Columns = { id: [bigint, "bigint", "bigint"], v: [text, "text", "text"] };
  const insert = "INSERT INTO flow VALUES (1, 'a'), (2, 'b'), (3, 'c')";
  let table: VerifyTable;
  beforeAll(async () => {
    table = await makeTable("flow", columns, ["id"]);
  });

  it("a row that arrives before the lag has passed is no difference", async () => {
    await source.query(insert);
    const settle = async (): Promise<boolean> => {
      await target.query(`${insert} ON CONFLICT DO NOTHING`);
      return true;
    };
    expect(await verify(table, settle)).toMatchObject(equalCounts);
  });

  it("a row that stays different after the lag has passed twice is one", async () => {
    let waits = 0;
    await target.query("UPDATE flow SET v = 'other' WHERE id = 2");
    const settle = async (): Promise<boolean> => (waits += 1) > 0;
    expect(await verify(table, settle)).toMatchObject({ different: 1, unsettled: 0 });
    expect(waits).toBe(2);
  });

  it("nothing is said about a row that changes all the time, or when the lag never passes", async () => {
    const settle = async (): Promise<boolean> => {
      await source.query("UPDATE flow SET v = v || '+' WHERE id = 2");
      return true;
    };
    expect(await verify(table, settle)).toMatchObject({ different: 0, unsettled: 1 });
    const never = async (): Promise<boolean> => false;
    expect(await verify(table, never)).toMatchObject({ different: 0, unsettled: 1 });
  });

  it("a target that shows the source's former row is only late", async () => {
    const settle = async (): Promise<boolean> => {
      const { rows } = await source.query<{ v: string }>("SELECT v FROM flow WHERE id = 2");
      await target.query("UPDATE flow SET v = $1 WHERE id = 2", [rows[0]?.v]);
      await source.query("UPDATE flow SET v = v || '!' WHERE id = 2");
      return true;
    };
    expect(await verify(table, settle)).toMatchObject(equalCounts);
  });
});
