import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testRuns } from "../../../../../test/support/test-runs.ts";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { ChunkRange } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { serverText } from "./types.ts";
import { readShapes } from "./catalogue.ts";
import { ChunkPlanner } from "./chunks.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { boundary, parseLsn } from "./position.ts";
import { SessionStash } from "./session-stash.ts";
import { PostgresSnapshot } from "./snapshot.ts";
import { TableLocks } from "./table-lock.ts";

const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 20_000 };
const int = fc.oneof(fc.integer(), fc.integer({ min: -50, max: 50 })).map(String);
const text = fc
  .oneof(
    fc.string({ maxLength: 8 }),
    fc.string({ unit: fc.constantFrom(...Array.from("aAbBäÄ \\'\"{,}ßé")), maxLength: 5 }),
  )
  .map((s) => s.replaceAll("\u0000", ""));
const day = fc.integer({ min: -2_000_000, max: 4_000_000 });

/** Key columns, and generated values for them as the server reads them. */
const KEYS: readonly (readonly [
  name: string,
  ddl: string,
  row: fc.Arbitrary<readonly string[]>,
])[] = [
  ["int", "a int", fc.tuple(int)],
  ["dense int", "a int", fc.tuple(fc.integer({ min: 1, max: 400 }).map(String))],
  [
    "bigint",
    "a bigint",
    fc.tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  ],
  [
    "numeric",
    "a numeric",
    fc.tuple(
      fc.oneof(
        fc.tuple(fc.integer({ min: -99, max: 99 }), fc.nat(999)).map(([a, b]) => `${a}.${b}`),
        fc.constantFrom("NaN", "1e400", "-1e-300", "0.0", "-0"),
      ),
    ),
  ],
  ["float", "a double precision", fc.tuple(fc.double().map((d) => String(d)))],
  ["text in C", 'a text COLLATE "C"', fc.tuple(text)],
  ["text in English", 'a text COLLATE "en-x-icu"', fc.tuple(text)],
  ["text without case and accents", "a text COLLATE public.ci", fc.tuple(text)],
  ["char(n)", "a char(6)", fc.tuple(text.map((t) => t.slice(0, 6)))],
  ["uuid", "a uuid", fc.tuple(fc.uuid())],
  [
    "date",
    "a date",
    fc.tuple(
      day.map((d) => (d === 7 ? "infinity" : `${d + 2_451_545} J`.replace(/^(\d+) J$/, "J$1"))),
    ),
  ],
  [
    "timestamptz",
    "a timestamptz",
    fc.tuple(fc.integer({ min: -4e9, max: 4e9 }).map((s) => new Date(s * 1000).toISOString())),
  ],
  ["bytea", "a bytea", fc.tuple(fc.uint8Array({ maxLength: 9 }).map(serverText))],
  ["enum", "a public.mood", fc.tuple(fc.constantFrom("sad", "ok", "happy", "it's \\fine"))],
  ["domain", "a public.code", fc.tuple(fc.integer({ min: 0, max: 999 }).map((n) => `c${n}`))],
  ["array", "a int[]", fc.tuple(fc.array(fc.nat(9), { maxLength: 4 }).map((a) => `{${a.join()}}`))],
  [
    "composite type",
    "a public.pair",
    fc.tuple(fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => `(${a},"x${b}\\\\,")`)),
  ],
  [
    "range",
    "a int4range",
    fc.tuple(fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => `[${a},${a + b}]`)),
  ],
  ["inet", "a inet", fc.tuple(fc.ipV4())],
  [
    "interval",
    "a interval",
    fc.tuple(fc.integer({ min: -90_000, max: 90_000 }).map((s) => `${s} seconds`)),
  ],
  ["two columns", 'a int, b text COLLATE "C"', fc.tuple(fc.nat(9).map(String), text)],
  [
    "a skewed first column",
    "a int, b int",
    fc.tuple(
      fc.integer({ min: 1, max: 20 }).map((n) => (n > 2 ? "1" : String(n))),
      int,
    ),
  ],
  ["bool and int", "a bool, b int", fc.tuple(fc.constantFrom("t", "f"), int)],
  [
    "five columns",
    "a int, b bool, c date, d text, e numeric",
    fc.tuple(
      fc.nat(2).map(String),
      fc.constantFrom("t", "f"),
      fc.nat(3).map((n) => `2026-01-0${n + 1}`),
      text,
      int,
    ),
  ],
];

describe.each([13, 18] as const)("chunk ranges of PostgreSQL %i", (version) => {
  let postgres: SharedPostgres;
  let connection: PostgresConnection;
  let sessions: SessionStash;
  let locks: TableLocks;

  beforeAll(async () => {
    postgres = await sharedPostgres(version);
    const config = { ...CONNECTION_DEFAULTS, ...postgres };
    connection = await openConnection(config);
    sessions = new SessionStash(() => Promise.resolve(config));
    locks = new TableLocks(connection.client);
    await sql(`CREATE COLLATION public.ci (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
      CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy', E'it''s \\\\fine');
      CREATE DOMAIN public.code AS varchar(9); CREATE TYPE public.pair AS (x int, y text)`);
  });
  afterAll(async () => {
    await sessions.close();
    await connection.close();
    await postgres.release();
  });

  const sql = (statement: string): Promise<unknown> => connection.client.query(statement);
  const shapeOf = async (name: string): Promise<TableShape> => {
    const [shape] = await readShapes(connection.client, { matches: (_, n) => n === name });
    if (shape === undefined) throw new Error(`no table ${name}`);
    return shape;
  };
  const plan = async (shape: TableShape, rows: number): Promise<ChunkRange[]> => {
    const planner = new ChunkPlanner(connection.client);
    const ranges: ChunkRange[] = [];
    let from: ChunkKey | null = null;
    do {
      const range = await planner.plan(shape, from, rows);
      expect(range.from).toEqual(from);
      ranges.push(range);
      from = range.to;
    } while (from !== null);
    return ranges;
  };
  /** The row numbers of each range, in the order they were read. */
  const read = async (shape: TableShape, ranges: readonly ChunkRange[]): Promise<string[][]> => {
    const snapshot = await PostgresSnapshot.open({
      sessions,
      locks,
      filterOf: () => null,
      positionOf: (lsn) => boundary(parseLsn(lsn)),
    });
    const chunks: string[][] = [];
    for (const range of ranges) {
      const ids: string[] = [];
      for await (const batch of snapshot.readChunk(shape, range, LIMITS)) {
        for (const change of batch.rows) ids.push(String(change.after?.at(-1)));
      }
      chunks.push(ids);
    }
    await snapshot.close();
    return chunks;
  };
  const fill = async (ddl: string, rows: readonly (readonly string[])[]): Promise<string[]> => {
    const keys = ddl.split(/, (?=[a-e] )/).map((column) => column.charAt(0));
    await sql(
      `DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (${ddl}, n int, PRIMARY KEY (${keys.join()}))`,
    );
    const types = await shapeOf("t");
    const casts = types.columns
      .slice(0, keys.length)
      .map((c) => c.sourceType.replace(/\(.*\)/, "").replace(/^character$/, "bpchar"));
    const unnest = casts.map((_, i) => `unnest($${i + 1}::text[])`).join();
    const values = casts.map((type, i) => `k.c${i}::${type}`).join();
    const names = casts.map((_, i) => `c${i}`).join();
    await connection.client.query(
      `INSERT INTO public.t SELECT ${values}, k.n FROM ROWS FROM (${unnest}) WITH ORDINALITY k(${names}, n) ON CONFLICT DO NOTHING`,
      casts.map((_, i) => rows.map((row) => row[i])),
    );
    await sql("ANALYZE public.t");
    const { rows: all } = await connection.client.query<{ n: string }>(
      `SELECT n::text AS n FROM public.t ORDER BY ${keys.join()}`,
    );
    return all.map((row) => row.n);
  };

  it.each(KEYS)(
    "have every row of a table with key %s exactly once and in order",
    async (_, ddl, row) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { minLength: 0, maxLength: 200, size: "max" }),
          fc.integer({ min: 1, max: 60 }),
          async (rows, perChunk) => {
            const expected = await fill(ddl, rows);
            const shape = await shapeOf("t");
            const chunks = await read(shape, await plan(shape, perChunk));
            expect(chunks.flat()).toEqual(expected);
            expect(Math.max(0, ...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(
              2 * perChunk,
            );
          },
        ),
        { numRuns: testRuns(3) },
      );
    },
  );

  it("are found by arithmetic where integers are dense, and still follow the table's growth", async () => {
    await sql(`CREATE TABLE public.dense (id bigint PRIMARY KEY, n int);
      INSERT INTO public.dense SELECT i, i FROM generate_series(1, 10000) i; ANALYZE public.dense`);
    const shape = await shapeOf("dense");
    let asked = 0;
    const counting = {
      query: <R extends object>(text_: string, parameters?: unknown[]) => {
        asked += /OFFSET/.test(text_) ? 1 : 0;
        return connection.client.query<R>(text_, parameters);
      },
    };
    const planner = new ChunkPlanner(counting);
    const first = await planner.plan(shape, null, 1000);
    const second = await planner.plan(shape, first.to, 1000);
    expect([first.to, second.to]).toEqual([["1000"], ["2000"]]);
    expect(asked).toBe(1);
    await sql(
      "INSERT INTO public.dense SELECT i, i FROM generate_series(10001, 12000) i; ANALYZE public.dense",
    );
    expect(await planner.plan(shape, ["9500"], 1000)).toEqual({ from: ["9500"], to: ["10500"] });
    expect(await planner.plan(shape, ["11500"], 1000)).toEqual({ from: ["11500"], to: null });
  });

  it("go on after a rename of table and key", async () => {
    await sql(`CREATE TABLE public.before (id text PRIMARY KEY, n int);
      INSERT INTO public.before SELECT md5(i::text), i FROM generate_series(1, 100) i`);
    const shape = await shapeOf("before");
    const planner = new ChunkPlanner(connection.client);
    const first = await planner.plan(shape, null, 40);
    await sql(
      "ALTER TABLE public.before RENAME id TO key; ALTER TABLE public.before RENAME TO after",
    );
    const second = await planner.plan(shape, first.to, 40);
    expect(second.to).not.toBeNull();
    expect((await planner.plan(shape, second.to, 40)).to).toBeNull();
  });

  it("is the whole table where there is no key", async () => {
    await sql(
      "CREATE TABLE public.keyless (n int); INSERT INTO public.keyless VALUES (1), (1), (2)",
    );
    const shape = await shapeOf("keyless");
    const ranges = await plan(shape, 1);
    expect(ranges).toEqual([{ from: null, to: null }]);
    expect((await read(shape, ranges)).flat().toSorted()).toEqual(["1", "1", "2"]);
  });

  it("say that a table is gone", async () => {
    await sql("CREATE TABLE public.gone (id int PRIMARY KEY)");
    const shape = await shapeOf("gone");
    const planner = new ChunkPlanner(connection.client);
    expect(await planner.plan(shape, null, 10)).toEqual({ from: null, to: null });
    await sql("DROP TABLE public.gone");
    await expect(planner.plan(shape, null, 10)).rejects.toMatchObject({
      code: "MR_SOURCE_TABLE_CHANGED",
      facts: { dropped: true },
    });
  });
});
