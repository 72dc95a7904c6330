/** The column types of the end-to-end schema of PostgreSQL. */
import type { SampleType } from "./sample-table.ts";

const textValue = String.raw`CASE n % 10 WHEN 0 THEN '' WHEN 1 THEN E'line\nbreak\ttab\r' WHEN 2 THEN E'quote '' " \\ back'
  WHEN 3 THEN 'ünïcödé 🚀 漢字' WHEN 4 THEN '{a,"b"}' WHEN 5 THEN 'NULL' WHEN 6 THEN E'\\N' WHEN 7 THEN '  blanks  '
  ELSE md5(n::text) END`;

/** A value in an awkward choice of specials, else a plain one. */
function special(type: string, specials: readonly string[], plain: string): string {
  const cases = specials.map((value, index) => `WHEN ${index} THEN '${value}'::${type}`);
  return `CASE n % ${specials.length * 5} ${cases.join(" ")} ELSE (${plain})::${type} END`;
}

/** Types by a short name; columns are called after it. */
export const sampleTypes = {
  int2: { type: "smallint", value: "(n % 65536 - 32768)::smallint" },
  int4: { type: "integer", value: "(n * 7919 % 4294967296 - 2147483648)::integer" },
  int8: { type: "bigint", value: "n * 1000003 - 9000000000000000000" },
  float4: {
    type: "real",
    value: special("real", ["NaN", "Infinity", "-Infinity", "-0", "1e-37"], "n / 7.0"),
  },
  float8: {
    type: "double precision",
    value: special("double precision", ["NaN", "Infinity", "-Infinity", "-0"], "n / 7.0"),
  },
  dec: { type: "numeric(12,3)", value: "(n % 999999999) * 0.125" },
  decany: {
    type: "numeric",
    value: special("numeric", ["NaN", "0.000000000000000000001", "-1e30", "1.500"], "n / 7.0"),
  },
  txt: { type: "text", value: textValue },
  vchar: { type: "character varying(40)", value: textValue },
  fixed: { type: "character(8)", value: "left(md5(n::text), (n % 9)::int)" },
  flag: { type: "boolean", value: "n % 3 = 0" },
  bin: {
    type: "bytea",
    value: "CASE n % 7 WHEN 0 THEN ''::bytea ELSE decode(md5(n::text), 'hex') END",
  },
  day: {
    type: "date",
    value: special(
      "date",
      ["infinity", "-infinity", "0044-03-15 BC"],
      "'2000-01-01'::date + (n % 20000)::int",
    ),
  },
  tod: { type: "time", value: "('00:00'::time + (n % 86400) * interval '1.000001 s')" },
  todz: {
    type: "timetz",
    value: "(('00:00'::time + (n % 86400) * interval '1 s')::text || '+05:30')::timetz",
  },
  ts: {
    type: "timestamp",
    value: special(
      "timestamp",
      ["infinity", "-infinity", "0044-03-15 12:00:00.5 BC"],
      "'2001-02-03 04:05:06.000007'::timestamp + n * interval '1.000003 s'",
    ),
  },
  tstz: {
    type: "timestamptz",
    value: special(
      "timestamptz",
      ["infinity", "-infinity", "0044-03-15 12:00:00+00 BC"],
      "'2001-02-03 04:05:06.000007+02'::timestamptz + n * interval '1.000003 s'",
    ),
  },
  span: {
    type: "interval",
    value: special(
      "interval",
      ["1 year 2 mons -3 days 04:05:06.789", "-00:00:01"],
      "n * interval '1 min 1 day'",
    ),
  },
  id128: { type: "uuid", value: "md5(n::text)::uuid" },
  js: { type: "json", value: `('{"n" : ' || n || ',  "s":"x", "n":1.50}')::json` },
  jsb: {
    type: "jsonb",
    value: `jsonb_build_object('n', n, 'list', jsonb_build_array(1, NULL, 'é"'))`,
  },
  ints: {
    type: "integer[]",
    value: "CASE n % 4 WHEN 0 THEN '{}' ELSE ARRAY[(n % 100)::int, NULL, -1] END",
  },
  texts: { type: "text[]", value: String.raw`ARRAY['a,b', NULL, 'NULL', E'q"\\', md5(n::text)]` },
  grid: { type: "integer[]", value: "ARRAY[[(n % 10)::int, 2], [3, 4]]" },
  mood: { type: "mood", value: "(ARRAY['sad', 'ok', 'very happy'])[(n % 3 + 1)::int]::mood" },
  posint: { type: "posint", value: "(n % 1000 + 1)::int" },
  addr: { type: "address", value: "ROW('str, ' || n, (n % 100)::int)::address" },
  r4: { type: "int4range", value: "int4range((n % 100)::int, (n % 100 + 5)::int)" },
  rnum: { type: "numrange", value: "numrange(n, NULL, '(]')" },
  rday: {
    type: "daterange",
    value: "daterange('2024-01-01', '2024-01-01'::date + (n % 30 + 1)::int)",
  },
  rtz: {
    type: "tstzrange",
    value: "tstzrange('2024-01-01', '2024-01-01'::timestamptz + (n % 30 + 1) * interval '1 h')",
  },
  ip: { type: "inet", value: "('10.' || n % 256 || '.1.' || n / 256 % 256 || '/24')::inet" },
  net: { type: "cidr", value: "('10.' || n % 256 || '.0.0/16')::cidr" },
  mac: { type: "macaddr", value: "('08:00:2b:01:02:' || lpad(to_hex(n % 256), 2, '0'))::macaddr" },
  mac8: {
    type: "macaddr8",
    value: "('08:00:2b:01:02:03:04:' || lpad(to_hex(n % 256), 2, '0'))::macaddr8",
  },
  pt: { type: "point", value: "point(n, n / 3.0)" },
  seg: { type: "lseg", value: "lseg(point(0, n), point(1, 1))" },
  bx: { type: "box", value: "box(point(0, 0), point(n, 1.5))" },
  way: { type: "path", value: "('[(0,0),(1,' || n || ')]')::path" },
  poly: { type: "polygon", value: "('((0,0),(1,' || n || '),(2,2))')::polygon" },
  circ: { type: "circle", value: "circle(point(0, n), 1.5)" },
  tsv: { type: "tsvector", value: "to_tsvector('simple', 'a fat cat ' || n)" },
  tsq: { type: "tsquery", value: "('fat & n' || n)::tsquery" },
  cash: { type: "money", value: "(n % 100000)::int::money" },
  bits: { type: "bit(5)", value: "(n % 32)::int::bit(5)" },
  vbits: { type: "bit varying(9)", value: "(n % 32)::int::bit(5)::varbit" },
  lsn: { type: "pg_lsn", value: "('0/' || to_hex(n % 1000000))::pg_lsn" },
  ch: { type: '"char"', value: 'chr((65 + n % 26)::int)::"char"' },
  obj: { type: "oid", value: "n::oid" },
  jpath: { type: "jsonpath", value: "('$.a[' || n % 9 || ']')::jsonpath" },
} as const satisfies Record<string, SampleType>;

/** A short name of a type. */
export type SampleTypeName = keyof typeof sampleTypes;
