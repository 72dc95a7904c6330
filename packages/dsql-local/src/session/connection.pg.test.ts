import { createHmac, createHash } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients, outcome, refusal } from "../testing/clients.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as wire from "../wire/messages.ts";

const KEY = { accessKeyId: "AKIALOCAL", secretAccessKey: "local/secret" };

let cluster: DsqlLocal;
const clients = new Clients(() => cluster);
const NAME = "local.dsql.eu-west-1.on.aws";

beforeAll(async () => {
  cluster = await startDsqlLocal({ auth: "iam", ...KEY, hostNames: [NAME] });
});
afterAll(() => cluster.stop());
afterEach(() => clients.close());

/** SigV4 as any client would do it, written apart from the code under test. */
function token(host: string, action: string, seconds = 900, secret = KEY.secretAccessKey): string {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = [stamp.slice(0, 8), "eu-west-1", "dsql", "aws4_request"];
  const credential = encodeURIComponent([KEY.accessKeyId, ...scope].join("/"));
  const query = `Action=${action}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${credential}&X-Amz-Date=${stamp}&X-Amz-Expires=${seconds}&X-Amz-SignedHeaders=host`;
  const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
  const request = `GET\n/\n${query}\nhost:${host}\n\nhost\n${sha("")}`;
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope.join("/")}\n${sha(request)}`;
  const hmac = (key: Buffer | string, part: string): Buffer =>
    createHmac("sha256", key).update(part).digest();
  const key = scope.reduce<Buffer | string>((made, part) => hmac(made, part), `AWS4${secret}`);
  return `${host}/?${query}&X-Amz-Signature=${hmac(key, text).toString("hex")}`;
}

function config(password: string, changes: pg.ClientConfig = {}): pg.ClientConfig {
  return {
    host: cluster.host,
    port: cluster.port,
    user: "admin",
    database: "postgres",
    ssl: { ca: cluster.ca, servername: NAME },
    password,
    ...changes,
  };
}

async function open(password: string, changes: pg.ClientConfig = {}): Promise<pg.Client> {
  return clients.connect({ connectionString: undefined, ...config(password, changes) });
}

const DENIED = "unable to accept connection, access denied";

describe("a token as password", () => {
  it("opens the door, over TLS that verifies", async () => {
    const client = await open(token(NAME, "DbConnectAdmin"));
    expect((await client.query("select current_user as u")).rows).toEqual([{ u: "admin" }]);
  });

  it("may name the address where the client sends no server name", async () => {
    const ssl = { ca: cluster.ca };
    const client = await open(token("127.0.0.1", "DbConnectAdmin"), { ssl });
    expect((await client.query("select 1")).rowCount).toBe(1);
  });

  it.each([
    ["another host", () => token("other.dsql.eu-west-1.on.aws", "DbConnectAdmin"), /another host/],
    [
      "the wrong action",
      () => token(NAME, "DbConnect"),
      /^Wrong user to action mapping\. user: admin, action: DbConnect$/,
    ],
    ["a wrong secret", () => token(NAME, "DbConnectAdmin", 900, "wrong"), /does not match/],
    ["no token at all", () => "password", /malformed/],
  ])("is refused for %s, as 08006 with the reason as hint", async (_what, made, hint) => {
    expect(await refusal(open(made()))).toMatchObject({
      severity: "FATAL",
      code: "08006",
      message: DENIED,
      hint: expect.stringMatching(hint),
    });
  });

  it("expires by the cluster's clock, while the connection it opened lives on", async () => {
    const made = token(NAME, "DbConnectAdmin", 60);
    const client = await open(made);
    cluster.control.shiftClock(61_500);
    const refused = await refusal(open(made));
    cluster.control.shiftClock(-61_500);
    expect(refused).toMatchObject({
      code: "08006",
      hint: expect.stringMatching(/^Signature expired: /),
    });
    expect((await client.query("select 1")).rowCount).toBe(1);
  });

  it("of a custom role needs AWS IAM GRANT", async () => {
    const admin = await open(token(NAME, "DbConnectAdmin"));
    await admin.query("create role app with login");
    const user = { user: "app" };
    expect(await refusal(open(token(NAME, "DbConnect"), user))).toMatchObject({
      code: "08006",
      hint: "User: app is not authorized to access this resource",
    });
    await admin.query("AWS IAM GRANT app TO 'arn:aws:iam::111122223333:role/app'");
    const client = await open(token(NAME, "DbConnect"), user);
    expect((await client.query("select current_user as u")).rows).toEqual([{ u: "app" }]);
    await admin.query("create table t (id int primary key)");
    expect(await outcome(client.query("select * from t"))).toBe(
      "42501 permission denied for table t",
    );
    await admin.query("AWS IAM REVOKE app FROM 'arn:aws:iam::111122223333:role/app'");
    expect(await outcome(open(token(NAME, "DbConnect"), user))).toBe(`08006 ${DENIED}`);
    const mappings = await admin.query("select * from sys.iam_pg_role_mappings");
    expect(mappings.rows).toEqual([]);
  });
});

describe("AWS IAM GRANT", () => {
  const ARN = "arn:aws:iam::111122223333:role/app";

  it("wants a role with LOGIN, an ARN of IAM, and admin", async () => {
    const admin = await open(token(NAME, "DbConnectAdmin"));
    await admin.query("create role clerk with login");
    await admin.query("create role idle");
    const grant = (role: string, arn: string): Promise<string> =>
      outcome(admin.query(`aws iam grant ${role} to '${arn}'`));
    expect(await grant("nobody", ARN)).toBe('42704 role "nobody" does not exist');
    expect(await grant("idle", ARN)).toBe('42501 role "idle" must have the LOGIN attribute');
    expect(await grant("clerk", "app")).toBe("22023 IAM role must look like an IAM ARN");
    expect(await grant("clerk", ARN)).toBe("ok");
    const clerk = await open(token(NAME, "DbConnect"), { user: "clerk" });
    expect(await outcome(clerk.query(`aws iam grant clerk to '${ARN}2'`))).toBe(
      '42501 permission denied to grant IAM trust with role "clerk"',
    );
  });

  it("keeps its role, by whatever name, until it is revoked", async () => {
    const admin = await open(token(NAME, "DbConnectAdmin"));
    await admin.query("create role guest with login");
    await admin.query(`aws iam grant guest to '${ARN}'`);
    expect(await outcome(admin.query("drop role guest"))).toBe(
      '2BP01 role "guest" cannot be dropped because some objects depend on it',
    );
    await admin.query("alter role guest rename to visitor");
    const visitor = await open(token(NAME, "DbConnect"), { user: "visitor" });
    expect((await visitor.query("select current_user as u")).rows).toEqual([{ u: "visitor" }]);
    const mapped = await admin.query(
      "select pg_role_name from sys.iam_pg_role_mappings where pg_role_name = 'visitor'",
    );
    expect(mapped.rowCount).toBe(1);
    await admin.query(`aws iam revoke visitor from '${ARN}'`);
    expect(await outcome(admin.query("drop role visitor"))).toBe("ok");
  });
});

describe("a connection", () => {
  it("without TLS is refused", async () => {
    const refused = await refusal(open(token(NAME, "DbConnectAdmin"), { ssl: false }));
    expect(refused).toMatchObject({ code: "08006" });
  });

  it("knows one database", async () => {
    const refused = outcome(open(token(NAME, "DbConnectAdmin"), { database: "shop" }));
    expect(await refused).toBe('3D000 database "shop" does not exist');
  });

  it("does not take start-up parameters that DSQL does not", async () => {
    const made = token(NAME, "DbConnectAdmin");
    expect(await outcome(open(made, { statement_timeout: 100 }))).toBe(
      '0A000 setting configuration parameter "statement_timeout" not supported',
    );
    for (const replication of ["database", "true"]) {
      const asked: object = { replication };
      expect(await outcome(open(made, asked))).toBe(
        '0A000 setting configuration parameter "replication" not supported',
      );
    }
    const client = await open(made, { options: "-c search_path=a,b", application_name: "x" });
    expect((await client.query("show search_path")).rows).toEqual([{ search_path: "a,b" }]);
  });

  it("answers what was sent before its client closed its half, over TLS too", async () => {
    cluster.control.inject({ kind: "slow-statement", delayMs: 200 });
    const raw = await RawClient.openSecure(cluster, token("127.0.0.1", "DbConnectAdmin"));
    raw.send(wire.query("select 1 as n"), wire.query("select 2 as n"));
    raw.half();
    expect((await raw.closed()).join(" ")).toBe("T:1 D:1 C:SELECT 1 Z:I T:1 D:2 C:SELECT 1 Z:I");
  });

  it("tells DSQL's version", async () => {
    const client = await open(token(NAME, "DbConnectAdmin"));
    expect((await client.query("show server_version")).rows).toEqual([{ server_version: "16.15" }]);
  });
});

/** Everything that a raw socket gets until it is closed. */
function conversation(bytes: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connectTcp({ host: cluster.host, port: cluster.port });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks)));
    for (const part of bytes) socket.write(part);
    socket.end();
  });
}

describe("more connections than the PostgreSQL behind holds", () => {
  it("are refused in the service's words", async () => {
    const small = await startDsqlLocal({ tls: "off", maxConnections: 1 });
    const many = new Clients(() => small);
    try {
      const tries = await Promise.all(Array.from({ length: 25 }, () => outcome(many.connect())));
      const told = "53300 Unable to accept connection, too many open connections.";
      expect(new Set(tries)).toEqual(new Set(["ok", told]));
    } finally {
      await many.close();
      await small.stop();
    }
  });
});

describe("bytes that are no PostgreSQL", () => {
  it.each([
    ["nothing", Buffer.alloc(0)],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n")],
    ["zeros", Buffer.alloc(64)],
    ["ones", Buffer.alloc(64, 0xff)],
    ["a length that is too long", Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0])],
    ["an old protocol", Buffer.from([0, 0, 0, 9, 0, 2, 0, 0, 0])],
    ["parameters without an end", Buffer.from([0, 0, 0, 12, 0, 3, 0, 0, 0x75, 0x73, 0x65, 0x72])],
    ["a start-up packet in parts", Buffer.from([0, 0, 0, 9, 0])],
  ])("%s: end the connection and nothing else", async (_what, bytes) => {
    await conversation([bytes]);
    const client = await open(token(NAME, "DbConnectAdmin"));
    expect((await client.query("select 1")).rowCount).toBe(1);
  });

  it("a TLS request followed by garbage ends only itself", async () => {
    await conversation([Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f])]);
    await conversation([Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, 1, 2, 3, 4])]);
    const client = await open(token(NAME, "DbConnectAdmin"));
    expect((await client.query("select 1")).rowCount).toBe(1);
  });
});
