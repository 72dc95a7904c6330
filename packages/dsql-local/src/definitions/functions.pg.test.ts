import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { OC000, outcome } from "../testing/clients.ts";
import { testCluster } from "../testing/test-cluster.ts";

/** What SQL functions do is under the same rules as what statements do. */

const cluster = testCluster();
let client: pg.Client;
const ROWS = "54000 transaction row limit exceeded";

beforeEach(async () => {
  client = await cluster.connect();
  await client.query("create table t (id int primary key, v text)");
  await client.query("insert into t values (1, 'one'), (2, 'two')");
});

/** Makes a function over `f(n int)`. */
async function make(name: string, body: string, returns = "int"): Promise<void> {
  await client.query(
    `create function ${name}(n int) returns ${returns} language sql as $f$ ${body} $f$`,
  );
}

describe("a function", () => {
  it.each([
    ["truncate t", "0A000 unsupported statement: Truncate"],
    ["select 1; lock table t; select 1", "0A000 unsupported statement: Lock"],
    [
      "select 1 from t for share",
      "0A000 locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported",
    ],
    ["create table u as select 1", "0A000 unsupported statement: CreateTableAs"],
  ])("that holds %s is not made", async (body, refusal) => {
    expect(await outcome(make("f", body))).toBe(refusal);
    const atomic =
      "create function f() returns setof int begin atomic select id from t tablesample system (1); end";
    expect(await outcome(client.query(atomic))).toBe("0A000 TABLESAMPLE clause not supported");
  });

  it.each([
    ["create table q (a int); create table q2 (a int[]); select 1", "Create"],
    ["alter table t add column more int; select 1", "AlterTable"],
    ["select 1; drop table t", "Drop"],
    ["grant select on t to f; select 1", "Grant"],
    ["revoke f from admin; select 1", "GrantRole"],
    ["comment on table t is 'mine'; select 1", "Comment"],
    ["create function g() returns int language sql return 1; select 1", "CreateFunction"],
  ])("that defines by %s is not made, however its body comes", async (body, name) => {
    const refused = `0A000 unsupported statement in a function: ${name}`;
    const create = "create or replace function f() returns int";
    expect(await outcome(make("f", body))).toBe(refused);
    const quoted = body.replaceAll("'", "''");
    expect(await outcome(client.query(`${create} as '${quoted}' language 'SQL'`))).toBe(refused);
    expect(await outcome(client.query(`${create} begin atomic ${body}; end`))).toBe(refused);
    expect(await outcome(client.query(`do $f$ ${body} $f$`))).toBe(
      "0A000 unsupported statement: Do",
    );
  });

  it("with a mistake gets PostgreSQL's word for it", async () => {
    expect(await outcome(make("f", "selec 1"))).toMatch(/^42601 syntax error at or near "selec"/);
  });

  it("that only reads stays a read", async () => {
    await make("twice", "select 2 * n");
    await client.query("begin read only");
    expect((await client.query("select twice(4) as n")).rows).toEqual([{ n: 8 }]);
    await client.query("rollback");
    await client.query("begin");
    await client.query("create table u (id int primary key)");
    expect(await outcome(client.query("select twice(1)"))).toBe("ok");
    await client.query("commit");
  });
});

describe("a SELECT of a function that writes", () => {
  it("counts its rows, one by one and in a transaction, by whatever protocol", async () => {
    await make("fill", "insert into t select g from generate_series(10, 9 + n) g", "void");
    expect(await outcome(client.query("select fill(3001)"))).toBe(ROWS);
    expect(await outcome(client.query("select fill($1)", [3_001]))).toBe(ROWS);
    expect(await outcome(client.query("select fill(3000)"))).toBe("ok");
    await client.query("begin");
    await client.query("delete from t where id < 1000");
    expect(await outcome(client.query("select fill(990)"))).toBe("ok");
    expect(await outcome(client.query("delete from t where id < 2100"))).toBe(ROWS);
  });

  it("is found through a function that calls it, and in BEGIN ATOMIC", async () => {
    await client.query(
      "create function inner_fill(n int) returns void begin atomic insert into t select g from generate_series(10, 9 + n) g; end",
    );
    await make("outer_fill", "select inner_fill(n)", "void");
    expect(await outcome(client.query("select outer_fill(3001)"))).toBe(ROWS);
    await client.query("begin");
    await client.query("create table u (id int primary key)");
    expect(await outcome(client.query("select outer_fill(1)"))).toBe(
      "0A000 ddl and dml are not supported in the same transaction",
    );
  });

  it("keeps what it wrote when its transaction gives way to another", async () => {
    await make("add", "insert into t values (n, 'added') returning id");
    const other = await cluster.connect();
    await client.query("begin");
    expect((await client.query("select add(50) as id")).rows).toEqual([{ id: 50 }]);
    await client.query("update t set v = 'mine' where id = 1");
    await other.query("begin");
    await other.query("update t set v = 'other' where id = 1");
    await other.query("rollback");
    expect(await outcome(client.query("commit"))).toBe("ok");
    expect((await other.query("select v from t where id in (1, 50) order by id")).rows).toEqual([
      { v: "mine" },
      { v: "added" },
    ]);
  });

  it("loses where it gives way with a value that was drawn and may be known", async () => {
    await make("pick", "update t set v = random()::text where id = n returning id");
    await client.query("create function twice(n int) returns int language sql return pick(n)");
    const other = await cluster.connect();
    await client.query("begin");
    await client.query("select twice(1)");
    await client.query("select v from t where id = 1");
    await other.query("begin");
    await other.query("update t set v = 'other' where id = 1");
    await other.query("rollback");
    expect(await outcome(client.query("commit"))).toBe(OC000);
  });

  it("loses to who committed first", async () => {
    await make("set_one", "update t set v = n::text where id = 1", "void");
    const other = await cluster.connect();
    await client.query("begin");
    await client.query("select set_one(7)");
    await other.query("select set_one(8)");
    expect(await outcome(client.query("commit"))).toBe(OC000);
    expect((await other.query("select v from t where id = 1")).rows).toEqual([{ v: "8" }]);
  });

  it("may not write values that are too large", async () => {
    await make(
      "grow",
      "update t set v = (select string_agg(gen_random_uuid()::text, '') from generate_series(1, n)) where id = 1",
      "void",
    );
    expect(await outcome(client.query("select grow(100)"))).toBe("ok");
    expect(await outcome(client.query("select grow(60000)"))).toBe(
      "54000 datatype limit greater than 1048576 bytes not supported for text",
    );
  });
});
