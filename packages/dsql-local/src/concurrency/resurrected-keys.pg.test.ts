import { randomBytes } from "node:crypto";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients, OC000, outcome } from "../testing/clients.ts";

/** A key that the snapshot sees and that another transaction has deleted since, in a table of 17 MiB. */

let cluster: DsqlLocal;
const clients = new Clients(() => cluster);
const VALUE_BYTES = 1_000_000;
const ROWS = 18;
const UPSERT = "insert into t values ($1, $2) on conflict (id) do update set n = excluded.n";

beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off" });
  const client = await clients.connect();
  await client.query("create table t (id int primary key, n numeric(9,3) unique, v bytea)");
  for (let id = 1; id <= ROWS; id++) {
    await client.query("insert into t values ($1::int, $1::int, $2)", [
      id,
      randomBytes(VALUE_BYTES),
    ]);
  }
});
afterEach(() => clients.close());
afterAll(() => cluster.stop());

/** One has its snapshot; then two deletes the row of this key. */
async function overtaken(id: number): Promise<pg.Client> {
  const [one, two] = [await clients.connect(), await clients.connect()];
  await one.query("begin");
  await one.query("select 1 from t where id = 0");
  await two.query("delete from t where id = $1", [id]);
  return one;
}

async function readRows(client: pg.Client): Promise<number> {
  await client.query("select pg_stat_force_next_flush()");
  const counted = "select seq_tup_read::int as n from pg_stat_user_tables where relname = 't'";
  return (await client.query<{ n: number }>(counted)).rows[0]?.n ?? -1;
}

describe("a key that was deleted behind the snapshot", () => {
  it("is still there for an upsert, which loses at COMMIT", async () => {
    const one = await overtaken(1);
    expect((await one.query(UPSERT, [1, 100])).rowCount).toBe(1);
    expect((await one.query("select n::int, length(v) from t where id = 1")).rows).toEqual([
      { n: 100, length: VALUE_BYTES },
    ]);
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });

  it("is a duplicate for an INSERT, whatever spelling of it", async () => {
    const one = await overtaken(2);
    expect(await outcome(one.query("insert into t values (102, '2.0')"))).toBe(
      '23505 duplicate key value violates unique constraint "t_n_key"',
    );
  });

  it("is a duplicate for an UPDATE of the key that tells its rows", async () => {
    const one = await overtaken(3);
    expect(await outcome(one.query("update t set id = 3 where id = 4 returning id"))).toBe(
      '23505 duplicate key value violates unique constraint "t_pkey"',
    );
  });

  it("is found again when a transaction repeats its writes", async () => {
    const one = await overtaken(5);
    await one.query(UPSERT, [6, 600]);
    const two = await clients.connect();
    await two.query("begin");
    await two.query("update t set n = 601 where id = 6");
    await two.query("delete from t where id = 7");
    await two.query("rollback");
    expect(await outcome(one.query("insert into t values (5, 500)"))).toMatch(/^23505/);
    await one.query("rollback");
  });

  it("costs those who write other keys no look through the table", async () => {
    const one = await overtaken(8);
    const before = await readRows(one);
    await one.query(UPSERT, [9, 900]);
    await one.query("insert into t values (1000, 1000)");
    await one.query("update t set id = 1001 where id = 10");
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect((await readRows(one)) - before).toBe(0);
  });
});
