import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OC000, outcome } from "../testing/clients.ts";
import { RawClient } from "../testing/raw-client.ts";
import { testCluster } from "../testing/test-cluster.ts";
import { bind, closeStatement, describePortal, parse } from "../wire/extended.ts";
import { cstring, frame, Frames, int16, int32, query, Type } from "../wire/messages.ts";

/** Statements that are asked for the places of their rows, behind the client's back: it must not be told. */

const cluster = testCluster();
let raw: RawClient;
const { sync, flush } = Frames;

beforeEach(async () => {
  raw = await RawClient.open(cluster);
  await say(query("create table t (id int primary key, v text)"));
  await say(query("insert into t values (1, 'one'), (2, 'two')"));
});
afterEach(() => raw.end());

async function say(...messages: readonly Buffer[]): Promise<string> {
  raw.send(...messages);
  return (await raw.until("Z")).join(" ");
}

const describeStatement = (name: string): Buffer =>
  frame(Type.describe, Buffer.from("S"), cstring(name));

const execute = (portal: string, maxRows = 0): Buffer =>
  frame(Type.execute, cstring(portal), int32(maxRows));

/** Text parameters and result formats, as in a Bind. */
function values(texts: readonly string[], formats: readonly number[] = []): Buffer {
  const parts = texts.flatMap((text) => [int32(Buffer.byteLength(text)), Buffer.from(text)]);
  const results = [int16(formats.length), ...formats.map((format) => int16(format))];
  return Buffer.concat([int16(0), int16(texts.length), ...parts, ...results]);
}

const MOVE =
  "insert into t select $1::int, o.v from t as o where o.id = 1 on conflict (id) do update set v = excluded.v";

describe("a statement without RETURNING that is asked", () => {
  it("has no columns, before and behind its Bind", async () => {
    const described = [parse("m", MOVE), describeStatement("m"), bind("", "m", values(["5"]))];
    expect(await say(...described, describePortal(""), execute(""), sync)).toBe(
      "1 t n 2 n C:INSERT 0 1 Z:I",
    );
    expect(await say(query("select v from t where id = 5"))).toBe("T:1 D:one C:SELECT 1 Z:I");
  });

  it("is prepared once and used again, by name and without", async () => {
    for (const name of ["m", ""]) {
      await say(parse(name, MOVE), sync);
      for (const id of ["6", "7", "6"]) {
        expect(await say(bind("", name, values([id])), execute(""), sync)).toBe(
          "2 C:INSERT 0 1 Z:I",
        );
      }
      expect(await say(closeStatement(name), sync)).toBe("3 Z:I");
    }
    expect(await say(parse("m", "update t set v = v || 'x'"), sync)).toBe("1 Z:I");
    expect(await say(bind("", "m"), execute(""), sync)).toBe("2 C:UPDATE 4 Z:I");
    const other = parse("", "insert into t select 8, v from t where id = 2");
    expect(await say(other, bind("", ""), execute(""), sync)).toBe("1 2 C:INSERT 0 1 Z:I");
    expect(await say(query("select v from t where id = 8"))).toBe("T:1 D:twox C:SELECT 1 Z:I");
  });

  it("goes in a pipeline with others, each answered in its place", async () => {
    const all = [
      parse("m", MOVE),
      bind("a", "m", values(["5"])),
      describePortal("a"),
      parse("r", "select id from t order by id desc limit 1"),
      describeStatement("r"),
      execute("a"),
      bind("b", "m", values(["6"])),
      bind("c", "r"),
      describePortal("b"),
      execute("b"),
      describePortal("c"),
      execute("c"),
      closeStatement("m"),
    ];
    expect(await say(...all, sync)).toBe(
      "1 2 n 1 t T:1 C:INSERT 0 1 2 2 n C:INSERT 0 1 T:1 D:5 C:SELECT 1 3 Z:I",
    );
  });

  it("comes in parts with Flush between them", async () => {
    raw.send(parse("m", MOVE), flush);
    expect(await raw.until("1")).toEqual(["1"]);
    raw.send(bind("p", "m", values(["5"])), describePortal("p"), flush);
    expect(await raw.until("n")).toEqual(["2", "n"]);
    expect(await say(execute("p"), sync)).toBe("C:INSERT 0 1 Z:I");
  });

  it("runs to its end whatever number of rows it is to stop at, and once", async () => {
    const update = [parse("u", "update t set v = v || 'x'"), bind("p", "u")];
    expect(await say(...update, execute("p", 1), execute("p", 1), sync)).toBe(
      "1 2 C:UPDATE 2 E:55000 Z:I",
    );
    expect(await say(bind("p", "u"), execute("p", 1), sync)).toBe("2 C:UPDATE 2 Z:I");
  });

  it("takes result formats that PostgreSQL would not look at", async () => {
    await say(parse("m", MOVE), sync);
    for (const formats of [[1], [0], [1, 1, 0]]) {
      expect(await say(bind("", "m", values(["9"], formats)), execute(""), sync)).toBe(
        "2 C:INSERT 0 1 Z:I",
      );
    }
  });

  it("is a simple query too, one of several, with comments and semicolons", async () => {
    const insert = "insert into t select 10, v from t where id = 1";
    expect(await say(query(`${insert} -- done`))).toBe("C:INSERT 0 1 Z:I");
    const both = `update t set v = v || 'ä' where id = 10 /* ; */; ${insert.replace("10", "11")};`;
    expect(await say(query(`${both} select count(*) from t ; -- all`))).toBe(
      "C:UPDATE 1 C:INSERT 0 1 T:1 D:4 C:SELECT 1 Z:I",
    );
    expect(await say(query(`${insert.replace("10", "12")} ; -- returning`))).toBe(
      "C:INSERT 0 1 Z:I",
    );
  });

  it("fails as it would have without", async () => {
    expect(await say(query("insert into t select id, v from t"))).toBe("E:23505 Z:I");
    await say(parse("m", "insert into t select id, v from t"), sync);
    expect(await say(bind("", "m"), describePortal(""), execute(""), sync)).toBe("2 n E:23505 Z:I");
    expect(await say(bind("", "m"), describePortal(""), execute(""), sync)).toBe("2 n E:23505 Z:I");
    expect(await say(parse("m", "select 1"), sync)).toBe("E:42P05 Z:I");
  });

  it("keeps its twin to itself when everything is deallocated", async () => {
    await say(parse("m", MOVE), bind("", "m", values(["5"])), execute(""), sync);
    expect(await say(query("deallocate all"))).toBe("C:DEALLOCATE ALL Z:I");
    const left = "select count(*) from pg_prepared_statements where statement like 'insert%'";
    expect(await say(query(left))).toBe("T:1 D:0 C:SELECT 1 Z:I");
    expect(await say(parse("m", MOVE), bind("", "m", values(["6"])), execute(""), sync)).toBe(
      "1 2 C:INSERT 0 1 Z:I",
    );
  });
});

describe("a statement with RETURNING that is asked", () => {
  const OWN = "insert into t select $1::int, v from t where id = 1 returning id, v";

  it("gives the client its own columns only", async () => {
    const described = [parse("m", OWN), describeStatement("m"), bind("", "m", values(["5"]))];
    expect(await say(...described, describePortal(""), execute(""), sync)).toBe(
      "1 t T:2 2 T:2 D:5,one C:INSERT 0 1 Z:I",
    );
    const simple = "update t as x set v = x.v || o.v from t as o where o.id = 2 returning *, o.id";
    expect(await say(query(`${simple} -- all`))).toBe(
      "T:5 D:1,onetwo,2,two,2 D:2,twotwo,2,two,2 D:5,onetwo,2,two,2 C:UPDATE 3 Z:I",
    );
  });

  it("gives them in the formats asked for", async () => {
    await say(parse("m", OWN), sync);
    const binary = String.fromCharCode(0, 0, 0, 6);
    expect(await say(bind("", "m", values(["6"], [1])), execute(""), sync)).toBe(
      `2 D:${binary},one C:INSERT 0 1 Z:I`,
    );
    expect(await say(bind("", "m", values(["7"], [0, 1])), execute(""), sync)).toBe(
      "2 D:7,one C:INSERT 0 1 Z:I",
    );
  });

  it("stops after as many rows as asked for, and goes on", async () => {
    const update = [parse("u", "update t set v = v || 'x' returning id"), bind("p", "u")];
    expect(await say(query("begin"), sync)).toBe("C:BEGIN Z:T");
    await raw.until("Z");
    expect(await say(...update, execute("p", 1), execute("p", 5), sync)).toBe(
      "1 2 D:1 s D:2 C:UPDATE 1 Z:T",
    );
  });
});

describe("asked statements among others' transactions", () => {
  it("go on over a lock, and the first committer wins", async () => {
    const [one, two] = [await cluster.connect(), await cluster.connect()];
    const append = "update t set v = v || $1 where id = 1";
    await one.query("begin");
    await one.query(append, ["a"]);
    await two.query("begin");
    await two.query(`${append} returning v`, ["b"]);
    expect((await one.query("select v from t where id = 1")).rows).toEqual([{ v: "onea" }]);
    expect((await two.query("select v from t where id = 1")).rows).toEqual([{ v: "oneb" }]);
    expect(await outcome(two.query("commit"))).toBe("ok");
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });

  it("are repeated after a park as if nobody had asked", async () => {
    const [one, two] = [await cluster.connect(), await cluster.connect()];
    await one.query("begin");
    await one.query(MOVE, [5]);
    await one.query("update t set v = v || 'x' where id = 2 returning id");
    await two.query("begin");
    await two.query("update t set v = 'other' where id = 2");
    await two.query("rollback");
    expect(await outcome(one.query("commit"))).toBe("ok");
    expect((await two.query<{ v: string }>("select v from t order by id")).rows.map(({ v }) => v)).toEqual([
      "one", "twox", "one",
    ]); // prettier-ignore
  });
});
