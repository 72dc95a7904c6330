import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { OC000, outcome } from "../testing/clients.ts";
import { testCluster } from "../testing/test-cluster.ts";

const cluster = testCluster();
let sharer: pg.Client;
let older: pg.Client;

beforeEach(async () => {
  sharer = await cluster.connect();
  older = await cluster.connect();
  await sharer.query("create table t (id int primary key, u int unique, v int)");
  await sharer.query("insert into t values (1, 1, 1), (2, 2, 2)");
});

const SHARE = "select 1 from t where id = 1 for key share";

/** Takes a snapshot, and then another transaction shares a key and commits. */
async function shared(...before: readonly string[]): Promise<void> {
  await older.query("begin");
  await older.query("select 1 from t");
  for (const text of before) await older.query(text);
  await sharer.query("begin");
  await sharer.query(SHARE);
  await sharer.query("commit");
}

describe("FOR KEY SHARE that commits first", () => {
  it.each(["delete from t where id = 1", "update t set u = 7 where id = 1", "select 1 from t where id = 1 for update"])(
    "makes %s of an older snapshot lose at COMMIT, whichever came first",
    async (text) => {
      await shared();
      expect((await older.query(text)).rowCount).toBe(1);
      expect(await outcome(older.query("commit"))).toBe(OC000);
      await shared(text);
      expect(await outcome(older.query("commit"))).toBe(OC000);
    },
  ); // prettier-ignore

  it("lets other columns of the row, and other rows, be", async () => {
    await shared();
    await older.query("update t set v = 3 where id = 1");
    await older.query("delete from t where id = 2");
    expect(await outcome(older.query("commit"))).toBe("ok");
  });

  it("makes a statement of its own lose that a parameter names the row for", async () => {
    await older.query("begin");
    await older.query("select 1 from t");
    await sharer.query("begin");
    await sharer.query("select 1 from t where id = $1 for key share", [1]);
    await sharer.query("commit");
    await older.query("delete from t where id = $1", [1]);
    expect(await outcome(older.query("commit"))).toBe(OC000);
  });

  it("is nothing to who begins later, and remembered against who began before", async () => {
    await shared();
    const later = await cluster.connect();
    await later.query("begin");
    expect((await later.query("delete from t where id = 1")).rowCount).toBe(1);
    expect((await older.query("delete from t where id = 1")).rowCount).toBe(1);
    expect(await outcome(older.query("commit"))).toBe(OC000);
    expect(await outcome(later.query("commit"))).toBe("ok");
  });

  it("is remembered after who began later has rolled back", async () => {
    await shared();
    const later = await cluster.connect();
    await later.query("begin");
    expect((await later.query("delete from t where id = 1")).rowCount).toBe(1);
    await later.query("rollback");
    expect((await older.query("delete from t where id = 1")).rowCount).toBe(1);
    expect(await outcome(older.query("commit"))).toBe(OC000);
  });

  it("leaves no session behind", async () => {
    await shared();
    await older.query("rollback");
    const rest =
      "select count(*)::int as n from pg_stat_activity where state = 'idle in transaction'";
    const left = async (): Promise<number | undefined> =>
      (await sharer.query<{ n: number }>(rest)).rows[0]?.n;
    await expect.poll(left, { timeout: 60_000 }).toBe(0);
  });
});
