import type mysql from "mysql2/promise";
import { describe, expect, it } from "vitest";
import {
  mysqlFlavors,
  sharedMysql,
  type SharedMysql,
  startMysql,
} from "../../../../../test/support/mysql.ts";
import type { MysqlDatabase } from "../../../../../test/support/mysql.ts";
import type { TableShape } from "../../model/table.ts";
import { type ReadRow, readRows, shapeOf, shown } from "./read-rows.fixture.ts";
import type { TypeOptions } from "./types.ts";

const PLAIN: TypeOptions = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" };

/** Rows of table `t` that these statements log. */
async function logged(
  server: MysqlDatabase,
  session: mysql.Connection,
  statements: readonly string[],
  options: {
    maxValueBytes?: number;
    zeroDatesAreNull?: boolean;
    types?: Partial<TypeOptions>;
  } = {},
): Promise<ReadRow[]> {
  const from = await server.binlogEnd();
  for (const statement of statements) await session.query(statement);
  const to = await server.binlogEnd();
  const shape: TableShape = await shapeOf(server, "t", { ...PLAIN, ...options.types });
  return readRows(server, [from, to], new Map([["t", shape]]), options);
}

const texts = (rows: readonly ReadRow[]): unknown[] =>
  rows.map(({ op, before, after }) => [op, before?.map(shown) ?? null, after?.map(shown) ?? null]);

async function withTable(
  server: SharedMysql,
  ddl: string,
  work: (session: mysql.Connection) => Promise<void>,
): Promise<void> {
  await using session = await server.connect({ multipleStatements: true });
  await session.query(`SET NAMES utf8mb4; CREATE TABLE t ${ddl}`);
  await work(session);
}

describe.each(mysqlFlavors)("row images of %s", (flavor) => {
  it("leave out what a minimal image leaves out, which is UNCHANGED and never NULL", async () => {
    await using server = await sharedMysql(flavor);
    await withTable(
      server,
      "(id INT PRIMARY KEY, a TEXT, b INT, c TEXT DEFAULT NULL)",
      async (session) => {
        const rows = await logged(server, session, [
          "SET SESSION binlog_row_image = 'MINIMAL'",
          "INSERT INTO t (id, a, b) VALUES (1, 'x', 5)",
          "UPDATE t SET b = NULL WHERE id = 1",
          "UPDATE t SET id = 2 WHERE id = 1",
          "DELETE FROM t",
        ]);
        const gone = "UNCHANGED";
        expect(texts(rows)).toEqual([
          ["c", null, [1, "x", 5, flavor === "mysql" ? gone : expect.toBeOneOf([gone, null])]],
          ["u", [1, gone, gone, gone], [1, gone, null, gone]],
          ["u", [1, gone, gone, gone], [2, gone, gone, gone]],
          ["d", [2, gone, gone, gone], null],
        ]);
      },
    );
  });

  it("leave out documents that a NOBLOB image leaves out", async () => {
    await using server = await sharedMysql(flavor);
    await withTable(server, "(id INT PRIMARY KEY, a TEXT, b INT)", async (session) => {
      const rows = await logged(server, session, [
        "SET SESSION binlog_row_image = 'NOBLOB'",
        "INSERT INTO t VALUES (1, 'x', 5)",
        "UPDATE t SET b = 6",
        "UPDATE t SET a = 'y'",
      ]);
      expect(texts(rows)).toEqual([
        ["c", null, [1, "x", 5]],
        ["u", [1, "UNCHANGED", 5], [1, "UNCHANGED", 6]],
        ["u", [1, "UNCHANGED", 6], [1, "y", 6]],
      ]);
    });
  });

  it("follow the options of values", async () => {
    await using server = await sharedMysql(flavor);
    await withTable(
      server,
      "(id INT PRIMARY KEY, a TINYINT(1), d DATETIME, g POINT)",
      async (session) => {
        const statements = [
          "SET SESSION sql_mode = ''",
          "REPLACE INTO t VALUES (1, 2, '2020-00-01 00:00:00', ST_GeomFromText('POINT(1 2)'))",
        ];
        const geometry = "x000000000101000000000000000000f03f0000000000000040";
        expect(texts(await logged(server, session, statements))).toEqual([
          [
            "c",
            null,
            [1, 2, "2020-00-01 00:00:00", '{"type": "Point", "coordinates": [1.0, 2.0]}'],
          ],
        ]);
        const types = { tinyint1AsBoolean: true, geometry: "wkb" } as const;
        const [row] = await logged(server, session, ["DELETE FROM t"], {
          types,
          zeroDatesAreNull: true,
        });
        expect(row?.before?.map(shown)).toEqual([1, true, null, geometry]);
      },
    );
  });

  it("skim values above the limit, but not keys", async () => {
    await using server = await sharedMysql(flavor);
    const ddl =
      "(k VARCHAR(200) PRIMARY KEY, a TEXT, l TEXT CHARACTER SET latin1, b BLOB, j JSON, z BINARY(200))";
    await withTable(server, ddl, async (session) => {
      const [first, second] = await logged(
        server,
        session,
        [
          "INSERT INTO t VALUES (REPEAT('k', 150), REPEAT('a', 101), REPEAT('ä', 51), REPEAT('b', 101), CONCAT('[', REPEAT('1, ', 40), '1]'), 'x')",
          "INSERT INTO t VALUES ('k', REPEAT('a', 100), REPEAT('ä', 50), REPEAT('b', 100), '[1, 2]', NULL)",
        ],
        { maxValueBytes: 100 },
      );
      const skimmed = expect.stringMatching(/^skimmed \d+$/);
      expect(first?.after?.map(shown)).toEqual([
        "k".repeat(150),
        skimmed,
        skimmed,
        skimmed,
        skimmed,
        skimmed,
      ]);
      expect(first?.after?.map(shown).slice(1, 4)).toEqual([
        "skimmed 101",
        "skimmed 102",
        "skimmed 101",
      ]);
      expect(second?.after?.map(shown)).toEqual([
        "k",
        "a".repeat(100),
        "ä".repeat(50),
        `x${"62".repeat(100)}`,
        "[1, 2]",
        null,
      ]);
    });
  });

  it("are told of by columns of all kinds beside one another", async () => {
    await using server = await sharedMysql(flavor);
    const own = flavor === "mysql" ? "j JSON, v VECTOR(2)" : "j INET6, v BLOB COMPRESSED";
    const ddl = `(id INT PRIMARY KEY, y YEAR, u INT UNSIGNED, f FLOAT, n BIGINT UNSIGNED, g POINT, a VARCHAR(9) CHARACTER SET latin1,
      ${own}, b TEXT CHARACTER SET sjis, e ENUM('ä') CHARACTER SET latin1, z BINARY(2), s SET('ö'), bb BIT(3), c CHAR(9))`;
    await withTable(server, ddl, async (session) => {
      const insert =
        "INSERT INTO t (id, y, u, f, n, a, b, e, z, s, bb, c) VALUES (1, 2026, 4294967295, 1.5, 18446744073709551615, 'ä', '字', 'ä', x'01', 'ö', 5, '€')";
      const row = [
        1,
        2026,
        4_294_967_295,
        "1.5",
        "18446744073709551615",
        null,
        "ä",
        null,
        null,
        "字",
        "ä",
        "x0100",
        "ö",
        "x05",
        "€",
      ];
      expect(texts(await logged(server, session, [insert]))).toEqual([["c", null, row]]);
    });
  });

  it("have generated and invisible columns like all others", async () => {
    await using server = await sharedMysql(flavor);
    const ddl = `(id INT PRIMARY KEY, a INT, v INT AS (a + 1) VIRTUAL, s INT AS (a + 2) STORED, i INT DEFAULT 7 INVISIBLE)`;
    await withTable(server, ddl, async (session) => {
      const rows = await logged(server, session, [
        "INSERT INTO t (id, a) VALUES (1, 10)",
        "UPDATE t SET a = 20",
      ]);
      expect(texts(rows)).toEqual([
        ["c", null, [1, 10, 11, 12, 7]],
        ["u", [1, 10, 11, 12, 7], [1, 20, 21, 22, 7]],
      ]);
    });
  });
});

describe("row images of mysql alone", () => {
  it("have documents as differences, which are applied to the old one", async () => {
    await using server = await sharedMysql("mysql");
    await withTable(server, "(id INT PRIMARY KEY, o JSON, j JSON, b INT)", async (session) => {
      const long = "x".repeat(200);
      const statements = [
        `INSERT INTO t VALUES (1, '{"k": 1}', '{"a": [1, 2.0, {"b c": null}], "dd": "${long}", "big": 18446744073709551615, "e": "ä"}', 1)`,
        "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
        "UPDATE t SET j = JSON_SET(j, '$.a[0]', CAST(1.50 AS DECIMAL(5,2)))",
        "UPDATE t SET j = JSON_REMOVE(j, '$.a[1]'), b = 2",
        `UPDATE t SET j = JSON_SET(j, '$.a[1]."b c"', '"ü\\n', '$.zz', 5, '$.a[9]', CAST('{}' AS JSON))`,
        "UPDATE t SET j = JSON_REPLACE(j, '$.e', 7), o = JSON_SET(o, '$.k', 2)",
        "UPDATE t SET b = 9",
      ];
      const from = await server.binlogEnd();
      const served: unknown[] = [];
      for (const statement of statements) {
        await session.query(statement);
        const [[row]] = await session.query<mysql.RowDataPacket[]>(
          "SELECT CAST(o AS CHAR) AS o, CAST(j AS CHAR) AS j FROM t",
        );
        if (!statement.startsWith("SET")) served.push([row?.["o"], row?.["j"]]);
      }
      const shape = await shapeOf(server, "t", PLAIN);
      const rows = await readRows(
        server,
        [from, await server.binlogEnd()],
        new Map([["t", shape]]),
      );
      expect(rows.map(({ after }) => after?.slice(1, 3))).toEqual(served);
      expect(rows.map(({ unsure }) => unsure)).toEqual(rows.map(() => false));
      expect(rows.filter(({ kind }) => kind.isPartial).length).toBeGreaterThanOrEqual(4);
    });
  });

  it("name documents whose old one the log left out", async () => {
    await using server = await sharedMysql("mysql");
    await withTable(server, "(id INT PRIMARY KEY, o JSON, j JSON, b INT)", async (session) => {
      const rows = await logged(server, session, [
        `INSERT INTO t VALUES (1, '{}', '{"a": 1, "dd": "${"x".repeat(200)}"}', 1)`,
        "SET SESSION binlog_row_value_options = 'PARTIAL_JSON', binlog_row_image = 'MINIMAL'",
        "UPDATE t SET j = JSON_SET(j, '$.a', 2), b = 3",
      ]);
      expect(rows.map(({ unsure }) => unsure)).toEqual([false, true]);
      expect(rows[1]?.after?.map(shown)).toEqual([1, "UNCHANGED", "UNCHANGED", 3]);
    });
  });
});

const VERSIONED = "(id INT PRIMARY KEY, a BLOB UNIQUE) WITH SYSTEM VERSIONING";

/** What happens to a table with versions; the server has hidden columns of its own behind the table's. */
async function versioned(server: MysqlDatabase, session: mysql.Connection): Promise<unknown[]> {
  await session.query("SET system_versioning_alter_history = KEEP");
  await session.query("ALTER TABLE t ADD COLUMN z INT, ADD COLUMN b TEXT UNIQUE");
  const rows = await logged(server, session, [
    "INSERT INTO t VALUES (1, 'x', 2, 'y'), (2, NULL, 2, NULL)",
    "UPDATE t SET z = 3 WHERE id = 1",
    "DELETE FROM t WHERE id = 1",
    "DELETE HISTORY FROM t",
  ]);
  return texts(rows);
}

const PRESENT = [
  ["c", null, [1, "x78", 2, "y"]],
  ["c", null, [2, null, 2, null]],
  ["u", [1, "x78", 2, "y"], [1, "x78", 3, "y"]],
  ["d", [1, "x78", 3, "y"], null],
];

describe("row events of mariadb alone", () => {
  it("leave out what the server keeps of the past", async () => {
    await using server = await sharedMysql("mariadb");
    await withTable(server, VERSIONED, async (session) => {
      expect(await versioned(server, session)).toEqual(PRESENT);
    });
  });

  it("leave out the past of tables whose own columns tell it", async () => {
    await using server = await sharedMysql("mariadb");
    const ddl = `(id INT PRIMARY KEY, a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
      PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING`;
    await withTable(server, ddl, async (session) => {
      const from = await server.binlogEnd();
      await session.query("INSERT INTO t (id, a) VALUES (1, 2)");
      await session.query("UPDATE t SET a = 3");
      await session.query("DELETE FROM t");
      const plain = await shapeOf(server, "t", PLAIN);
      const columns = plain.columns.map((column) =>
        column.name === "e" ? { ...column, sourceType: `${column.sourceType} row end` } : column,
      );
      const shapes = new Map([["t", { ...plain, columns }]]);
      const rows = await readRows(server, [from, await server.binlogEnd()], shapes);
      expect(rows.map(({ op, before, after }) => [op, before?.[1], after?.[1]])).toEqual([
        ["c", undefined, 2],
        ["u", 2, 3],
        ["d", 3, undefined],
      ]);
    });
  });

  it("have compressed columns among others, in any charset", async () => {
    await using server = await sharedMysql("mariadb");
    const ddl = `(id INT PRIMARY KEY, a TEXT COMPRESSED CHARACTER SET koi8r, b VARCHAR(9) CHARACTER SET latin1,
      c VARCHAR(9) COMPRESSED CHARACTER SET sjis, d VARCHAR(9) CHARACTER SET sjis, e BLOB COMPRESSED, f TEXT, g BLOB, h CHAR(3) CHARACTER SET gbk)`;
    await withTable(server, ddl, async (session) => {
      const insert = "INSERT INTO t VALUES (1, 'я', 'ä', '漢', '字', x'ff', '€', x'fe', '中')";
      expect(texts(await logged(server, session, [insert]))).toEqual([
        ["c", null, [1, "я", "ä", "漢", "字", "xff", "€", "xfe", "中"]],
      ]);
    });
  });

  it("are read where they are compressed and where the server tells nothing of its columns", async () => {
    await using server = await startMysql("mariadb", {
      settings: {
        log_bin_compress: "ON",
        log_bin_compress_min_len: "10",
        binlog_row_metadata: "NO_LOG",
      },
    });
    await using session = await server.connect({ multipleStatements: true, database: "" });
    await server.createDatabase("test").catch(() => undefined);
    await session.query("USE test; SET NAMES utf8mb4");
    await session.query(
      "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, a TEXT CHARACTER SET latin1, e ENUM('ä', 'b'), u BLOB UNIQUE)",
    );
    const rows = await logged(server, session, [
      `INSERT INTO t VALUES (18446744073709551615, REPEAT('ä', 300), 'ä', 'u')`,
      "UPDATE t SET e = 'b'",
      "DELETE FROM t",
    ]);
    expect(rows.map(({ kind }) => kind.isCompressed)).toEqual([true, true, true]);
    const row = ["18446744073709551615", "ä".repeat(300), "ä", "x75"];
    const changed = row.with(2, "b");
    expect(texts(rows)).toEqual([
      ["c", null, row],
      ["u", row, changed],
      ["d", changed, null],
    ]);
    await session.query(`DROP TABLE t; CREATE TABLE t ${VERSIONED}`);
    expect(await versioned(server, session)).toEqual(PRESENT);
    await session.query("DROP TABLE t; SET GLOBAL mysql56_temporal_format = OFF");
    await session.query(
      "CREATE TABLE t (id INT PRIMARY KEY, a TIME, b DATETIME, c TIMESTAMP NULL)",
    );
    const old = await logged(server, session, [
      "INSERT INTO t VALUES (1, '-12:34:56', '2026-11-21 10:20:30', '2026-11-21 10:20:30')",
      "INSERT INTO t VALUES (2, '838:59:59', '9999-12-31 23:59:59', '1970-01-01 00:00:01')",
    ]);
    expect(texts(old)).toEqual([
      ["c", null, [1, "-12:34:56", "2026-11-21 10:20:30", "2026-11-21 10:20:30+00"]],
      ["c", null, [2, "838:59:59", "9999-12-31 23:59:59", "1970-01-01 00:00:01+00"]],
    ]);
  });
});
