/** COPY FROM STDIN and TO STDOUT: PostgreSQL's words, under DSQL's rules for what writes. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startEmbedded, type EmbeddedPostgres } from "../postgres/embedded.ts";
import { OC000, outcome } from "../testing/clients.ts";
import { RawClient } from "../testing/raw-client.ts";
import { testCluster } from "../testing/test-cluster.ts";
import { Transcript } from "../testing/transcript.ts";
import { bind, closeStatement, describePortal, execute, parse } from "../wire/extended.ts";
import { copyFail, frame, Frames, int16, int32, query, Type } from "../wire/messages.ts";

const cluster = testCluster();
let raw: RawClient;

beforeEach(async () => {
  raw = await RawClient.open(cluster);
  await say(query("create table t (id int primary key, v text)"));
});
afterEach(() => raw.end());

const { copyDone, flush, sync } = Frames;

function data(bytes: string | Buffer): Buffer {
  return frame(Type.copyData, Buffer.from(bytes));
}

function rows(from: number, to: number, value = "x"): Buffer {
  let text = "";
  for (let id = from; id <= to; id++) text += `${id}\t${value}\n`;
  return data(text);
}

async function say(...messages: readonly Buffer[]): Promise<string> {
  raw.send(...messages);
  return (await raw.until("Z")).join(" ");
}

/** A COPY FROM STDIN with its data, in one write. */
function copy(...sent: readonly Buffer[]): Promise<string> {
  return say(query("copy t from stdin"), ...sent);
}

async function count(): Promise<string> {
  return say(query("select count(*) from t"));
}

describe("COPY FROM STDIN", () => {
  it("asks for rows, takes them in any pieces, and tells how many", async () => {
    raw.send(query("copy t from stdin"));
    expect(await raw.until("G")).toEqual(["G"]);
    raw.send(data("1\to"), data("ne\n2\t"), data("\\N\n"));
    raw.send(flush, sync, data(""));
    expect(await say(copyDone)).toBe("C:COPY 2 Z:I");
    expect(await say(query("select id, v from t order by id"))).toBe(
      "T:2 D:1,one D:2,null C:SELECT 2 Z:I",
    );
  });

  it.each(["alter table t add column more int", "drop table t"])(
    "loses to another's %s while its rows come, alone and in a block",
    async (ddl) => {
      const other = await cluster.connect();
      for (const [before, end] of [
        ["select 1", "Z:I"],
        ["begin", "Z:E"],
      ] as const) {
        await other.query("drop table if exists t");
        await other.query("create table t (id int primary key, v text)");
        // What has changed by then is told once.
        await say(query("select * from t"));
        await say(query(before));
        raw.send(query("copy t from stdin"), rows(1, 1));
        expect(await raw.until("G")).toEqual(["G"]);
        await other.query(ddl);
        expect(await say(copyDone)).toBe(`E:40001 ${end}`);
        await say(query("rollback"));
      }
    },
  );

  it("takes the end of the data within it", async () => {
    expect(await copy(data("1\ta\n\\.\n"), copyDone)).toBe("G C:COPY 1 Z:I");
    expect(await copy(copyDone)).toBe("G C:COPY 0 Z:I");
  });

  it("lets 3,000 rows through and refuses 3,001, alone and with others in a transaction", async () => {
    expect(await copy(rows(1, 3_001), copyDone)).toBe("G E:54000 Z:I");
    expect(await count()).toBe("T:1 D:0 C:SELECT 1 Z:I");
    expect(await copy(rows(1, 3_000), copyDone)).toBe("G C:COPY 3000 Z:I");
    await say(query("begin"));
    expect(await copy(rows(3_001, 6_000), copyDone)).toBe("G C:COPY 3000 Z:T");
    expect(await say(query("insert into t values (0)"))).toBe("E:54000 Z:E");
    expect(await copy(rows(1, 1), copyDone)).toBe("E:25P02 Z:E");
    expect(await say(query("commit"))).toBe("C:ROLLBACK Z:I");
  });

  it("refuses more than 10 MiB at COMMIT, and values and keys that are too large at the statement", async () => {
    const client = await cluster.connect();
    await client.query("create table wide (id int primary key, v text, key varchar unique)");
    const random = (bytes: number): string => {
      let text = "";
      for (let state = 1; text.length < bytes; state = (state * 48_271) % 2_147_483_647) {
        text += state.toString(36);
      }
      return text.slice(0, bytes);
    };
    const value = random(700_000);
    const wide = (id: number, text: string, key: string): Buffer =>
      data(`${id}\t${text}\t${key}\n`);
    const start = query("copy wide from stdin");
    const many = (most: number): Buffer[] =>
      Array.from({ length: most }, (_, id) => wide(id, `${id}${value.slice(id)}`, String(id)));
    await say(query("begin"));
    expect(await say(start, ...many(25), copyDone)).toBe("G C:COPY 25 Z:T");
    expect(await say(query("commit"))).toBe("E:54000 Z:I");
    expect(await say(start, ...many(10), copyDone)).toBe("G C:COPY 10 Z:I");
    expect(await say(start, wide(100, "", random(1_990)), copyDone)).toBe("G E:54000 Z:I");
    expect(await say(start, wide(100, random(2_500_000), ""), copyDone)).toBe("G E:54000 Z:I");
    expect(await say(start, wide(100, "x".repeat(2_500_000), ""), copyDone)).toBe("G C:COPY 1 Z:I");
  });

  it("refuses at once what cannot be gathered", { timeout: 60_000 }, async () => {
    const chunk = rows(1, 500_000, "some text");
    raw.send(query("copy t from stdin"));
    for (let sent = 0; sent < 11; sent++) raw.send(chunk);
    expect(await say(copyDone)).toBe("G E:54000 Z:I");
    expect(await count()).toBe("T:1 D:0 C:SELECT 1 Z:I");
  });

  it("writes nothing in a transaction that only reads, after a DDL, or before one", async () => {
    await say(query("begin read only"));
    expect(await copy(rows(1, 1), copyDone)).toBe("E:25006 Z:E");
    await say(query("rollback"));
    await say(query("begin"));
    await say(query("create table u (id int)"));
    expect(await copy(rows(1, 1), copyDone)).toBe("E:0A000 Z:E");
    await say(query("rollback"));
    await say(query("begin"));
    expect(await copy(rows(1, 1), copyDone)).toBe("G C:COPY 1 Z:T");
    expect(await say(query("create table u (id int)"))).toBe("E:0A000 Z:E");
    await say(query("rollback"));
    expect(await count()).toBe("T:1 D:0 C:SELECT 1 Z:I");
  });

  it("comes to nothing where its client gives it up, or leaves", async () => {
    expect(await copy(rows(1, 2), copyFail("enough"))).toBe("G E:57014 Z:I");
    expect(await copy(data("x\ty\n"), copyFail("enough"))).toBe("G E:22P02 Z:I");
    raw.send(query("copy t from stdin"), rows(1, 2));
    await raw.until("G");
    raw.end();
    const left = await RawClient.open(cluster);
    left.send(query("copy t from stdin"), rows(1, 2), frame(Type.terminate));
    await left.closed();
    raw = await RawClient.open(cluster);
    expect(await copy(rows(1, 2), copyDone)).toBe("G C:COPY 2 Z:I");
  });

  it("refuses messages that do not belong there", async () => {
    expect(await copy(rows(1, 2), query("select 1"))).toBe("G E:08P01 Z:I");
    expect(await count()).toBe("T:1 D:0 C:SELECT 1 Z:I");
  });

  it("runs beside other statements of one string", async () => {
    const both = query("insert into t values (1, 'a'); copy t from stdin; select count(*) from t");
    expect(await say(both, rows(2, 3), copyDone)).toBe(
      "C:INSERT 0 1 G C:COPY 2 T:1 D:3 C:SELECT 1 Z:I",
    );
    const failing = query("insert into t values (4, 'a'); copy t from stdin");
    expect(await say(failing, rows(1, 1), copyDone)).toBe("C:INSERT 0 1 G E:23505 Z:I");
    expect(await count()).toBe("T:1 D:3 C:SELECT 1 Z:I");
  });

  it("leaves the client's unnamed statement and its portals alone", async () => {
    await say(query("begin"));
    const named = [parse("p", "select generate_series(1, 3)"), bind("p", "p")];
    const some = frame(Type.execute, Buffer.from("p\0"), int32(1));
    expect(await say(...named, some, sync)).toBe("1 2 D:1 s Z:T");
    expect(await copy(rows(1, 1), copyDone)).toBe("G C:COPY 1 Z:T");
    expect(await say(some, sync)).toBe("D:2 s Z:T");
    expect(await say(bind("", "p"), execute(""), sync)).toBe("2 D:1 D:2 D:3 C:SELECT 3 Z:T");
  });

  it("is counted and logged as the statement that it is, and meets faults, delays and limits", async () => {
    const { control } = cluster;
    control.keepStatements(10);
    const before = control.counters();
    expect(await copy(rows(1, 2), copyDone)).toBe("G C:COPY 2 Z:I");
    const after = control.counters();
    expect(after.statements - before.statements).toBe(1);
    expect(after.commits - before.commits).toBe(1);
    expect(after.transactions - before.transactions).toBe(1);
    expect(after.rowsWritten - before.rowsWritten).toBe(2);
    expect(after.bytesWritten).toBeGreaterThan(before.bytesWritten);
    expect(control.statements().map(({ statement }) => statement)).toEqual(["copy t from stdin"]);
    control.inject({ kind: "conflict", code: "OC000" });
    expect(await copy(rows(3, 3), copyDone)).toBe("G E:40001 Z:I");
    control.inject({ kind: "unavailable", match: "^copy" });
    expect(await copy(rows(3, 3), copyDone)).toBe("E:XX000 Z:I");
    control.setLimits({ rowsPerTransaction: 1 });
    expect(await copy(rows(3, 4), copyDone)).toBe("G E:54000 Z:I");
    control.setLimits({ rowsPerTransaction: 3_000 });
    await say(query("begin"));
    expect(await copy(rows(3, 3), copyDone)).toBe("G C:COPY 1 Z:T");
    control.shiftClock(301_000);
    expect(await copy(rows(4, 4), copyDone)).toBe("E:54000 Z:E");
    control.shiftClock(0);
    await say(query("rollback"));
    expect(await count()).toBe("T:1 D:2 C:SELECT 1 Z:I");
  });

  it("tells another session's DDL where any statement would", async () => {
    const other = await cluster.connect();
    await count();
    await other.query("alter table t add column z int");
    const named = query("copy t (id) from stdin");
    expect(await say(named, data("1\n"), copyDone)).toBe("E:40001 Z:I");
    raw.send(named);
    expect(await raw.until("G")).toEqual(["G"]);
    await other.query("alter table t drop column z");
    expect(await say(data("1\n"), copyDone)).toBe("E:40001 Z:I");
    expect(await say(named, data("1\n"), copyDone)).toBe("G C:COPY 1 Z:I");
  });

  it("is a statement of the extended protocol, and hears the Sync behind it once it is done", async () => {
    const started = [parse("", "copy t from stdin"), bind("", ""), describePortal(""), execute("")];
    raw.send(...started, sync);
    expect(await raw.until("G")).toEqual(["1", "2", "n", "G"]);
    raw.send(rows(1, 2));
    expect(await say(copyDone, sync)).toBe("C:COPY 2 Z:I");
    expect(await say(...started, rows(2, 3), copyDone, sync)).toBe("1 2 n G E:23505 Z:I");
    expect(await say(...started, rows(3, 3), copyDone, execute(""), sync)).toBe(
      "1 2 n G C:COPY 1 E:55000 Z:I",
    );
    expect(await count()).toBe("T:1 D:2 C:SELECT 1 Z:I");
    const named = [parse("c", "copy t from stdin"), bind("", "c"), execute("")];
    expect(await say(...named, rows(3, 3), copyDone, sync)).toBe("1 2 G C:COPY 1 Z:I");
    expect(await say(bind("", "c"), execute(""), rows(4, 4), copyDone, sync)).toBe(
      "2 G C:COPY 1 Z:I",
    );
    expect(await say(closeStatement("c"), sync)).toBe("3 Z:I");
  });

  it("is refused for what the server has: files and programs", async () => {
    const client = await cluster.connect();
    for (const sql of [
      "copy t from '/etc/passwd'",
      "copy t to '/tmp/x'",
      "copy (select 1) to '/tmp/x'",
    ]) {
      expect(await outcome(client.query(sql))).toMatch(
        /^42501 permission denied to COPY (?:from|to) a file$/,
      );
    }
    expect(await outcome(client.query("copy t from program 'ls'"))).toBe(
      "42501 permission denied to COPY to or from an external program",
    );
  });
});

describe("COPY FROM STDIN beside other transactions", () => {
  it("conflicts over a key at COMMIT, in a block and alone", async () => {
    const other = await cluster.connect();
    await say(query("begin"));
    expect(await copy(rows(1, 2), copyDone)).toBe("G C:COPY 2 Z:T");
    await other.query("insert into t values (2)");
    expect(await say(query("update t set v = 'mine' where id = 1"))).toBe("C:UPDATE 1 Z:T");
    expect(await say(query("commit"))).toBe("E:40001 Z:I");
    raw.send(query("copy t from stdin"));
    await raw.until("G");
    await other.query("insert into t values (7)");
    expect(await say(rows(7, 7), copyDone)).toBe("E:40001 Z:I");
    expect(await copy(rows(7, 7), copyDone)).toBe("G E:23505 Z:I");
  });

  it("loses nothing when it gives its locks up, and makes others lose that come later", async () => {
    const other = await cluster.connect();
    await say(query("begin"));
    expect(await copy(rows(1, 2), copyDone)).toBe("G C:COPY 2 Z:T");
    await other.query("begin");
    await other.query("insert into t values (1, 'other')");
    expect(await say(query("select id, v from t order by id"))).toBe(
      "T:2 D:1,x D:2,x C:SELECT 2 Z:T",
    );
    expect(await say(query("commit"))).toBe("C:COMMIT Z:I");
    expect(await outcome(other.query("commit"))).toBe(OC000);
  });

  it("writes the same again, where it brings all columns itself", async () => {
    const other = await cluster.connect();
    await other.query("create table d (id int primary key, u uuid default gen_random_uuid())");
    const u = "00000000-0000-0000-0000-000000000001";
    for (const [columns, end] of [
      ["", "C:COMMIT Z:I"],
      ["(id, u)", "C:COMMIT Z:I"],
      ["(id)", "E:40001 Z:I"],
    ]) {
      await other.query("delete from d");
      await say(query("begin"));
      const row = data(columns === "(id)" ? "1\n" : `1\t${u}\n`);
      expect(await say(query(`copy d ${columns} from stdin`), row, copyDone)).toBe(
        "G C:COPY 1 Z:T",
      );
      expect(await say(query("select count(*) from d"))).toBe("T:1 D:1 C:SELECT 1 Z:T");
      await other.query("begin");
      await other.query("insert into d values (1)");
      await other.query("rollback");
      expect([columns, await say(query("commit"))]).toEqual([columns, end]);
    }
  });

  it("goes on over its snapshot once it has lost", async () => {
    const other = await cluster.connect();
    await other.query("insert into t values (1, 'old')");
    await say(query("begin"));
    await say(query("update t set v = 'mine' where id = 1"));
    await other.query("update t set v = 'theirs' where id = 1");
    expect(await copy(rows(2, 3), copyDone)).toBe("G C:COPY 2 Z:T");
    expect(await say(query("copy t to stdout"))).toBe("H d d d c C:COPY 3 Z:T");
    expect(await say(query("copy (select v from t where id = 1) to stdout"))).toBe(
      "H d c C:COPY 1 Z:T",
    );
    expect(await say(query("commit"))).toBe("E:40001 Z:I");
  });

  it("keeps nobody waiting while its client is slow", async () => {
    const other = await cluster.connect();
    raw.send(query("copy t from stdin"), rows(1, 2));
    await raw.until("G");
    await other.query("insert into t values (2, 'other')");
    expect(await say(copyDone)).toBe("E:40001 Z:I");
  });

  it("refers to parents as an INSERT does", async () => {
    const other = await cluster.connect();
    await other.query("create table c (id int primary key, t_id int references t)");
    await other.query("insert into t values (1), (2)");
    expect(await say(query("copy c from stdin"), data("1\t9\n"), copyDone)).toBe("G E:23503 Z:I");
    await say(query("begin"));
    expect(await say(query("copy c from stdin"), data("1\t1\n"), copyDone)).toBe("G C:COPY 1 Z:T");
    await other.query("update t set v = 'x' where id = 1");
    await other.query("begin");
    await other.query("delete from t where id = 2");
    expect(await say(query("commit"))).toBe("C:COMMIT Z:I");
    await other.query("commit");
    await say(query("begin"));
    expect(await say(query("copy c from stdin"), data("2\t1\n"), copyDone)).toBe("G C:COPY 1 Z:T");
    await other.query("delete from c");
    await other.query("delete from t where id = 1");
    expect(await say(query("commit"))).toBe("E:40001 Z:I");
  });
});

describe("COPY TO STDOUT", () => {
  it("gives tables and queries", async () => {
    await copy(rows(1, 2), copyDone);
    expect(await say(query("copy t to stdout"))).toBe("H d d c C:COPY 2 Z:I");
    expect(await say(query("copy (select 1 where false) to stdout (format csv, header)"))).toBe(
      "H d c C:COPY 0 Z:I",
    );
    const out = [parse("", "copy t to stdout"), bind("", ""), describePortal(""), execute("")];
    expect(await say(...out, sync)).toBe("1 2 n H d d c C:COPY 2 Z:I");
  });

  it("is a write where its query is one", async () => {
    const made = (most: number): Buffer =>
      query(
        `copy (insert into t select n from generate_series(1, ${most}) n returning id) to stdout`,
      );
    expect(await say(made(3_001))).toBe("E:54000 Z:I");
    expect(await say(made(2))).toBe("H d d c C:COPY 2 Z:I");
    await say(query("begin"));
    expect(await say(query("copy (select * from t for update) to stdout"))).toBe(
      "H d d c C:COPY 2 Z:T",
    );
    const other = await cluster.connect();
    await other.query("update t set v = 'x'");
    expect(await say(query("commit"))).toBe("E:40001 Z:I");
  });
});

describe("COPY beside PostgreSQL's own", () => {
  const binary = Buffer.concat([
    Buffer.from("PGCOPY\n\u00ff\r\n\0", "latin1"), int32(0), int32(0),
    int16(2), int32(4), int32(9), int32(2), Buffer.from("nn"), int16(0xffff),
  ]); // prettier-ignore
  const programs: readonly (readonly [sql: string, sent: string | Buffer])[] = [
    ["copy a from stdin", "1\tone\n2\t\\N\n"],
    ["copy a from stdin", "3\ta\\tb\\\\c\\\nd\n"],
    ["copy a from stdin", "4\r\n"],
    ["copy a from stdin", "4\tx\ty\n"],
    ["copy a from stdin", "x\ty\n"],
    ["copy a from stdin", "1\tagain\n"],
    ["copy a from stdin", "\\N\tnull key\n"],
    ["copy a from stdin", "10\t\\xff\n"],
    ["copy a from stdin", Buffer.from([0x31, 0x31, 9, 0xff, 10])],
    ["copy a (v, id) from stdin", "five\t5\n"],
    ["copy a (id, id) from stdin", "5\t5\n"],
    ["copy a (nothing) from stdin", "5\n"],
    ["copy nothing from stdin", "5\n"],
    ["copy v from stdin", "5\n"],
    ["copy a from stdin with csv header", "id,v\n6,\"six, \"\"6\"\"\"\n7,\n8,\"\"\n"],
    ["copy a from stdin (format csv, header match)", "id,w\n6,x\n"],
    ["copy a from stdin (format csv, delimiter ';', quote '''', escape '!', null 'nil')", "20;'it!'s; so'\n21;nil\n"],
    ["copy a from stdin (format csv, force_null (v))", "22,\"\"\n"],
    ["copy a from stdin (format csv)", "23,\"open\n"],
    ["copy a from stdin (format binary)", binary],
    ["copy a from stdin (format binary)", "no such thing at all, but long enough"],
    ["copy a from stdin (format binary)", ""],
    ["copy a from stdin (format jpeg)", ""],
    ["copy a from stdin (on_error ignore)", "x\tx\n"],
    ["copy a from stdin (encoding 'latin1')", Buffer.from([0x33, 0x32, 9, 0xe9, 10])],
    ["copy a from stdin where id > 40", "40\tx\n41\ty\n"],
    ["copy a from stdin (default 'D')", "50\tD\n"],
    ["copy g from stdin", "1\n"],
    ["copy g (id) from stdin", "1\n"],
    ["copy g (id, twice) from stdin", "1\t2\n"],
    ["copy a to stdout", ""],
    ["copy a to stdout (format csv, header, force_quote *)", ""],
    ["copy a to stdout (format binary)", ""],
    ["copy (select id, v from a order by id desc) to stdout (delimiter '|')", ""],
    ["copy (delete from a where id = 50 returning id) to stdout", ""],
    ["copy (delete from a) to stdout", ""],
    ["copy (select nothing) to stdout", ""],
    ["copy v to stdout", ""],
    ["copy a to stdout where id = 1", ""],
    ["copy a from '/nowhere'", ""],
    ["copy a to program 'cat'", ""],
  ]; // prettier-ignore

  let plain: EmbeddedPostgres;
  beforeAll(async () => {
    plain = await startEmbedded({
      dataDir: undefined, maxConnections: 10, prepareKey: "plain", prepare: () => Promise.resolve(),
    }); // prettier-ignore
  });
  afterAll(() => plain.stop());

  it("says the same, to the letter, in both protocols, alone and in a block", async () => {
    const setup = await Transcript.open({ path: plain.address.path }, "postgres");
    await setup.say(query("create role someone login; grant create on schema public to someone"));
    setup.end();
    const ours = await Transcript.open({ host: cluster.host, port: cluster.port }, "admin");
    const theirs = await Transcript.open({ path: plain.address.path }, "someone");
    const both = (message: Buffer): Promise<string[][]> =>
      Promise.all([ours, theirs].map((side) => side.say(message)));
    for (const sql of [
      "create table a (id int primary key, v text default 'none' check (v <> 'bad'))",
      "create table g (id int, twice int generated always as (id * 2) stored)",
      "create view v as select 1 as one",
    ]) {
      await both(query(sql));
    }
    for (const [sql, sent] of programs) {
      const rest = [data(sent), copyDone];
      const extended = [parse("", sql), bind("", ""), describePortal(""), execute("")];
      for (const program of [
        [query("begin")],
        [query(sql), ...rest],
        [query("rollback")],
        [...extended, ...rest, sync],
        [query(sql), data(sent), copyFail("no more")],
      ]) {
        const [got, wanted] = await both(Buffer.concat(program));
        expect([sql, program.length, ...(got ?? [])]).toEqual([
          sql,
          program.length,
          ...(wanted ?? []),
        ]);
      }
    }
    ours.end();
    theirs.end();
  });
});
