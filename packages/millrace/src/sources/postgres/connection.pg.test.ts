import { createServer, type Server, type Socket } from "node:net";
import selfsigned from "selfsigned";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../../../../test/support/free-port.ts";
import {
  type PostgresServer,
  sharedPostgres,
  type SharedPostgres,
  startPostgres,
} from "../../../../../test/support/postgres.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { CONNECTION_DEFAULTS, type PostgresConnectionConfig } from "./config.ts";
import { openConnection } from "./connection.ts";
import { Framing } from "./wire-reader.ts";

type Address = Pick<SharedPostgres, "host" | "port" | "user" | "password" | "database">;

function configOf(server: Address, more: Partial<PostgresConnectionConfig> = {}) {
  const { host, port, user, password, database } = server;
  return { ...CONNECTION_DEFAULTS, host, port, user, password, database, ...more };
}

async function failureOf(config: PostgresConnectionConfig): Promise<MillraceError> {
  const error: unknown = await openConnection(config).then(
    (connection) => connection.close(),
    (reason: unknown) => reason,
  );
  if (!(error instanceof MillraceError)) throw new Error("no MillraceError", { cause: error });
  return error;
}

/** All rows of a COPY as text, and the size of each that had to be taken piecewise. */
async function copyRows(
  connection: Awaited<ReturnType<typeof openConnection>>,
  sql: string,
): Promise<{ rows: string[]; large: number[] }> {
  const reader = connection.takeOver(sql);
  const rows: string[] = [];
  const large: number[] = [];
  for (;;) {
    const framing = reader.advance();
    if (framing === Framing.DONE) break;
    if (framing === Framing.MORE) await reader.fill();
    if (framing === Framing.DATA) {
      rows.push(reader.buffer.toString("utf8", reader.bodyStart, reader.bodyEnd));
    }
    if (framing !== Framing.LARGE) continue;
    large.push(reader.largeBytes);
    let text = "";
    while (reader.largeLeft > 0) {
      if (!reader.piece()) await reader.fill();
      else text += reader.buffer.toString("latin1", reader.bodyStart, reader.bodyEnd);
    }
    rows.push(text);
  }
  reader.handBack();
  return { rows, large };
}

describe.each([18, 13] as const)("a connection to PostgreSQL %i", (version) => {
  let server: SharedPostgres;
  beforeAll(async () => {
    server = await sharedPostgres(version);
  });
  afterAll(() => server.release());

  it("speaks the canonical forms whatever the role and the database have set", async () => {
    await server.query(`ALTER DATABASE ${server.database} SET datestyle = 'SQL, DMY'`);
    await server.query(`ALTER DATABASE ${server.database} SET timezone = 'Asia/Tokyo'`);
    await server.query(`ALTER DATABASE ${server.database} SET intervalstyle = 'sql_standard'`);
    await server.query(`ALTER DATABASE ${server.database} SET bytea_output = 'escape'`);
    await server.query(`ALTER DATABASE ${server.database} SET extra_float_digits = 0`);
    await server.query(`ALTER DATABASE ${server.database} SET statement_timeout = '1s'`);
    for (const replication of [false, true]) {
      const purpose = replication ? "log" : "question";
      const connection = await openConnection(configOf(server), { purpose, replication });
      const result = await connection.client.query<Record<string, string>>(
        `SELECT '2026-02-01 10:00:00+00'::timestamptz::text AS t, '1 day 02:00'::interval::text AS i,
                '\\x00ff'::bytea::text AS b, 0.1::float8::text AS f, 'pg_class'::regclass::text AS r`,
      );
      expect(result.rows).toEqual([
        {
          t: "2026-02-01 10:00:00+00",
          i: "1 day 02:00:00",
          b: "\\x00ff",
          f: "0.1",
          r: "pg_class",
        },
      ]);
      await connection.close();
    }
  });

  it.each([
    // What each may take: a statement, a lock, a rest inside a transaction, what nobody reads.
    ["question", "5min", "7s", "1min", "0"],
    ["rows", "5min", "7s", "1min", "300000"],
    ["beside-log", "1min", "7s", "1min", "0"],
    ["log", "0", "0", "1min", "0"],
    ["look", "10s", "7s", "1min", "0"],
    ["verify", "5min", "7s", "1min", "0"],
  ] as const)(
    "bounds a session for %s, whatever the database has set",
    async (purpose, ...wanted) => {
      await server.query(`ALTER DATABASE ${server.database} SET statement_timeout = '1s'`);
      await server.query(`ALTER DATABASE ${server.database} SET idle_session_timeout = '1s'`).catch(
        () => undefined, // since 14
      );
      const config = configOf(server, { statementTimeoutMs: 300_000, lockTimeoutMs: 7_000 });
      const connection = await openConnection(config, { purpose, replication: purpose === "log" });
      const { rows } = await connection.client.query<{ bounds: string; idle: string | null }>(
        `SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),
           current_setting('idle_in_transaction_session_timeout'), current_setting('tcp_user_timeout')) AS bounds,
           current_setting('idle_session_timeout', true) AS idle`,
      );
      expect(rows).toEqual([{ bounds: wanted.join(" "), idle: version === 13 ? null : "0" }]);
      await connection.close();
    },
  );

  it("reads COPY rows of any size, then goes on with queries", async () => {
    const connection = await openConnection(configOf(server));
    for (let round = 0; round < 2; round += 1) {
      const { rows, large } = await copyRows(
        connection,
        `COPY (SELECT repeat('x', n) FROM unnest(ARRAY[0, 1, 250000, 262138, 262139, 262140, 3000000, 7]) AS n) TO STDOUT`,
      );
      expect(rows.map((row) => row.length - 1)).toEqual([
        0, 1, 250_000, 262_138, 262_139, 262_140, 3_000_000, 7,
      ]);
      expect(rows.every((row) => /^x*\n$/.test(row))).toBe(true);
      expect(large).toEqual([262_140, 262_141, 3_000_001]);
      const answer = await connection.client.query<{ n: number }>("SELECT 42 AS n");
      expect(answer.rows).toEqual([{ n: 42 }]);
    }
    await connection.close();
  });

  it("reads many rows without losing one", async () => {
    const connection = await openConnection(configOf(server));
    const { rows } = await copyRows(
      connection,
      "COPY (SELECT generate_series(1, 200000)) TO STDOUT",
    );
    expect(rows.length).toBe(200_000);
    expect(rows.every((row, index) => Number(row) === index + 1)).toBe(true);
    await connection.close();
  });

  it("throws the server's error of a COPY with its SQLSTATE", async () => {
    const connection = await openConnection(configOf(server));
    await expect(copyRows(connection, "COPY (SELECT 1/0) TO STDOUT")).rejects.toMatchObject({
      code: "22012",
      message: "division by zero",
    });
    connection.destroy();
  });

  it("reports a connection that the server ended during COPY", async () => {
    const connection = await openConnection(configOf(server));
    const { rows } = await connection.client.query<{ pid: number }>(
      "SELECT pg_backend_pid() AS pid",
    );
    const reader = connection.takeOver(
      "COPY (SELECT repeat('x', 1000), generate_series(1, 100000000)) TO STDOUT",
    );
    await reader.fill();
    await server.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
    const drain = async (): Promise<void> => {
      for (;;) if (reader.advance() === Framing.MORE) await reader.fill();
    };
    await expect(drain()).rejects.toThrow(
      /terminating connection due to administrator command|MR_SOURCE_LOST_CONNECTION/,
    );
    connection.destroy();
  });

  it("tells a wrong password and a wrong database from an unreachable server", async () => {
    const wrong = await failureOf(configOf(server, { password: "not-the-password" }));
    expect([wrong.code, wrong.facts["sqlState"]]).toEqual(["MR_SOURCE_REFUSED", "28P01"]);
    expect(wrong.message).not.toContain("not-the-password");
    const missing = await failureOf(configOf(server, { database: "no_such_database" }));
    expect([missing.code, missing.facts["sqlState"]]).toEqual(["MR_SOURCE_REFUSED", "3D000"]);
    const unreachable = await failureOf(configOf(server, { port: await findFreePort() }));
    expect([unreachable.code, unreachable.class]).toEqual([
      "MR_SOURCE_LOST_CONNECTION",
      "transient",
    ]);
    const plain = await failureOf(configOf(server, { tls: { mode: "require" } }));
    expect(plain.code).toBe("MR_SOURCE_REFUSED");
  });

  it("asks for the password anew for each connection", async () => {
    let asked = 0;
    const password = async (): Promise<string> => {
      asked += 1;
      return server.password;
    };
    for (let round = 1; round <= 2; round += 1) {
      const connection = await openConnection(configOf(server, { password }));
      await connection.close();
      expect(asked).toBe(round);
    }
  });
});

describe("a server that never answers", () => {
  let silent: Server;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it("is given up after the connect timeout", async () => {
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const target = {
      host: "127.0.0.1",
      port: address.port,
      user: "u",
      password: "p",
      database: "d",
    };
    const error = await failureOf(configOf(target, { connectTimeoutMs: 300 }));
    expect(error.class).toBe("transient");
  });
});

describe("TLS", () => {
  let server: PostgresServer;
  let authority: string;
  beforeAll(async () => {
    const pems = await selfsigned.generate([{ name: "commonName", value: "db.test" }], {
      extensions: [
        { name: "basicConstraints", cA: true },
        { name: "subjectAltName", altNames: [{ type: 2, value: "db.test" }] },
      ],
    });
    authority = pems.cert;
    server = await startPostgres({
      files: { "server.key": pems.private, "server.crt": pems.cert },
      settings: { ssl: "on" },
      hba: ["hostnossl all all all reject", "hostnossl replication all all reject"],
    });
  });
  afterAll(() => server.stop());

  it("is used in every mode that the certificate allows", async () => {
    for (const tls of [{ mode: "require" }, { mode: "verify-ca", ca: authority }] as const) {
      const connection = await openConnection(configOf(server, { tls }));
      const { rows } = await connection.client.query<{ ssl: boolean }>(
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
      );
      expect(rows).toEqual([{ ssl: true }]);
      const copied = await copyRows(
        connection,
        "COPY (SELECT repeat('x', n % 5000) FROM generate_series(1, 20000) AS n UNION ALL SELECT repeat('x', 900000)) TO STDOUT",
      );
      expect(copied.rows.map((row) => row.length - 1).slice(0, 3)).toEqual([1, 2, 3]);
      expect(copied.rows.length).toBe(20_001);
      expect(copied.large).toEqual([900_001]);
      expect((await connection.client.query("SELECT 1")).rowCount).toBe(1);
      await connection.close();
    }
  });

  it("refuses a server that is not the one meant", async () => {
    const other = await failureOf(
      configOf(server, { tls: { mode: "verify-full", ca: authority } }),
    );
    expect(other.code).toBe("MR_SOURCE_REFUSED");
    const unknown = await failureOf(configOf(server, { tls: { mode: "verify-ca" } }));
    expect(unknown.code).toBe("MR_SOURCE_REFUSED");
    const plain = await failureOf(configOf(server));
    expect(plain.code).toBe("MR_SOURCE_REFUSED");
  });
});
