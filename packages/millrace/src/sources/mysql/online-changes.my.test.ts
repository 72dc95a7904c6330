import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { openConnection } from "./connection.ts";
import { TYPES } from "./ddl-corpus-reader.fixture.ts";
import { discoverTables } from "./discover.ts";
import { configOf } from "./told-events.fixture.ts";
import { follow, followOnline } from "./told-tables.fixture.ts";

const made =
  "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(5)) CHARSET utf8mb4; INSERT INTO t VALUES (1, 2, 'x')";

/** As gh-ost does it. */
const ghost = (alter: string): string =>
  `CREATE TABLE _t_ghc (id BIGINT PRIMARY KEY, hint TEXT); CREATE TABLE _t_gho LIKE t;
   ALTER /* gh-ost */ TABLE _t_gho ${alter};
   INSERT IGNORE INTO _t_gho (id, a) SELECT id, a FROM t; INSERT INTO t (id, a) VALUES (2, 3);
   INSERT IGNORE INTO _t_gho (id, a) SELECT id, a FROM t; CREATE TABLE _t_del (id INT PRIMARY KEY); DROP TABLE _t_del;
   RENAME /* gh-ost */ TABLE t TO _t_del, _t_gho TO t; DROP TABLE _t_ghc, _t_del; INSERT INTO t (id, a) VALUES (4, 5)`;

describe.each(mysqlFlavors)("a schema change online on %s", (flavor) => {
  it("is an ALTER of the table in which only what it computes anew is read again", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(made);
    await using log = await followOnline(server, "t");
    await server.query(ghost("DROP COLUMN b, ADD COLUMN c INT NOT NULL DEFAULT 7 FIRST"));
    expect(await log.told()).toEqual([
      "c t id=2 a=3 b=null",
      "shape t (c#4 int, id*#1 int, a#2 int) rewritten [c] rows same",
      "c t c=7 id=4 a=5",
    ]);
  });

  it("says nothing where the columns stay, and has all read again where rows may be left behind", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(made);
    await using log = await followOnline(server, "t");
    await server.query(ghost("ADD INDEX (a)"));
    const rows = ["c t id=2 a=3 b=null", "c t id=4 a=5 b=null"];
    expect(await log.told()).toEqual(rows);
    await server.query("DELETE FROM t WHERE id IN (2, 4)");
    await log.told();
    await server.query(ghost("ADD UNIQUE (b)"));
    const columns = "id*#1 int, a#2 int, b#3 varchar(5) character set utf8mb4";
    const shape = `shape t (${columns}) rewritten [id,a,b] rows moved`;
    expect(await log.told()).toEqual([rows[0], shape, rows[1]]);
  });

  it("in two steps is one too, also where it is taken back; what does not come back is dropped", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(made);
    await using log = await followOnline(server, "t");
    const copy =
      "CREATE TABLE _t_gho LIKE t; ALTER TABLE _t_gho ADD COLUMN c INT NOT NULL DEFAULT 7";
    await server.query(
      `${copy}; RENAME TABLE t TO _t_del; RENAME TABLE _t_del TO t; INSERT INTO t VALUES (2, 2, NULL);
       RENAME TABLE t TO _t_del; RENAME TABLE _t_gho TO t; DROP TABLE _t_del; INSERT INTO t VALUES (3, 3, NULL, 9)`,
    );
    expect(await log.told()).toEqual([
      "c t id=2 a=2 b=null",
      "shape t (id*#1 int, a#2 int, b#3 varchar(5) character set utf8mb4, c#4 int) rewritten [c] rows same",
      "c t id=3 a=3 b=null c=9",
    ]);
    await server.query("CREATE TABLE _t_gho LIKE t; ALTER TABLE t RENAME _t_old");
    expect(await log.told()).toEqual([]);
    await server.query("DROP TABLE _t_gho, _t_old");
    expect(await log.told()).toEqual(["dropped t"]);
  });

  it("by pt-online-schema-change is one too, and one whose copy was not seen is what the catalogue says", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(made);
    await using log = await followOnline(server, "t");
    await server.query(
      `CREATE TABLE _t_new (id INT NOT NULL, a INT DEFAULT NULL, b VARCHAR(5) DEFAULT NULL, PRIMARY KEY (id)) CHARSET utf8mb4;
       ALTER TABLE _t_new MODIFY a BIGINT; INSERT INTO _t_new SELECT * FROM t;
       RENAME TABLE t TO _t_old, _t_new TO t; DROP TABLE IF EXISTS _t_old; INSERT INTO t VALUES (5, 6, 'y')`,
    );
    expect(await log.told()).toEqual([
      "shape t (id*#1 int, a#2 bigint, b#3 varchar(5) character set utf8mb4) rewritten [] rows same",
      "c t id=5 a=6 b=y",
    ]);
    await server.query("CREATE TABLE _t_new (z INT PRIMARY KEY)");
    await using later = await followOnline(server, "t");
    await server.query("RENAME TABLE t TO _t_old, _t_new TO t; INSERT INTO t VALUES (1)");
    expect(await later.told()).toEqual(["shape t (z*#4 int) rewritten [z] rows moved"]);
  });

  it("has no tables of the tools captured, whatever the patterns say", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE _t_gho LIKE t; CREATE TABLE __t_new LIKE t; CREATE TABLE _t LIKE t",
    );
    const client = await openConnection(configOf(server));
    const found = async (onlineSchemaChanges: boolean): Promise<string[]> => {
      const matches = (schema: string): boolean => schema === server.database;
      const more = { unloggedCascades: "accept", onlineSchemaChanges } as const;
      const { tables } = await discoverTables(client, { matches, types: TYPES, ...more });
      return tables.map(({ shape }) => shape.name).toSorted();
    };
    expect(await found(true)).toEqual(["_t", "t"]);
    expect(await found(false)).toEqual(["__t_new", "_t", "_t_gho", "t"]);
    await client.close();
  });

  it("is another table where nobody asked for more", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(made);
    await using log = await follow(server, "t");
    await server.query(ghost("ADD INDEX (a)"));
    const columns = "id*#1 int, a#2 int, b#3 varchar(5) character set utf8mb4";
    expect(await log.told()).toEqual([
      "c t id=2 a=3 b=null",
      `shape t (${columns}) rewritten [id,a,b] rows moved`,
    ]);
  });
});
