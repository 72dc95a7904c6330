import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../test/support/mysql.ts";
import { drawnSeed, timeFor, valuesPerType } from "../../../test/support/test-runs.ts";
import { buildSource } from "./build-source.ts";
import { loadConfig } from "./config/load.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import { VALUE_SAMPLES } from "./sources/mysql/value-samples.fixture.ts";
import { verifyPipeline } from "./verify-pipeline.ts";

const ROWS = valuesPerType(12);
/** Columns of one table. */
const WIDTH = 12;

/** Keys that the servers sort or compare in different ways, and none. */
const KEYED: readonly (readonly [string, string, string])[] = [
  ["words", "k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY", "CONCAT(CHAR(64 + n % 60), n)"],
  [
    "pairs",
    "k VARBINARY(8), l BIGINT UNSIGNED, PRIMARY KEY (l, k)",
    "LEFT(UNHEX(SHA2(n, 256)), 8), 18446744073709551615 - n",
  ],
  ["labels", "k ENUM('z', 'a', 'm'), l INT, PRIMARY KEY (k, l)", "n % 3 + 1, n"],
  ["moments", "k DATETIME(6) PRIMARY KEY", "TIMESTAMPADD(MICROSECOND, n * 1000001, '2026-01-01')"],
  ["stamps", "k TIMESTAMP(3) PRIMARY KEY", "TIMESTAMPADD(SECOND, n * 77, '2026-03-28 23:00:00')"],
  ["amounts", "k DECIMAL(20, 4) PRIMARY KEY", "n / 8 - 2"],
  ["flags", "k BIT(1), l BIT(12), PRIMARY KEY (k, l)", "n % 2, n"],
  ["doubles", "k DOUBLE PRIMARY KEY", "n * 1e15"],
];

describe.each(mysqlFlavors)("verify between %s and a SQL sink", (flavor) => {
  let server: SharedMysql;
  let between: MysqlBetween;
  /** Rows that the target cannot hold, by table: text of MySQL may have U+0000. */
  let letters: ReadonlyMap<string, number>;
  const file = () => {
    const values = { "zero-dates": "as-null", "time-as-interval.enabled": true };
    // With many draws that is more than a sink stands by itself.
    const parked = { "dead-letters.max": ROWS * 100, "dead-letters.max-share": "100%" };
    return between.file(values, {}, parked);
  };
  const verify = () => verifyPipeline(file(), { maxRowsNamed: 100 });

  beforeAll(async () => {
    server = await sharedMysql(flavor);
    between = await mysqlBetween(server);
    const samples = VALUE_SAMPLES.filter(({ only = flavor }) => only === flavor);
    for (let at = 0; at < samples.length; at += WIDTH) {
      const some = samples.slice(at, at + WIDTH);
      const columns = some.map(({ ddl }, index) => `c${index} ${ddl}`);
      await server.query(`CREATE TABLE typed${at} (id INT PRIMARY KEY, ${columns.join(", ")})`);
      const drawn = some.map(({ value }, index) =>
        fc.sample(value, { numRuns: ROWS, seed: drawnSeed + at + index }),
      );
      const rows = Array.from(
        { length: ROWS },
        (_, n) => `(${[n, ...drawn.map((values) => values[n] ?? "NULL")].join(", ")})`,
      );
      await server.query(
        `SET sql_mode = ''; SET time_zone = '+00:00'; INSERT INTO typed${at} VALUES ${rows.join(", ")}; INSERT INTO typed${at} (id) VALUES (-1)`,
      );
    }
    const numbers =
      "WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n WHERE n < 40)";
    for (const [name, key, values] of KEYED)
      await server.query(
        `CREATE TABLE ${name} (${key.replace(/(?=, PRIMARY KEY \()|$/, ", v TEXT")}); INSERT INTO ${name} ${numbers} SELECT ${values}, n FROM n`,
      );
    await server.query("INSERT INTO words VALUES ('nul', CONCAT('a', CHAR(0), 'b'))");
    await server.query(
      `CREATE TABLE keyless (a INT, b TEXT); INSERT INTO keyless ${numbers} SELECT n % 7, 'same' FROM n`,
    );
    const pipeline = await between.run(file());
    await pipeline.caughtUp();
    letters = new Map(pipeline.status().tables.map(({ id, deadLetters }) => [id, deadLetters]));
    // It goes on: other tests write into the log of a server that is shared.
  }, timeFor(180_000));
  afterAll(async () => {
    await between.release();
    await server.release();
  });

  it(`finds them equal for every type and every kind of key (seed ${drawnSeed})`, async () => {
    const { tables } = await verify();
    for (const { table, rows, problem, ...verdict } of tables)
      expect({
        table,
        problem,
        rows: rows.filter(({ kind }) => kind !== "missing"),
        ...verdict,
      }).toMatchObject({
        problem: null,
        rows: [],
        missing: letters.get(table) ?? 0,
        extra: 0,
        different: 0,
        unsettled: 0,
      });
    expect([...letters.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(ROWS * 4);
    for (const { table, sourceRows, targetRows } of tables)
      expect([table, sourceRows]).toEqual([table, targetRows + (letters.get(table) ?? 0)]);
    expect(tables.find(({ table }) => table.endsWith(".keyless"))?.sourceRows).toBe(40);
  });

  it("finds what is missing, extra and different, by key and column", async () => {
    const at = (name: string): string => `"${server.database}".${name}`;
    await between.target.query(`UPDATE ${at("typed0")} SET c1 = NULL, c2 = NULL WHERE id = 0`);
    for (const [name] of KEYED)
      await between.target.query(`UPDATE ${at(name)} SET v = 'other' WHERE v = '7'`);
    await between.target.query(`DELETE FROM ${at("moments")} WHERE v = '9'`);
    await between.target.query(`INSERT INTO ${at("words")} VALUES ('Only here', 'x')`);
    await between.target.query(`UPDATE ${at("keyless")} SET b = 'changed' WHERE a = 3`);
    const { equal, tables } = await verify();
    expect(equal).toBe(false);
    const of = (name: string) => tables.find(({ table }) => table.endsWith(`.${name}`));
    expect(of("typed0")?.rows).toContainEqual({
      kind: "different",
      key: { id: "0" },
      columns: ["c1", "c2"],
    });
    for (const [name] of KEYED) expect(of(name)).toMatchObject({ different: 1 });
    expect(of("moments")).toMatchObject({ missing: 1, extra: 0 });
    expect(of("words")).toMatchObject({ missing: 1, extra: 1 });
    // What the target could not hold is missing, not different.
    expect(of("words")?.rows).toContainEqual({ kind: "missing", key: { k: "nul" }, columns: [] });
    expect(of("words")?.rows).toContainEqual({
      kind: "extra",
      key: { k: "Only here" },
      columns: [],
    });
    expect(of("keyless")).toMatchObject({ missing: 6, extra: 6 });
  });

  it("holds the log's end against where the pipeline is, also after that went on at another server", async () => {
    const { source: config, name: pipeline } = loadConfig(file());
    const context = { pipeline, clock: systemClock, random: Math.random, log: silentLogger };
    const source = await buildSource(config, context);
    try {
      const here = [{ file: 1, at: 4, era: 3, n: 7, hash: 0 }, 0, 0];
      expect(source.comparePositions(await source.logEnd(here), here)).toBeGreaterThan(0);
      expect(source.comparePositions(await source.logEnd(), here)).toBeLessThan(0);
    } finally {
      await source.close();
    }
  });
});
