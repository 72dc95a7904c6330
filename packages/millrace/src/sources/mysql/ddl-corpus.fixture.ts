import type { SqlDialect } from "./ddl-lexer.ts";

type Flavor = SqlDialect["flavor"];

/** A statement of the corpus; `unknown` ones are those that the parser does not claim to understand, or may not. */
export interface CorpusStatement {
  readonly sql: string;
  readonly unknown: boolean | "maybe";
  /** Values that do not fit the new type may be refused. */
  readonly mayFail: boolean;
}

/** Statements that run one after the other; what they make goes at their end. */
export type CorpusScript = readonly CorpusStatement[];

/** Types with two values of each; the flavour where only one server knows them. */
const TYPES: readonly (readonly [type: string, values: string, flavor?: Flavor])[] = [
  ["TINYINT", "(1),(-5)"],
  ["TINYINT(1)", "(1),(0)"],
  ["TINYINT(3) UNSIGNED ZEROFILL", "(1),(5)"],
  ["BOOL", "(1),(0)"],
  ["BOOLEAN NOT NULL DEFAULT TRUE", "(1),(0)"],
  ["INT1 UNSIGNED", "(1),(200)"],
  ["SMALLINT(5)", "(1),(-3)"],
  ["INT2", "(1),(3)"],
  ["MEDIUMINT UNSIGNED", "(1),(3)"],
  ["MIDDLEINT", "(1),(3)"],
  ["INT3", "(1),(3)"],
  ["INT", "(1),(300)"],
  ["INTEGER(11) SIGNED", "(1),(-300)"],
  ["INT4 ZEROFILL", "(1),(300)"],
  ["BIGINT(20) UNSIGNED", "(1),(18446744073709551615)"],
  ["INT8", "(1),(-4)"],
  ["DECIMAL", "(1),(3)"],
  ["DEC(5)", "(1),(3)"],
  ["NUMERIC(10,2) UNSIGNED", "(1.25),(3)"],
  ["FIXED(0)", "(1),(3)"],
  ["DECIMAL(65,30) ZEROFILL", "(1.5),(3)"],
  ["FLOAT", "(1.5),(3)"],
  ["FLOAT(24)", "(1.5),(3)"],
  ["FLOAT(25)", "(1.5),(3)"],
  ["FLOAT(7,3) UNSIGNED", "(1.5),(3)"],
  ["FLOAT4", "(1.5),(3)"],
  ["FLOAT8", "(1.5),(3)"],
  ["DOUBLE", "(1.5),(3)"],
  ["DOUBLE PRECISION", "(1.5),(3)"],
  ["DOUBLE(10,2)", "(1.5),(3)"],
  ["REAL", "(1.5),(3)"],
  ["BIT", "(b'1'),(b'0')"],
  ["BIT(12)", "(b'101'),(b'0')"],
  ["YEAR", "(2020),(1999)"],
  ["YEAR(4)", "(2020),(1999)"],
  ["DATE", "('2020-01-02'),('1999-12-31')"],
  ["TIME", "('10:00:01'),('-05:00:00')"],
  ["TIME(0)", "('10:00:01'),('-05:00:00')"],
  ["TIME(6)", "('10:00:01.5'),('-05:00:00')"],
  ["DATETIME", "('2020-01-02 03:04:05'),('1999-12-31 00:00:00')"],
  [
    "DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)",
    "('2020-01-02'),('1999-12-31')",
  ],
  ["TIMESTAMP NULL", "('2020-01-02 03:04:05'),('1999-12-31 00:00:00')"],
  ["TIMESTAMP(6) NOT NULL DEFAULT NOW(6) ON UPDATE NOW(6)", "('2020-01-02'),('1999-12-31')"],
  ["CHAR", "('a'),('b')"],
  ["CHAR(0)", "(''),(NULL)"],
  ["CHARACTER(10)", "('a'),('bcd')"],
  ["CHAR(10) CHARACTER SET latin1", "('a'),('bcd')"],
  ["CHAR(10) CHARSET ascii COLLATE ascii_bin", "('a'),('bcd')"],
  ["CHAR(5) ASCII", "('a'),('bcd')"],
  ["CHAR(5) UNICODE", "('a'),('bcd')"],
  ["CHAR(5) BYTE", "('a'),('bcd')"],
  ["CHAR(5) BINARY", "('a'),('bcd')"],
  ["NATIONAL CHAR(5)", "('a'),('bcd')"],
  ["NATIONAL CHARACTER VARYING(5)", "('a'),('bcd')"],
  ["NATIONAL VARCHAR(5)", "('a'),('bcd')"],
  ["NCHAR", "('a'),('b')"],
  ["NCHAR VARCHAR(7)", "('a'),('bcd')"],
  ["NVARCHAR(5)", "('a'),('bcd')"],
  ["VARCHAR(20)", "('a'),('bcd')"],
  ["VARCHAR(20) COLLATE latin2_general_ci", "('a'),('bcd')"],
  ["VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "('a'),('é😀')"],
  ["VARCHAR(20) CHARACTER SET binary", "('a'),('bcd')"],
  ["VARCHAR(20) CHARACTER SET utf8", "('a'),('é')"],
  ["CHARACTER VARYING(12)", "('a'),('bcd')"],
  ["CHAR VARYING(12)", "('a'),('bcd')"],
  ["VARCHARACTER(12)", "('a'),('bcd')"],
  ["BINARY", "('a'),('b')"],
  ["BINARY(16)", "('a'),('bcd')"],
  ["VARBINARY(16)", "('a'),('bcd')"],
  ["TINYTEXT", "('a'),('bcd')"],
  ["TEXT", "('a'),('bcd')"],
  ["TEXT(10)", "('a'),('bcd')"],
  ["TEXT(70000) CHARSET latin1", "('a'),('bcd')"],
  ["TEXT CHARACTER SET binary", "('a'),('bcd')"],
  ["MEDIUMTEXT COLLATE utf8mb4_bin", "('a'),('bcd')"],
  ["LONGTEXT", "('a'),('bcd')"],
  ["LONG", "('a'),('bcd')"],
  ["LONG VARCHAR", "('a'),('bcd')"],
  ["LONG VARBINARY", "('a'),('bcd')"],
  ["TINYBLOB", "('a'),('bcd')"],
  ["BLOB", "('a'),('bcd')"],
  ["BLOB(100)", "('a'),('bcd')"],
  ["BLOB(300)", "('a'),('bcd')"],
  ["MEDIUMBLOB", "('a'),('bcd')"],
  ["LONGBLOB", "('a'),('bcd')"],
  ["ENUM('a','b')", "('a'),('b')"],
  ["ENUM('it''s','c\\\\d,e','(x) unsigned', '', 'trail  ')", "('it''s'),('')"],
  ["ENUM('ä','ö') CHARACTER SET utf8mb4", "('ä'),('ö')"],
  ["SET('x','y','z') COLLATE latin1_bin", "('x,z'),('')"],
  ["JSON", "('[1]'),('{}')"],
  ["GEOMETRY", "(ST_GeomFromText('POINT(1 2)')),(NULL)"],
  ["POINT", "(ST_GeomFromText('POINT(1 2)')),(NULL)"],
  ["LINESTRING", "(NULL),(NULL)"],
  ["POLYGON", "(NULL),(NULL)"],
  ["MULTIPOINT", "(NULL),(NULL)"],
  ["MULTILINESTRING", "(NULL),(NULL)"],
  ["MULTIPOLYGON", "(NULL),(NULL)"],
  ["GEOMETRYCOLLECTION", "(NULL),(NULL)"],
  ["GEOMCOLLECTION", "(NULL),(NULL)", "mysql"],
  ["POINT SRID 4326", "(NULL),(NULL)", "mysql"],
  ["POINT REF_SYSTEM_ID=4326", "(NULL),(NULL)", "mariadb"],
  ["VECTOR(3)", "(TO_VECTOR('[1,2,3]')),(NULL)", "mysql"],
  ["VECTOR", "(NULL),(NULL)", "mysql"],
  ["VARCHAR(30) DEFAULT (CONCAT('a', 'b'))", "('a'),('bcd')"],
  ["INT DEFAULT (1 + 2) CHECK (c > 0)", "(1),(3)"],
  ["INT DEFAULT -5 COMMENT 'it''s, (a) comment; DROP COLUMN'", "(1),(3)"],
  ["INT INVISIBLE DEFAULT 3", "(1),(3)"],
  ["VARCHAR(36) DEFAULT uuid()", "('a'),('b')", "mariadb"],
  ["UUID", "(UUID()),(NULL)", "mariadb"],
  ["INET4", "('10.0.0.1'),(NULL)", "mariadb"],
  ["INET6", "('::1'),(NULL)", "mariadb"],
  ["VARCHAR(30) COMPRESSED", "('a'),('bcd')", "mariadb"],
  ["TEXT COMPRESSED=zlib", "('a'),('bcd')", "mariadb"],
  ["BLOB COMPRESSED", "('a'),('bcd')", "mariadb"],
];

/** Each type is in a new table, then replaces another, is added, and goes through another table's default charset. */
function typeScripts(flavor: Flavor): CorpusScript[] {
  const types = TYPES.filter(([, , of]) => of === undefined || of === flavor);
  return types.map(([type, values], index) => {
    const [other = "INT"] = types[(index * 7 + 3) % types.length] ?? [];
    const name = `types_${index}`;
    const charset = ["utf8mb4", "latin1", "utf8mb3", "cp1251"][index % 4];
    const added = type.replace(/ CHECK.*/, "");
    const changed = other.replace(/ CHECK.*/, "");
    return script(
      "SET sql_mode = ''",
      `CREATE TABLE ${name} (id INT AUTO_INCREMENT PRIMARY KEY, c ${type}) DEFAULT CHARSET ${charset}`,
      `INSERT INTO ${name} (c) VALUES ${values}`,
      index % 3 === 0
        ? `ALTER TABLE ${name} ADD COLUMN d ${changed} AFTER id`
        : `~ALTER TABLE ${name} CHANGE c \`c d\` ${changed} FIRST, ADD e ${added}`,
    );
  });
}

/** Statements in a row; a `?` before one says that it is not understood, a `~` that it may be refused. */
export function script(...statements: readonly string[]): CorpusScript {
  return statements.map((sql) => ({
    sql: sql.replace(/^[?~]/, ""),
    unknown: sql.startsWith("?"),
    mayFail: sql.startsWith("~"),
  }));
}

/** All scripts for one kind of server. */
export function corpusFor(
  flavor: Flavor,
  odd: { readonly both: readonly CorpusScript[] } & Readonly<
    Record<Flavor, readonly CorpusScript[]>
  >,
): readonly CorpusScript[] {
  return [...odd.both, ...odd[flavor], ...typeScripts(flavor)];
}
