import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors } from "../support/mysql.ts";
import { callToEnd } from "./millrace-call.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { makeSource, type TestSource } from "./sources.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget, type Target } from "./targets.ts";

const many = (table: string, from: number, to: number, values: string): string =>
  `INSERT INTO ${table} WITH RECURSIVE n AS (SELECT ${from} AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT ${values} FROM n`;

/** What happens while nobody reads, and between the rows of what is read later. */
const STEPS: readonly string[] = [
  // Columns that exchange places, take other names, come with values.
  `UPDATE a SET x = x + 1 WHERE id < 50; ALTER TABLE a MODIFY y INT AFTER id; UPDATE a SET y = 7 WHERE id = 1;
   ALTER TABLE a RENAME COLUMN x TO z; ALTER TABLE a ADD w INT NOT NULL DEFAULT 5; INSERT INTO a (id, y, z) VALUES (901, 1, 2)`,
  // Two tables change their names, and go on under those.
  "UPDATE b SET v = 'b' WHERE id = 2; RENAME TABLE b TO t, c TO b, t TO c; INSERT INTO b (id, n) VALUES (902, 3); DELETE FROM c WHERE id = 3",
  // Rows that come and go without events.
  "ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE q; INSERT INTO p VALUES (5); ALTER TABLE p TRUNCATE PARTITION p1; DELETE FROM q WHERE id = 2",
  // What is not understood, and rows around it.
  "DELETE FROM a WHERE id = 10; ALTER TABLE a CONVERT TO CHARACTER SET latin1, ADD u VARCHAR(3) DEFAULT 'u'; DELETE FROM a WHERE id = 11; UPDATE a SET u = 'ü' WHERE id = 12",
  // Another table of the same name.
  "DROP TABLE q; CREATE TABLE q (id INT PRIMARY KEY, extra VARCHAR(9)) CHARSET utf8mb4; INSERT INTO q VALUES (1, 'anew'); TRUNCATE c; INSERT INTO c (id, v) VALUES (1, 'c')",
];

const QUERIES = [
  "SELECT id, y, z, w FROM a ORDER BY id",
  "SELECT id, n FROM b ORDER BY id",
  "SELECT id, v FROM c ORDER BY id",
  "SELECT id FROM p ORDER BY id",
  "SELECT id FROM q ORDER BY id",
];

describe.each(mysqlFlavors)("tables of %s whose shapes change", (flavor) => {
  let source: TestSource;
  let target: Target;
  let folder: string;
  let file: string;

  beforeAll(async () => {
    [source, target] = await Promise.all([makeSource(flavor), makeTarget("postgres")]);
    folder = await mkdtemp(join(tmpdir(), "millrace-shapes-"));
    file = await writePipelineFile({
      path: join(folder, "shapes.yaml"),
      name: source.database,
      sourceUrl: source.url,
      tables: "[abcpq]",
      sink: target.sink,
    });
    const parts =
      "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (1000))";
    await source.query(
      `CREATE TABLE a (id INT PRIMARY KEY, x INT, y INT) CHARSET utf8mb4; CREATE TABLE b (id INT PRIMARY KEY, v VARCHAR(9)) CHARSET utf8mb4;
       CREATE TABLE c (id INT PRIMARY KEY, n INT); CREATE TABLE p (id INT PRIMARY KEY) ${parts}; CREATE TABLE q (id INT PRIMARY KEY);
       ${many("a", 1, 300, "i, i * 2, i * 3")}; ${many("b", 1, 150, "i, 'v'")}; ${many("c", 200, 400, "i, i")};
       ${many("p", 1, 300, "i")}; INSERT INTO q VALUES (1), (2)`,
    );
  });

  afterAll(async () => {
    await target.release();
    await source.release();
    await rm(folder, { recursive: true });
  });

  async function expectSame(): Promise<void> {
    const session = await openSession(target.url);
    await session.query(`SET search_path = "${source.schema}"`);
    for (const sql of QUERIES) {
      const wanted = await source.query(sql);
      expect((await session.query<Record<string, unknown>>(sql)).rows, sql).toEqual(wanted);
    }
    await session.end();
  }

  it("have what the source has after each run, whatever was altered meanwhile", async () => {
    const run = (): Promise<unknown> =>
      callToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
    await run();
    for (const sql of STEPS) {
      await source.query(sql);
      await run();
      if (sql === STEPS[0]) {
        // Until the swap b and c have the columns that they began with.
        const session = await openSession(target.url);
        const { rows } = await session.query(
          `SELECT count(*)::int AS n FROM "${source.schema}".a WHERE w = 5`,
        );
        expect(rows).toEqual([{ n: 301 }]);
        await session.end();
      } else await expectSame();
    }
  }, 120_000);
});
