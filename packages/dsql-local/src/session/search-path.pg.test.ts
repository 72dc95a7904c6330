/** The rules hold wherever a name without a schema is found. */
import { beforeEach, describe, expect, it } from "vitest";
import type pg from "pg";
import { OC000, OC001, outcome } from "../testing/clients.ts";
import { testCluster } from "../testing/test-cluster.ts";

const cluster = testCluster();
let one: pg.Client;
let two: pg.Client;

beforeEach(async () => {
  one = await cluster.connect();
  two = await cluster.connect();
});

const MONEY = "0A000 datatype money not supported";

describe("a schema of the user's own name", () => {
  it("comes first, and what is made in it is under the rules", async () => {
    await one.query("create table t (id int primary key)");
    await one.query("create schema admin");
    expect(await outcome(one.query("create table m (a money)"))).toBe(MONEY);
    expect(await outcome(two.query("create table m (a money)"))).toBe(MONEY);
    await two.query("create table t (id int primary key, v text)");
    const { rows } = await one.query<{ schemaname: string }>(
      "select schemaname from pg_tables where tablename = 't' order by 1",
    );
    expect(rows.map((row) => row.schemaname)).toEqual(["admin", "public"]);
    const wide = "insert into t values (1, $1)";
    const random = Array.from({ length: 40_000 }, () => crypto.randomUUID()).join("");
    expect(await outcome(one.query(wide, [random]))).toMatch(/^54000 datatype limit/);
  });
});

describe("a table of a later schema of the path", () => {
  beforeEach(async () => {
    await one.query("create table t (id int primary key, v int)");
    await one.query("insert into t values (1, 1)");
    await one.query("create schema s");
  });

  it("is told from one of the first: OC001 comes for changes of the one that is meant", async () => {
    await two.query("set search_path = missing, s, public");
    expect((await two.query("select * from t")).rows).toEqual([{ id: 1, v: 1 }]);
    await one.query("create table s.other (id int primary key)");
    await two.query("select * from t");
    await one.query("alter table t add column w int");
    expect(await outcome(two.query("select * from t"))).toBe(OC001);
    await two.query("select * from t");
    await one.query("create table s.t (id int primary key)");
    expect((await two.query("select * from t")).rows).toEqual([]);
    expect(await outcome(two.query("alter table t add column m money"))).toBe(MONEY);
  });

  it("goes on over a conflict", async () => {
    await two.query("set search_path = s, public");
    await two.query("begin");
    await two.query("select * from t");
    await one.query("update t set v = 2");
    expect((await two.query("update t set v = 3 where id = 1")).rowCount).toBe(1);
    expect((await two.query("select v from t")).rows).toEqual([{ v: 3 }]);
    expect(await outcome(two.query("commit"))).toBe(OC000);
  });

  it("follows SET LOCAL to the end of its transaction, and set_config", async () => {
    await one.query("begin");
    await one.query("set local search_path = s");
    expect(await outcome(one.query("create table m (a money)"))).toBe(MONEY);
    await one.query("rollback");
    await one.query("begin");
    await one.query("set local search_path = s");
    await one.query("create table made (id int)");
    await one.query("commit");
    expect(await outcome(one.query("create table m (a money)"))).toBe(MONEY);
    await one.query("select set_config('search_path', 's', false)");
    expect(await outcome(one.query("create table m (a money)"))).toBe(MONEY);
    const { rows } = await one.query("select schemaname from pg_tables where tablename = 'made'");
    expect(rows).toEqual([{ schemaname: "s" }]);
  });
});

describe("a table whose name begins like those of the catalogue", () => {
  it("is under the rules", async () => {
    await one.query("create table pg_notes (id int primary key, b bytea)");
    const insert = "insert into pg_notes values ($1, $2)";
    for (const client of [one, two]) {
      expect(await outcome(client.query(insert, [1, Buffer.alloc(1_048_577)]))).toMatch(
        /^54000 datatype limit/,
      );
    }
    await two.query("alter table pg_notes add column v text");
    expect(await outcome(one.query("select * from pg_notes"))).toBe(OC001);
    expect(await outcome(one.query("select * from pg_notes"))).toBe("ok");
  });

  it("gives way to one of the catalogue", async () => {
    await one.query("create table public.pg_class (id int primary key)");
    expect((await one.query("select relkind from pg_class limit 1")).rowCount).toBe(1);
    await one.query("set search_path = public, pg_catalog");
    expect((await one.query("select id from pg_class")).rowCount).toBe(0);
    await two.query("alter table public.pg_class add column v text");
    expect(await outcome(one.query("select id from pg_class"))).toBe(OC001);
  });
});
