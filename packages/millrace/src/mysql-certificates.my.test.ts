/** Users of MySQL and MariaDB who have to show a certificate (REQUIRE X509), with servers that know one authority. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authority, signed } from "../../../test/support/certificates.ts";
import {
  mysqlFlavors,
  type MysqlServer,
  type MysqlUser,
  startMysql,
} from "../../../test/support/mysql.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";

describe.each(mysqlFlavors)("a user of %s who has to show a certificate", (flavor) => {
  let folder: string;
  let server: MysqlServer;
  let between: MysqlBetween;
  let account: MysqlUser;
  const pathOf = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-certificates-"));
    const ours = await authority("ours");
    const [host, client] = await Promise.all([signed("db.test", ours), signed("millrace", ours)]);
    await writeFile(pathOf("ca.pem"), ours.cert);
    await writeFile(pathOf("client.pem"), client.cert);
    await writeFile(pathOf("client.key"), client.private);
    server = await startMysql(flavor, {
      settings: { ssl_ca: "ca.pem", ssl_cert: "tls.pem", ssl_key: "tls.key" },
      files: { "ca.pem": ours.cert, "tls.pem": host.cert, "tls.key": host.private },
    });
    await server.query(
      "CREATE TABLE items (id INT PRIMARY KEY, v TEXT); INSERT INTO items VALUES (1, 'a')",
    );
    account = await server.createUser({ require: "X509" });
    between = await mysqlBetween(server);
  });
  afterAll(async () => {
    await between.release();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  const fileWith = (certificate: Readonly<Record<string, string>>) =>
    between.file({
      username: account.user,
      password: account.password,
      "ssl-mode": "verify-ca",
      "ssl-ca": pathOf("ca.pem"),
      ...certificate,
    });

  it("is refused without one, and logs in with ssl-cert and ssl-key: load and log", async () => {
    await expect(between.run(fileWith({}))).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      message: expect.stringContaining(`the server refuses user ${account.user}`) as string,
    });
    const pipeline = await between.run(
      fileWith({ "ssl-cert": pathOf("client.pem"), "ssl-key": pathOf("client.key") }),
    );
    await pipeline.caughtUp();
    await server.query("INSERT INTO items VALUES (2, 'b')");
    const { there, here } = await between.both(pipeline);
    expect(here).toEqual(["1 a", "2 b"]);
    expect(there).toEqual(here);
  });
});
