import { randomBytes } from "node:crypto";
import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { outcome } from "../testing/clients.ts";
import { noise } from "../testing/noise.ts";
import { testCluster } from "../testing/test-cluster.ts";

/**
 * Rows that a statement wrote are looked at by their places: PostgreSQL's own count of the rows that it read from end to
 * end says that the table was not looked through.
 */

const cluster = testCluster();
let client: pg.Client;
const ROWS = 6_000;
const MIB = 1024 * 1024;
const TOO_LONG = "54000 datatype limit greater than 1048576 bytes not supported for text";
const KEY = "54000 key size too large";

beforeEach(async () => {
  client = await cluster.connect();
  await client.query("create table t (id int primary key, name text unique, v text)");
  for (let from = 1; from <= ROWS; from += 3_000) {
    const some = `select g, 'n' || g, 'some value' from generate_series(${from}, ${from + 2_999}) g`;
    await client.query(`insert into t ${some}`);
  }
});

/** Rows of t that this connection, and those that have ended, have read from end to end. */
async function readRows(): Promise<number> {
  await client.query("select pg_stat_force_next_flush()");
  const result = await client.query<{ n: number }>(
    "select seq_tup_read::int as n from pg_stat_user_tables where relname = 't'",
  );
  return result.rows[0]?.n ?? -1;
}

/** How many rows of t are read from end to end by what is done. */
async function readBy(work: () => Promise<unknown>): Promise<number> {
  const before = await readRows();
  await work();
  return (await readRows()) - before;
}

/** As Millrace moves a row under another key, its kept columns with it. */
const MOVE = `insert into t (id, name, v) select $2::int, 'm' || $2, o.v from t as o where o.id = $1::int
  on conflict (id) do update set name = excluded.name, v = excluded.v`;
const UPSERT = `insert into t (id, name, v) select unnest($1::int[]), unnest($2::text[]), unnest($3::text[])
  on conflict (id) do update set name = excluded.name, v = excluded.v`;

/** The same work in a table of any size. */
const WORK: Readonly<Record<string, () => Promise<unknown>>> = {
  "an INSERT that copies what a table holds": () => client.query(MOVE, [1, 10_001]),
  "the same as a simple query": () =>
    client.query("insert into t select id + 20000, name || 'x', v from t where id between 5 and 9"),
  "an upsert of keys that may be too long": () =>
    client.query(UPSERT, [
      [1, 7_001],
      ["a", "b".repeat(1_500)],
      ["x", "y"],
    ]),
  "an update with such a value that tells its rows": () =>
    client.query("update t set v = $2 where id = $1 returning id", [3, "w".repeat(1_500)]),
  "a value made of the old one": () => client.query("update t set v = v || v where id = 3"),
  "a value from a query": () =>
    client.query("insert into t values (9001, 'q', (select o.v from t as o where o.id = 3))"),
  "a delete by generated keys": () =>
    client.query("delete from t where id = any(array(select generate_series(1, 50)))"),
};

describe("rows that have to be looked at", () => {
  it.each(Object.keys(WORK))("cost no look through the table: %s", async (name) => {
    expect(await readBy(() => WORK[name]?.() ?? Promise.reject(new Error(name)))).toBe(0);
  });

  it("are found too large all the same", async () => {
    await client.query("update t set v = $1 where id = 1", [noise(0.6 * MIB)]);
    expect(await outcome(client.query("update t set v = v || v where id = 1"))).toBe(TOO_LONG);
    const twice = "insert into t select 9001, 'big', string_agg(v, '') from t where id in (1, 2)";
    expect(await outcome(client.query(`${twice} or id = 1`))).toBe("ok");
    const joined =
      "insert into t select 9002, 'bigger', o.v || p.v from t o, t p where o.id = 1 and p.id = 1";
    expect(await outcome(client.query(joined))).toBe(TOO_LONG);
    const inner =
      "insert into t values (9003, 'biggest', (select v || v from t where id = 1)) returning id";
    expect(await outcome(client.query(inner))).toBe(TOO_LONG);
    const long = [
      [1, 2],
      ["a", noise(2_800)],
      ["x", "y"],
    ];
    expect(await outcome(client.query(UPSERT, long))).toBe(KEY);
    expect(await outcome(client.query({ name: "move", text: MOVE, values: [1, 10_002] }))).toBe(
      "ok",
    );
  });

  it("are not looked for in a table of which rows were only locked", async () => {
    await client.query("create table u (id int primary key, b bytea)");
    for (let id = 1; id <= 12; id++) {
      await client.query("insert into u values ($1, $2)", [id, randomBytes(MIB)]);
    }
    await client.query("create table copy (id int primary key)");
    const copied = client.query("insert into copy select id from u for update");
    expect(await outcome(copied)).toBe("ok");
  });

  it("are only those that the statement wrote", async () => {
    await client.query("begin");
    const made = "insert into t values ($1, $2, $3 || '')";
    await client.query(made, [9_001, "a", noise(0.9 * MIB)]);
    await client.query("update t set v = 'short' where id = 9001");
    expect(await outcome(client.query("update t set v = v || v where id = 9001"))).toBe("ok");
    expect(await outcome(client.query("commit"))).toBe("ok");
  });
});

describe("a transaction near 10 MiB", () => {
  const LIMIT = "54000 transaction size limit 10mb exceeded";

  async function copies(count: number): Promise<void> {
    await client.query("begin");
    for (let i = 0; i < count; i++) await client.query(MOVE, [1, 10_000 + i]);
  }

  it("is measured by what was copied, and not looked through", async () => {
    await client.query("update t set v = $1 where id = 1", [noise(0.9 * MIB)]);
    const passing = async (): Promise<void> => {
      await copies(11);
      expect(await outcome(client.query("commit"))).toBe("ok");
    };
    expect(await readBy(passing)).toBe(0);
    const failing = async (): Promise<void> => {
      await copies(12);
      expect(await outcome(client.query("commit"))).toBe(LIMIT);
    };
    expect(await readBy(failing)).toBe(0);
  });

  it("counts a row once that it writes again and again", async () => {
    await client.query("update t set v = $1 where id = 1", [noise(0.9 * MIB)]);
    const again = async (): Promise<void> => {
      await client.query("begin");
      for (let i = 0; i < 15; i++) await client.query(MOVE, [1, 10_000]);
      expect(await outcome(client.query("commit"))).toBe("ok");
    };
    expect(await readBy(again)).toBe(0);
  });
});

describe("what cannot be asked", () => {
  it("a role that may insert and not read inserts", async () => {
    await client.query("create role writer with login");
    await client.query("grant insert on t to writer");
    const connectionString = cluster.url.replace("admin:", "writer:");
    const writer = await cluster.connect({ connectionString });
    const insert =
      "insert into t select g, 'w' || g, repeat('x', 5) from generate_series(9001, 9003) g";
    expect((await writer.query(insert)).rowCount).toBe(3);
    await writer.query("begin");
    const value = noise(0.9 * MIB);
    for (let i = 0; i < 12; i++) {
      await writer.query("insert into t values ($1, $2, repeat($3, 1))", [
        9_100 + i,
        `${i}`,
        value,
      ]);
    }
    expect(await outcome(writer.query("commit"))).toBe("ok");
    expect(await outcome(writer.query("select 1 from t"))).toMatch(/^42501/);
    await client.query("revoke insert on t from writer");
    await client.query("drop role writer");
  });

  it("a view takes rows", async () => {
    await client.query("create view seen as select id, name, v from t");
    const insert =
      "insert into seen select g, 's' || g, repeat('x', 5) from generate_series(9001, 9003) g";
    expect((await client.query(insert)).rowCount).toBe(3);
  });

  it("data-modifying WITH and EXPLAIN ANALYZE are looked through", async () => {
    const value = noise(0.6 * MIB);
    await client.query("update t set v = $1 where id = 1", [value]);
    const inside = `with w as (update t set v = v || v where id = 1 returning 1) select * from w`;
    expect(await outcome(client.query(inside))).toBe(TOO_LONG);
    const explained = "explain analyze update t set v = v || v where id = 1";
    expect(await outcome(client.query(explained))).toBe(TOO_LONG);
  });
});
