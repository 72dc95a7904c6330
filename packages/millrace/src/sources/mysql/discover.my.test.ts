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
      });
      expect(tables.map(({ shape }) => shape.name)).toEqual(["a", "keyless"]);
      expect(tables[0]).toMatchObject({
        estimatedRows: 2,
        notices: [],
        shape: { key: [0], columns: [{ name: "id" }, { name: "t" }] },
      });
      expect(tables[1]?.notices).toEqual([expect.stringContaining("no key")]);
      expect(refused).toEqual([
        expect.objectContaining({
          id: `${server.database}.old`,
          remedy: `ALTER TABLE ${server.database}.old ENGINE = InnoDB`,
        }),
      ]);
      expect(views.map(({ id }) => id)).toEqual([`${server.database}.v`]);
      const all = await discoverTables(client, { matches: () => true, types });
      expect(all.tables.some(({ shape }) => shape.schema === "mysql")).toBe(false);
    } finally {
      client.destroy();
    }
  });
});
