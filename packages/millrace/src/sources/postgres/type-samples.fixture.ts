import * as fc from "fast-check";

/** A type as a column would name it, and texts that its input function takes. */
export interface TypeSample {
  readonly ddl: string;
  readonly text: fc.Arbitrary<string>;
  /** The first major version that has it. */
  readonly since?: number;
}

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789".split("")), minLength: min, maxLength: max });
const two = (min: number, max: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((n) => String(n).padStart(2, "0"));
const bits = (length: { minLength: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom("0", "1"), ...length });
const quoted = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  texts.map((text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`);

/** Any text that PostgreSQL can hold, with everything that an escape has ever gone wrong with. */
export const anyText: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.string({
      unit: fc.constantFrom(
        ..."\\ \t \n \r \b \f \v N ' \" , { } ( ) ß あ 😀 e\u0301 . null".split(" "),
        " ",
      ),
      maxLength: 12,
    }),
    fc.constantFrom("", "\\N", "\\.", "NULL", " ", "\u2028"),
  )
  .map((text) => text.replaceAll("\u0000", ""));

const date = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), two(1, 12), two(1, 28), fc.boolean())
  .map(([year, month, day, bc]) => ({
    day: `${String(year).padStart(4, "0")}-${month}-${day}`,
    era: bc && year < 4000 ? " BC" : "",
  }));
const time = fc
  .tuple(two(0, 23), two(0, 59), two(0, 59), digits(0, 6))
  .map(([h, m, s, f]) => `${h}:${m}:${s}${f === "" ? "" : `.${f}`}`);
const offset = fc
  .tuple(fc.constantFrom("+", "-"), two(0, 15), two(0, 59))
  .map(([sign, h, m]) => `${sign}${h}:${m}`);
const unending = fc.constantFrom("infinity", "-infinity");
const timestamp = fc.tuple(date, time).map(([d, t]) => `${d.day} ${t}${d.era}`);
const timestamptz = fc.tuple(date, time, offset).map(([d, t, o]) => `${d.day} ${t}${o}${d.era}`);
const interval = fc
  .tuple(...[9999, 99, 999, 99, 99, 99].map((max) => fc.integer({ min: -max, max })), digits(0, 6))
  .map((parts) => {
    const [y, mo, d, h, mi, s, f] = parts;
    return `${y} years ${mo} mons ${d} days ${h} hours ${mi} mins ${s}.${f === "" ? "0" : f} secs`;
  });
const decimal = fc.oneof(
  fc.tuple(fc.bigInt(), digits(0, 40)).map(([n, f]) => (f === "" ? String(n) : `${n}.${f}`)),
  fc.tuple(digits(1, 4), fc.integer({ min: -300, max: 300 })).map(([m, e]) => `${m}e${e}`),
  fc.constantFrom("NaN", "0", "-0.00", "1e1000", "1e-1000"),
);
const real = (of: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  fc
    .oneof(of, fc.constantFrom(0, -0, NaN, Infinity, -Infinity))
    .map((n) => (Object.is(n, -0) ? "-0" : String(n)));
const jsonText = fc.oneof(
  fc.json({ stringUnit: "grapheme" }),
  fc
    .tuple(fc.json(), fc.constantFrom("", " ", "\n\t"))
    .map(([json, pad]) => `${pad}{"a" :${pad}${json},"a":1.50}${pad}`),
);
const finite = fc.integer({ min: -1000, max: 1000 }).map((n) => String(n / 8));
const point = fc.tuple(finite, finite).map(([x, y]) => `(${x},${y})`);
const points = fc.array(point, { minLength: 1, maxLength: 5 }).map((all) => all.join());
const ip = fc.oneof(fc.ipV4(), fc.ipV6());
const hexPairs = (count: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: count, maxLength: count })
    .map((b) => Buffer.from(b).toString("hex").match(/../g)?.join(":") ?? "");
const word = fc.string({
  unit: fc.constantFrom(..."abcäß'\\ :".split("")),
  minLength: 1,
  maxLength: 6,
});
const lexeme = word.map((w) => `'${w.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`);
const range = (
  of: fc.Arbitrary<string>,
  order: (a: string, b: string) => number,
): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom("empty", "(,)"),
    fc.tuple(of, of, fc.constantFrom("[]", "[)", "(]", "()")).map(([a, b, ends]) => {
      const [low, high] = order(a, b) <= 0 ? [a, b] : [b, a];
      return `${ends[0]}"${low}","${high}"${ends[1]}`;
    }),
    of.map((a) => `["${a}",)`),
  );
const byNumber = (a: string, b: string): number => Number(a) - Number(b);
const byText = (a: string, b: string): number => (a < b ? -1 : 1);
const int4 = fc.integer().map(String);
const plainDay = fc
  .tuple(fc.integer({ min: 1000, max: 9999 }), two(1, 12), two(1, 28))
  .map((d) => d.join("-"));
const moment = fc.tuple(plainDay, time).map(([d, t]) => `${d} ${t}+00`);
const array = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof({ weight: 5, arbitrary: quoted(of) }, { weight: 1, arbitrary: fc.constant("NULL") }),
      { maxLength: 5 },
    )
    .map((items) => `{${items.join()}}`);
const bytes = fc.uint8Array({ maxLength: 40 }).map((b) => `\\x${Buffer.from(b).toString("hex")}`);

const NUMBERS: readonly TypeSample[] = [
  { ddl: "boolean", text: fc.constantFrom("t", "f") },
  { ddl: "smallint", text: fc.integer({ min: -32768, max: 32767 }).map(String) },
  { ddl: "integer", text: int4 },
  { ddl: "bigint", text: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String) },
  { ddl: "oid", text: fc.nat({ max: 4294967295 }).map(String) },
  { ddl: "xid", text: fc.nat({ max: 4294967295 }).map(String) },
  { ddl: "cid", text: fc.nat({ max: 4294967295 }).map(String) },
  { ddl: "xid8", text: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String) },
  { ddl: "real", text: real(fc.float({ noDefaultInfinity: true })) },
  { ddl: "double precision", text: real(fc.double()) },
  { ddl: "numeric", text: decimal },
  { ddl: "numeric", text: fc.constantFrom("Infinity", "-Infinity"), since: 14 },
  {
    ddl: "numeric(12,3)",
    text: fc
      .tuple(fc.integer({ min: -999_999, max: 999_999 }), digits(1, 5))
      .map((p) => p.join(".")),
  },
  { ddl: "numeric(3,-2)", text: fc.integer({ min: -99_000, max: 99_000 }).map(String), since: 15 },
  { ddl: "numeric(2,5)", text: fc.constantFrom("0.00012", "0.00000", "-0.00099"), since: 15 },
  { ddl: "money", text: fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }).map((n) => `${n}.25`) },
  { ddl: "bit(5)", text: bits({ minLength: 5, maxLength: 5 }) },
  { ddl: "bit varying", text: bits({ minLength: 0, maxLength: 70 }) },
  { ddl: "uuid", text: fc.uuid() },
  {
    ddl: "pg_lsn",
    text: fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `${a.toString(16)}/${b.toString(16)}`),
  },
];

const TEXTS: readonly TypeSample[] = [
  { ddl: "text", text: anyText },
  { ddl: "varchar(12)", text: anyText.map((text) => Array.from(text).slice(0, 12).join("")) },
  { ddl: "char(5)", text: anyText.map((text) => Array.from(text).slice(0, 5).join("")) },
  { ddl: "bpchar", text: anyText.map((text) => `${text}  `) },
  { ddl: '"char"', text: fc.constantFrom("", "a", "\\", "\t", "\u0001", "'") },
  { ddl: "name", text: anyText.map((text) => Array.from(text).slice(0, 15).join("")) },
  { ddl: "refcursor", text: anyText },
  { ddl: "bytea", text: bytes },
  { ddl: "json", text: jsonText },
  { ddl: "jsonb", text: jsonText },
  {
    ddl: "jsonpath",
    text: fc.constantFrom("$", "strict $.a[*] ? (@ > 1)", '$."b\\"c"', "$.a.size()"),
  },
  {
    ddl: "xml",
    text: fc
      .tuple(word, word)
      .map(([a, b]) => `<a b="${a.replaceAll("\\", "")}">${b}\n<!-- x --></a>tail`),
  },
  {
    ddl: "tsvector",
    text: fc
      .array(fc.tuple(lexeme, fc.constantFrom("", ":1", ":2A,3", ":16383D")))
      .map((all) => all.map((p) => p.join("")).join(" ")),
  },
  { ddl: "tsquery", text: fc.array(lexeme, { maxLength: 4 }).map((all) => all.join(" & ")) },
  { ddl: "public.mood", text: fc.constantFrom("sad", 'it\'s \\ "fine",\t{}', "") },
  { ddl: "public.price", text: fc.constantFrom("1.5", "99.99", "0") },
  { ddl: "public.pair", text: fc.tuple(int4, quoted(anyText)).map(([a, b]) => `(${a},${b})`) },
  { ddl: "public.nested", text: fc.constantFrom('("(1,""a\\\\,"")","{1,NULL}")', "(,)") },
];

const TIMES: readonly TypeSample[] = [
  {
    ddl: "date",
    text: fc.oneof(
      date.map((d) => d.day + d.era),
      unending,
      fc.constantFrom("4714-11-24 BC", "5874897-12-31"),
    ),
  },
  { ddl: "time", text: fc.oneof(time, fc.constant("24:00:00")) },
  { ddl: "time(2)", text: time },
  { ddl: "timetz", text: fc.tuple(time, offset).map((p) => p.join("")) },
  {
    ddl: "timestamp",
    text: fc.oneof(
      timestamp,
      unending,
      fc.constantFrom("294276-12-31 23:59:59.999999", "4714-11-24 00:00:00 BC"),
    ),
  },
  { ddl: "timestamp(0)", text: timestamp },
  { ddl: "timestamptz", text: fc.oneof(timestamptz, unending) },
  { ddl: "timestamptz(3)", text: timestamptz },
  { ddl: "interval", text: interval },
  { ddl: "interval", text: unending, since: 17 },
  { ddl: "interval day to second(2)", text: interval },
];

const NETWORK_AND_GEOMETRY: readonly TypeSample[] = [
  {
    ddl: "inet",
    text: fc.oneof(
      ip,
      fc.tuple(fc.ipV4(), fc.nat(32)).map((p) => p.join("/")),
    ),
  },
  { ddl: "cidr", text: ip },
  { ddl: "macaddr", text: hexPairs(6) },
  { ddl: "macaddr8", text: hexPairs(8) },
  { ddl: "point", text: point },
  { ddl: "line", text: fc.tuple(finite, finite).map(([a, c]) => `{${a},1,${c}}`) },
  { ddl: "lseg", text: fc.tuple(point, point).map((p) => `[${p.join()}]`) },
  { ddl: "box", text: fc.tuple(point, point).map((p) => p.join()) },
  {
    ddl: "path",
    text: fc.oneof(
      points.map((p) => `[${p}]`),
      points.map((p) => `(${p})`),
    ),
  },
  { ddl: "polygon", text: points.map((p) => `(${p})`) },
  { ddl: "circle", text: fc.tuple(point, fc.nat(99)).map(([p, r]) => `<${p},${r}>`) },
];

const MADE_OF_OTHERS: readonly TypeSample[] = [
  { ddl: "integer[]", text: array(int4) },
  { ddl: "text[]", text: array(anyText) },
  { ddl: "boolean[]", text: array(fc.constantFrom("t", "f")) },
  { ddl: "bytea[]", text: array(bytes) },
  { ddl: "numeric(9,2)[]", text: array(fc.integer({ min: -999, max: 999 }).map(String)) },
  { ddl: "timestamptz[]", text: array(timestamptz) },
  { ddl: "jsonb[]", text: array(fc.json()) },
  { ddl: "float8[]", text: fc.constantFrom("{{1,2},{3,NaN}}", "[0:1]={-0,1e300}", "{}") },
  { ddl: "public.mood[]", text: array(fc.constantFrom("sad", "")) },
  { ddl: "public.price[]", text: array(fc.constantFrom("1.5", "2.25")) },
  { ddl: "public.pair[]", text: array(fc.constantFrom("(1,x)", '(2,"a\\"b")')) },
  { ddl: "int2vector", text: fc.array(fc.nat(9)).map((all) => all.join(" ")) },
  { ddl: "oidvector", text: fc.array(fc.nat(9)).map((all) => all.join(" ")) },
  { ddl: "int4range", text: range(fc.integer({ min: -99, max: 99 }).map(String), byNumber) },
  { ddl: "int8range", text: range(fc.integer().map(String), byNumber) },
  { ddl: "numrange", text: range(fc.constantFrom("1.0", "2.50", "-7"), byNumber) },
  { ddl: "daterange", text: range(plainDay, byText) },
  { ddl: "tsrange", text: range(plainDay, byText) },
  { ddl: "tstzrange", text: range(moment, byText) },
  { ddl: "int4multirange", text: fc.constantFrom("{}", "{[1,2),[5,9]}", "{(,)}"), since: 14 },
  {
    ddl: "tstzmultirange",
    text: range(moment, byText).map((r) => (r === "empty" ? "{}" : `{${r}}`)),
    since: 14,
  },
  {
    ddl: "public.hstore",
    text: fc
      .array(fc.tuple(quoted(anyText), quoted(anyText)))
      .map((all) => all.map((p) => p.join("=>")).join()),
  },
  { ddl: "public.citext", text: anyText },
  { ddl: "public.ltree", text: fc.constantFrom("", "Top.Science", "a.b.c_1") },
  { ddl: "public.cube", text: fc.constantFrom("(1,2),(3,4.5)", "(0)") },
];

const SYSTEM: readonly TypeSample[] = [
  { ddl: "regclass", text: fc.constantFrom("pg_catalog.pg_class", "public.sampled") },
  { ddl: "regtype", text: fc.constantFrom("integer", "public.mood", "text[]") },
  { ddl: "regproc", text: fc.constantFrom("pg_catalog.now", "-") },
  { ddl: "regprocedure", text: fc.constantFrom("pg_catalog.lower(text)", "-") },
  { ddl: "regoper", text: fc.constantFrom("0", "pg_catalog.||/") },
  { ddl: "regoperator", text: fc.constantFrom("+(integer,integer)", "0") },
  { ddl: "regrole", text: fc.constantFrom("postgres", "-") },
  { ddl: "regnamespace", text: fc.constantFrom("public", "pg_catalog") },
  { ddl: "regconfig", text: fc.constantFrom("pg_catalog.english", "simple") },
  { ddl: "regdictionary", text: fc.constantFrom("simple", "pg_catalog.english_stem") },
  { ddl: "regcollation", text: fc.constantFrom('"C"', '"en-x-icu"') },
  { ddl: "regdatabase", text: fc.constantFrom("template1", "-"), since: 19 },
  { ddl: "tid", text: fc.tuple(fc.nat(), fc.nat(65535)).map(([a, b]) => `(${a},${b})`) },
  { ddl: "aclitem", text: fc.constantFrom("postgres=r/postgres", "=rw*/postgres") },
  { ddl: "txid_snapshot", text: fc.constantFrom("10:20:10,14,15", "1:1:") },
  { ddl: "pg_snapshot", text: fc.constantFrom("10:20:10,14,15", "1:1:") },
];

/** At least one sample of every type that a table can hold values of; users' types are made by {@link SAMPLE_TYPES_SQL}. */
export const TYPE_SAMPLES: readonly TypeSample[] = [
  NUMBERS,
  TEXTS,
  TIMES,
  NETWORK_AND_GEOMETRY,
  MADE_OF_OTHERS,
  SYSTEM,
].flat();

/** Makes the types of the samples. */
export const SAMPLE_TYPES_SQL = `
CREATE EXTENSION hstore SCHEMA public; CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION ltree SCHEMA public;
CREATE EXTENSION cube SCHEMA public;
CREATE TYPE public.mood AS ENUM ('sad', E'it''s \\\\ "fine",\\t{}', '');
CREATE DOMAIN public.price AS numeric(6,2) CHECK (value >= 0); CREATE TYPE public.pair AS (a int, b text);
CREATE TYPE public.nested AS (p public.pair, q int[]); CREATE TABLE public.sampled (a int)`;
