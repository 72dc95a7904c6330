import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testRuns } from "../../../../test/support/test-runs.ts";
import { ABORTED, OC000, outcome } from "../testing/clients.ts";
import { login, RawClient } from "../testing/raw-client.ts";
import { testCluster } from "../testing/test-cluster.ts";
import { bind, closeStatement, describePortal, execute, parse } from "../wire/extended.ts";
import { cstring, frame, Frames, int32, query, Type } from "../wire/messages.ts";

const cluster = testCluster();
let raw: RawClient;

beforeEach(async () => {
  raw = await RawClient.open(cluster);
  raw.send(query("create table t (id int primary key, v int)"));
  await raw.until("Z");
});
afterEach(() => raw.end());

const describeStatement = (name: string): Buffer =>
  frame(Type.describe, Buffer.from("S"), cstring(name));
const { sync, flush } = Frames;

async function say(...messages: readonly Buffer[]): Promise<string> {
  raw.send(...messages);
  return (await raw.until("Z")).join(" ");
}

function run(sql: string): Buffer[] {
  return [parse("", sql), bind("", ""), describePortal(""), execute("")];
}

describe("the extended protocol", () => {
  it("answers each message in order", async () => {
    expect(await say(...run("insert into t values (1, 1)"), sync)).toBe("1 2 n C:INSERT 0 1 Z:I");
    expect(await say(...run("select * from t"), sync)).toBe("1 2 T:2 D:1,1 C:SELECT 1 Z:I");
    expect(await say(...run(""), sync)).toBe("1 2 n I Z:I");
  });

  it("answers the proxy's own commands like PostgreSQL's", async () => {
    expect(await say(...run("begin"), sync)).toBe("1 2 n C:BEGIN Z:T");
    expect(await say(...run("show server_version"), sync)).toBe("1 2 T:1 D:16.15 C:SHOW Z:T");
    expect(await say(...run("rollback"), sync)).toBe("1 2 n C:ROLLBACK Z:I");
    expect(await say(parse("c", "commit"), describeStatement("c"), closeStatement("c"), sync)).toBe(
      "1 t n 3 Z:I",
    );
    expect(await say(...run("create index async on t (v)"), sync)).toMatch(
      /^1 2 T:1 D:[a-z2-7]{26} C:CREATE INDEX Z:I$/,
    );
  });

  it("makes everything up to one Sync one transaction", async () => {
    const both = [...run("insert into t values (1, 1)"), ...run("insert into t values (1, 2)")];
    expect(await say(...both, ...run("select 1"), sync)).toBe(
      "1 2 n C:INSERT 0 1 1 2 n E:23505 Z:I",
    );
    expect(await say(...run("select * from t"), sync)).toBe("1 2 T:2 C:SELECT 0 Z:I");
    const good = [...run("insert into t values (1, 1)"), ...run("insert into t values (2, 2)")];
    expect(await say(...good, sync)).toBe("1 2 n C:INSERT 0 1 1 2 n C:INSERT 0 1 Z:I");
  });

  it("takes BEGIN, work and COMMIT without a Sync in between", async () => {
    const all = ["begin", "insert into t values (1, 1)", "update t set v = 2", "commit"].flatMap(
      run,
    );
    expect(await say(...all, sync)).toBe(
      "1 2 n C:BEGIN 1 2 n C:INSERT 0 1 1 2 n C:UPDATE 1 1 2 n C:COMMIT Z:I",
    );
  });

  it("ignores everything after an error up to Sync", async () => {
    expect(await say(parse("", "truncate t"), bind("", ""), execute(""), sync)).toBe("E:0A000 Z:I");
    expect(await say(parse("", "selec"), query("select 1"), sync)).toBe("E:42601 Z:I");
  });

  it("keeps a named statement whose execution failed", async () => {
    const insert = parse("i", "insert into t values (1, 1)");
    await say(insert, bind("", "i"), execute(""), sync);
    await say(closeStatement("i"), sync);
    expect(await say(insert, bind("", "i"), execute(""), sync)).toBe("1 2 E:23505 Z:I");
    expect(await say(bind("", "i"), execute(""), sync)).toBe("2 E:23505 Z:I");
  });

  it("keeps the unnamed statement over syncs, transactions and parks", async () => {
    const other = await cluster.connect();
    expect(await say(query("begin"))).toBe("C:BEGIN Z:T");
    expect(await say(...run("insert into t values (1, 1)"), sync)).toBe("1 2 n C:INSERT 0 1 Z:T");
    expect(await say(parse("", "update t set v = v + 1 returning v"), sync)).toBe("1 Z:T");
    await other.query("begin");
    await other.query("insert into t values (1, 100)");
    expect(await say(bind("", ""), execute(""), sync)).toBe("2 D:2 C:UPDATE 1 Z:T");
    expect(await say(bind("", ""), execute(""), sync)).toBe("2 D:3 C:UPDATE 1 Z:T");
    expect(await say(query("commit"))).toBe("C:COMMIT Z:I");
    expect(await outcome(other.query("commit"))).toBe(OC000);
  });

  it("prepares with Flush and runs later", async () => {
    raw.send(parse("p", "select $1::int + 1"), describeStatement("p"), flush);
    expect(await raw.until("T")).toEqual(["1", "t", "T:1"]);
    const one = Buffer.concat([
      Buffer.from([0, 0, 0, 1]),
      int32(1),
      Buffer.from("1"),
      Buffer.from([0, 0]),
    ]);
    raw.send(bind("", "p", one), flush);
    expect(await raw.until("2")).toEqual(["2"]);
    expect(await say(execute(""), sync)).toBe("D:2 C:SELECT 1 Z:I");
  });

  const some = (rows: number): Buffer => frame(Type.execute, cstring("p"), int32(rows));

  it("hands out a portal in parts inside a block", async () => {
    await say(query("begin"));
    const opened = [parse("", "select generate_series(1, 3)"), bind("p", "")];
    expect(await say(...opened, some(2), sync)).toBe("1 2 D:1 D:2 s Z:T");
    expect(await say(some(2), sync)).toBe("D:3 C:SELECT 1 Z:T");
  });

  it("goes on with a portal whose transaction was parked meanwhile", async () => {
    await say(query("insert into t select n, n from generate_series(1, 5) n"));
    const other = await cluster.connect();
    await say(query("begin"));
    await say(query("update t set v = 10 where id = 1"));
    const opened = [parse("", "select id, v from t where v < 100 order by id"), bind("p", "")];
    expect(await say(...opened, some(2), sync)).toBe("1 2 D:1,10 D:2,2 s Z:T");
    await other.query("begin");
    await other.query("select * from t where id = 1 for update");
    await other.query("rollback");
    expect(await say(query("update t set v = 200 where id = 4"))).toBe("C:UPDATE 1 Z:T");
    expect(await say(some(2), sync)).toBe("D:3,3 D:4,4 s Z:T");
    expect(await say(some(2), sync)).toBe("D:5,5 C:SELECT 1 Z:T");
    expect(await say(some(2), sync)).toBe("C:SELECT 0 Z:T");
    expect(await say(query("commit"))).toBe("C:COMMIT Z:I");
  });

  it.each(["update t set v = 1 where id = 4", "select * from t where id = 4 for update"])(
    "goes on with a portal whose transaction has met its conflict meanwhile: %s",
    async (conflicting) => {
      await say(query("insert into t select n, n from generate_series(1, 5) n"));
      const other = await cluster.connect();
      await say(query("begin"));
      await say(query("update t set v = 10 where id = 1"));
      const opened = [parse("", "select id, v from t order by id"), bind("p", "")];
      expect(await say(...opened, some(2), sync)).toBe("1 2 D:1,10 D:2,2 s Z:T");
      await other.query("update t set v = 200 where id = 4");
      expect(await say(query("insert into t values (6, 6)"))).toBe("C:INSERT 0 1 Z:T");
      expect(await say(query(conflicting))).toMatch(/1 Z:T$/);
      expect(await say(some(2), sync)).toBe("D:3,3 D:4,4 s Z:T");
      expect(await say(some(2), sync)).toBe("D:5,5 C:SELECT 1 Z:T");
      expect(await say(query("commit"))).toBe("E:40001 Z:I");
    },
  );

  it("loses a portal with a block that fails", async () => {
    await say(query("begin"));
    const opened = [parse("", "select generate_series(1, 3)"), bind("p", "")];
    expect(await say(...opened, some(2), sync)).toBe("1 2 D:1 D:2 s Z:T");
    expect(await say(query("insert into t values (1), (1)"))).toBe("E:23505 Z:E");
    expect(await say(some(2), sync)).toBe("E:25P02 Z:E");
    await say(query("rollback"));
    expect(await say(some(2), sync)).toBe("E:34000 Z:I");
  });

  it("tells the failure of a row that came while its transaction was parked when that row is asked for", async () => {
    await say(query("insert into t select n, 3 - n from generate_series(1, 5) n"));
    const other = await cluster.connect();
    await say(query("begin"));
    await say(query("update t set v = 10 where id = 5"));
    const opened = [parse("", "select 6 / v from t where id < 5 order by id"), bind("p", "")];
    expect(await say(...opened, some(1), sync)).toBe("1 2 D:3 s Z:T");
    await other.query("select * from t where id = 5 for update");
    expect(await say(some(1), sync)).toBe("D:6 s Z:T");
    expect(await say(some(1), sync)).toBe("E:22012 Z:E");
  });

  it("runs a portal that was bound before its transaction was parked", async () => {
    await say(query("insert into t values (1, 1)"));
    const other = await cluster.connect();
    await say(query("begin"));
    await say(query("update t set v = 10"));
    await say(parse("", "update t set v = v + 1 returning v"), bind("p", ""), sync);
    await other.query("begin");
    await other.query("select * from t for update");
    await other.query("rollback");
    expect(await say(describePortal("p"), some(0), sync)).toBe("T:1 D:11 C:UPDATE 1 Z:T");
    expect(await say(some(0), sync)).toBe("C:UPDATE 0 Z:T");
    expect(await say(query("commit"))).toBe("C:COMMIT Z:I");
  });

  it("counts a write that is told in parts when it runs, and repeats it as it was", async () => {
    cluster.control.setLimits({ rowsPerTransaction: 4 });
    const other = await cluster.connect();
    const insert = "insert into t select n, n from generate_series(1, 3) n returning id";
    await say(query("begin"));
    expect(await say(parse("", insert), bind("p", ""), some(1), sync)).toBe("1 2 D:1 s Z:T");
    await other.query("insert into t values (2, 2) on conflict do nothing");
    await other.query("delete from t");
    expect(await say(some(2), sync)).toBe("D:2 D:3 s Z:T");
    expect(await say(some(2), sync)).toBe("C:INSERT 0 0 Z:T");
    expect(await say(query("insert into t values (7, 7), (8, 8)"))).toBe("E:54000 Z:E");
    await say(query("rollback"));
    await say(query("begin"));
    await say(parse("", insert), bind("p", ""), some(1), sync);
    await other.query("begin");
    await other.query("insert into t values (9, 9), (3, 3)");
    await other.query("rollback");
    expect(await say(query("commit"))).toBe("C:COMMIT Z:I");
    expect((await other.query("select from t")).rowCount).toBe(3);
  });

  it("gives what was parsed and bound before it refuses to run it", async () => {
    const other = await cluster.connect();
    await say(query("select * from t"));
    await other.query("alter table t add column w int");
    expect(await say(...run("select * from t"), sync)).toBe("1 2 T:3 E:40001 Z:I");
    expect(await say(...run("insert into t values (1, 1, 1)"), sync)).toBe(
      "1 2 n C:INSERT 0 1 Z:I",
    );
    await say(query("begin"));
    await say(query("create table u (id int)"));
    expect(await say(...run("create table w (id int)"), sync)).toBe("1 2 n E:0A000 Z:E");
    await say(query("rollback"));
    await say(query("begin"));
    await say(query("insert into t values (2, 2, 2)"));
    cluster.control.shiftClock(301_000);
    expect(await say(...run("update t set v = 3 returning v"), sync)).toBe("1 2 T:1 E:54000 Z:E");
    await say(query("rollback"));
    // What PostgreSQL refuses comes first.
    await say(query("begin"));
    await say(query("create table u (id int)"));
    expect(await say(...run("insert into missing values (1)"), sync)).toBe("E:42P01 Z:E");
    await say(query("rollback"));
    expect(await say(query("select count(*) from t"))).toBe("T:1 D:1 C:SELECT 1 Z:I");
  });

  it("refuses unknown names and doubled ones like PostgreSQL", async () => {
    expect(await say(bind("", "none"), sync)).toBe("E:26000 Z:I");
    expect(await say(execute("none"), sync)).toBe("E:34000 Z:I");
    expect(await say(parse("a", "select 1"), sync)).toBe("1 Z:I");
    expect(await say(parse("a", "select 2"), sync)).toBe("E:42P05 Z:I");
    expect(await say(parse("b", "select * from missing"), sync)).toBe("E:42P01 Z:I");
    expect(await say(parse("b", "select 1"), sync)).toBe("1 Z:I");
    expect(await say(parse("", "select 1; select 2"), sync)).toBe("E:42601 Z:I");
  });

  it("runs a portal without rows once, and tells nothing more of one that has ended", async () => {
    await say(query("begin"));
    await say(parse("s", "insert into t values (1, 1)"), bind("p", "s"), execute("p"), sync);
    expect(await say(execute("p"), sync)).toBe("E:55000 Z:E");
    await say(query("rollback"));
    await say(parse("b", "begin"), parse("r", "select 1"), sync);
    const both = [bind("p", "b"), execute("p"), bind("q", "r"), execute("q")];
    expect(await say(...both, execute("q"), execute("p"), sync)).toBe(
      "2 C:BEGIN 2 D:1 C:SELECT 1 C:SELECT 0 E:55000 Z:E",
    );
  });

  it("has the unnamed statement and portal for as long as PostgreSQL has them, whatever runs behind", async () => {
    const other = await cluster.connect();
    await say(query("begin"));
    await say(parse("", "insert into t values (1, 1)"), bind("", ""), sync);
    // Its counting of rows, savepoints and repetitions are no business of the client's portal.
    expect(await say(describePortal(""), execute(""), sync)).toBe("n C:INSERT 0 1 Z:T");
    await other.query("insert into t values (1, 2) on conflict do nothing");
    expect(await say(query("select 1"))).toBe("T:1 D:1 C:SELECT 1 Z:T");
    expect(await say(describePortal(""), sync)).toBe("E:34000 Z:E");
    await say(query("rollback"));
    expect(await say(describeStatement(""), sync)).toBe("E:26000 Z:I");
    expect(await say(parse("", "select 1"), bind("", ""), sync, describePortal(""), sync)).toBe(
      "1 2 Z:I",
    );
    expect((await raw.until("Z")).join(" ")).toBe("E:34000 Z:I");
    expect(await say(parse("", "select 2"), sync)).toBe("1 Z:I");
    expect(await say(parse("", "truncate t"), sync)).toBe("E:0A000 Z:I");
    expect(await say(describeStatement(""), sync)).toBe("E:26000 Z:I");
  });

  it("closes no statement that an error came before", async () => {
    await say(parse("s", "select 1"), sync);
    expect(await say(parse("x", "selec"), closeStatement("s"), sync)).toBe("E:42601 Z:I");
    expect(await say(parse("", "select missing"), closeStatement("s"), sync)).toBe("E:42703 Z:I");
    expect(await say(bind("", "s"), execute(""), sync)).toBe("2 D:1 C:SELECT 1 Z:I");
  });

  it("keeps a portal's name until it is closed", async () => {
    await say(query("begin"));
    await say(parse("c", "commit"), parse("s", "select 1"), bind("p", "s"), sync);
    expect(await say(bind("p", "c"), sync)).toBe("E:42P03 Z:E");
  });

  it("answers 25P02 in a failed block, and takes prepared COMMIT", async () => {
    await say(parse("c", "commit"), sync);
    await say(query("begin"));
    expect(await say(query("truncate t"))).toBe("E:0A000 Z:E");
    expect(await say(...run("select 1"), sync)).toBe("E:25P02 Z:E");
    expect(await say(...run("truncate t"), sync)).toBe("E:25P02 Z:E");
    expect(await say(...run("selec 1"), sync)).toBe("E:42601 Z:E");
    expect(await say(bind("", "c"), execute(""), sync)).toBe("2 C:ROLLBACK Z:I");
  });

  it("forgets all statements on DEALLOCATE ALL", async () => {
    await say(parse("a", "select 1"), sync);
    expect(await say(query("deallocate all"))).toBe("C:DEALLOCATE ALL Z:I");
    expect(await say(bind("", "a"), sync)).toBe("E:26000 Z:I");
    expect(await say(parse("a", "select 2"), bind("", "a"), execute(""), sync)).toBe(
      "1 2 D:2 C:SELECT 1 Z:I",
    );
    expect(await say(query("insert into t values (9, 9)"))).toBe("C:INSERT 0 1 Z:I");
  });
});

describe("node-postgres", () => {
  it("in pipeline mode gets every answer, and a failed statement stops its transaction", async () => {
    const piped = await cluster.connect({ pipeline: true });
    const upsert = `insert into t (id, v) select * from unnest($1::int[], $2::int[])
      on conflict (id) do update set v = excluded.v`;
    const ids = Array.from({ length: 3_000 }, (_, i) => i);
    for (let round = 0; round < 3; round++) {
      const results = await Promise.all([
        piped.query("begin"),
        piped.query({ name: "u", text: upsert, values: [ids, ids] }),
        piped.query("commit"),
      ]);
      expect(results.map((result) => result.rowCount)).toEqual([null, 3_000, null]);
    }
    const failing = await Promise.all([
      outcome(piped.query("begin")),
      outcome(piped.query("insert into t values (1, 1)")),
      outcome(piped.query("insert into t values (-1, 1)")),
      outcome(piped.query("commit")),
    ]);
    expect(failing).toEqual(["ok", expect.stringMatching(/^23505/), ABORTED, "ok"]);
    const left = await piped.query("select min(id) as min, count(*)::int as n from t");
    expect(left.rows).toEqual([{ min: 0, n: 3_000 }]);
  });

  it("reads large results whole, also when it reads slowly", async () => {
    const client = await cluster.connect();
    const result = await client.query(
      "select g, repeat('x', 1000) as x from generate_series(1, 50000) g",
    );
    expect(result.rowCount).toBe(50_000);
    expect(result.rows.at(-1)).toEqual({ g: 50_000, x: "x".repeat(1_000) });
  });
});

describe("messages", () => {
  it("of 10 MiB pass and longer ones close the connection without a word", async () => {
    const spaces = (bytes: number): Buffer => query(`select 1${" ".repeat(bytes - 13)}`);
    expect(await say(spaces(10 * 1024 * 1024))).toBe("T:1 D:1 C:SELECT 1 Z:I");
    raw.send(spaces(10 * 1024 * 1024 + 1));
    expect(await raw.closed()).toEqual([]);
  });

  it("of unknown type end the connection with 08P01", async () => {
    raw.send(frame(0x21, Buffer.from("x")));
    expect((await raw.closed()).at(-1)).toBe("E:08P01");
  });

  it("of any bytes neither crash nor hang the cluster, nor touch another session", async () => {
    const neighbour = await cluster.connect();
    await neighbour.query("begin");
    await neighbour.query("insert into t values (77, 77)");
    const letters = fc.constantFrom(..."QPBDESCHXpfdcF!\0");
    const message = fc
      .tuple(letters, fc.uint8Array({ maxLength: 60 }), fc.boolean())
      .map(([letter, body, honest]) => {
        const made = frame(letter.charCodeAt(0), Buffer.from(body));
        if (!honest) made.writeInt32BE(body.length * 7 - 40, 1);
        return made;
      });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 8 }), async (messages) => {
        const attacker = await RawClient.open(cluster);
        attacker.send(...messages, sync);
        await Promise.race([attacker.closed(), attacker.until("Z"), sleep(30)]).catch(() => {});
        attacker.end();
        const result = await neighbour.query("select v from t where id = 77");
        expect(result.rows).toEqual([{ v: 77 }]);
      }),
      { numRuns: testRuns(60) },
    );
    await neighbour.query("commit");
    expect(await say(query("select count(*) from t"))).toBe("T:1 D:1 C:SELECT 1 Z:I");
  });
});

describe("a client that closes its half of the connection", () => {
  it("gets the answers to all that it has sent whole, and what it wrote is there", async () => {
    cluster.control.inject({ kind: "slow-statement", delayMs: 200 });
    raw.send(query("insert into t values (1, 1)"), ...run("update t set v = 2"), sync);
    raw.send(query("select * from t"), frame(Type.query, cstring("select 1")).subarray(0, 6));
    raw.half();
    const all = "C:INSERT 0 1 Z:I 1 2 n C:UPDATE 1 Z:I T:2 D:1,2 C:SELECT 1 Z:I";
    expect((await raw.closed()).join(" ")).toBe(all);
    const other = await cluster.connect();
    expect((await other.query("select v from t")).rows).toEqual([{ v: 2 }]);
  });

  it("has its open block rolled back", async () => {
    raw.send(query("begin"), query("insert into t values (1, 1)"));
    raw.half();
    expect((await raw.closed()).join(" ")).toBe("C:BEGIN Z:T C:INSERT 0 1 Z:T");
    const other = await cluster.connect();
    expect((await other.query("select v from t")).rows).toEqual([]);
  });

  it("may have sent everything at once, from its start-up on", async () => {
    const hasty = RawClient.connect(cluster);
    hasty.send(...login("any"), query("insert into t values (3, 3)"));
    hasty.half();
    expect((await hasty.closed()).slice(-2)).toEqual(["C:INSERT 0 1", "Z:I"]);
  });
});
