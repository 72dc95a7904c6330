import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients, OC000, outcome } from "../testing/clients.ts";

let cluster: DsqlLocal;
const clients = new Clients(() => cluster);

/** The rows of the usual table, shortly. */
async function rows(client: pg.Client): Promise<string> {
  const result = await client.query<{ id: number; value: number }>(
    "select * from test order by id",
  );
  return result.rows.map((row) => `${row.id}=${row.value}`).join(" ");
}

beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off" });
});
afterAll(() => cluster.stop());
afterEach(() => clients.close());

/** Two sessions over a fresh table with the rows 1=10 and 2=20. */
async function pair(): Promise<[pg.Client, pg.Client]> {
  const first = await clients.connect();
  await first.query("drop table if exists test");
  await first.query("create table test (id int primary key, value int)");
  await first.query("insert into test values (1, 10), (2, 20)");
  return [first, await clients.connect()];
}

describe("a queue that is worked by SKIP LOCKED or NOWAIT", () => {
  it.each(["skip locked", "nowait"])(
    "gives one row to two, of whom one loses: %s",
    async (wait) => {
      const [one, two] = await pair();
      const next = `select id from test order by id limit 1 for update ${wait}`;
      for (const worker of [one, two]) {
        await worker.query("begin");
        expect((await worker.query(next)).rows).toEqual([{ id: 1 }]);
        expect((await worker.query("delete from test where id = 1")).rowCount).toBe(1);
      }
      expect(await outcome(one.query("commit"))).toBe("ok");
      expect(await outcome(two.query("commit"))).toBe(OC000);
      expect(await rows(one)).toBe("2=20");
    },
  );
});

describe("two transactions on one row", () => {
  it("both get their answers at once, the first committer wins", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await two.query("begin");
    expect((await one.query("update test set value = 11 where id = 1")).rowCount).toBe(1);
    expect((await two.query("update test set value = 12 where id = 1")).rowCount).toBe(1);
    expect(await rows(one)).toBe("1=11 2=20");
    expect(await rows(two)).toBe("1=12 2=20");
    expect(await outcome(two.query("commit"))).toBe("ok");
    expect(await outcome(one.query("commit"))).toBe(OC000);
    expect(await rows(one)).toBe("1=12 2=20");
  });

  it("the first writer wins too when it commits first", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await two.query("begin");
    await one.query("update test set value = 11 where id = 1");
    await two.query("update test set value = 12 where id = 1");
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect(await outcome(two.query("commit"))).toBe(OC000);
    expect(await rows(two)).toBe("1=11 2=20");
  });

  it("a rollback of one leaves the other alone", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await two.query("begin");
    await one.query("update test set value = 11 where id = 1");
    await two.query("update test set value = 12 where id = 1");
    await two.query("rollback");
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect(await rows(one)).toBe("1=11 2=20");
  });

  it("a write cycle fails the later committer at its commit, not before", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await two.query("begin");
    await two.query("select 1 from test");
    await one.query("update test set value = 11 where id = 1");
    await two.query("update test set value = 12 where id = 1");
    await one.query("update test set value = 21 where id = 2");
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect(await rows(one)).toBe("1=11 2=21");
    expect((await two.query("update test set value = 22 where id = 2")).rowCount).toBe(1);
    expect(await rows(two)).toBe("1=12 2=22");
    expect(await outcome(two.query("commit"))).toBe(OC000);
    expect(await rows(two)).toBe("1=11 2=21");
  });

  it("two inserts of one key end in a conflict, not in a duplicate", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await two.query("begin");
    await one.query("insert into test values (3, 31)");
    await two.query("insert into test values (3, 32)");
    expect(await rows(two)).toBe("1=10 2=20 3=32");
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect(await outcome(two.query("commit"))).toBe(OC000);
    expect(await rows(two)).toBe("1=10 2=20 3=31");
  });
});

describe("one statement on its own", () => {
  it("commits over a row that an open transaction holds, which then fails", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await one.query("update test set value = 11 where id = 1");
    expect((await two.query("update test set value = value + 5 where id = 1")).rowCount).toBe(1);
    expect(await outcome(one.query("commit"))).toBe(OC000);
    expect(await rows(two)).toBe("1=15 2=20");
  });

  it("gives its conflict itself when it loses a race", async () => {
    const [one] = await pair();
    const racers = await Promise.all(Array.from({ length: 6 }, () => clients.connect()));
    const results: string[] = [];
    for (let round = 0; round < 15; round++) {
      const racing = racers.map((racer) =>
        outcome(racer.query("update test set value = value + 1 where id = 1")),
      );
      results.push(...(await Promise.all(racing)));
    }
    const won = results.filter((result) => result === "ok").length;
    expect(new Set(results)).toEqual(new Set(["ok", OC000]));
    expect(await rows(one)).toBe(`1=${10 + won} 2=20`);
  });
});

describe("rows that others changed since the snapshot", () => {
  it("a delete of a row deleted meanwhile counts it, and fails at commit", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await one.query("select * from test");
    await two.query("delete from test where id = 2");
    expect((await one.query("delete from test where id = 2 returning value")).rows).toEqual([
      { value: 20 },
    ]);
    expect(await rows(one)).toBe("1=10");
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });

  it("an upsert of a key inserted meanwhile counts as an insert, and fails at commit", async () => {
    const [one, two] = await pair();
    const upsert = "insert into test values ($1, $2) on conflict (id) do update set value = $2";
    await one.query("begin");
    await one.query("select * from test");
    await two.query("insert into test values (7, 70)");
    expect((await one.query(upsert, [7, 71])).rowCount).toBe(1);
    expect(await rows(one)).toBe("1=10 2=20 7=71");
    expect(await outcome(one.query("commit"))).toBe(OC000);
    expect(await rows(one)).toBe("1=10 2=20 7=70");
  });

  it("a key that the snapshot sees stays a duplicate", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await one.query("insert into test values (5, 50)");
    await two.query("insert into test values (6, 60)");
    const duplicate = /^23505 duplicate key value violates unique constraint "test_pkey"/;
    expect(await outcome(one.query("insert into test values (5, 51)"))).toMatch(duplicate);
    await one.query("rollback");
    await one.query("begin");
    await one.query("select 1 from test");
    await two.query("insert into test values (8, 80)");
    const twice = one.query("insert into test values (9, 1), (9, 2)");
    expect(await outcome(twice)).toMatch(duplicate);
  });
});

describe("crossing statements", () => {
  it("two multi-row upserts in opposite order both finish, without a deadlock", async () => {
    const [one, two] = await pair();
    const up =
      "insert into test select g, 1 from generate_series(1, 500) g on conflict (id) do update set value = 1";
    const down =
      "insert into test select 501 - g, 2 from generate_series(1, 500) g on conflict (id) do update set value = 2";
    for (let round = 0; round < 10; round++) {
      await Promise.all([one.query("begin"), two.query("begin")]);
      const counts = await Promise.all([one.query(up), two.query(down)]);
      expect(counts.map((result) => result.rowCount)).toEqual([500, 500]);
      const ends = await Promise.all([outcome(one.query("commit")), outcome(two.query("commit"))]);
      expect(ends.toSorted()).toEqual([OC000, "ok"]);
    }
  });
});

describe("locking reads", () => {
  it("FOR UPDATE loses against a write that was committed first", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    expect((await one.query("select * from test where id = 1 for update")).rowCount).toBe(1);
    await two.query("update test set value = 12 where id = 1");
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });

  it("FOR UPDATE that commits first makes a later writer of that row lose, and no other", async () => {
    const [one, two] = await pair();
    const three = await clients.connect();
    for (const client of [one, two, three]) await client.query("begin");
    await two.query("update test set value = 12 where id = 1");
    await three.query("update test set value = 22 where id = 2");
    expect((await one.query("select * from test where id = 1 for update")).rows).toEqual([
      { id: 1, value: 10 },
    ]);
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect(await outcome(two.query("commit"))).toBe(OC000);
    expect(await outcome(three.query("commit"))).toBe("ok");
    expect(await rows(one)).toBe("1=10 2=22");
  });

  it("FOR UPDATE of a row that is then written lets others write other rows", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await one.query("select * from test where id = 1 for update");
    await one.query("update test set value = 1 where id = 1");
    await one.query("update test set value = 2 where id = 1");
    await two.query("update test set value = 21 where id = 2");
    expect(await outcome(one.query("commit"))).toBe("ok");
  });

  it("FOR UPDATE closes write skew, plain reads leave it open", async () => {
    for (const [suffix, end] of [
      ["", "ok"],
      [" for update", OC000],
    ] as const) {
      const [one, two] = await pair();
      for (const client of [one, two]) {
        await client.query("begin");
        await client.query(`select * from test${suffix}`);
      }
      await one.query("update test set value = 0 where id = 1");
      await two.query("update test set value = 0 where id = 2");
      expect(await outcome(one.query("commit"))).toBe("ok");
      expect(await outcome(two.query("commit"))).toBe(end);
      await clients.close();
    }
  });

  it("FOR KEY SHARE goes with other columns' updates and not with a delete", async () => {
    const [one, two] = await pair();
    await one.query("begin");
    await one.query("select * from test for key share");
    await two.query("update test set value = 1 where id = 1");
    expect(await outcome(one.query("commit"))).toBe("ok");
    await one.query("begin");
    await one.query("select * from test for key share");
    await two.query("delete from test where id = 1");
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });
});

describe("values that PostgreSQL would draw anew", () => {
  const drawing = [
    ["an identity", "bigint generated by default as identity (cache 65536)", "(k)", "('x')"],
    ["a default", "uuid default gen_random_uuid()", "(k)", "('x')"],
    ["a call", "float8", "(id, k)", "(random(), 'x')"],
    ["DEFAULT", "timestamptz default clock_timestamp()", "", "(default, 'x')"],
  ];

  it.each(drawing)(
    "cost the COMMIT where they were told and are lost: %s",
    async (_what, type, columns, values) => {
      const [one, two] = await pair();
      await one.query("drop table if exists par, chi");
      await one.query(`create table par (id ${type} primary key, k text unique)`);
      await one.query("create table chi (id int primary key, par text)");
      const insert = `insert into par ${columns} values ${values}`;
      await one.query("begin");
      await one.query(insert);
      const told = await one.query<{ id: string }>("select id::text from par");
      await one.query("insert into chi values (1, $1)", [told.rows[0]?.id]);
      await two.query("begin");
      await two.query(insert);
      await two.query("rollback");
      expect(await outcome(one.query("commit"))).toBe(OC000);
      expect((await two.query("select from par")).rowCount).toBe(0);
      expect((await two.query("select from chi")).rowCount).toBe(0);
    },
  );

  it("cost nothing where nobody was told, nor where none is drawn", async () => {
    const [one, two] = await pair();
    await one.query("drop table if exists par, chi");
    await one.query(
      "create table par (id uuid default gen_random_uuid() primary key, k text unique)",
    );
    await one.query("create table chi (id int primary key, par uuid)");
    const park = async (): Promise<void> => {
      await two.query("begin");
      await two.query("insert into par (k) values ('x')");
      await two.query("rollback");
    };
    await one.query("begin");
    await one.query("insert into par (k) values ('x')");
    await park();
    // It is drawn for good before it is told.
    const told = await one.query<{ id: string }>("select id from par");
    await one.query("insert into chi values (1, $1)", [told.rows[0]?.id]);
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect((await one.query("select from par join chi on chi.par = par.id")).rowCount).toBe(1);
    await one.query("delete from par");
    const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    await one.query("begin");
    await one.query("insert into par (id, k) values ($1, 'x')", [id]);
    await one.query("insert into chi values (2, $1)", [id]);
    await park();
    expect(await outcome(one.query("commit"))).toBe("ok");
  });
});
