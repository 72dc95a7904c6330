import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { startOf } from "./logged-items.fixture.ts";
import { follow, shapesNow, ToldTables } from "./told-tables.fixture.ts";

/** Shapes that rows do not fit. */
function wrong(tables: ReadonlyMap<TableId, TableShape>): Map<TableId, TableShape> {
  return new Map(
    [...tables].map(([id, shape]) => {
      const columns = shape.columns.map((column) => ({ ...column, sourceType: "int" }));
      return [id, { ...shape, columns }];
    }),
  );
}

/** As the catalogue tells it: nobody knows since when rows have it. */
function unplaced(shape: TableShape): TableShape {
  const { facts = null } = shape;
  const { since: _, ...rest } = facts as { readonly since: unknown } & Record<string, never>;
  return { ...shape, facts: rest };
}

describe.each(mysqlFlavors)("the tables of the log of %s", (flavor) => {
  it("change their shape in the place of each statement, between the rows", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10)) CHARSET utf8mb4");
    await using log = await follow(server, "t");
    await server.query(
      `INSERT INTO t VALUES (1, 'x');
       ALTER TABLE t ADD COLUMN b INT NOT NULL DEFAULT 7 FIRST;
       INSERT INTO t VALUES (8, 2, 'y');
       ALTER TABLE t RENAME COLUMN a TO c, DROP COLUMN b;
       INSERT INTO t VALUES (3, 'z');
       TRUNCATE t;
       INSERT INTO t VALUES (4, 'w');
       ALTER TABLE t ADD INDEX (c);
       DROP TABLE t`,
    );
    expect(await log.told()).toEqual([
      "c t id=1 a=x",
      "shape t (b#3 int, id*#1 int, a#2 varchar(10) character set utf8mb4) rewritten [b] rows same",
      "c t b=8 id=2 a=y",
      "shape t (id*#1 int, c#2 varchar(10) character set utf8mb4) rewritten [] rows same",
      "c t id=3 c=z",
      "truncate t",
      "c t id=4 c=w",
      "dropped t",
    ]);
  });

  it("are told from any place on as they were told without a stop, by what was kept at that place", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      `CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) CHARSET latin1;
       CREATE TABLE u (id INT PRIMARY KEY)`,
    );
    await using log = await follow(server, "t", "u");
    await server.query(
      `INSERT INTO t VALUES (1, 10, 100);
       ALTER TABLE t MODIFY a INT AFTER b;
       INSERT INTO t VALUES (2, 200, 20); INSERT INTO u VALUES (1);
       ALTER TABLE t CHARSET utf8mb4;
       ALTER TABLE t ADD v VARCHAR(3);
       INSERT INTO t VALUES (3, 300, 30, 'ä');
       ALTER TABLE t DROP COLUMN v; ALTER TABLE t ADD w VARCHAR(3);
       BEGIN; INSERT INTO t VALUES (4, 400, 40, 'ö'); INSERT INTO u VALUES (2); COMMIT;
       DROP TABLE t, u;
       CREATE TABLE u (n BIGINT UNSIGNED, id INT PRIMARY KEY);
       INSERT INTO u VALUES (18446744073709551615, 3)`,
    );
    const lines = await log.told();
    expect(lines.length).toBe(15);
    for (const [index, { position, kept }] of log.steps.entries()) {
      await using again = await ToldTables.open(server, { from: position, tables: kept });
      expect(await again.told(), `behind item ${index}`).toEqual(lines.slice(index + 1));
    }
  });

  it("swap their names, and are other tables from there on", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (n BIGINT PRIMARY KEY)",
    );
    await using log = await follow(server, "a", "b");
    await server.query(
      `RENAME TABLE a TO c, b TO a, c TO b;
       INSERT INTO a VALUES (1); INSERT INTO b VALUES (2);
       RENAME TABLE a TO d, d TO c; INSERT INTO c VALUES (3)`,
    );
    expect(await log.told()).toEqual([
      "shape a (n*#1 bigint) rewritten [n] rows anew",
      "shape b (id*#1 int) rewritten [id] rows anew",
      "c a n=1",
      "c b id=2",
      "dropped a as c",
    ]);
    // What the first half built on is not known any more: the catalogue is asked.
    const [half] = log.steps;
    if (half === undefined) throw new Error("nothing was told");
    await using again = await ToldTables.open(server, { from: half.position, tables: half.kept });
    expect(await again.told()).toEqual([
      "shape b (id*#2 int) rewritten [id] rows moved",
      "c a n=1",
      "dropped a as c",
    ]);
    await server.query("INSERT INTO b VALUES (4)");
    expect(await again.told()).toEqual(["c b id=4"]);
  });

  it("come from a name that is not captured with all their rows, and by what the catalogue says", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE other (a INT, b INT PRIMARY KEY); INSERT INTO other VALUES (1, 2)",
    );
    await using log = await follow(server, "t");
    await server.query("RENAME TABLE t TO gone, other TO t; INSERT INTO t VALUES (3, 4)");
    expect(await log.told()).toEqual(["shape t (a#2 int, b*#3 int) rewritten [a,b] rows moved"]);
    await server.query("INSERT INTO t VALUES (5, 6)");
    expect(await log.told()).toEqual(["c t a=5 b=6"]);
  });

  it("are made anew under a name that is captured, in every way", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      `CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(4)) CHARSET utf8mb4; INSERT INTO m VALUES (1, 'a');
       CREATE TABLE t (id INT PRIMARY KEY)`,
    );
    await using log = await follow(server, "m", "t");
    await server.query(
      `CREATE TABLE IF NOT EXISTS t (nothing INT);
       DROP TABLE t; CREATE TABLE t LIKE m; INSERT INTO t VALUES (1, 'x');
       DROP TABLE t; CREATE TABLE t (k INT PRIMARY KEY) CHARSET utf8mb4 SELECT id AS k, v FROM m;
       DROP TABLE IF EXISTS t, missing; CREATE TABLE IF NOT EXISTS t (z INT PRIMARY KEY)`,
    );
    const copy = "k*#1 int, v#2 varchar(4) character set utf8mb4";
    expect(await log.told()).toEqual([
      "dropped t",
      "shape t (id*#1 int, v#2 varchar(4) character set utf8mb4) rewritten [id,v] rows anew",
      "c t id=1 v=x",
      "dropped t",
      `shape t (${copy}) rewritten [k,v] rows anew`,
      "c t k=1 v=a",
      "dropped t",
      "shape t (z*#1 int) rewritten [z] rows anew",
    ]);
  });

  it("go with their database", async () => {
    await using server = await sharedMysql(flavor);
    const database = new URL(await server.createDatabase("second")).pathname.slice(1);
    await server.query(
      `CREATE TABLE \`${database}\`.a (id INT PRIMARY KEY); CREATE TABLE \`${database}\`.b (id INT PRIMARY KEY);
       CREATE TABLE a (id INT PRIMARY KEY)`,
    );
    await using log = await follow(server, "a", `${database}.a`, `${database}.b`);
    await server.query(`DROP DATABASE \`${database}\`; INSERT INTO a VALUES (1)`);
    expect(await log.told()).toEqual(["dropped a", "dropped b", "c a id=1"]);
  });

  it("are loaded again where partitions take rows along", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      `CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
       CREATE TABLE x (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (11); INSERT INTO x VALUES (2)`,
    );
    await using log = await follow(server, "t", "x");
    await server.query(
      `ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE x; INSERT INTO t VALUES (3);
       ALTER TABLE t TRUNCATE PARTITION p0; ALTER TABLE t DROP PARTITION p1;
       ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (30))`,
    );
    const moved = "shape t (id*#1 int) rewritten [id] rows moved";
    expect(await log.told()).toEqual([
      moved,
      "shape x (id*#1 int) rewritten [id] rows moved",
      "c t id=3",
      moved,
      moved,
    ]);
  });

  it("take the catalogue's shape where a statement is not understood, and leave rows out before its place", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(3)) CHARSET utf8mb4; CREATE TABLE u (id INT PRIMARY KEY)",
    );
    await using log = await follow(server, "t", "u");
    await server.query(
      `ALTER TABLE t CONVERT TO CHARACTER SET latin1, ADD b VARCHAR(3);
       INSERT INTO t VALUES (1, 'x', 'y'); INSERT INTO u VALUES (1); ALTER TABLE t DROP a`,
    );
    const { position } = await server.binlogEnd();
    const found = "id*#1 int, b#3 varchar(3) character set latin1";
    expect(await log.told()).toEqual([
      `shape t (${found}) rewritten [id,b] rows moved`,
      "c u id=1",
    ]);
    // Others write to the shared server.
    expect(log.tables.behind?.at).toBeGreaterThanOrEqual(position);
    await server.query("INSERT INTO t VALUES (2, 'z'); ALTER TABLE t DROP b");
    expect(await log.told()).toEqual([
      "c t id=2 b=z",
      "shape t (id*#1 int) rewritten [] rows same",
    ]);
    // Who begins within what was left out knows by the shape that it is.
    const [asked] = log.steps;
    if (asked === undefined) throw new Error("nothing was told");
    await using again = await ToldTables.open(server, { from: asked.position, tables: asked.kept });
    expect(await again.told()).toEqual([
      "c u id=1",
      "c t id=2 b=z",
      "shape t (id*#1 int) rewritten [] rows same",
    ]);
  });

  it("are never decoded by a shape that does not fit", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE t (id INT PRIMARY KEY, a BIGINT); CREATE TABLE u (id INT PRIMARY KEY)",
    );
    const from = await startOf(server);
    const tables = wrong(await shapesNow(server, "t", "u"));
    await using log = await ToldTables.open(server, { from, tables });
    await server.query(
      "BEGIN; INSERT INTO u VALUES (1); INSERT INTO t VALUES (1, 2); INSERT INTO t VALUES (3, 4); INSERT INTO u VALUES (2); COMMIT",
    );
    expect(await log.told()).toEqual([
      "c u id=1",
      "shape t (id*#1 int, a#2 bigint) rewritten [id,a] rows moved",
      "c u id=2",
    ]);
    await server.query("INSERT INTO t VALUES (5, 6)");
    expect(await log.told()).toEqual(["c t id=5 a=6"]);
  });

  it("are asked for once where a statement of many events does not fit", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2000))");
    const from = await startOf(server);
    const tables = wrong(await shapesNow(server, "t"));
    await using log = await ToldTables.open(server, { from, tables });
    await server.query(
      `INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
       SELECT i, REPEAT('x', 1000) FROM n`,
    );
    expect(await log.told()).toHaveLength(1);
  });

  it("are asked for where the log begins among rows that do not fit, so that the rest of them is loaded", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY, a BIGINT)");
    const now = await shapesNow(server, "t");
    await using log = await follow(server, "t");
    await server.query("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
    expect(await log.told()).toHaveLength(3);
    const [first] = log.steps;
    if (first === undefined) throw new Error("nothing was told");
    const { position: from } = first;
    await using again = await ToldTables.open(server, { from, tables: wrong(now) });
    expect(await again.told()).toEqual([
      "shape t (id*#1 int, a#2 bigint) rewritten [id,a] rows moved",
    ]);
  });

  it("are loaded again where their shape came from the catalogue, and lose no row to a run that begins before its place", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT PRIMARY KEY)");
    const from = await startOf(server);
    const shapes = await shapesNow(server, "t", "u");
    const tables = new Map(
      [...shapes].map(([id, shape]) => [id, shape.name === "t" ? unplaced(shape) : shape]),
    );
    await server.query(
      `INSERT INTO u VALUES (1); INSERT INTO t VALUES (1); ALTER TABLE t ADD a INT; INSERT INTO t VALUES (2, 3);
       INSERT INTO u VALUES (2)`,
    );
    await using log = await ToldTables.open(server, { from, tables });
    await server.query("INSERT INTO t VALUES (4, 5); INSERT INTO u VALUES (3)");
    const lines = await log.told();
    expect(lines).toEqual([
      "shape t (id*#1 int, a#2 int) rewritten [id,a] rows moved",
      "c u id=1",
      "c u id=2",
      "c t id=4 a=5",
      "c u id=3",
    ]);
    for (const [index, { position, kept }] of log.steps.entries()) {
      await using again = await ToldTables.open(server, { from: position, tables: kept });
      expect(await again.told(), `behind item ${index}`).toEqual(lines.slice(index + 1));
    }
  });

  it("are told at a boundary each in a place of its own", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT PRIMARY KEY)");
    const from = await startOf(server);
    const shapes = await shapesNow(server, "t", "u");
    const tables = new Map([...shapes].map(([id, shape]) => [id, unplaced(shape)]));
    await using log = await ToldTables.open(server, { from, tables });
    await server.query("INSERT INTO t VALUES (4); INSERT INTO u VALUES (6)");
    expect(await log.told()).toEqual([
      "shape t (id*#1 int) rewritten [id] rows moved",
      "shape u (id*#1 int) rewritten [id] rows moved",
      "c t id=4",
      "c u id=6",
    ]);
    const [first] = log.steps;
    if (first === undefined) throw new Error("nothing was told");
    await using again = await ToldTables.open(server, { from: first.position, tables: first.kept });
    // Asked for again, for a later place: what lies before it is left out, and loaded.
    expect(await again.told()).toEqual([
      "shape u (id*#1 int) rewritten [id] rows moved",
      "c t id=4",
    ]);
  });
});
