import * as fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { valuesPerType } from "../../../test/support/test-runs.ts";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import type { TableShape } from "./model/table.ts";
import { mapColumn } from "./sinks/dsql/type-mapping.ts";
import { DSQL, POSTGRES } from "./sinks/dsql/profile.ts";
import {
  BIGINT,
  shapeOf as shapeWith,
  SINK_SERVERS,
  TEXT,
} from "./sinks/dsql/sink-servers.fixture.ts";
import { readShapes } from "./sources/postgres/catalogue.ts";
import { keyText } from "./sources/postgres/keys.ts";
import { SAMPLE_TYPES_SQL, TYPE_SAMPLES } from "./sources/postgres/type-samples.fixture.ts";

/** Texts that mean the same to their type, and some that do not. */
const TWINS: Readonly<Record<string, readonly string[]>> = {
  numeric: ["1", "1.0", "1.00", "0", "-0.0", "0.000", "10", "1e1", "1.5", "1.50"],
  "numeric(10,2)": ["1", "1.00", "1.5"],
  float8: ["0", "-0", "1", "1e0"],
  jsonb: [
    '{"a": 1.0, "b": [1]}',
    '{"b": [1.00], "a": 1}',
    '"1.0"',
    '"1.00"',
    "1.0",
    "1",
    '"\\"1.0"',
    '"\\"1.00"',
    '["x\\\\", 2.50]',
    '["x\\\\", 2.5]',
    "-0.0",
    "0",
  ],
  interval: ["1 day", "24:00:00", "1 mon", "30 days"],
  "char(4)": ["a", "a ", "a   "],
  bpchar: ["a", "a ", "a  "],
  timetz: ["12:00:00+01", "11:00:00+00"],
  timestamptz: ["2020-01-01 12:00:00+01", "2020-01-01 11:00:00+00"],
  "numeric[]": ["{1.0}", "{1.00}"],
  citext: ["A", "a"],
  numrange: ["[1.0,2)", "[1,2.0)"],
};

describe("two rows have one key text exactly where the target's key holds them to be one", () => {
  let postgres: SharedPostgres;
  let client: pg.Client;

  beforeAll(async () => {
    postgres = await sharedPostgres();
    await postgres.query(SAMPLE_TYPES_SQL);
    client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await client.query("SET timezone = 'UTC'; SET intervalstyle = 'postgres'");
  });
  afterAll(async () => {
    await client.end();
    await postgres.release();
  });

  async function shapeOf(ddl: string): Promise<TableShape | null> {
    await client.query("DROP TABLE IF EXISTS keyed");
    try {
      await client.query(`CREATE TABLE keyed (k ${ddl} PRIMARY KEY)`);
    } catch (error) {
      if (String(error).includes("no default operator class")) return null; // it can be no key
      throw error;
    }
    const [shape] = await readShapes(client, { matches: (_, name) => name === "keyed" });
    return shape ?? null;
  }

  const types = [
    ...new Set([
      ...TYPE_SAMPLES.filter(({ since = 0 }) => since <= 18).map(({ ddl }) => ddl),
      ...Object.keys(TWINS),
    ]),
  ];

  it.each(types)("%s", async (ddl) => {
    const shape = await shapeOf(ddl);
    const column = shape?.columns[0];
    if (shape === null || column === undefined) return expect(shape).toBeNull();
    const sample = TYPE_SAMPLES.find((one) => one.ddl === ddl);
    const drawn =
      sample === undefined
        ? []
        : fc.sample(sample.text, { numRuns: Math.min(valuesPerType(12), 300), seed: 7 });
    const { rows: texts } = await client.query<{ text: string }>(
      // As the output function has it: a cast to text would strip the blanks of `bpchar`.
      `SELECT format('%s', v::${ddl}) AS text FROM unnest($1::text[]) v`,
      [[...drawn, ...(TWINS[ddl] ?? [])]],
    );
    for (const unconstrainedNumeric of ["numeric", "text"] as const) {
      const options = { profile: POSTGRES, unconstrainedNumeric };
      const { type } = mapColumn(column, true, options);
      expect(mapColumn(column, true, { ...options, profile: DSQL }).type === "text").toBe(
        type === "text",
      );
      const { rows } = await client.query<{ a: string; b: string; equal: boolean }>(
        `SELECT a, b, a::${type} = b::${type} AS equal FROM unnest($1::text[]) a, unnest($1::text[]) b`,
        [texts.map(({ text }) => text)],
      );
      const isOne = (a: string, b: string) => keyText(shape, [a]) === keyText(shape, [b]);
      const wrong = rows.filter(({ a, b, equal }) => isOne(a, b) !== equal);
      expect(wrong).toEqual([]);
    }
  });
});

describe("a target whose key tells fewer rows apart than the source", () => {
  it("is refused, with what to do", async () => {
    const server = await SINK_SERVERS.find(({ name }) => name === "postgres")?.start();
    if (server === undefined) throw new Error("there is no such server");
    try {
      await server.query(
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
      );
      await server.query("CREATE TABLE loosely (k text COLLATE loose PRIMARY KEY, v bigint)");
      const sink = server.sink();
      await sink.open();
      const shape = shapeWith("loosely", { k: TEXT, v: BIGINT });
      const table = sink.mapTable(shape, { schema: "public", name: "loosely" });
      await expect(sink.checkTable(table, "never")).rejects.toThrow(
        /key column k has a nondeterministic collation: .* give it another collation/,
      );
      await server.query('ALTER TABLE loosely ALTER k TYPE text COLLATE "C"');
      expect(await sink.checkTable(table, "never")).toMatchObject({ created: false });
    } finally {
      await server.stop();
    }
  });
});
