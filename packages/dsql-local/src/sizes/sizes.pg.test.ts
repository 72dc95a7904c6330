import { randomBytes } from "node:crypto";
import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { startDsqlLocal } from "../index.ts";
import { Clients, outcome, refusal } from "../testing/clients.ts";
import { copyIn } from "../testing/copy-in.ts";
import { noise } from "../testing/noise.ts";
import { testCluster } from "../testing/test-cluster.ts";

const cluster = testCluster();
let client: pg.Client;

beforeEach(async () => {
  client = await cluster.connect();
});

const MIB = 1024 * 1024;

describe("what foreign keys cascade", () => {
  it("is bounded in the keys of the rows that it comes to", async () => {
    await client.query("create table p (k varchar(1900) primary key)");
    await client.query(
      "create table c (id int primary key, k varchar(1900) references p on update cascade, more varchar(90), unique (k, more))",
    );
    await client.query("insert into p values ('a'), ('b')");
    await client.query("insert into c values (1, 'a', $1), (2, 'b', '')", ["x".repeat(90)]);
    const change = "update p set k = $2 where k = $1";
    expect(await outcome(client.query(change, ["a", noise(1_890)]))).toBe(
      "54000 key size too large",
    );
    expect(await outcome(client.query(change, ["b", noise(1_890)]))).toBe("ok");
    expect(await outcome(client.query(change, ["a", "c"]))).toBe("ok");
  });
});

describe("what a table makes by itself", () => {
  const key = "54000 key size too large";

  it("is measured in the keys of generated columns", async () => {
    await client.query(
      "create table t (id int primary key, a text, k text generated always as (a || a || a) stored unique)",
    );
    expect(await outcome(client.query("insert into t values (1, $1)", [noise(700)]))).toBe(key);
    expect(await outcome(client.query("insert into t values (1, $1)", [noise(600)]))).toBe("ok");
    expect(await outcome(client.query("update t set a = $1", [noise(700)]))).toBe(key);
    expect(await outcome(copyIn(client, "copy t (id, a) from stdin", `2\t${noise(700)}\n`))).toBe(
      key,
    );
  });

  it("is measured in the keys of defaults, those of domains too", async () => {
    await client.query("create domain wide as text default repeat('x', 3000)");
    await client.query(
      "create table t (id int primary key, s text default repeat('x', 3000) unique)",
    );
    await client.query("create table u (id int primary key, s wide unique)");
    await client.query(
      `create table w (id int primary key, s text default '${noise(3_000)}' unique)`,
    );
    for (const table of ["t", "u", "w"]) {
      expect(await outcome(client.query(`insert into ${table} values (1)`))).toBe(key);
      expect(await outcome(copyIn(client, `copy ${table} (id) from stdin`, "2\n"))).toBe(key);
    }
  });

  it("counts for a transaction, in COPY too", async () => {
    const size = /^54000 transaction size limit 10mb exceeded/;
    await client.query(
      "create table h (id int primary key, a text, h bytea generated always as (decode(a || a || a, 'hex')) stored)",
    );
    const rows = Array.from({ length: 18 }, (_, id) => `${id}\t${"ab".repeat(200_000)}\n`).join("");
    expect(await outcome(copyIn(client, "copy h (id, a) from stdin", rows))).toMatch(size);
    await client.query(
      "create table d (id int primary key, b bytea default decode(repeat('ab', 1000000), 'hex'))",
    );
    expect(await outcome(client.query("insert into d select generate_series(1, 20)"))).toMatch(
      size,
    );
    expect(await outcome(client.query("insert into d values (1), (2)"))).toBe("ok");
  });
});

describe("one value", () => {
  beforeEach(() => client.query("create table t (id int primary key, b bytea, v text, j jsonb)"));

  it("of bytea has 1,048,576 bytes at most", async () => {
    const insert = "insert into t (id, b) values ($1, $2)";
    expect(await outcome(client.query(insert, [1, Buffer.alloc(MIB, 1)]))).toBe("ok");
    expect(await outcome(client.query(insert, [2, Buffer.alloc(MIB + 1, 1)]))).toBe(
      "54000 datatype limit greater than 1048576 bytes not supported for bytea",
    );
    expect((await client.query("select count(*)::int as n from t")).rows).toEqual([{ n: 1 }]);
  });

  it("of text is bounded as it is stored: noise fails where repetition fits", async () => {
    const insert = "insert into t (id, v) values ($1, $2)";
    expect(await outcome(client.query(insert, [1, noise(MIB)]))).toBe("ok");
    expect(await outcome(client.query(insert, [2, noise(MIB + 1)]))).toBe(
      "54000 datatype limit greater than 1048576 bytes not supported for text",
    );
    expect(await outcome(client.query(insert, [3, "ab".repeat(4 * MIB)]))).toBe("ok");
  });

  it("is checked in arrays, literals, updates and made by functions too", async () => {
    const tooLong = /^54000 datatype limit greater than 1048576 bytes/;
    const unnest = "insert into t (id, v) select * from unnest($1::int[], $2::text[])";
    expect(
      await outcome(
        client.query(unnest, [
          [1, 2],
          ["a", noise(MIB + 9)],
        ]),
      ),
    ).toMatch(tooLong);
    expect(
      await outcome(client.query(`insert into t (id, v) values (1, '${noise(MIB + 9)}')`)),
    ).toMatch(tooLong);
    await client.query("insert into t (id) values (1)");
    expect(await outcome(client.query("update t set v = $1", [noise(MIB + 9)]))).toMatch(tooLong);
    const made =
      "update t set j = (select jsonb_agg(gen_random_uuid()) from generate_series(1, 40000))";
    expect(await outcome(client.query(made))).toBe(
      "54000 datatype limit greater than 1048576 bytes not supported for jsonb",
    );
  });
});

describe("a text of a type with a limit", () => {
  const refused = (type: string, limit: number): string =>
    `54000 datatype limit greater than ${limit} bytes not supported for ${type}`;

  it.each([
    ["varchar", 65_535, "varchar"],
    ["character varying(65535)", 65_535, "varchar"],
    ["bpchar", 4_096, "bpchar"],
    ["char", 4_096, "bpchar"],
    ["wide", 65_535, "varchar"],
  ])("is refused beyond it as it is written: %s", async (declared, limit, type) => {
    await client.query("create domain wide as varchar");
    await client.query(`create table t (id int primary key, v ${declared})`);
    const insert = "insert into t values ($1, $2)";
    expect(await outcome(client.query(insert, [1, "ab"]))).toBe("ok");
    expect(await outcome(client.query(insert, [2, "x".repeat(limit)]))).toBe("ok");
    const tooLong = `${"ü".repeat((limit + 1) / 2)}`.padEnd(limit / 2 + 1, "y");
    expect(await outcome(client.query(insert, [3, tooLong]))).toBe(refused(type, limit));
    expect(await outcome(client.query(`insert into t values (4, '${tooLong}')`))).toBe(
      refused(type, limit),
    );
    expect(
      await outcome(client.query(`update t set v = repeat('ü', ${(limit + 3) >> 1}) where id = 2`)),
    ).toBe(refused(type, limit));
    const arrays = [
      [5, 6],
      ["a,b", tooLong],
    ];
    const unnest = "insert into t select * from unnest($1::int[], $2::text[])";
    expect(await outcome(client.query(unnest, arrays))).toBe(refused(type, limit));
  });

  it("leaves char(n) what PostgreSQL makes of it", async () => {
    await client.query("create table t (id int primary key, v char(1), w char(3))");
    const insert = "insert into t values (1, 'ab', '')";
    expect(await outcome(client.query(insert))).toMatch(/^22001/);
    await client.query("insert into t values (1, 'a', 'b')");
    expect((await client.query("select v, w from t")).rows).toEqual([{ v: "a", w: "b  " }]);
  });
});

describe("one row", () => {
  it("has 2 MiB at most", async () => {
    await client.query("create table t (id int primary key, a bytea, b bytea, c bytea)");
    const insert = "insert into t values ($1, $2, $3, $4)";
    const parts = (bytes: number): Buffer[] => [1, 2, 3].map(() => randomBytes(bytes));
    expect(await outcome(client.query(insert, [1, ...parts(690_000)]))).toBe("ok");
    expect(await outcome(client.query(insert, [2, ...parts(700_000)]))).toBe(
      "54000 maximum row size exceeded",
    );
  });

  it("counts bytea by its bytes, however alike they are", async () => {
    await client.query("create table t (id int primary key, a bytea, b bytea, c bytea)");
    const alike = Buffer.alloc(900_000, 0xab);
    const insert = client.query("insert into t values (1, $1, $1, $1)", [alike]);
    expect(await outcome(insert)).toBe("54000 maximum row size exceeded");
    await client.query("insert into t values (2, $1, $1)", [alike]);
    const third = client.query("update t set c = $1 where id = 2", [alike]);
    expect(await outcome(third)).toBe("54000 maximum row size exceeded");
  });
});

describe("one query", () => {
  it("has 128 MiB of temporary files", async () => {
    const sorted = (rows: number): string =>
      `select count(*) from (select g || repeat('x', 1000) as v from generate_series(1, ${rows}) g order by v) s`;
    const refused = "54000 query requires more than allowed temp space of 131072 KB to execute";
    expect(await outcome(client.query(sorted(100_000)))).toBe("ok");
    await client.query("begin");
    expect(await outcome(client.query(sorted(140_000)))).toBe(refused);
    expect(await outcome(client.query("select 1"))).toMatch(/^25P02/);
    await client.query("rollback");
  });
});

describe("one key", () => {
  it("has about 1,981 bytes, of bytes and not characters", async () => {
    await client.query("create table t (id text primary key, v int)");
    const insert = "insert into t values ($1, 1)";
    expect(await outcome(client.query(insert, ["x".repeat(1_981)]))).toBe("ok");
    expect(await outcome(client.query(insert, ["y".repeat(1_982)]))).toBe(
      "54000 key size too large",
    );
    expect(await outcome(client.query(insert, ["ü".repeat(991)]))).toBe("54000 key size too large");
    expect(await outcome(client.query(insert, [noise(2_800)]))).toBe("54000 key size too large");
    expect(await outcome(client.query("insert into t values (repeat('z', 2000), 1)"))).toBe(
      "54000 key size too large",
    );
    const unnest = "insert into t select u, 1 from unnest($1::text[]) u";
    expect(await outcome(client.query(unnest, [["a", "w".repeat(1_990)]]))).toBe(
      "54000 key size too large",
    );
  });

  it("counts what is no text by its width", async () => {
    await client.query("create table t (id uuid, k text, primary key (id, k))");
    const insert = "insert into t values (gen_random_uuid(), $1)";
    expect(await outcome(client.query(insert, ["x".repeat(1_958)]))).toBe("ok");
    expect(await outcome(client.query(insert, ["y".repeat(1_959)]))).toBe(
      "54000 key size too large",
    );
  });

  it("of a secondary index carries the primary key", async () => {
    await client.query("create table t (id text primary key, v text unique)");
    const insert = "insert into t values ($1, $2)";
    expect(await outcome(client.query(insert, ["a".repeat(900), "b".repeat(1_074)]))).toBe("ok");
    expect(await outcome(client.query(insert, ["a".repeat(1_000), "c".repeat(1_000)]))).toBe(
      "54000 key size too large",
    );
  });
});

describe("one transaction", () => {
  const LIMIT = {
    code: "54000",
    message: "transaction size limit 10mb exceeded",
    detail: "Current transaction size 11mb > 10mb",
  };

  /** Writes 500 rows with this many bytes of noise in all; five statements, one transaction. */
  async function write(bytes: number): Promise<void> {
    await client.query("begin");
    for (let part = 0; part < 5; part++) {
      const ids = Array.from({ length: 100 }, (_, i) => part * 100 + i);
      const insert = "insert into t (id, v) select * from unnest($1::int[], $2::text[])";
      await client.query(insert, [ids, ids.map(() => noise(Math.floor(bytes / 500)))]);
    }
  }

  it("has 10 MiB at most, found at COMMIT, with a cost for each row", async () => {
    await client.query("create table t (id int primary key, v text)");
    await write(9.9 * MIB);
    expect(await outcome(client.query("commit"))).toBe("ok");
    await client.query("delete from t");
    await write(9.96 * MIB);
    expect(await refusal(client.query("commit"))).toMatchObject(LIMIT);
    expect((await client.query("select 1 from t")).rowCount).toBe(0);
  });

  it("pays for each entry of a secondary index", async () => {
    await client.query("create table t (id int primary key, v text, a int, b int, c int, d int)");
    for (const column of ["a", "b", "c", "d"]) {
      const result = await client.query<{ job_id: string }>(`create index async on t (${column})`);
      await client.query("call sys.wait_for_job($1)", [result.rows[0]?.job_id]);
      await outcome(client.query("select 1 from t"));
    }
    await write(9.2 * MIB);
    expect(await outcome(client.query("commit"))).toBe("ok");
    await client.query("delete from t");
    await write(9.5 * MIB);
    expect(await refusal(client.query("commit"))).toMatchObject(LIMIT);
  });

  it("counts bytea by its bytes, and text where it is not compressed", async () => {
    const before = await startDsqlLocal({ tls: "off", profile: "2026-08-24" });
    const earlier = new Clients(() => before);
    try {
      const old = await earlier.connect();
      for (const one of [client, old]) {
        await one.query("create table t (id int primary key, b bytea, v text)");
        await one.query("begin");
        for (let id = 0; id < 11; id++) {
          const made =
            one === old ? "null, repeat('a', 1000000)" : "decode(repeat('ab', 1000000), 'hex')";
          await one.query(`insert into t values (${id}, ${made})`);
        }
        expect(await refusal(one.query("commit"))).toMatchObject(LIMIT);
      }
    } finally {
      await earlier.close();
      await before.stop();
    }
  });

  it("fails in autocommit at its statement", async () => {
    await client.query("create table t (id int primary key, v text)");
    const made = `insert into t select g, string_agg(gen_random_uuid()::text, '')
      from generate_series(1, 1000) g, generate_series(1, 300) h group by g`;
    expect(await refusal(client.query(made))).toMatchObject({
      code: "54000",
      message: LIMIT.message,
    });
    expect((await client.query("select 1 from t")).rowCount).toBe(0);
  });
});
