import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { openConnection } from "./connection.ts";
import { discoverTables } from "./discover.ts";
import { configOf } from "./told-events.fixture.ts";

const types = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" } as const;

describe.each(mysqlFlavors)("discovery at %s", (flavor) => {
  it("finds tables with their shapes, and says what cannot be captured and why", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      `CREATE TABLE a (id INT PRIMARY KEY, t TEXT); INSERT INTO a VALUES (1, 'x'), (2, 'y'); ANALYZE TABLE a;
       CREATE TABLE keyless (id INT); CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM;
       CREATE VIEW v AS SELECT id FROM a; CREATE TABLE other (id INT)`,
    );
    const client = await openConnection(configOf(server));
    try {
      const { tables, refused, views } = await discoverTables(client, {
        matches: (schema, name) => schema === server.database && name !== "other",
        types,
        onlineSchemaChanges: false,
        unloggedCascades: "refuse",
      });
      expect(tables.map(({ shape }) => shape.name)).toEqual(["a", "keyless"]);
      expect(tables[0]).toMatchObject({
        estimatedRows: 2,
        notices: [],
        shape: { key: [0], columns: [{ name: "id" }, { name: "t" }] },
      });
      expect(tables[1]?.notices).toEqual([expect.stringContaining("no primary key")]);
      expect(refused).toEqual([
        expect.objectContaining({
          id: `${server.database}.old`,
          remedy: `ALTER TABLE \`${server.database}\`.\`old\` ENGINE = InnoDB`,
        }),
      ]);
      expect(views.map(({ id }) => id)).toEqual([`${server.database}.v`]);
      const all = await discoverTables(client, {
        matches: () => true,
        types,
        onlineSchemaChanges: false,
        unloggedCascades: "refuse",
      });
      expect(all.tables.some(({ shape }) => shape.schema === "mysql")).toBe(false);
    } finally {
      client.destroy();
    }
  });

  it("refuses tables that a foreign key changes without the log, unless that is accepted", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      `CREATE TABLE parents (id INT PRIMARY KEY); INSERT INTO parents VALUES (1);
       CREATE TABLE gone (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parents (id) ON DELETE CASCADE);
       CREATE TABLE emptied (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parents (id) ON UPDATE SET NULL);
       CREATE TABLE kept (id INT PRIMARY KEY, p INT COMMENT 'ON DELETE CASCADE', FOREIGN KEY (p) REFERENCES parents (id))`,
    );
    // Who may only read is told less by MariaDB.
    const user = await server.createUser({ grants: "USAGE" });
    await server.query(`GRANT SELECT ON ${server.database}.* TO '${user.user}'@'%'`);
    const client = await openConnection({
      ...configOf(server),
      user: user.user,
      password: user.password,
    });
    try {
      const matches = (schema: string): boolean => schema === server.database;
      const found = async (policy: "refuse" | "accept") => {
        const { tables, refused } = await discoverTables(client, {
          matches,
          types,
          onlineSchemaChanges: false,
          unloggedCascades: policy,
        });
        const noticed = tables.filter(({ notices }) => notices.length > 0);
        return {
          captured: tables.map(({ shape }) => shape.name),
          refused: refused.map(({ id }) => id.split(".")[1]),
          noticed: noticed.map(({ shape }) => shape.name),
        };
      };
      const all = ["emptied", "gone", "kept", "parents"];
      // MySQL logs them from 9.6 on.
      const isLogged = flavor === "mysql";
      expect(await found("refuse")).toEqual({
        captured: isLogged ? all : ["kept", "parents"],
        refused: isLogged ? [] : ["emptied", "gone"],
        noticed: [],
      });
      expect(await found("accept")).toEqual({
        captured: all,
        refused: [],
        noticed: isLogged ? [] : ["emptied", "gone"],
      });
    } finally {
      client.destroy();
    }
  });
});
