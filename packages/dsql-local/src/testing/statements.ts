/** Random statements of what DSQL takes as PostgreSQL does: they may fail, but never for a rule of DSQL's own. */
import fc from "fast-check";

/** The tables that the statements are about; `id` is never left to chance, so that keys meet. */
export const TABLES = [
  `create table a (id int primary key, n int, big bigint, price numeric(12,3), note text, ok boolean not null default true,
    check (n > -1000))`,
  `create table b (id int, part int, a_id int, day date, at timestamptz default '2026-01-02 03:04:05+00', word varchar(10), x float8,
    doc jsonb, raw bytea, unique (a_id), primary key (id, part))`,
];

type Kind = "int" | "text" | "bool" | "numeric" | "date" | "float" | "json";
type Columns = Readonly<Partial<Record<Kind, readonly string[]>>>;

const OF_A: Columns = {
  int: ["a.id", "a.n", "a.big"],
  numeric: ["a.price"],
  text: ["a.note"],
  bool: ["a.ok"],
};
const OF_B: Columns = {
  int: ["b.id", "b.part", "b.a_id"], date: ["b.day"], text: ["b.word"], float: ["b.x"], json: ["b.doc"],
}; // prettier-ignore
const OF_BOTH: Columns = {
  int: [...(OF_A.int ?? []), ...(OF_B.int ?? [])], text: [...(OF_A.text ?? []), ...(OF_B.text ?? [])],
  bool: OF_A.bool ?? [], numeric: OF_A.numeric ?? [], date: OF_B.date ?? [], float: OF_B.float ?? [], json: OF_B.json ?? [],
}; // prettier-ignore

/** Literals, some of which are no values of their kind. */
const LITERALS: Readonly<Record<Kind, readonly string[]>> = {
  int: ["0", "1", "2", "3", "7", "-1", "2147483647", "null", "'4'", "'four'"],
  text: [
    "''",
    "'tea'",
    "'Tea leaves'",
    "'it''s'",
    "'naïve 茶 🍵'",
    "E'tab\\tline\\n'",
    "null",
    "'%e%'",
  ],
  bool: ["true", "false", "null", "'yes'", "'maybe'"],
  numeric: ["1.5", "0.0005", "-99.999", "123456789012.1", "'NaN'", "null"],
  date: ["date '2026-02-28'", "'2026-02-30'", "date 'infinity'", "null"],
  float: ["0.1", "1e300", "'-Infinity'", "null"],
  json: [`'{"k": 1, "l": [1, "two"]}'::jsonb`, "'[]'::jsonb", "'{'", "null"],
};

const KINDS = Object.keys(LITERALS).filter((key): key is Kind => key in LITERALS);

/** What an expression is made of, with `?kind` for what goes in. */
const FORMS: Readonly<Record<Kind, readonly string[]>> = {
  int: [
    "(?int + ?int)", "(?int - ?int)", "(?int * ?int)", "(?int / ?int)", "(?int % ?int)", "abs(?int)", "length(?text)",
    "coalesce(?int, ?int)", "case when ?bool then ?int else ?int end", "cast(?text as int)", "?numeric::int",
    "extract(day from ?date)::int", "(select count(*) from a where ?boolA)", "nullif(?int, ?int)", "greatest(?int, ?int)",
    "(?int << 2)", "(?json ->> 'k')::int", "position(?text in ?text)",
  ],
  text: [
    "(?text || ?text)", "upper(?text)", "substr(?text, ?int, 3)", "replace(?text, 'e', ?text)", "?int::text", "left(?text, ?int)",
    "coalesce(?text, ?text)", "md5(?text)", "concat(?text, ?int, ?bool)", "?date::text", "?numeric::text", "?float::text", "?json::text",
    "lpad(?text, 5, '*')", "trim(both from ?text)", "split_part(?text, 'e', 1)", "format('%s-%s', ?text, ?int)",
    "to_char(?date, 'YYYY-MM')",
  ],
  bool: [
    "?int = ?int", "?int < ?int", "?text like ?text", "?text < ?text", "?bool and ?bool", "?bool or ?bool", "not ?bool", "?int is null",
    "?int in (?int, ?int)", "?int between ?int and ?int", "?date > ?date", "?numeric >= ?numeric", "?float <> ?float",
    "exists (select from b where ?boolB)", "?int = any(array[?int, ?int])", "?text ~ '^[a-z]'", "?text is distinct from ?text",
    "?json @> ?json", "(?int, ?int) = (?int, ?int)",
  ],
  numeric: ["(?numeric + ?numeric)", "(?numeric * ?int)", "(?numeric / ?numeric)", "round(?numeric, 2)", "trunc(?numeric)", "?int::numeric(12,3)", "sqrt(?numeric)"],
  date: ["(?date + ?int)", "?text::date", "date_trunc('month', ?date)::date", "make_date(2026, ?int, 1)"],
  float: ["(?float * ?float)", "?int::float8", "power(?float, 2)", "?text::float8", "ln(?float)"],
  json: ["jsonb_build_object('n', ?int, 't', ?text)", "(?json || ?json)", "?text::jsonb", "to_jsonb(?text)", "(?json -> 'l')"],
}; // prettier-ignore

/** An expression over these columns. */
function expression(kind: Kind, columns: Columns, depth = 2): fc.Arbitrary<string> {
  const leaves = fc.constantFrom(
    ...LITERALS[kind],
    ...(columns[kind] ?? []),
    ...(columns[kind] ?? []),
  );
  if (depth === 0) return leaves;
  const made = fc.constantFrom(...FORMS[kind]).chain((form) => filled(form, columns, depth - 1));
  return fc.oneof({ weight: 2, arbitrary: leaves }, { weight: 3, arbitrary: made });
}

/** A form with expressions in its places; `A` or `B` behind the kind says whose columns they may name. */
function filled(form: string, columns: Columns, depth: number): fc.Arbitrary<string> {
  const parts = form.split(/(\?(?:int|text|bool|numeric|date|float|json)[AB]?)/);
  const made = parts.map((part) => {
    if (!part.startsWith("?")) return fc.constant(part);
    const kind = KINDS.find((candidate) => part.startsWith(`?${candidate}`)) ?? "int";
    const own = part.endsWith("A") ? OF_A : part.endsWith("B") ? OF_B : columns;
    return expression(kind, own, depth);
  });
  return fc.tuple(...made).map((texts) => texts.join(""));
}

const form = (text: string, columns: Columns): fc.Arbitrary<string> => filled(text, columns, 2);
const key = fc.integer({ min: 0, max: 6 });
const NO_COLUMNS: Columns = {};

const selects: readonly fc.Arbitrary<string>[] = [
  form("select ?int, ?text as t, ?bool from a where ?bool order by a.id limit 5", OF_A),
  form("select * from b where ?bool and ?bool order by id, part", OF_B),
  form("select ?int as one, ?date, ?float, ?json from b order by id, part offset 1", OF_B),
  form("select ?int, ?text, count(*) over (partition by a.n) from a left join b on a.id = b.a_id where ?bool", OF_BOTH),
  form("select a.n, count(*), sum(?int), min(?text), max(?numeric) from a group by a.n having count(*) > 0", OF_A),
  form("with c as (select ?int as v, ?text as w from a) select v, w, row_number() over (order by v, w) from c order by 1, 2", OF_A),
  form("with recursive r (i) as (select 1 union all select i + 1 from r where i < 5) select i, ?int from r", NO_COLUMNS),
  form("select ?int, ?text, ?numeric, ?date, ?json", NO_COLUMNS),
  form("select id from a where ?bool union select id from b where ?boolB order by 1", OF_A),
  form("select distinct on (a.n) a.n, ?text from a order by a.n, a.id", OF_A),
  form("values (?int, ?text), (?int, ?text)", NO_COLUMNS),
  form("select id from a where ?bool and a.id is null for update", OF_A),
  form("select a.id from a join b on b.a_id = a.id where ?bool for key share of a", OF_BOTH),
  fc.constantFrom("select nothing from a", "select * from c", "selec 1", "select 1/0", "select f(1)", "table a", "select"),
]; // prettier-ignore

const writes: readonly fc.Arbitrary<string>[] = [
  fc.tuple(key, form("?int, ?int, ?numeric, ?text", NO_COLUMNS)).map(([id, rest]) => `insert into a values (${id}, ${rest})`),
  fc
    .tuple(key, key, form("(id, part, a_id, day, word, x, doc)", NO_COLUMNS), form("?int, ?date, ?text, ?float, ?json", NO_COLUMNS))
    .map(([id, part, names, rest]) => `insert into b ${names} values (${id}, ${part}, ${rest}) returning *`),
  fc
    .tuple(key, form("?int", NO_COLUMNS), form("set n = excluded.n + ?int, note = ?text where ?bool returning a.*", OF_A))
    .map(([id, n, then]) => `insert into a (id, n) values (${id}, ${n}) on conflict (id) do update ${then}`),
  fc.tuple(key, key).map(([id, n]) => `insert into a (id, n) values (${id}, 1), (${n}, 2) on conflict do nothing returning id, ok`),
  form("insert into a (id, n, note) select id + 10, ?int, ?text from b where ?bool on conflict (id) do nothing", OF_B),
  form("update a set n = ?int, note = ?text where ?bool", OF_A),
  form("update a set id = a.id + ?int where ?bool returning id, n", OF_A),
  form("update b set a_id = ?int, x = ?float, raw = '\\xdeadbeef' from a where b.a_id = a.id and ?bool returning b.id, a.id", OF_BOTH),
  form("update b set (word, doc) = (select ?text, ?json) where ?bool", OF_B),
  form("delete from a where ?bool returning *", OF_A),
  form("delete from b using a where b.a_id = a.id and ?bool", OF_BOTH),
  form("with gone as (delete from b where ?bool returning *) select count(*), min(id) from gone", OF_B),
  form("with made as (insert into a (id, n) select ?int, ?int returning *) insert into b (id, part) select id, 0 from made returning id", NO_COLUMNS),
]; // prettier-ignore

const controls = [
  "begin", "begin", "commit", "commit", "rollback", "begin read only", "start transaction isolation level repeatable read", "end", "abort",
  "set timezone = 'UTC'", "set datestyle = 'ISO, DMY'", "show timezone", "set extra_float_digits = 0", "", ";", "-- nothing",
]; // prettier-ignore

/** A statement that may read, write, or begin and end transactions. */
export const statement: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(...writes) },
  { weight: 5, arbitrary: fc.oneof(...selects) },
  { weight: 2, arbitrary: fc.constantFrom(...controls) },
);

/** A statement that leaves transactions alone, as two or more in one string have to. */
export const plainStatement: fc.Arbitrary<string> = fc.oneof(
  fc.oneof(...writes),
  fc.oneof(...selects),
);

/** Values for the parameters of {@link parameterized}, as texts; null is NULL. */
export const parameterValues: fc.Arbitrary<readonly (string | null)[]> = fc.tuple(
  fc.constantFrom("1", "2", "5", "x", null),
  fc.constantFrom("tea", "", "2026-02-28", "naïve 茶", null),
);

/** Statements of two parameters, a number and a text. */
export const parameterized: fc.Arbitrary<string> = fc.constantFrom(
  "insert into a (id, note) values ($1, $2) on conflict (id) do update set note = excluded.note",
  "insert into a (id, note) values ($1, $2) returning *",
  "update a set note = $2 where id >= $1 returning id, note",
  "select id, note from a where id = $1 or note like $2 order by id",
  "select $1::int + 1, upper($2)",
  "delete from a where id = $1 and note is distinct from $2",
  "select * from generate_series(1, $1) as g where g::text <> $2",
  "insert into b (id, part, day) select id, $1, $2 from a",
);
