import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AuroraDSQLClient } from "@aws/aurora-dsql-node-postgres-connector";
import { DsqlSigner } from "@aws-sdk/dsql-signer";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { psqlCommand } from "../../../../test/support/psql.ts";
import { runPsycopg } from "../../../../test/support/psycopg.ts";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";

const run = promisify(execFile);
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret/of+tests" };
const region = "eu-west-1";

let cluster: DsqlLocal;

beforeAll(async () => {
  cluster = await startDsqlLocal({ auth: "iam", hostNames: ["localhost"], ...credentials });
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  await cluster.control.reset();
});

/** A token, as AWS's own signer makes it. */
function token(hostname: string): Promise<string> {
  return new DsqlSigner({ hostname, region, credentials }).getDbConnectAdminAuthToken();
}

describe("AWS's connector for node-postgres", () => {
  async function connected(): Promise<AuroraDSQLClient> {
    const { host, port, ca } = cluster;
    const client = new AuroraDSQLClient({
      host, port, region, ssl: { ca }, customCredentialsProvider: credentials,
    }); // prettier-ignore
    await client.connect();
    return client;
  }

  it("logs in with a token of its own, and repeats a transaction after a conflict", async () => {
    const client = await connected();
    const other = await connected();
    await client.query("create table counters (id int primary key, n int not null)");
    await client.query("insert into counters values (1, 0)");
    let attempts = 0;
    await client.transaction(async (inside) => {
      attempts++;
      const { rows } = await inside.query<{ n: number }>("select n from counters where id = 1");
      if (attempts === 1) await other.query("update counters set n = n + 10 where id = 1");
      await inside.query("update counters set n = $1 where id = 1", [(rows[0]?.n ?? 0) + 1]);
    });
    expect(attempts).toBe(2);
    expect((await other.query("select n from counters")).rows).toEqual([{ n: 11 }]);
    await Promise.all([client.end(), other.end()]);
  });

  it("is turned away with a key that the cluster does not know", async () => {
    const { host, port, ca } = cluster;
    const wrong = { ...credentials, secretAccessKey: "another" };
    const client = new AuroraDSQLClient({
      host, port, region, ssl: { ca }, customCredentialsProvider: wrong,
    }); // prettier-ignore
    await expect(client.connect()).rejects.toMatchObject({
      code: "08006",
      message: "unable to accept connection, access denied",
    });
  });
});

describe("postgres.js", () => {
  it("prepares, pipelines, runs transactions and reads a conflict's code", async () => {
    const { port, ca } = cluster;
    const password = await token("localhost");
    const sql = postgres({
      host: "localhost", port, user: "admin", database: "postgres", password, ssl: { ca }, max: 2,
    }); // prettier-ignore
    await sql`create table t (id int primary key, v text, at timestamptz, big bigint)`;
    const at = new Date("2026-09-15T12:00:00Z");
    await Promise.all(
      [1, 2, 3].map((id) => sql`insert into t values (${id}, ${`v${id}`}, ${at}, ${id * 1e12})`),
    );
    const rows = await sql`select id, v, at, big from t where id = any(${[1, 3]}) order by id`;
    expect([...rows]).toEqual([
      { id: 1, v: "v1", at, big: "1000000000000" },
      { id: 3, v: "v3", at, big: "3000000000000" },
    ]);
    const losing = sql.begin(async (inside) => {
      await inside`update t set v = 'lost' where id = 1`;
      await sql`update t set v = 'won' where id = 1`;
    });
    await expect(losing).rejects.toMatchObject({ code: "40001" });
    expect((await sql`select v from t where id = 1`)[0]).toEqual({ v: "won" });
    await sql.end();
  });
});

describe("psycopg 3", () => {
  const program = `
import json, sys, psycopg
from psycopg import errors
connect = lambda: psycopg.connect(sys.argv[1], password=sys.argv[2], sslrootcert=sys.argv[3], sslmode="verify-full")
one, two = connect(), connect()
two.autocommit = True
told = {}
with one.cursor() as cursor:
    cursor.execute("create table t (id int primary key, v text, n numeric, j jsonb)")
    one.commit()
    cursor.executemany("insert into t values (%s, %s, %s, %s)", [(i, f"v{i}", i / 4, json.dumps({"i": i})) for i in range(5)])
    one.commit()
    cursor.execute("select id, v, n, j from t where id = %s", (3,), prepare=True)
    told["row"] = [str(value) for value in cursor.fetchone()]
    one.rollback()
    cursor.execute("update t set v = 'lost' where id = 1")
    two.execute("update t set v = 'won' where id = 1")
    try:
        one.commit()
    except errors.SerializationFailure as error:
        told["conflict"] = error.diag.message_primary
    try:
        two.execute("truncate t")
    except errors.FeatureNotSupported as error:
        told["refused"] = error.diag.message_primary
    told["version"] = one.info.server_version
one.rollback()
with one.cursor() as cursor:
    with cursor.copy("copy t (id, v) from stdin") as copy:
        for i in range(10, 12):
            copy.write_row((i, f"copied {i}"))
    with cursor.copy("copy t (id, v) from stdin (format binary)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((12, None))
    with cursor.copy("copy (select id, v from t where id > %s order by id) to stdout", (9,)) as copy:
        told["copied"] = [list(row) for row in copy.rows()]
    try:
        with cursor.copy("copy t (id) from stdin") as copy:
            for i in range(3000):
                copy.write_row((i + 100,))
    except psycopg.Error as error:
        told["too many"] = error.sqlstate
    one.rollback()
print(json.dumps(told))
`;

  it(
    "runs statements with parameters, and knows a conflict by its class",
    { timeout: 120_000 },
    async () => {
      const { port, caFile } = cluster;
      const url = `postgresql://admin@localhost:${port}/postgres`;
      expect(JSON.parse(await runPsycopg(program, url, await token("localhost"), caFile))).toEqual({
        row: ["3", "v3", "0.750000", "{'i': 3}"],
        conflict: "change conflicts with another transaction (OC000)",
        refused: "unsupported statement: Truncate",
        version: 160_015,
        copied: [
          ["10", "copied 10"],
          ["11", "copied 11"],
          ["12", null],
        ],
        "too many": "54000",
      });
    },
  );
});

describe("psql", () => {
  let file: string;
  let first: readonly string[];
  beforeAll(async () => {
    [file = "", ...first] = await psqlCommand();
  }, 120_000);

  async function psql(command: string): Promise<string> {
    const { port, caFile } = cluster;
    const url = `postgresql://admin@localhost:${port}/postgres?sslmode=verify-full&sslrootcert=${caFile}`;
    const env = { ...process.env, PGPASSWORD: await token("localhost") };
    const { stdout } = await run(file, [...first, "-X", "-A", "-c", command, url], { env });
    return stdout;
  }

  it("copies files from and to the client's own disk", async () => {
    const folder = await mkdtemp(join(tmpdir(), "dsql-local-copy-"));
    await psql("create table orders (id bigint primary key, note varchar)");
    const [from, to] = [join(folder, "from.csv"), join(folder, "to.tsv")];
    await writeFile(from, 'id,note\n1,one\n2,"two, and more"\n');
    expect(await psql(`\\copy orders from '${from}' with (format csv, header true)`)).toBe(
      "COPY 2\n",
    );
    expect(await psql(`\\copy (select * from orders order by id desc) to '${to}'`)).toBe(
      "COPY 2\n",
    );
    expect(await readFile(to, "utf8")).toBe("2\ttwo, and more\n1\tone\n");
    await writeFile(from, Array.from({ length: 3_001 }, (_, id) => `${id + 10}\t\n`).join(""));
    await expect(psql(`\\copy orders from '${from}'`)).rejects.toThrow(
      "transaction row limit exceeded",
    );
    await rm(folder, { recursive: true });
  });

  it("shows tables, databases and a table's definition", async () => {
    await psql(
      "create table orders (id bigint primary key, placed timestamptz default now(), note varchar(20) not null)",
    );
    expect(await psql("\\dt")).toContain("public|orders|table|admin");
    expect(await psql("\\l")).toMatch(/^postgres\|postgres\|UTF8\|C\|C/m);
    expect(await psql("\\l")).not.toContain("template");
    const told = await psql("\\d orders");
    expect(told).toContain("placed|timestamp with time zone|||now()");
    expect(told).toContain("note|character varying(20)||not null|");
    expect(told).toContain('"orders_pkey" PRIMARY KEY');
    expect(await psql("select version()")).toContain("PostgreSQL 16");
  });
});
