/** The end-to-end schema of PostgreSQL: every type and every shape of key. */
import { postgresDialect } from "./postgres-dialect.ts";
import { type Choices, defineTable, type SampleTable, type SampleType } from "./sample-table.ts";
import type { SampleTypeName } from "./sample-types.ts";
import { sampleTypes } from "./sample-types.ts";

function table(name: string, types: readonly SampleTypeName[], choices: Choices = {}): SampleTable {
  const columns: Record<string, SampleType> = {};
  for (const type of types) columns[type] = sampleTypes[type];
  Object.assign(columns, choices.extra);
  return defineTable(
    postgresDialect,
    { schema: choices.schema ?? "public", name },
    columns,
    choices,
  );
}

const keyOf = (value: SampleType | string): SampleType =>
  typeof value === "string" ? { type: "bigint", value } : value;
const bigintKey = { id: keyOf("n") };

/** A table whose key is one column of a type; `value` gives distinct keys where the type's own values repeat. */
function keyed(type: SampleTypeName, value?: string, columnType?: string): SampleTable {
  const sample = sampleTypes[type];
  const key: SampleType = { type: columnType ?? sample.type, value: value ?? sample.value };
  return table(`k_${type}`, ["txt", "int4"], { key: ["k"], extra: { k: key } });
}

const full = "ALTER TABLE @ REPLICA IDENTITY FULL";

/** Large values that compress badly, so that PostgreSQL stores them apart (TOAST) and leaves them out of its log. */
const largeText: SampleType = {
  type: "text",
  value: "(SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 150) AS i)",
};

const keyTables: readonly SampleTable[] = [
  keyed("int2", "(n % 32768)::smallint"),
  keyed("int4", "n::integer"),
  keyed("int8", "n - 50"),
  keyed("dec", "n * 0.125"),
  keyed("decany", "n / 8.0"),
  keyed("float8", "n / 8.0"),
  keyed("txt", "chr(33 + (n % 90)::int) || ' ' || n"),
  keyed("vchar", "'key é' || n"),
  keyed("fixed", "n::text", "character(9)"),
  keyed("bin", "int8send(n)"),
  keyed("day", "'1990-01-01'::date + n::int"),
  keyed("tod", "'00:00'::time + n * interval '0.001 s'"),
  keyed("ts", "'2001-01-01'::timestamp + n * interval '1.000001 s'"),
  keyed("tstz", "'2001-01-01 00:00+00'::timestamptz + n * interval '1.000001 s'"),
  keyed("id128"),
  keyed("ip", "('10.' || n / 65536 || '.' || n / 256 % 256 || '.' || n % 256)::inet"),
  table("k_composite", ["txt", "int4"], {
    key: ["c", "a", "b"],
    extra: {
      a: { type: "integer", value: "(n % 5)::int" },
      b: { type: "text", value: "'b' || n / 5" },
      c: { type: "date", value: "'2024-01-01'::date + (n % 3)::int" },
    },
  }),
  table("k_enum", ["txt"], {
    key: ["mood", "id"],
    extra: { mood: sampleTypes.mood, id: { type: "integer", value: "n::int" } },
  }),
  table("k_flag", ["txt"], {
    key: ["flag", "id"],
    extra: { flag: sampleTypes.flag, ...bigintKey },
  }),
  table("k_collated", ["int4"], {
    key: ["k"],
    extra: {
      k: {
        type: 'text COLLATE "und-x-icu"',
        value: "chr((CASE WHEN n % 2 = 0 THEN 65 ELSE 97 END + n / 2 % 26)::int) || '-é' || n",
      },
    },
  }),
  table("k_skewed", ["txt"], {
    key: ["id"],
    extra: { id: keyOf("CASE WHEN n % 10 = 0 THEN n * 1000000000000 ELSE n END") },
  }),
];

const typeTables: readonly SampleTable[] = [
  table("t_numbers", ["int2", "int4", "int8", "float4", "float8", "dec", "decany", "cash"], {
    key: ["id"],
    extra: bigintKey,
  }),
  table("t_strings", ["txt", "vchar", "fixed", "ch", "mood", "posint", "bin"], {
    key: ["id"],
    extra: bigintKey,
  }),
  table("t_times", ["day", "tod", "todz", "ts", "tstz", "span"], { key: ["id"], extra: bigintKey }),
  table("t_json", ["js", "jsb", "jpath"], { key: ["id"], extra: bigintKey }),
  table("t_arrays", ["ints", "texts", "grid"], { key: ["id"], extra: bigintKey }),
  table("t_ranges", ["r4", "rnum", "rday", "rtz"], { key: ["id"], extra: bigintKey }),
  table("t_nets", ["ip", "net", "mac", "mac8"], { key: ["id"], extra: bigintKey }),
  table("t_shapes", ["pt", "seg", "bx", "way", "poly", "circ"], { key: ["id"], extra: bigintKey }),
  table("t_others", ["addr", "tsv", "tsq", "bits", "vbits", "lsn", "obj", "flag", "id128"], {
    key: ["id"],
    extra: bigintKey,
  }),
];

const wideTypes = Object.fromEntries(
  Array.from({ length: 120 }, (_, index) => [
    `c${index}`,
    {
      type: "integer",
      value: `CASE WHEN (n + ${index}) % 3 = 0 THEN NULL ELSE (n + ${index})::int END`,
    },
  ]),
);

const shapeTables: readonly SampleTable[] = [
  table("s_toast", ["int4", "jsb"], { key: ["id"], extra: { ...bigintKey, large: largeText } }),
  table("s_toast_full", ["int4"], {
    key: ["id"],
    extra: { ...bigintKey, large: largeText },
    after: [full],
  }),
  table("s_identity_index", ["txt", "int4"], {
    key: ["code"],
    extra: { ...bigintKey, code: { type: "text NOT NULL", value: "'code-' || n" } },
    constraint: "PRIMARY KEY (id), UNIQUE (code)",
    after: ["ALTER TABLE @ REPLICA IDENTITY USING INDEX s_identity_index_code_key"],
  }),
  table("s_keyless", ["txt", "int4", "decany"], { after: [full] }),
  table("s_wide", [], { key: ["id"], extra: { ...bigintKey, ...wideTypes } }),
  table("s_generated", ["txt"], {
    key: ["id"],
    extra: bigintKey,
    generated: {
      twice: "bigint GENERATED ALWAYS AS (n * 2) STORED",
      ident: "bigint GENERATED ALWAYS AS IDENTITY",
    },
  }),
  table("s_parts", ["txt"], {
    key: ["id", "region"],
    extra: { ...bigintKey, region: { type: "integer", value: "(n % 4)::int" } },
    suffix: "PARTITION BY LIST (region)",
    after: [
      "CREATE TABLE public.s_parts_low PARTITION OF @ FOR VALUES IN (0, 1)",
      "CREATE TABLE public.s_parts_high PARTITION OF @ FOR VALUES IN (2, 3)",
    ],
  }),
  table("s_truncated", ["txt"], {
    key: ["id"],
    extra: bigintKey,
    manners: { truncates: true },
  }),
  table("s_truncated_too", ["txt"], {
    key: ["id"],
    extra: bigintKey,
    manners: { truncates: true },
  }),
  table('Odd "Name-1', ["txt"], {
    schema: "Other Schema",
    key: ["Id 1"],
    extra: { "Id 1": keyOf("n"), 'q"uote': sampleTypes.txt, select: sampleTypes.int4 },
  }),
  table("s_empty", ["txt"], { key: ["id"], extra: bigintKey, initialRows: 0 }),
  table("s_only_key", [], { key: ["id"], extra: bigintKey }),
  table("big", ["int4", "txt", "dec", "tstz"], {
    key: ["id"],
    extra: bigintKey,
    initialRows: 5000,
  }),
];

const ddlTables: readonly SampleTable[] = [
  "d_add",
  "d_drop",
  "d_rename",
  "d_default",
  "d_mixed",
].map((name) =>
  table(name, ["txt", "int4"], {
    key: ["id"],
    extra: bigintKey,
    manners: { ddl: true },
  }),
);

/** Every table of the suite. */
export const sampleTables: readonly SampleTable[] = [
  ...keyTables,
  ...typeTables,
  ...shapeTables,
  ...ddlTables,
];

/** Types and schemas that the tables need. */
export const preamble: readonly string[] = [
  `CREATE SCHEMA "Other Schema"`,
  "CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy')",
  "CREATE DOMAIN posint AS integer CHECK (VALUE > 0)",
  "CREATE TYPE address AS (street text, number integer)",
];
