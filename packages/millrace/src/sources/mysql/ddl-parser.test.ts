import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import "../../../../../test/support/test-runs.ts";
import type { TableId } from "../../model/table.ts";
import type { DdlEffect } from "./ddl-effect.ts";
import { applyDdl } from "./ddl-effects.ts";
import { type SqlDialect, SqlMode } from "./ddl-lexer.ts";
import { parseDdl } from "./ddl-parser.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import type { TypeOptions } from "./types.ts";

const TYPES: TypeOptions = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" };
const MYSQL: SqlDialect = { flavor: "mysql", version: 90_704, sqlMode: 0 };
const MARIADB: SqlDialect = { flavor: "mariadb", version: 101_118, sqlMode: 0 };

interface Known {
  readonly dialect?: SqlDialect;
  readonly shapes?: readonly MysqlShape[];
  readonly lowerCaseNames?: boolean;
  readonly sqlMode?: number;
}

function effectsOf(sql: string, known: Known = {}): readonly DdlEffect[] | "unknown" | null {
  const { dialect = MYSQL, shapes = [], lowerCaseNames = false, sqlMode = 0 } = known;
  const parsed = parseDdl(sql, dialect);
  if (parsed === null || parsed === "unknown") return parsed;
  const tables = {
    table: (id: TableId) => shapes.find((shape) => shape.id === id),
    databaseCharset: () => "utf8mb4",
  };
  const session = {
    database: "db",
    serverCharset: "latin1",
    explicitTimestamps: true,
    types: TYPES,
  };
  return applyDdl(parsed, tables, { ...session, lowerCaseNames, sqlMode });
}

function made(sql: string, dialect = MYSQL): MysqlShape {
  const [effect] = effectsOf(sql, { dialect }) ?? [];
  if (typeof effect !== "object" || effect.kind !== "created") throw new Error(`not made: ${sql}`);
  return effect.shape;
}

const columnsOf = (shape: MysqlShape): string[] =>
  shape.columns.map(({ name, sourceType }) => `${name} ${sourceType}`);

describe("DDL", () => {
  it("has what is for later servers, or the other one, left out", () => {
    const sql =
      "CREATE TABLE t (a INT /*!80000 , b INT */ /*!90800 , c INT */ /*M!100000 , d INT */)";
    expect(columnsOf(made(sql))).toEqual(["a int", "b int"]);
    expect(columnsOf(made(sql, { ...MYSQL, version: 50_744 }))).toEqual(["a int"]);
    expect(columnsOf(made(sql, MARIADB))).toEqual(["a int", "d int"]);
  });

  it.each([
    "CREATE VIEW v AS SELECT 1",
    "CREATE DEFINER=`root`@`%` PROCEDURE p() DROP TABLE t",
    "CREATE TEMPORARY TABLE t (a INT)",
    "DROP TEMPORARY TABLE IF EXISTS t",
    "DROP VIEW t",
    "DROP INDEX i ON t",
    "CREATE UNIQUE INDEX i ON t (a)",
    "ALTER USER u IDENTIFIED BY 'x'",
  ])("is none: %s", (sql) => {
    expect(effectsOf(sql)).toBeNull();
  });

  it.each([
    "CREATE TABLE `t (a INT)",
    "FROB TABLE t",
    "CREATE TABLE \ufffd (a INT)",
    "DROP TABLE t; /*!",
  ])("is unknown of all tables: %s", (sql) => {
    expect(effectsOf(sql)).toBe("unknown");
  });

  it.each([
    "CREATE TABLE t (a FROB)",
    "CREATE TABLE t (a INT FROB)",
    "CREATE TABLE t (a INT) FROB",
    "CREATE TABLE t (a INT) SELECT 1 AS b",
    "CREATE TABLE t (a CHAR(3) CHARACTER SET frob)",
    "CREATE TABLE t (a VARCHAR(60000))",
    "CREATE TABLE t (a INT, PRIMARY KEY (b))",
    "CREATE TABLE t LIKE never_seen",
    "ALTER TABLE t ADD a INT",
    "ALTER TABLE t FROB a",
    "DROP TABLE t FROB",
  ])("is unknown of its table: %s", (sql) => {
    expect(effectsOf(sql)).toEqual([{ kind: "unknown", tables: ["db.t"] }]);
  });

  it("leaves a table alone whose default charset is not known, and one that lacks its column", () => {
    const shape = made("CREATE TABLE t (a INT, b INT)");
    const unknown = [{ kind: "unknown", tables: ["db.t"] }];
    const shapes = [{ ...shape, facts: { ...shape.facts, charset: null } }];
    expect(effectsOf("ALTER TABLE t DROP a", { shapes })).toEqual(unknown);
    const charsets = "COLLATE latin2_general_ci, CONVERT TO CHARACTER SET utf8mb3";
    for (const clause of [
      charsets,
      "CHARSET latin1 COLLATE latin2_bin",
      "DROP c",
      "ADD a INT",
      "ADD d INT AFTER c",
      "RENAME COLUMN a TO b",
    ])
      expect(effectsOf(`ALTER TABLE t ${clause}`, { shapes: [shape] }), clause).toEqual(unknown);
  });

  it("has names in lower case where the server keeps them so", () => {
    const shapes = [made("CREATE TABLE t (a INT)")];
    expect(effectsOf("TRUNCATE DB.T", { shapes, lowerCaseNames: true })).toEqual([
      { kind: "truncated", id: "db.t" },
    ]);
    expect(effectsOf("TRUNCATE DB.T", { shapes })).toEqual([{ kind: "truncated", id: "DB.T" }]);
  });

  it("swaps names by way of a third", () => {
    const [a, b] = [made("CREATE TABLE a (x INT)"), made("CREATE TABLE b (y INT)")];
    const effects = effectsOf("RENAME TABLE a TO c, b TO a, c TO db2.b", { shapes: [a, b] });
    expect(effects).toMatchObject([
      { from: "db.a", to: "db.c", shape: { columns: a.columns, name: "c" } },
      { from: "db.b", to: "db.a", shape: { columns: b.columns, name: "a" } },
      { from: "db.c", to: "db2.b", shape: { columns: a.columns, schema: "db2", id: "db2.b" } },
    ]);
  });

  it.each([
    ["ALTER TABLE t TRUNCATE PARTITION p0", ["db.t"]],
    ["ALTER TABLE t DROP PARTITION p0, p1", ["db.t"]],
    ["ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE o.x WITHOUT VALIDATION", ["db.t", "o.x"]],
    ["ALTER TABLE t IMPORT TABLESPACE", ["db.t"]],
    ["ALTER TABLE t ENGINE = BLACKHOLE", ["db.t"]],
    ["ALTER TABLE t ENGINE InnoDB", []],
    ["ALTER TABLE t REORGANIZE PARTITION p0, p1 INTO (PARTITION p VALUES LESS THAN (9))", []],
  ])("tells of rows that come and go: %s", (sql, ids) => {
    expect(effectsOf(sql)).toEqual(ids.map((id) => ({ kind: "moved", id })));
  });

  it("reads values again that NOT NULL may change, by the session's mode", () => {
    const shapes = [made("CREATE TABLE t (a INT)")];
    const sql = "ALTER TABLE t MODIFY a INT NOT NULL";
    expect(effectsOf(sql, { shapes })).toMatchObject([{ rewritten: ["a"] }]);
    expect(effectsOf(sql, { shapes, sqlMode: SqlMode.STRICT })).toMatchObject([{ rewritten: [] }]);
  });

  it("is not understood in modes in which types have other names", () => {
    const dialect = { ...MARIADB, sqlMode: SqlMode.ORACLE };
    expect(effectsOf("CREATE TABLE t (a DATE)", { dialect })).toMatchObject([{ kind: "unknown" }]);
  });

  it("drops what OR REPLACE replaces", () => {
    expect(effectsOf("CREATE OR REPLACE DATABASE d CHARSET koi8r", { dialect: MARIADB })).toEqual([
      { kind: "databaseDropped", database: "d" },
      { kind: "databaseCharset", database: "d", charset: "koi8r" },
    ]);
  });

  it("takes any words without failing, and makes no table of a statement that does not end", () => {
    const words =
      "CREATE TABLE ALTER t ( ) , . ADD DROP a INT VARCHAR (3) PRIMARY KEY DEFAULT 'x' ' ` /* */ /*! -- # AS LIKE RENAME TO";
    const soup = fc.array(
      fc.oneof(fc.constantFrom(...words.split(" ")), fc.string({ maxLength: 3 })),
    );
    fc.assert(
      fc.property(soup, fc.constantFrom(MYSQL, MARIADB), (parts, dialect) => {
        const effects = effectsOf(parts.join(" "), { dialect });
        if (effects === null || effects === "unknown") return;
        for (const effect of effects)
          if (effect.kind === "created") expect(effect.shape.columns).not.toEqual([]);
      }),
    );
    const whole = "CREATE TABLE t (a INT DEFAULT '1', b VARCHAR(3) /* b */)";
    for (let length = "CREATE TABLE t".length; length < whole.length; length += 1) {
      const effects = effectsOf(whole.slice(0, length)) ?? [];
      const kinds = effects === "unknown" ? [effects] : effects.map(({ kind }) => kind);
      expect(kinds, whole.slice(0, length)).toEqual(["unknown"]);
    }
  });
});
