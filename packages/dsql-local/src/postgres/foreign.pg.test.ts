import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../../../../test/support/postgres.ts";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients, OC000, outcome } from "../testing/clients.ts";
import { readTarget } from "./target.ts";

let server: PostgresServer;
let cluster: DsqlLocal;
const clients = new Clients(() => cluster);

beforeAll(async () => {
  server = await startPostgres({ version: 18 });
  const postgresUrl = await server.createDatabase("dsql");
  cluster = await startDsqlLocal({ postgresUrl, tls: "off" });
});
afterEach(() => clients.close());
afterAll(async () => {
  await cluster.stop();
  await server.stop();
});

describe("a PostgreSQL of the user's, with passwords", () => {
  it("serves sessions as their own role", async () => {
    const client = await clients.connect();
    const result = await client.query<{ u: string; s: string }>(
      "select current_user as u, session_user as s",
    );
    expect(result.rows).toEqual([{ u: "admin", s: "admin" }]);
    await client.query("create table t (id int primary key, v numeric)");
    await client.query("insert into t values (1, 1)");
    expect(await outcome(client.query("reset all"))).toBe("ok");
    expect((await client.query("show temp_file_limit")).rows).toEqual([
      { temp_file_limit: "128MB" },
    ]);
    expect(await outcome(client.query("alter system set work_mem = 1"))).toMatch(/^0A000/);
  });

  it("keeps conflicts from waiting there too", async () => {
    const one: pg.Client = await clients.connect();
    const two: pg.Client = await clients.connect();
    await one.query("begin");
    await one.query("update t set v = 2");
    await two.query("begin");
    expect((await two.query("update t set v = 3")).rowCount).toBe(1);
    expect(await outcome(two.query("commit"))).toBe("ok");
    expect(await outcome(one.query("commit"))).toBe(OC000);
  });

  it("is refused with a clear word when it cannot be reached", async () => {
    const wrong = new URL(server.url);
    wrong.password = "wrong";
    await expect(startDsqlLocal({ postgresUrl: wrong.href, tls: "off" })).rejects.toThrow(
      /password authentication failed/,
    );
    await expect(startDsqlLocal({ postgresUrl: "mysql://x", tls: "off" })).rejects.toThrow(
      /--postgres/,
    );
  });
});

describe("the URL of a PostgreSQL", () => {
  it("is read with its parts decoded", () => {
    expect(readTarget("postgresql://su:p%40ss@[::1]:6000/my%20db?sslmode=verify-full")).toEqual({
      address: { host: "::1", port: 6_000, tls: "verified" },
      database: "my db",
      superuser: "su",
      password: "p@ss",
    });
    expect(() => readTarget("postgresql://localhost/db")).toThrow(/has to name a user/);
    expect(() => readTarget("postgresql://u@h/d?sslmode=some")).toThrow(/sslmode/);
  });
});
