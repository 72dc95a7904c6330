import * as fc from "fast-check";

/** A type and how values of it are drawn, each an expression for INSERT. */
export interface ValueSample {
  readonly ddl: string;
  readonly value: fc.Arbitrary<string>;
  readonly only?: "mysql" | "mariadb";
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
const hex = (bytes: Uint8Array): string => `x'${Buffer.from(bytes).toString("hex")}'`;

const int = (bits: number, unsigned: boolean): fc.Arbitrary<string> => {
  const half = 1n << BigInt(bits - 1);
  const [min, max] = unsigned ? [0n, 2n * half - 1n] : [-half, half - 1n];
  const small = fc.bigInt({ min: unsigned ? 0n : -10n, max: 10n });
  return fc.oneof(fc.bigInt({ min, max }), small, fc.constantFrom(min, max)).map(String);
};

const ints = (["tinyint", "smallint", "mediumint", "int", "bigint"] as const).flatMap(
  (name, index): ValueSample[] => {
    const bits = [8, 16, 24, 32, 64][index] ?? 64;
    return [
      { ddl: name, value: int(bits, false) },
      { ddl: `${name} unsigned`, value: int(bits, true) },
      { ddl: `${name} unsigned zerofill`, value: int(bits, true) },
    ];
  },
);

const decimal = (precision: number, scale: number): ValueSample => ({
  ddl: `decimal(${precision},${scale})`,
  value: fc
    .tuple(fc.constantFrom("", "-"), digits(precision - scale), digits(scale))
    .map(
      ([sign, whole, fraction]) =>
        `'${sign}${whole || "0"}${fraction === "" ? "" : `.${fraction}`}'`,
    ),
});

function digits(most: number): fc.Arbitrary<string> {
  return fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 0, maxLength: most })
    .map((list) => list.join(""));
}

const double = fc
  .oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 100),
    fc
      .tuple(fc.integer({ min: 1, max: 9_999 }), fc.integer({ min: -25, max: 25 }))
      .map(([n, e]) => Number(`${n}e${e}`)),
  )
  .map((n) => (n !== 0 && Math.abs(n) < 1e-300 ? 0 : n));
const float = fc
  .oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 100),
  )
  .filter((n) => n === 0 || (Math.abs(n) > 1e-37 && Math.abs(n) < 3.4e38));

const two = (n: number): string => String(n).padStart(2, "0");
const fraction = (digitsAfter: number): fc.Arbitrary<string> =>
  digitsAfter === 0
    ? fc.constant("")
    : fc
        .oneof(fc.integer({ min: 0, max: 10 ** digitsAfter - 1 }), fc.constant(0))
        .map((n) => `.${String(n).padStart(digitsAfter, "0")}`);

const date = fc.oneof(
  fc
    .tuple(
      fc.integer({ min: 1, max: 9999 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 28 }),
    )
    .map(([y, m, d]) => `${String(y).padStart(4, "0")}-${two(m)}-${two(d)}`),
  fc.constantFrom("0000-00-00", "2020-00-00", "2020-01-00", "0000-01-01", "9999-12-31"),
);
const clock = fc
  .tuple(
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 59 }),
    fc.integer({ min: 0, max: 59 }),
  )
  .map((parts) => parts.map(two).join(":"));
const time = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.integer({ min: 0, max: 837 }),
    fc.integer({ min: 0, max: 59 }),
    fc.integer({ min: 0, max: 59 }),
  )
  .map(([sign, h, m, s]) => `${sign}${two(h)}:${two(m)}:${two(s)}`);
const moment = fc
  .integer({ min: 1, max: 2_147_483_646 })
  .map((seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " "));

const temporal = [0, 1, 2, 3, 4, 5, 6].flatMap((p): ValueSample[] => [
  { ddl: `time(${p})`, value: fc.tuple(time, fraction(p)).map(([t, f]) => `'${t}${f}'`) },
  {
    ddl: `datetime(${p})`,
    value: fc.tuple(date, clock, fraction(p)).map(([d, t, f]) => `'${d} ${t}${f}'`),
  },
  {
    ddl: `timestamp(${p}) null`,
    value: fc.oneof(
      fc.tuple(moment, fraction(p)).map(([t, f]) => `'${t}${f}'`),
      fc.constant("'0000-00-00 00:00:00'"),
    ),
  },
]);

const text = fc.string({ unit: "binary", maxLength: 40 }).map(quoted);
const ascii = fc.string({ unit: "binary-ascii", maxLength: 20 }).map(quoted);
const bytes = (maxLength: number): fc.Arbitrary<string> => fc.uint8Array({ maxLength }).map(hex);
const japanese = fc
  .string({ unit: fc.constantFrom(..."あいう漢字ｱｲ ABC～∥−¢\\"), maxLength: 8 })
  .map(quoted);
const chinese = fc
  .string({ unit: fc.constantFrom(..."中文漢字，。 ABC"), maxLength: 8 })
  .map(quoted);
const korean = fc.string({ unit: fc.constantFrom(..."한국어가각 ABC"), maxLength: 8 }).map(quoted);
const cyrillic = fc.string({ unit: fc.constantFrom(..."абвгджЯ ABC"), maxLength: 8 }).map(quoted);

const inCharsets: ValueSample[] = [
  ...["sjis", "cp932", "ujis", "eucjpms"].map((name) => ({
    ddl: `varchar(20) character set ${name}`,
    value: japanese,
  })),
  ...["gbk", "gb2312", "big5"].map((name) => ({
    ddl: `varchar(20) character set ${name}`,
    value: chinese,
  })),
  {
    ddl: "varchar(20) character set gb18030",
    value: text.filter((value) => value.length < 20),
    only: "mysql",
  },
  { ddl: "varchar(20) character set euckr", value: korean },
  ...["koi8r", "cp1251", "cp866"].map((name) => ({
    ddl: `varchar(20) character set ${name}`,
    value: cyrillic,
  })),
  ...["latin1", "latin2", "cp1250", "swe7", "hp8", "armscii8"].map((name) => ({
    ddl: `varchar(256) character set ${name}`,
    value: fc
      .uint8Array({ maxLength: 20 })
      .map(
        (list) =>
          `CONVERT(${hex(list.map((byte) => (name === "swe7" ? byte & 0x7f : byte)))} USING ${name})`,
      ),
  })),
  ...["utf16", "utf16le", "utf32"].map((name) => ({
    ddl: `char(40) character set ${name}`,
    value: text,
  })),
  {
    ddl: "text character set ucs2",
    value: fc.string({ unit: fc.constantFrom(..."aäあ "), maxLength: 8 }).map(quoted),
  },
];

const jsonValue = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.string({ unit: "grapheme-ascii", minLength: 120, maxLength: 200 }),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.integer({ min: -70_000, max: 70_000 }),
    double,
    fc.array(tie("tree"), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: "binary", maxLength: 6 }), tie("tree"), { maxKeys: 5 }),
  ),
})).tree;
const SPECIAL_JSON = [
  "JSON_ARRAY(18446744073709551615, -9223372036854775808, CAST(1.50 AS DECIMAL(10,2)), CAST(-0.05 AS DECIMAL(65,30)))",
  "JSON_OBJECT('d', CAST('2020-01-02' AS DATE), 't', CAST('-10:11:12.5' AS TIME(3)), 'z', CAST('2020-01-02 03:04:05.678' AS DATETIME(6)))",
  "JSON_ARRAY(x'00ff', b'101', CAST('0000-00-00' AS DATE), TIMESTAMP('2020-01-01'))",
  "CONCAT('[\"', REPEAT('x', 70000), '\", 40000, -40000, 70000, {\"a\": [1, null]}, true]')",
  "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'))",
  "'{}'",
  "'[]'",
];

const coordinate = fc.oneof(
  double.filter((n) => Math.abs(n) < 1e30),
  fc.integer({ min: -100, max: 100 }),
);
const point = fc.tuple(coordinate, coordinate).map(([x, y]) => `${x} ${y}`);
const shapes = fc.oneof(
  point.map((p) => `POINT(${p})`),
  fc.array(point, { minLength: 2, maxLength: 5 }).map((list) => `LINESTRING(${list.join(",")})`),
  fc.array(point, { minLength: 1, maxLength: 4 }).map((list) => `MULTIPOINT(${list.join(",")})`),
  fc.constantFrom(
    "POLYGON((0 0,10 0,10 10,0 0),(1 1,2 1,2 2,1 1))",
    "MULTILINESTRING((0 0,1 1),(2 2,3 3.5))",
    "MULTIPOLYGON(((0 0,10 0,10 10,0 0)),((1 1,2 1,2 2,1 1)))",
    "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
    "GEOMETRYCOLLECTION EMPTY",
  ),
);

/** Every type of both servers. */
export const VALUE_SAMPLES: readonly ValueSample[] = [
  ...ints,
  ...(
    [
      [10, 0],
      [10, 2],
      [5, 5],
      [18, 9],
      [20, 10],
      [65, 30],
      [30, 30],
      [65, 0],
      [9, 9],
      [1, 0],
      [27, 1],
    ] as const
  ).map(([p, s]) => decimal(p, s)),
  {
    ddl: "decimal(8,2) unsigned zerofill",
    value: fc.integer({ min: 0, max: 999_999 }).map((n) => String(n / 100)),
  },
  { ddl: "float", value: float.map(String) },
  { ddl: "float unsigned zerofill", value: float.map((n) => String(Math.abs(n))) },
  { ddl: "double", value: double.map(String) },
  { ddl: "double(12,2)", value: fc.integer({ min: -1e6, max: 1e6 }).map((n) => String(n / 100)) },
  { ddl: "tinyint(1)", value: int(8, false) },
  { ddl: "bit(1)", value: fc.constantFrom("b'0'", "b'1'") },
  { ddl: "bit(9)", value: fc.integer({ min: 0, max: 511 }).map(String) },
  { ddl: "bit(64)", value: int(64, true) },
  {
    ddl: "year",
    value: fc.oneof(fc.integer({ min: 1901, max: 2155 }).map(String), fc.constant("'0000'")),
  },
  { ddl: "date", value: date.map(quoted) },
  ...temporal,
  { ddl: "char(40)", value: text },
  { ddl: "char(255)", value: text },
  { ddl: "varchar(40)", value: text },
  {
    ddl: "varchar(300)",
    value: fc.oneof(
      text,
      fc.string({ unit: "binary", minLength: 200, maxLength: 300 }).map(quoted),
    ),
  },
  {
    ddl: "varchar(40) character set utf8mb3",
    value: fc.string({ unit: fc.constantFrom(..."aäあ "), maxLength: 20 }).map(quoted),
  },
  { ddl: "varchar(40) character set ascii", value: ascii },
  { ddl: "varchar(40) collate utf8mb4_bin", value: text },
  { ddl: "tinytext", value: text },
  {
    ddl: "text",
    value: fc.oneof(
      text,
      repeated(9_000, (n) => `REPEAT('ab', ${n})`),
    ),
  },
  { ddl: "mediumtext", value: text },
  { ddl: "longtext", value: text },
  { ddl: "binary(20)", value: bytes(20) },
  { ddl: "varbinary(300)", value: bytes(300) },
  { ddl: "tinyblob", value: bytes(20) },
  { ddl: "blob", value: bytes(20) },
  { ddl: "mediumblob", value: bytes(20) },
  {
    ddl: "longblob",
    value: fc.oneof(
      bytes(20),
      repeated(9_000, (n) => `REPEAT(x'00ff', ${n})`),
    ),
  },
  {
    ddl: "enum('a','b c','it''s','x,y','','ä\\\\')",
    value: fc.integer({ min: 0, max: 6 }).map(String),
  },
  {
    ddl: `enum(${Array.from({ length: 300 }, (_, n) => `'l${n}'`).join(",")})`,
    value: fc.integer({ min: 1, max: 300 }).map(String),
  },
  { ddl: "enum('ä','ö') character set latin1", value: fc.integer({ min: 0, max: 2 }).map(String) },
  { ddl: "set('a','b c','it''s')", value: fc.integer({ min: 0, max: 7 }).map(String) },
  {
    ddl: `set(${Array.from({ length: 64 }, (_, n) => `'m${n}'`).join(",")})`,
    value: int(64, true),
  },
  ...inCharsets,
  {
    ddl: "json",
    value: fc.oneof(
      jsonValue.map((value) => quoted(JSON.stringify(value))),
      fc.constantFrom(...SPECIAL_JSON),
    ),
    only: "mysql",
  },
  { ddl: "json", value: jsonValue.map((value) => quoted(JSON.stringify(value))), only: "mariadb" },
  { ddl: "geometry", value: shapes.map((wkt) => `ST_GeomFromText('${wkt}')`) },
  { ddl: "point", value: point.map((p) => `ST_GeomFromText('POINT(${p})', 3857)`) },
  {
    ddl: "point srid 4326",
    value: fc
      .tuple(fc.integer({ min: -90, max: 90 }), fc.integer({ min: -180, max: 180 }))
      .map(([a, b]) => `ST_GeomFromText('POINT(${a} ${b})', 4326)`),
    only: "mysql",
  },
  {
    ddl: "vector(3)",
    value: fc.tuple(float, float, float).map((list) => `STRING_TO_VECTOR('[${list.join(",")}]')`),
    only: "mysql",
  },
  { ddl: "uuid", value: fc.oneof(fc.uuid().map(quoted), bytes16().map(quoted)), only: "mariadb" },
  { ddl: "inet4", value: fc.ipV4().map(quoted), only: "mariadb" },
  {
    ddl: "inet6",
    value: fc.oneof(
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map(sparse),
      fc.ipV4().map((ip) => `'::ffff:${ip}'`),
      fc.constantFrom("'::'", "'::1'", "'1::'", "'::1.2.3.4'", "'1:0:0:2:0:0:0:3'"),
    ),
    only: "mariadb",
  },
  {
    ddl: "varchar(3000) compressed",
    value: fc.oneof(
      text,
      repeated(1_000, (n) => `REPEAT('ab', ${n})`),
    ),
    only: "mariadb",
  },
  {
    ddl: "text compressed character set latin1",
    value: repeated(9_000, (n) => `REPEAT('äb', ${n})`),
    only: "mariadb",
  },
  {
    ddl: "mediumblob compressed",
    value: fc.oneof(
      bytes(20),
      repeated(40_000, (n) => `REPEAT(x'00ff', ${n})`),
    ),
    only: "mariadb",
  },
];

/** Few are long: thousands of long ones are gigabytes. */
function repeated(most: number, expression: (times: number) => string): fc.Arbitrary<string> {
  const often = fc.integer({ min: 0, max: 100 });
  return fc
    .oneof(
      { arbitrary: often, weight: 30 },
      { arbitrary: fc.integer({ min: 0, max: most }), weight: 1 },
    )
    .map(expression);
}

function bytes16(): fc.Arbitrary<string> {
  return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((list) =>
    Buffer.from(list)
      .toString("hex")
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
  );
}

/** Half of it zeros. */
function sparse(list: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, n) =>
    ((list[n] ?? 0) & 1) === 0 ? 0 : ((list[2 * n] ?? 0) << 8) | (list[2 * n + 1] ?? 0),
  );
  return `'${words.map((word) => word.toString(16)).join(":")}'`;
}
