import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { ABORTED, OC000, OC001, outcome, refusal } from "../testing/clients.ts";
import { testCluster } from "../testing/test-cluster.ts";

const cluster = testCluster();
let client: pg.Client;

beforeEach(async () => {
  client = await cluster.connect();
  await client.query("create table t (id int primary key, v text)");
});

const MIXED = "0A000 ddl and dml are not supported in the same transaction";
const TWO_DDL = "0A000 multiple ddl statements not supported in a transaction";
const ROWS = "54000 transaction row limit exceeded";

function insertRows(from: number, to: number): string {
  return `insert into t select g from generate_series(${from}, ${to}) g`;
}

async function count(): Promise<number> {
  const result = await client.query<{ n: number }>("select count(*)::int as n from t");
  return result.rows[0]?.n ?? -1;
}

describe("DDL", () => {
  it("is one per transaction", async () => {
    await client.query("begin");
    await client.query("create table a (id int)");
    expect(await outcome(client.query("create table b (id int)"))).toBe(TWO_DDL);
    expect(await outcome(client.query("select 1"))).toBe(ABORTED);
    expect((await client.query("commit")).command).toBe("ROLLBACK");
    expect(await outcome(client.query("select * from a"))).toMatch(/^42P01/);
  });

  it("counts GRANT", async () => {
    await client.query("create role r");
    await client.query("begin");
    await client.query("grant select on t to r");
    expect(await outcome(client.query("revoke select on t from r"))).toBe(TWO_DDL);
    await client.query("rollback");
  });

  it("does not go with DML, in either order, but with reads", async () => {
    await client.query("begin");
    await client.query("select * from t");
    await client.query("create table a (id int)");
    await client.query("select * from a");
    expect(await outcome(client.query("insert into t values (1)"))).toBe(MIXED);
    await client.query("rollback");
    await client.query("begin");
    await client.query("insert into t values (1)");
    expect(await outcome(client.query("create table a (id int)"))).toBe(MIXED);
    await client.query("rollback");
  });

  it("keeps these rules in one string of several statements", async () => {
    expect(await outcome(client.query("create table a (id int); create table b (id int)"))).toBe(
      TWO_DDL,
    );
    expect(await outcome(client.query("create table a (id int); insert into t values (1)"))).toBe(
      MIXED,
    );
    const results: unknown = await client.query("begin; create table a (id int); commit");
    expect(results).toMatchObject([
      { command: "BEGIN" },
      { command: "CREATE" },
      { command: "COMMIT" },
    ]);
    await client.query("insert into a values (1)");
  });
});

describe("a string of several statements", () => {
  it("is one transaction", async () => {
    await refusal(client.query("insert into t values (1); insert into t values (1)"));
    expect(await count()).toBe(0);
    await client.query("insert into t values (1); insert into t values (2)");
    expect(await count()).toBe(2);
  });

  it("stops at a refused statement and keeps nothing", async () => {
    expect(await outcome(client.query("insert into t values (1); truncate t"))).toBe(
      "0A000 unsupported statement: Truncate",
    );
    expect(await count()).toBe(0);
  });
});

describe("3,000 rows", () => {
  it("pass, one more fails at its statement, on its own", async () => {
    expect((await client.query(insertRows(1, 3_000))).rowCount).toBe(3_000);
    expect(await outcome(client.query(insertRows(4_000, 7_000)))).toBe(ROWS);
    expect(await count()).toBe(3_000);
  });

  it("count over the statements of a block, which is then aborted", async () => {
    await client.query("begin");
    await client.query(insertRows(1, 2_000));
    await client.query("update t set v = 'x' where id <= 1000");
    expect(await outcome(client.query("delete from t where id = 1"))).toBe(ROWS);
    expect(await outcome(client.query("truncate t"))).toBe(ABORTED);
    expect((await client.query("commit")).command).toBe("ROLLBACK");
    expect(await count()).toBe(0);
  });

  it("count inside of WITH too", async () => {
    await client.query(insertRows(1, 1_600));
    const both =
      "with gone as (delete from t returning id) insert into t select id + 5000 from gone";
    expect(await outcome(client.query(both))).toBe(ROWS);
    expect(await count()).toBe(1_600);
  });

  it("count in a pipeline before its COMMIT is applied", async () => {
    const piped = await cluster.connect({ pipeline: true });
    const results = await Promise.all([
      outcome(piped.query("begin")),
      outcome(piped.query(insertRows(1, 2_000))),
      outcome(piped.query(insertRows(2_001, 4_000))),
      piped.query("commit").then((result) => result.command),
    ]);
    expect(results).toEqual(["ok", "ok", ROWS, "ROLLBACK"]);
    expect(await count()).toBe(0);
  });
});

describe("age", () => {
  it("over 300 s fails the next statement", async () => {
    await client.query("begin");
    await client.query("insert into t values (1)");
    cluster.control.shiftClock(301_500);
    const refused = await refusal(client.query("select 1"));
    expect(refused).toMatchObject({
      code: "54000",
      message: "transaction age limit of 300s exceeded",
      detail: expect.stringMatching(/^Current transaction age 3\d\ds exceeds 300s$/),
    });
    await client.query("rollback");
  });

  it("over 300 s fails COMMIT, which leaves no block behind", async () => {
    await client.query("begin");
    await client.query("insert into t values (1)");
    cluster.control.shiftClock(301_500);
    expect(await outcome(client.query("commit"))).toMatch(/^54000 transaction age limit/);
    expect((await client.query("select 1")).rowCount).toBe(1);
    expect(await count()).toBe(0);
  });

  it("of 300 s passes", async () => {
    await client.query("begin");
    cluster.control.shiftClock(299_000);
    await client.query("insert into t values (1)");
    await client.query("commit");
    expect(await count()).toBe(1);
  });
});

describe("blocks", () => {
  it("are repeatable read and nothing else", async () => {
    await client.query("begin isolation level repeatable read");
    const shown = await client.query("show transaction_isolation");
    expect(shown.rows).toEqual([{ transaction_isolation: "repeatable read" }]);
    await client.query("commit");
    expect(await outcome(client.query("begin isolation level serializable"))).toBe(
      "0A000 Unsupported isolation level: SERIALIZABLE",
    );
    expect((await client.query("select 1")).rowCount).toBe(1);
  });

  it("may be read only", async () => {
    await client.query("begin read only");
    expect(await outcome(client.query("insert into t values (1)"))).toMatch(/^25006/);
    await client.query("rollback");
  });

  it.each([
    "begin read only; insert into t values (1)",
    "select 1; begin read only; insert into t values (1)",
    "insert into t values (2); begin read only; insert into t values (1)",
    "begin; begin read only; insert into t values (1)",
    "begin read only; create table u (id int)",
  ])("are read only wherever that is said: %s", async (sql) => {
    expect(await outcome(client.query(sql))).toMatch(/^25006 .* in a read-only transaction$/);
  });

  it("stay read only behind another's wish for what they have locked", async () => {
    const other = await cluster.connect();
    await client.query("insert into t values (1)");
    await client.query("begin; update t set v = 'mine'; begin read only");
    await other.query("begin; update t set v = 'theirs'; rollback");
    expect((await client.query("select v from t")).rows).toEqual([{ v: "mine" }]);
    expect(await outcome(client.query("delete from t"))).toMatch(/^25006/);
  });

  it("write where that is said in a session that else only reads", async () => {
    await client.query("set session characteristics as transaction read only");
    expect(await outcome(client.query("insert into t values (1)"))).toMatch(/^25006/);
    expect(await outcome(client.query("begin read write"))).toBe("ok");
    expect(await outcome(client.query("insert into t values (1)"))).toBe("ok");
    expect(await outcome(client.query("commit"))).toBe("ok");
    expect(await outcome(client.query("begin"))).toBe("ok");
    expect(await outcome(client.query("insert into t values (2)"))).toMatch(/^25006/);
  });

  it("warn like PostgreSQL where BEGIN or COMMIT is out of place", async () => {
    const notices: string[] = [];
    client.on("notice", (notice) => notices.push(`${notice.code}`));
    await client.query("begin");
    await client.query("begin");
    await client.query("commit");
    await client.query("commit");
    expect(notices).toEqual(["25001", "25P01"]);
  });

  it("give up what they locked when they fail", async () => {
    const other = await cluster.connect();
    await client.query("insert into t values (1, 'a')");
    await client.query("begin");
    await client.query("update t set v = 'b'");
    await refusal(client.query("savepoint x"));
    await other.query("update t set v = 'c'");
    expect((await client.query("commit")).command).toBe("ROLLBACK");
    expect((await client.query("select v from t")).rows).toEqual([{ v: "c" }]);
  });
});

describe("another session's DDL", () => {
  it("fails the next statement on that table once, reads too", async () => {
    const other = await cluster.connect();
    await other.query("select * from t");
    await client.query("alter table t add column w int");
    expect(await outcome(other.query("select * from t"))).toBe(OC001);
    expect((await other.query("select * from t")).fields.map((field) => field.name)).toEqual([
      "id",
      "v",
      "w",
    ]);
    expect(await outcome(client.query("select w from t"))).toBe("ok");
  });

  it("does not touch sessions that never looked at the table", async () => {
    const other = await cluster.connect();
    await client.query("alter table t add column w int");
    expect(await outcome(other.query("insert into t (id, w) values (1, 1)"))).toBe("ok");
  });

  it("fails a writing transaction at COMMIT when it lands in the middle, without waiting for it", async () => {
    const other = await cluster.connect();
    await other.query("begin");
    await other.query("insert into t values (1)");
    await client.query("alter table t add column w int");
    expect(await outcome(other.query("commit"))).toBe(OC001);
    expect(await count()).toBe(0);
  });

  it("does not fail the COMMIT of a transaction that only read", async () => {
    const other = await cluster.connect();
    await other.query("begin");
    await other.query("select * from t");
    await client.query("alter table t add column w int");
    expect(await outcome(other.query("commit"))).toBe("ok");
    expect(await outcome(other.query("select * from t"))).toBe(OC001);
  });

  it("does not block readers while its own transaction is open", async () => {
    const other = await cluster.connect();
    await other.query("select * from t");
    await client.query("begin");
    await client.query("alter table t add column w int");
    expect((await other.query("select * from t")).fields).toHaveLength(2);
    await client.query("commit");
    expect(await outcome(other.query("select * from t"))).toBe(OC001);
  });

  it("reaches sessions through GRANT and DROP too", async () => {
    const other = await cluster.connect();
    await other.query("select * from t");
    await client.query("create role reader");
    await client.query("grant select on t to reader");
    expect(await outcome(other.query("select * from t"))).toBe(OC001);
    await client.query("drop table t");
    expect(await outcome(other.query("select * from t"))).toBe(OC001);
    expect(await outcome(other.query("select * from t"))).toMatch(/^42P01/);
  });
});

describe("a table that another session made", () => {
  it.each([
    ["select * from later", "later"],
    ["select * from t join public.later on true", "public.later"],
    ["insert into later values (2)", "later"],
  ])("is not there for transactions that had begun: %s", async (statement, name) => {
    const other = await cluster.connect();
    await other.query("begin");
    await other.query("select 1");
    await client.query("create table later (id int primary key)");
    await client.query("insert into later values (1)");
    expect(await outcome(other.query(statement))).toBe(`42P01 relation "${name}" does not exist`);
    expect(await outcome(other.query(statement))).toMatch(/^25P02/);
    await other.query("rollback");
    expect((await other.query("select * from later")).rowCount).toBe(1);
  });

  it("is there for those that had not run a statement, and for whoever made it", async () => {
    const other = await cluster.connect();
    await other.query("begin");
    await client.query("create table later (id int primary key)");
    expect((await client.query("insert into later values (1)")).rowCount).toBe(1);
    expect((await other.query("select * from later")).rowCount).toBe(1);
    await other.query("commit");
    await other.query("begin");
    await other.query("create table own (id int primary key)");
    expect(await outcome(other.query("select * from own"))).toBe("ok");
    await other.query("commit");
    expect(await outcome(other.query("create table if not exists later (id int primary key)"))).toBe("ok");
    expect(await outcome(other.query("select * from later"))).toBe("ok");
  });
}); // prettier-ignore

describe("a single row with parameters, whose COMMIT goes with it", () => {
  const insert = "insert into t values ($1, $2)";

  it("is committed, counted and seen by others", async () => {
    const other = await cluster.connect();
    const { commits, rowsWritten } = cluster.control.counters();
    expect((await client.query(insert, [7, 1])).rowCount).toBe(1);
    expect((await client.query("update t set v = v || $1 where id = $2 returning v", ["4", 7])).rows).toEqual([{ v: "14" }]);
    const counted = cluster.control.counters();
    expect([counted.commits - commits, counted.rowsWritten - rowsWritten]).toEqual([2, 2]);
    expect((await other.query("select v from t where id = 7")).rows).toEqual([{ v: "14" }]);
    expect(await outcome(client.query(insert, [7, 1]))).toMatch(/^23505/);
    expect((await client.query("select * from t where id = 7")).rowCount).toBe(1);
  });

  it("fails whole where a constraint is only looked at with the COMMIT", async () => {
    await client.query("create table once (id int primary key, v int references once deferrable initially deferred)");
    await client.query("insert into once values ($1, $2)", [1, 1]);
    expect(await outcome(client.query("insert into once values ($1, $2) returning id", [2, 3]))).toMatch(/^23503/);
    expect((await client.query("select id from once")).rows).toEqual([{ id: 1 }]);
    expect(await outcome(client.query("insert into once values ($1, $2)", [2, 2]))).toBe("ok");
  });

  it("waits for nobody, and the one that comes to its COMMIT later loses", async () => {
    const other = await cluster.connect();
    await client.query(insert, [7, 1]);
    await other.query("begin");
    await other.query("update t set v = 2 where id = 7");
    await other.query("insert into t values (8, 2)");
    expect((await client.query("update t set v = $1 where id = $2", [3, 7])).rowCount).toBe(1);
    expect((await client.query(insert, [8, 3])).rowCount).toBe(1);
    expect(await outcome(other.query("commit"))).toBe(OC000);
    expect((await client.query("select v from t where id in (7, 8)")).rows).toEqual([{ v: "3" }, { v: "3" }]);
  });

  it("is none where a unique index could not be built", async () => {
    await client.query("create table shared (id int primary key, v text, w int)");
    // The last rows stay on a page with room, and so out of the index.
    await client.query("insert into shared select n, case when n <= 297 then 'v' || n else 'a' end, 0 from generate_series(1, 300) as n");
    await client.query("analyze shared");
    const { rows } = await client.query<{ job_id: string }>("create unique index async on shared (v)");
    await client.query(`call sys.wait_for_job('${rows[0]?.job_id}')`);
    cluster.control.setLimits({ rowsPerTransaction: 2 });
    const update = { text: "update shared set w = 1 where v = $1", values: ["a"] };
    await outcome(client.query("select from shared"));
    expect(await outcome(client.query(update))).toBe(ROWS);
    expect((await client.query("select from shared where w = 1")).rowCount).toBe(0);
  });

  it("keeps to limits that a test has set, and to faults", async () => {
    cluster.control.setLimits({ rowsPerTransaction: 1 });
    expect(await outcome(client.query("insert into t values ($1, 1), ($2, 2)", [7, 8]))).toMatch(/^54000/);
    cluster.control.inject({ kind: "conflict", code: "OC000" });
    expect(await outcome(client.query(insert, [7, 1]))).toBe(OC000);
    expect(await outcome(client.query(insert, [7, 1]))).toBe("ok");
  });
}); // prettier-ignore

describe("the search path", () => {
  it("says which table a name means, from the start, after SET and after a rollback", async () => {
    await client.query("create schema s");
    await client.query("create table s.t (id int primary key)");
    const watcher = await cluster.connect({ options: "-c search_path=s" });
    const setter = await cluster.connect();
    await watcher.query("select * from t");
    await setter.query("set search_path = s");
    await setter.query("select * from t");
    await client.query("begin");
    await client.query("set search_path = s");
    await client.query("rollback");
    await client.query("alter table t add column w int");
    expect(await outcome(watcher.query("select * from t"))).toBe("ok");
    await client.query("alter table s.t add column w int");
    expect(await outcome(watcher.query("select * from t"))).toBe(OC001);
    expect(await outcome(setter.query("select * from t"))).toBe(OC001);
  });
});
