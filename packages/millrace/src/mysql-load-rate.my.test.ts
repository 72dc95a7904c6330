/** A load of MySQL and MariaDB with a rate: never more of it than its time allows. */
import { expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../test/support/mysql.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";

const ROWS = 600;
const PER_SECOND = 150;
/** What may be read ahead of the rate: a second's worth, and a chunk of each of two workers. */
const AHEAD = 350;

it.each(mysqlFlavors)("a load of %s keeps to rows per second, and ends equal", async (flavor) => {
  await using server = await sharedMysql(flavor);
  await server.query(`CREATE TABLE items (id INT PRIMARY KEY, v TEXT);
    INSERT INTO items WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) SELECT i, 'a' FROM n`);
  const between = await mysqlBetween(server);
  try {
    const file = between.file({
      "scan.incremental.snapshot.chunk.size": 100,
      "scan.snapshot.max-rows-per-second": PER_SECOND,
    });
    const began = performance.now();
    const pipeline = await between.run(file);
    const { there, here } = await between.both(pipeline);
    const tookMs = performance.now() - began;
    expect(here).toHaveLength(ROWS);
    expect(there).toEqual(here);
    const { load, tables } = pipeline.status();
    expect(tables.map(({ rowsLoaded }) => rowsLoaded)).toEqual([ROWS]);
    expect(load.waitedMs).toBeGreaterThan(0);
    expect(tookMs).toBeGreaterThan(((ROWS - AHEAD) / PER_SECOND) * 1_000);
  } finally {
    await between.release();
  }
});
