/** The tables of a chain over topics: common types, each shape of key, and columns that come. */
import { mysqlDialect } from "./mysql-dialect.ts";
import { typesOf } from "./mysql-types.ts";
import { postgresDialect } from "./postgres-dialect.ts";
import { defineTable, type SampleTable, type SampleType } from "./sample-table.ts";
import { type SampleTypeName, sampleTypes } from "./sample-types.ts";
import type { SourceKind } from "./sources.ts";

const FULL = "ALTER TABLE @ REPLICA IDENTITY FULL";

/**
 * Without what messages of Debezium's have no word for (NaN in a decimal, ranges), or only another one (times with a zone are moved to
 * UTC, `json` is laid out anew, a CHAR has its blanks).
 */
const POSTGRES =
  "int2 int4 int8 float4 float8 dec txt vchar flag bin day tod ts tstz span id128 jsb mood posint ints texts";
const MYSQL =
  "int1 uint1 int2 int3 uint3 int4 uint4 int8 tiny float4 float8 dec flag txt vchar medtxt latin sjis utf16 bintxt bin blb tod tod6 ts6 tstz tstz3 mood tags";

/** Of each kind of source. */
export function chainTables(kind: SourceKind): readonly SampleTable[] {
  return kind === "postgres" ? postgresTables() : mysqlTables(kind);
}

function picked<Name extends string>(
  types: Readonly<Record<Name, SampleType>>,
  names: string,
): Record<string, SampleType> {
  return Object.fromEntries(
    names.split(" ").map((name) => {
      const type = types[name as Name] as SampleType | undefined;
      if (type === undefined) throw new Error(`there is no type ${name}`);
      return [name, type];
    }),
  );
}

function postgresTables(): readonly SampleTable[] {
  const id: SampleType = { type: "bigint", value: "n" };
  const some = (names: string) => picked<SampleTypeName>(sampleTypes, names);
  const large: SampleType = {
    type: "text",
    value: "(SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 150) AS i)",
  };
  const make = (
    name: string,
    columns: Record<string, SampleType>,
    more: Parameters<typeof defineTable>[3] = { key: ["id"] },
  ): SampleTable => defineTable(postgresDialect, { schema: "public", name }, columns, more);
  return [
    make("c_types", { id, ...some(POSTGRES) }),
    make(
      "c_text_key",
      { k: { type: "text", value: "'key é' || n" }, ...some("txt int4") },
      {
        key: ["k"],
      },
    ),
    make(
      "c_two_keys",
      { b: id, a: { type: "integer", value: "(n % 5)::int" }, ...some("txt") },
      { key: ["a", "b"] },
    ),
    // A new key leaves out what is stored apart, and a topic cannot be asked for it: Debezium's have that too.
    make(
      "c_toast",
      { id, large, ...some("int4") },
      { key: ["id"], manners: { keyChanges: false } },
    ),
    make("c_keyless", some("txt int4"), { after: [FULL] }),
    make("c_grows", { id, ...some("txt int4") }),
  ];
}

function mysqlTables(kind: "mysql" | "mariadb"): readonly SampleTable[] {
  const id: SampleType = { type: "bigint", value: "n" };
  const some = (names: string) => picked(typesOf[kind], names);
  const make = (
    name: string,
    columns: Record<string, SampleType>,
    more: Parameters<typeof defineTable>[3] = { key: ["id"] },
  ): SampleTable => defineTable(mysqlDialect, { schema: "", name }, columns, more);
  return [
    make("c_types", { id, ...some(MYSQL) }),
    make(
      "c_text_key",
      { k: { type: "varchar(60)", value: "CONCAT('key é', n)" }, ...some("vchar int4") },
      { key: ["k"] },
    ),
    make(
      "c_two_keys",
      { b: id, a: { type: "int", value: "n % 5" }, ...some("vchar") },
      { key: ["a", "b"] },
    ),
    make("c_keyless", some("vchar int4"), {}),
    make("c_grows", { id, ...some("vchar int4") }),
  ];
}
