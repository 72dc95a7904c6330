/** The column types of the end-to-end schemas of MySQL and MariaDB. */
import type { SampleType } from "./sample-table.ts";

/** Of 32 digits; MySQL has no MD5 any more. */
const hash = "LEFT(SHA2(n, 256), 32)";

/** Texts that the sink's encoding, a CHAR's blanks and quoting may harm. */
const textValue = String.raw`CASE n % 10 WHEN 0 THEN '' WHEN 1 THEN 'line\nbreak\ttab\r' WHEN 2 THEN 'quote '' " \\ back'
  WHEN 3 THEN 'ünïcödé 🚀 漢字' WHEN 4 THEN '{a,"b"}' WHEN 5 THEN 'NULL' WHEN 6 THEN '\\N' WHEN 7 THEN '  blanks  '
  ELSE ${hash} END`;

/** A value in an awkward choice of specials, else a plain one. */
function special(specials: readonly string[], plain: string): string {
  const cases = specials.map((value, index) => `WHEN ${index} THEN ${value}`);
  return `CASE n % ${specials.length * 5} ${cases.join(" ")} ELSE ${plain} END`;
}

/** One of several texts. */
function oneOf(...texts: readonly string[]): string {
  return `ELT(n % ${texts.length} + 1, ${texts.map((text) => `'${text}'`).join(", ")})`;
}

const clock = "SEC_TO_TIME(n % 86400)";
const day = "DATE_ADD('2000-01-01', INTERVAL n % 20000 DAY)";

/** Types of both servers by a short name; columns are called after it. */
const commonTypes = {
  int1: { type: "tinyint", value: "n % 256 - 128" },
  uint1: { type: "tinyint unsigned", value: "n % 256" },
  int2: { type: "smallint", value: "n % 65536 - 32768" },
  uint2: { type: "smallint unsigned zerofill", value: "n % 65536" },
  int3: { type: "mediumint", value: "n * 7919 % 16777216 - 8388608" },
  uint3: { type: "mediumint unsigned", value: "n * 7919 % 16777216" },
  int4: { type: "int", value: "n * 7919 % 4294967296 - 2147483648" },
  uint4: { type: "int unsigned", value: "n * 7919 % 4294967296" },
  int8: { type: "bigint", value: "n * 1000003 - 9000000000000000000" },
  uint8: { type: "bigint unsigned", value: "18446744073709551615 - n * 1000003" },
  tiny: { type: "tinyint(1)", value: "n % 5 - 2" },
  float4: { type: "float", value: special(["-0e0", "1e-37", "3.4e38"], "n / 7e0") },
  float8: { type: "double", value: special(["-0e0", "1e300", "-1e-300"], "n / 7e0") },
  dec: { type: "decimal(12,3)", value: "n % 999999999 * 0.125" },
  dec65: {
    type: "decimal(65,30)",
    value:
      "CAST(CONCAT('-1', REPEAT('9', n % 34), '.', REPEAT('1', n % 30 + 1)) AS DECIMAL(65,30))",
  },
  uzdec: { type: "decimal(8,2) unsigned zerofill", value: "n % 99999 / 4" },
  yr: { type: "year", value: "CASE n % 9 WHEN 0 THEN 0 ELSE 1901 + n % 255 END" },
  flag: { type: "bit(1)", value: "n % 2" },
  bits: { type: "bit(9)", value: "n % 512" },
  bits64: { type: "bit(64)", value: "18446744073709551615 - n" },
  txt: { type: "text", value: textValue },
  vchar: { type: "varchar(40)", value: textValue },
  fixed: { type: "char(8)", value: `LEFT(${hash}, n % 9)` },
  tinytxt: { type: "tinytext", value: textValue },
  medtxt: { type: "mediumtext", value: textValue },
  longtxt: { type: "longtext", value: textValue },
  latin: { type: "varchar(40) character set latin1", value: oneOf("", "é", "ß-ÿ", "€ plain") },
  sjis: { type: "varchar(40) character set sjis", value: oneOf("あいう", "漢字", "ｱｲ ABC", "") },
  gbk: { type: "varchar(40) character set gbk", value: oneOf("中文", "漢字，。", "abc") },
  koi: { type: "text character set koi8r", value: oneOf("абвгд", "Яж", "abc") },
  utf16: { type: "char(20) character set utf16", value: oneOf("ü🚀", "漢字", "abc", "") },
  utf3: { type: "varchar(40) character set utf8mb3", value: oneOf("ü漢", "abc", "") },
  bintxt: { type: "varchar(60) collate utf8mb4_bin", value: textValue },
  bin: { type: "varbinary(20)", value: `CASE n % 7 WHEN 0 THEN '' ELSE UNHEX(${hash}) END` },
  binfix: { type: "binary(10)", value: `LEFT(UNHEX(${hash}), n % 11)` },
  blb: { type: "blob", value: `UNHEX(REPEAT(${hash}, n % 40))` },
  tinyblb: { type: "tinyblob", value: `UNHEX(${hash})` },
  medblb: { type: "mediumblob", value: "UNHEX(SHA2(n, 256))" },
  longblb: { type: "longblob", value: "UNHEX(REPEAT(SHA2(n, 256), 20))" },
  day: { type: "date", value: special(["'0000-00-00'", "'9999-12-31'", "'1000-01-01'"], day) },
  tod: { type: "time", value: clock },
  tod6: { type: "time(6)", value: `ADDTIME(${clock}, '00:00:00.000007')` },
  ts: {
    type: "datetime",
    value: special(["'0000-00-00 00:00:00'"], `TIMESTAMP(${day}, ${clock})`),
  },
  ts6: {
    type: "datetime(6)",
    value: "TIMESTAMP('2001-02-03 04:05:06.000007') + INTERVAL n * 1000003 MICROSECOND",
  },
  tstz: { type: "timestamp null", value: "FROM_UNIXTIME(1000000000 + n % 900000000)" },
  tstz3: { type: "timestamp(3) null", value: "FROM_UNIXTIME(1000000000.125 + n % 900000000)" },
  mood: { type: "enum('sad','ok','very happy','it''s','ä,b')", value: "n % 5 + 1" },
  tags: { type: "set('a','b c','it''s','ö')", value: "n % 16" },
  pt: { type: "point", value: "ST_GeomFromText(CONCAT('POINT(', n % 1000, ' ', n % 77 / 4, ')'))" },
  geo: {
    type: "geometry",
    value: `ST_GeomFromText(${oneOf(
      "LINESTRING(0 0,1 1.5,-2 3)",
      "POLYGON((0 0,10 0,10 10,0 0),(1 1,2 1,2 2,1 1))",
      "MULTIPOINT(1 2,3 4)",
      "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
    )})`,
  },
} as const satisfies Record<string, SampleType>;

const mysqlTypes = {
  ...commonTypes,
  js: {
    type: "json",
    value:
      "JSON_OBJECT('n', n, 'list', JSON_ARRAY(1, NULL, true, 'é\"'), 'big', 18446744073709551615, 'd', CAST(1.50 AS DECIMAL(10,2)), 'day', CAST('2020-01-02' AS DATE), 'f', n / 7e0)",
  },
  vec: {
    type: "vector(3)",
    value: "STRING_TO_VECTOR(CONCAT('[', n % 100, '.5,-2.25,', n % 7, ']'))",
  },
  gb: { type: "varchar(40) character set gb18030", value: oneOf("中文🚀", "漢字，。", "abc") },
} as const satisfies Record<string, SampleType>;

const mariadbTypes = {
  ...commonTypes,
  js: { type: "json", value: `CONCAT('{"n" : ', n, ', "list": [1, null, "é"], "s":"x"}')` },
  id128: {
    type: "uuid",
    value: `CONCAT(LEFT(${hash}, 8), '-', MID(${hash}, 9, 4), '-4', MID(${hash}, 14, 3), '-8', MID(${hash}, 18, 3), '-', MID(${hash}, 21, 12))`,
  },
  ip4: {
    type: "inet4",
    value: "CONCAT('10.', n DIV 65536 % 256, '.', n DIV 256 % 256, '.', n % 256)",
  },
  ip6: {
    type: "inet6",
    value: "CONCAT('2001:db8::', HEX(n % 65536), ':', HEX(n DIV 65536 % 65536))",
  },
  zip: { type: "varchar(3000) compressed", value: `REPEAT(${hash}, n % 30)` },
  zipblb: { type: "mediumblob compressed", value: "UNHEX(REPEAT(SHA2(n, 256), n % 30))" },
} as const satisfies Record<string, SampleType>;

/** What each server has. */
export const typesOf: Readonly<Record<"mysql" | "mariadb", Readonly<Record<string, SampleType>>>> =
  {
    mysql: mysqlTypes,
    mariadb: mariadbTypes,
  };
