import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";

let cluster: DsqlLocal;
let clients: pg.Client[] = [];

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: cluster.url });
  client.on("error", () => {});
  await client.connect();
  clients.push(client);
  return client;
}

/** What a query gave: "ok", or the code and the text of its refusal. */
async function outcome(query: Promise<unknown>): Promise<string> {
  try {
    await query;
    return "ok";
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

const OC000 = "40001 change conflicts with another transaction (OC000)";

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
afterEach(async () => {
  await Promise.all(clients.map((client) => client.end()));
  clients = [];
});

/** Two sessions over a fresh table with the rows 1=10 and 2=20. */
async function pair(): Promise<[pg.Client, pg.Client]> {
  const first = await connect();
  await first.query("drop table if exists test");
  await first.query("create table test (id int primary key, value int)");
  await first.query("insert into test values (1, 10), (2, 20)");
  return [first, await connect()];
}

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
