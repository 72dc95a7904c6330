import { startDsqlLocal } from "dsql-local";
import type { DsqlLocal } from "dsql-local";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startPostgres } from "../../../../../test/support/postgres.ts";
import type { PostgresServer } from "../../../../../test/support/postgres.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { AuthenticationProvider } from "./authentication.ts";
import { connectGate } from "./create-sql-sink.ts";
import { openConnection } from "./connector.ts";
import { iamAuthentication } from "./iam-authentication.ts";
import type { SqlSinkInput } from "./options.ts";
import { sqlSinkOptions } from "./options.ts";
import { DSQL, POSTGRES } from "./profile.ts";
import type { SinkProfile } from "./profile.ts";
import type { SinkConnection } from "./sink-connection.ts";

const ports = { clock: systemClock, random: Math.random };
const opened: SinkConnection[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connection) => connection.close()));
});

async function open(
  profile: SinkProfile,
  input: SqlSinkInput,
  authentication: AuthenticationProvider,
): Promise<SinkConnection> {
  const parts = {
    options: sqlSinkOptions(profile, input),
    profile,
    authentication,
    gate: connectGate(profile, ports),
    log: silentLogger,
    ...ports,
  };
  const connection = await openConnection(parts);
  opened.push(connection);
  return connection;
}

describe("a connection to DSQL", () => {
  let cluster: DsqlLocal;
  const keys = {
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  };

  beforeAll(async () => {
    cluster = await startDsqlLocal({ auth: "iam", ...keys });
  });
  afterAll(() => cluster.stop());

  const input = (): SqlSinkInput => ({
    host: "localhost",
    port: cluster.port,
    username: "admin",
    tls: { ca: cluster.ca },
  });
  const iam = (
    changed: { admin?: boolean; secretAccessKey?: string } = {},
    seen: boolean[] = [],
  ) => {
    const provider = iamAuthentication({
      host: "localhost",
      region: "us-east-1",
      admin: changed.admin ?? true,
      credentials: () =>
        Promise.resolve({
          ...keys,
          secretAccessKey: changed.secretAccessKey ?? keys.secretAccessKey,
        }),
      clock: systemClock,
      observer: { signed() {}, failed() {} },
    });
    return {
      password: (request: { fresh: boolean }) => {
        seen.push(request.fresh);
        return provider.password(request);
      },
    };
  };

  it("shows a token signed here, over TLS whose certificate was verified", async () => {
    const connection = await open(DSQL, input(), iam());
    expect(await connection.query("SELECT current_user")).toEqual([["admin"]]);
  });

  it("tries a refused token once more with fresh credentials, and gives up then", async () => {
    const seen: boolean[] = [];
    const refused = open(DSQL, input(), iam({ secretAccessKey: "wrong" }, seen));
    await expect(refused).rejects.toMatchObject({ code: "MR_SINK_REFUSED", class: "config" });
    expect(seen).toEqual([false, true]);
  });

  it("gets in with the fresh token where only the first was bad", async () => {
    const good = iam();
    const bad = iam({ secretAccessKey: "stale" });
    const connection = await open(DSQL, input(), {
      password: (r) => (r.fresh ? good : bad).password(r),
    });
    expect(await connection.query("SELECT 1")).toEqual([["1"]]);
  });

  it("is refused with a token for another kind of role", async () => {
    await expect(open(DSQL, input(), iam({ admin: false }))).rejects.toMatchObject({
      class: "config",
    });
  });

  it("is refused by us where the certificate is not trusted", async () => {
    const refused = open(DSQL, { ...input(), tls: {} }, iam());
    await expect(refused).rejects.toMatchObject({ code: "MR_SINK_REFUSED" });
  });

  it("never shows its token in an error", async () => {
    const error: unknown = await open(DSQL, input(), iam({ secretAccessKey: "wrong" })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(MillraceError);
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain("X-Amz");
  });
});

describe("a connection to PostgreSQL", () => {
  let postgres: PostgresServer;

  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  const input = (): SqlSinkInput => ({
    host: postgres.host,
    port: postgres.port,
    username: postgres.user,
    database: postgres.database,
  });
  const password = (text: string): AuthenticationProvider => ({
    password: () => Promise.resolve(text),
  });

  it("goes without TLS where the server has none and `prefer` allows it, not with `require`", async () => {
    const connection = await open(POSTGRES, input(), password(postgres.password));
    expect(await connection.query("SELECT 1")).toEqual([["1"]]);
    const required = open(
      POSTGRES,
      { ...input(), tls: { mode: "require" } },
      password(postgres.password),
    );
    await expect(required).rejects.toMatchObject({ code: "MR_SINK_REFUSED" });
  });

  it("is refused at once with a wrong password", async () => {
    await expect(open(POSTGRES, input(), password("wrong"))).rejects.toMatchObject({
      code: "MR_SINK_REFUSED",
    });
  });

  it("reads and writes values in one way, whatever the role's settings are", async () => {
    await postgres.query(
      "ALTER ROLE postgres SET datestyle = 'SQL, DMY'; ALTER ROLE postgres SET timezone = 'Asia/Tokyo'",
    );
    await postgres.query(
      "ALTER ROLE postgres SET intervalstyle = 'sql_standard'; ALTER ROLE postgres SET extra_float_digits = 0",
    );
    const connection = await open(POSTGRES, input(), password(postgres.password));
    const text =
      "SELECT timestamptz '2026-02-01 12:00:00+00', interval '1 day -02:00:00', 0.1::float8 + 0.2::float8";
    expect(await connection.query(text)).toEqual([
      ["2026-02-01 12:00:00+00", "1 day -02:00:00", "0.30000000000000004"],
    ]);
    await postgres.query("ALTER ROLE postgres RESET ALL");
  });

  it.each([
    ["off", "on"],
    ["local", "on"],
    ["remote_apply", "remote_apply"],
  ])("has synchronous_commit at least on where the role says %s (I4)", async (said, has) => {
    await postgres.query(`ALTER ROLE postgres SET synchronous_commit = ${said}`);
    const connection = await open(POSTGRES, input(), password(postgres.password));
    expect(await connection.query("SHOW synchronous_commit")).toEqual([[has]]);
    await postgres.query("ALTER ROLE postgres RESET ALL");
  });

  it("is transient where nobody answers", async () => {
    const nobody = open(POSTGRES, { ...input(), port: 1 }, password("x"));
    await expect(nobody).rejects.toMatchObject({
      code: "MR_SINK_LOST_CONNECTION",
      class: "transient",
    });
  });

  it("is found broken when the server goes away, and ends no process", async () => {
    const connection = await open(POSTGRES, input(), password(postgres.password));
    await postgres.stopFast();
    await expect.poll(() => connection.broken).toBe(true);
    await postgres.start();
  });

  it("does not wait for ever for a password, and says what was slow", async () => {
    const never = { password: () => new Promise<string>(() => {}) };
    await expect(open(POSTGRES, { ...input(), connectTimeoutMs: 100 }, never)).rejects.toThrow(
      /MR_SINK_LOST_CONNECTION.*password took longer than 100 ms/,
    );
  });

  it("tells the server to end what its client no longer waits for", async () => {
    const connection = await open(
      POSTGRES,
      { ...input(), requestTimeoutMs: 60_000 },
      password(postgres.password),
    );
    const shown = [
      "statement_timeout",
      "transaction_timeout",
      "idle_in_transaction_session_timeout",
    ];
    const values = await Promise.all(shown.map((name) => connection.query(`SHOW ${name}`)));
    expect(values.flat(2)).toEqual(["61s", "61s", "30s"]);
  });

  it("counts an answer that does not come as a lost connection", async () => {
    const connection = await open(
      POSTGRES,
      { ...input(), requestTimeoutMs: 200 },
      password(postgres.password),
    );
    await expect(connection.query("SELECT pg_sleep(5)")).rejects.toThrow(/terminated/);
    expect(connection.broken).toBe(true);
  });
});
