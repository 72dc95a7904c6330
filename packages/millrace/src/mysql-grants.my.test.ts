/** What the guide says a user needs is enough, as it stands there. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../test/support/mysql.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import { verifyPipeline } from "./verify-pipeline.ts";

const GUIDE = readFileSync(new URL("../../../docs/sources/mysql.md", import.meta.url), "utf8");

/** The statements of the section "The user". */
function grantsOf(name: string, password: string, database: string): string[] {
  const [, section = ""] = /^## 2\. The user$([\s\S]*?)^## 3/m.exec(GUIDE) ?? [];
  const [, sql = ""] = /^```sql\n([\s\S]*?)^```/m.exec(section) ?? [];
  return sql
    .replaceAll("'millrace'", `'${name}'`)
    .replaceAll("'…'", `'${password}'`)
    .replaceAll("shop.", `${database}.`)
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/** A pipeline that has not begun. */
const FRESH = { pipeline: { name: "fresh" } };

describe.each(mysqlFlavors)("the least rights that the guide gives a user of %s", (flavor) => {
  let server: SharedMysql;
  let between: MysqlBetween;
  let name: string;
  beforeAll(async () => {
    server = await sharedMysql(flavor);
    between = await mysqlBetween(server);
    name = `least_${server.database.slice(-10)}`;
  });
  afterAll(async () => {
    await between.release();
    await server.query(`DROP USER IF EXISTS '${name}'@'%'`);
    await server.release();
  });

  it("are enough to check, to load, to follow and to verify", async () => {
    const statements = grantsOf(name, "geheim", server.database);
    expect(statements).toHaveLength(3);
    for (const statement of statements) await server.query(statement);
    await server.query(
      "CREATE TABLE items (id INT PRIMARY KEY, v TEXT); INSERT INTO items VALUES (1, 'a'), (2, 'b')",
    );
    const file = between.file({ username: name, password: "geheim" });
    const found = (await checkPipeline(file)).filter(({ severity }) => severity === "error");
    expect(found).toEqual([]);
    const pipeline = await between.run(file);
    await pipeline.caughtUp();
    await server.query(
      "ALTER TABLE items ADD more INT; UPDATE items SET v = 'c', more = 7 WHERE id = 2; DELETE FROM items WHERE id = 1",
    );
    await pipeline.caughtUp();
    expect(await verifyPipeline(file)).toMatchObject({ equal: true });
  });

  it("leave no table out in silence, as rights on single tables would", async () => {
    const { database } = server;
    const poor = `poor_${database.slice(-10)}`;
    const grants = grantsOf(poor, "geheim", database);
    for (const statement of grants.slice(0, -1)) await server.query(statement);
    await server.query(
      `CREATE TABLE hidden (id INT PRIMARY KEY); GRANT SELECT ON ${database}.items TO '${poor}'@'%'`,
    );
    const told = async (tables: string) =>
      (await checkPipeline(between.file({ username: poor, password: "geheim", tables })))
        .filter(({ what }) => what.includes("may not read all of"))
        .map(({ severity, what, remedy, atStart }) => ({ severity, what, remedy, atStart }));
    const hidden = (place: string, remedy: string) => [
      {
        severity: "notice",
        what: `User ${poor}@% may not read all of ${place}, where patterns of source.tables look for tables.`,
        remedy: expect.stringContaining(`GRANT SELECT ON ${remedy} TO '${poor}'@'%';`) as string,
        atStart: true,
      },
    ];
    const one = hidden(`${database}.*`, `\`${database}\`.*`);
    expect(await told(`${database}.\\.*`)).toEqual(one);
    expect(await told(`${database}.(items|hidden)`)).toEqual(one);
    expect(await told(`${database}.items`)).toEqual([]);
    expect(await told("\\.*.items")).toEqual(hidden("the databases", "*.*"));
    await server.query(`GRANT SELECT ON ${database}.* TO '${poor}'@'%'`);
    expect(await told(`${database}.\\.*`)).toEqual([]);
    await server.query(`DROP USER '${poor}'@'%'; DROP TABLE hidden`);
  });

  it("are each needed, and are told as the guide has them", async () => {
    const remedies = async () =>
      (await checkPipeline(between.file({ username: name, password: "geheim" })))
        .filter(({ severity, about }) => severity === "error" && about === "source")
        .map(({ remedy }) => remedy);
    await server.query(`REVOKE REPLICATION SLAVE ON *.* FROM '${name}'@'%'`);
    expect(await remedies()).toEqual([`GRANT REPLICATION SLAVE ON *.* TO '${name}'@'%';`]);
    // A start that is refused says the same, beside what the other pipeline's tables are in the way of.
    await expect(
      between.run(between.file({ username: name, password: "geheim" }, FRESH)),
    ).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      detail: expect.stringContaining(
        `source: User ${name}@% may not read the binary log (REPLICATION SLAVE). Changes cannot be captured. GRANT REPLICATION SLAVE ON *.* TO '${name}'@'%';`,
      ) as string,
    });
    for (const remedy of await remedies()) await server.query(remedy.replace(/;$/, ""));
    expect(await remedies()).toEqual([]);
  });
});
