import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../../../test/support/mysql.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { ChunkRange } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { ChunkPlanner } from "./chunks.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";
import { keyedShape, snapshotParts } from "./keyed-table.fixture.ts";
import { keyText } from "./keys.ts";
import { MysqlSnapshot } from "./snapshot.ts";
import { comparison, readTablePlan } from "./table-plan.ts";
import { configOf } from "./told-events.fixture.ts";

const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 20_000 };
const hex = (bytes: Uint8Array): string => `x'${Buffer.from(bytes).toString("hex")}'`;
const utf8 = (text: string): string => `_utf8mb4 ${hex(Buffer.from(text))}`;
const int = fc.oneof(fc.integer(), fc.integer({ min: -50, max: 50 })).map(String);
const letters = fc.string({ unit: fc.constantFrom(..."aAbBäÄ \\'\"é\0%"), maxLength: 5 }).map(utf8);
const sjis = fc.string({ unit: fc.constantFrom(..."aAアカ表ソ漢字"), maxLength: 4 }).map(utf8);
const seconds = fc.integer({ min: 1, max: 2_000_000_000 });
const moment = seconds.map((s) => `'${new Date(s * 1000).toISOString().slice(0, 19)}'`);

type KeySample = [name: string, ddl: string, row: fc.Arbitrary<readonly string[]>, key?: string];

/** Key columns, and generated values for them. */
const KEYS: KeySample[] = [
  ["INT", "a INT", fc.tuple(int)],
  ["dense INT", "a INT", fc.tuple(fc.integer({ min: 1, max: 200 }).map(String))],
  ["ZEROFILL", "a INT(8) ZEROFILL", fc.tuple(fc.integer({ min: 1, max: 2_000_000 }).map(String))],
  [
    "BIGINT UNSIGNED",
    "a BIGINT UNSIGNED",
    fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)),
  ],
  [
    "DECIMAL",
    "a DECIMAL(40,10)",
    fc.tuple(fc.tuple(fc.integer(), fc.nat(9_999_999)).map(([a, b]) => `${a}.${b}`)),
  ],
  ["FLOAT", "a FLOAT", fc.tuple(fc.float({ noNaN: true, noDefaultInfinity: true }).map(String))],
  ["DOUBLE", "a DOUBLE", fc.tuple(fc.double({ noNaN: true, max: 1e300, min: -1e300 }).map(String))],
  ["BIT", "a BIT(64)", fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String))],
  ["YEAR", "a YEAR", fc.tuple(fc.integer({ min: 1901, max: 2155 }).map(String))],
  ["DATE", "a DATE", fc.tuple(fc.oneof(moment, fc.constant("'0000-00-00'")))],
  ["DATETIME", "a DATETIME(3)", fc.tuple(moment)],
  ["TIMESTAMP", "a TIMESTAMP", fc.tuple(moment)],
  ["TIME", "a TIME", fc.tuple(fc.integer({ min: -8_000_000, max: 8_000_000 }).map(String))],
  ["text in binary order", "a VARCHAR(9) COLLATE utf8mb4_bin", fc.tuple(letters)],
  ["text without case", "a VARCHAR(9) COLLATE utf8mb4_unicode_ci", fc.tuple(letters)],
  ["CHAR", "a CHAR(9) COLLATE utf8mb4_general_ci", fc.tuple(letters)],
  [
    "German latin1",
    "a VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_german2_ci",
    fc.tuple(letters),
  ],
  ["Japanese", "a VARCHAR(9) CHARACTER SET sjis", fc.tuple(sjis)],
  ["UTF-16", "a VARCHAR(9) CHARACTER SET utf16", fc.tuple(letters)],
  ["TEXT prefix", "a VARCHAR(300) CHARACTER SET cp932", fc.tuple(sjis)],
  ["BINARY", "a BINARY(6)", fc.tuple(fc.uint8Array({ maxLength: 6 }).map(hex))],
  ["VARBINARY", "a VARBINARY(9)", fc.tuple(fc.uint8Array({ maxLength: 9 }).map(hex))],
  [
    "ENUM and INT",
    "a ENUM('z','y','it''s \\\\','x') CHARACTER SET latin1, b INT",
    fc.tuple(fc.integer({ min: 1, max: 4 }).map(String), int),
    "a, b",
  ],
  ["SET", "a SET('z','y','x','u','v','w')", fc.tuple(fc.integer({ min: 0, max: 63 }).map(String))],
  [
    "three columns",
    "c INT, a INT, b VARCHAR(5) COLLATE utf8mb4_unicode_ci",
    fc.tuple(int, fc.integer({ min: 0, max: 3 }).map(String), letters),
    "a, b, c",
  ],
];

describe.each(mysqlFlavors)("chunks of %s", (flavor) => {
  let server: SharedMysql;
  let client: MysqlConnection;
  let parts: ReturnType<typeof snapshotParts>;

  beforeAll(async () => {
    server = await sharedMysql(flavor);
    client = await openConnection(configOf(server));
    parts = snapshotParts(server);
  });
  afterAll(async () => {
    await client.close();
    await parts.sessions.close();
    await server.release();
  });

  async function read(shape: TableShape, ranges: readonly ChunkRange[]): Promise<Row[][]> {
    const snapshot = await MysqlSnapshot.open(parts);
    const chunks: Row[][] = [];
    for (const range of ranges) {
      const rows: Row[] = [];
      for await (const batch of snapshot.readChunk(shape, range, LIMITS))
        rows.push(...batch.rows.map(({ after }) => after ?? []));
      chunks.push(rows);
    }
    await snapshot.close();
    return chunks;
  }

  async function cut(shape: TableShape, rows: number): Promise<ChunkRange[]> {
    const planner = new ChunkPlanner(client);
    const ranges: ChunkRange[] = [];
    let from: ChunkKey | null = null;
    do {
      const range: ChunkRange = await planner.plan(shape, from, rows);
      ranges.push(range);
      from = range.to;
    } while (from !== null);
    return ranges;
  }

  async function filled(ddl: string, rows: fc.Arbitrary<readonly string[]>, key: string) {
    await server.query(`DROP TABLE IF EXISTS t; CREATE TABLE t (${ddl}, PRIMARY KEY (${key}))`);
    const values = fc.sample(rows, { numRuns: 80, seed: 7 }).map((row) => `(${row.join()})`);
    await server.query(
      `SET sql_mode = ''; INSERT IGNORE INTO t VALUES ${values.join()}; ANALYZE TABLE t`,
    );
    return keyedShape(server, "t");
  }

  /** That a range is found by the index's ranges, without sorting. */
  async function checkAccess(shape: TableShape, name: string, range: ChunkRange): Promise<void> {
    const plan = await readTablePlan(client, shape);
    const format = flavor === "mysql" ? "FORMAT=TRADITIONAL " : "";
    const order = plan.key.map(({ sql }) => sql).join();
    const [how] = await server.query(
      `EXPLAIN ${format}SELECT * FROM ${plan.from} WHERE ${comparison(plan, ">", range.from ?? [])}
       AND ${comparison(plan, "<=", range.to ?? [])} ORDER BY ${order}`,
    );
    // Nobody compares a SET with numbers by its index.
    expect(how).toMatchObject({ type: name === "SET" ? "index" : "range", key: "PRIMARY" });
    expect(String(how?.["Extra"])).not.toContain("filesort");
  }

  it.each(KEYS)(
    "have every row once, by the key's index: %s",
    async (name, ddl, rows, key = "a") => {
      const shape = await filled(ddl, rows, key);
      const [all = []] = await read(shape, [{ from: null, to: null }]);
      const [counted] = await server.query("SELECT COUNT(*) AS n FROM t");
      expect(all).toHaveLength(Number(counted?.["n"]));
      expect(all.length).toBeGreaterThan(15);

      const ranges = await cut(shape, 10);
      expect(ranges.length).toBeGreaterThan(1);
      const chunks = await read(shape, ranges);
      expect(chunks.flat()).toEqual(all);
      expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(20);

      const snapshot = await MysqlSnapshot.open(parts);
      try {
        const keys: ChunkKey[] = [];
        const one = { ...LIMITS, batchBytes: 1 };
        for await (const batch of snapshot.readChunk(shape, { from: null, to: null }, one))
          if (batch.lastKey !== null) keys.push(batch.lastKey);
        for (const at of [0, 7, keys.length - 2]) {
          const [rest = []] = await read(shape, [
            { from: keys[at] ?? null, to: keys[at + 1] ?? null },
          ]);
          expect(rest).toEqual([all[at + 1]]);
        }
        await checkAccess(shape, name, { from: keys[3] ?? null, to: keys[9] ?? null });
        const found = await snapshot.readRows(shape, all, LIMITS);
        expect([...found.keys()].sort()).toEqual(all.map((row) => keyText(shape, row)).sort());
      } finally {
        await snapshot.close();
      }
    },
  );

  it("are cut by adding where integer keys are dense", async () => {
    const shape = await filled(
      "a INT",
      fc.tuple(fc.integer({ min: 1, max: 100 }).map(String)),
      "a",
    );
    const planner = new ChunkPlanner(client);
    expect(await planner.plan(shape, ["10"], 20)).toMatchObject({ from: ["10"] });
    const { to } = await planner.plan(shape, ["10"], 20);
    expect(Array.isArray(to) ? Number(to[0]) : 0).toBeGreaterThanOrEqual(30);
    expect(await planner.plan(shape, ["90"], 20)).toEqual({ from: ["90"], to: null });
  });
});
