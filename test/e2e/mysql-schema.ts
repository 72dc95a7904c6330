/** The end-to-end schemas of MySQL and MariaDB: every type, every shape of key, and what only they have. */
import type { MysqlFlavor } from "../support/mysql.ts";
import { mysqlDialect } from "./mysql-dialect.ts";
import { typesOf } from "./mysql-types.ts";
import { type Choices, defineTable, type SampleTable, type SampleType } from "./sample-table.ts";

/** Makes tables for one of the servers. */
type Maker = (name: string, types: readonly string[], choices?: Choices) => SampleTable;

function makerFor(flavor: MysqlFlavor): Maker {
  const known = typesOf[flavor];
  return (name, types, choices = {}) => {
    const columns: Record<string, SampleType> = {};
    for (const type of types) {
      const sample = known[type];
      if (sample === undefined) throw new Error(`${flavor} has no ${type}`);
      columns[type] = sample;
    }
    Object.assign(columns, choices.extra);
    return defineTable(mysqlDialect, { schema: "", name }, columns, choices);
  };
}

const keyOf = (value: string, type = "bigint"): SampleType => ({ type, value });
const byId = { key: ["id"], extra: { id: keyOf("n") } };

/** Tables whose key is one column of a type. Sources hold spellings to be equal that a sink tells apart. */
function keyTables(table: Maker): readonly SampleTable[] {
  const keyed = (name: string, type: string, value: string): SampleTable =>
    table(`k_${name}`, ["vchar", "int4"], { key: ["k"], extra: { k: keyOf(value, type) } });
  const letters = "CHAR(CASE WHEN n % 2 = 0 THEN 65 ELSE 97 END + n DIV 2 % 26 USING utf8mb4)";
  return [
    keyed("int1", "tinyint", "n % 256 - 128"),
    keyed("int8", "bigint", "n - 50"),
    keyed("uint8", "bigint unsigned", "18446744073709551615 - n"),
    keyed("uint4", "int unsigned", "4294967295 - n"),
    keyed("dec", "decimal(20,3)", "n * 0.125"),
    keyed("txt", "varchar(60)", "CONCAT(CHAR(33 + n % 90 USING utf8mb4), ' ', n)"),
    keyed("ci", "varchar(60) collate utf8mb4_unicode_ci", `CONCAT(${letters}, '-é', n)`),
    keyed("cs", "varchar(60) collate utf8mb4_bin", `CONCAT(${letters}, '-é', n)`),
    keyed("latin", "varchar(60) character set latin1", `CONCAT(${letters}, '-é', n)`),
    keyed("sjis", "varchar(60) character set sjis", "CONCAT('漢', n)"),
    keyed("fixed", "char(20)", "CONCAT('é ', n)"),
    keyed("bin", "varbinary(40)", "UNHEX(SHA2(n, 224))"),
    keyed("day", "date", "DATE_ADD('1990-01-01', INTERVAL n DAY)"),
    keyed("ts6", "datetime(6)", "TIMESTAMP('2001-01-01') + INTERVAL n * 1000001 MICROSECOND"),
    keyed("tstz", "timestamp", "FROM_UNIXTIME(1000000000 + n)"),
    table("k_composite", ["vchar", "int4"], {
      key: ["c", "a", "b"],
      extra: {
        a: keyOf("n % 5", "int unsigned"),
        b: keyOf("CONCAT('b', n DIV 5)", "varchar(40)"),
        c: keyOf("DATE_ADD('2024-01-01', INTERVAL n % 3 DAY)", "date"),
      },
    }),
    table("k_enum", ["vchar"], {
      key: ["mood", "id"],
      extra: { mood: keyOf("n % 3 + 1", "enum('sad','ok','a b')"), id: keyOf("n", "int") },
    }),
    table("k_skewed", ["vchar"], {
      key: ["id"],
      extra: { id: keyOf("CASE WHEN n % 10 = 0 THEN n * 1000000000000 ELSE n END") },
    }),
  ];
}

const numbers =
  "int1 uint1 int2 uint2 int3 uint3 int4 uint4 int8 uint8 tiny float4 float8 dec dec65 uzdec yr flag bits bits64";
const strings =
  "txt vchar fixed tinytxt medtxt longtxt latin sjis gbk koi utf16 utf3 bintxt mood tags";

function typeTables(table: Maker, own: readonly string[]): readonly SampleTable[] {
  return [
    table("t_numbers", numbers.split(" "), byId),
    table("t_strings", strings.split(" "), byId),
    table("t_bytes", "bin binfix blb tinyblb medblb longblb".split(" "), byId),
    table("t_times", "day tod tod6 ts ts6 tstz tstz3".split(" "), byId),
    table("t_shapes", ["pt", "geo"], byId),
    table("t_own", own, byId),
  ];
}

const wideTypes = Object.fromEntries(
  Array.from({ length: 200 }, (_, index) => [
    `c${index}`,
    keyOf(`CASE WHEN (n + ${index}) % 3 = 0 THEN NULL ELSE n + ${index} END`, "int"),
  ]),
);
const large = keyOf("REPEAT(SHA2(n, 256), 200)", "mediumtext");

/** Rows of a parent that go take their children along: not every server logs that. */
const children = (table: Maker): SampleTable =>
  table("s_children", ["vchar"], {
    ...byId,
    extra: { ...byId.extra, parent: keyOf("n % 40 + 1", "bigint") },
    after: [
      "ALTER TABLE @ ADD FOREIGN KEY (parent) REFERENCES s_parents (id) ON DELETE CASCADE ON UPDATE CASCADE",
    ],
  });

function shapeTables(table: Maker, logsCascades: boolean): readonly SampleTable[] {
  return [
    table("s_large", ["int4"], { ...byId, extra: { ...byId.extra, large } }),
    table("s_keyless", ["vchar", "int4", "dec"], {}),
    table("s_unique", ["vchar"], {
      extra: { code: keyOf("CONCAT('code-', n)", "varchar(40) NOT NULL UNIQUE") },
    }),
    table("s_wide", [], { key: ["id"], extra: { ...byId.extra, ...wideTypes } }),
    table("s_generated", ["vchar"], {
      ...byId,
      generated: {
        twice: "bigint GENERATED ALWAYS AS (n * 2) STORED",
        virt: "bigint GENERATED ALWAYS AS (n * 3) VIRTUAL",
        hidden: "int INVISIBLE DEFAULT 7",
      },
    }),
    table("s_counted", ["vchar"], {
      key: ["id"],
      extra: { id: keyOf("n", "int unsigned AUTO_INCREMENT") },
    }),
    table("s_parts", ["vchar"], {
      key: ["id", "region"],
      extra: { ...byId.extra, region: keyOf("n % 4", "int") },
      suffix:
        "PARTITION BY LIST (region) (PARTITION low VALUES IN (0, 1), PARTITION high VALUES IN (2, 3))",
    }),
    table("s_truncated", ["vchar"], { ...byId, manners: { truncates: true } }),
    table("s_truncated_too", ["vchar"], { ...byId, manners: { truncates: true } }),
    table("Odd `Name-1", ["vchar"], {
      key: ["Id 1"],
      extra: { "Id 1": keyOf("n"), 'q"uote': keyOf("n % 9", "int"), select: keyOf("n", "int") },
    }),
    table("s_empty", ["vchar"], { ...byId, initialRows: 0 }),
    table("s_only_key", [], byId),
    table("s_parents", ["vchar"], { ...byId, manners: { keyChanges: logsCascades } }),
    ...(logsCascades ? [children(table)] : []),
    table("big", ["int4", "vchar", "dec", "ts6"], { ...byId, initialRows: 5000 }),
  ];
}

const ddlNames = ["d_add", "d_drop", "d_rename", "d_default", "d_mixed"];

function tablesOf(flavor: MysqlFlavor): readonly SampleTable[] {
  const table = makerFor(flavor);
  const own = flavor === "mysql" ? "js vec gb" : "js id128 ip4 ip6 zip zipblb";
  return [
    ...keyTables(table),
    ...typeTables(table, own.split(" ")),
    ...shapeTables(table, flavor === "mysql"),
    ...ddlNames.map((name) => table(name, ["vchar", "int4"], { ...byId, manners: { ddl: true } })),
  ];
}

/** Every table of the suite. */
export const mysqlTables: Readonly<Record<MysqlFlavor, readonly SampleTable[]>> = {
  mysql: tablesOf("mysql"),
  mariadb: tablesOf("mariadb"),
};
