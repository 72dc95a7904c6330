import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { drawnSeed, timeFor, valuesPerType } from "../../../../../test/support/test-runs.ts";
import { createFormat } from "../../formats/create-format.ts";
import { event } from "../../formats/event.fixture.ts";
import { DEFAULT_FORMAT } from "../../formats/format.ts";
import { MessageList } from "../../formats/messages.fixture.ts";
import type { Change } from "../../model/change.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { TargetChangeEvent } from "../../model/sink.ts";
import type { TableShape } from "../../model/table.ts";
import { type Row, Skimmed, type Value } from "../../model/value.ts";
import { mapToTopic } from "../../sinks/kafka/table-mapping.ts";
import { readShapes } from "./catalogue.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { POSTGRES_SOURCE_DEFAULTS, type PostgresSourceOptions } from "./options.ts";
import { PostgresSource } from "./source.ts";
import { SAMPLE_TYPES_SQL, TYPE_SAMPLES } from "./type-samples.fixture.ts";

const context = { pipeline: "values", clock: systemClock, random: Math.random, log: silentLogger };
const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 262_144 };
const PER_TYPE = valuesPerType(200);

/** Types whose input function refuses everything: no table can hold a value of one. */
const WITHOUT_INPUT = (
  "gtsvector pg_node_tree pg_ndistinct pg_dependencies pg_mcv_list pg_brin_bloom_summary " +
  "pg_brin_minmax_multi_summary"
).split(" ");

describe.each([13, 18] as const)("values of PostgreSQL %i", (version) => {
  let postgres: SharedPostgres;
  let connection: PostgresConnection;
  let source: PostgresSource;
  let options: PostgresSourceOptions;
  const samples = TYPE_SAMPLES.filter(({ since = 0 }) => since <= version);
  const table = (index: number): string => `v.t${index}`;
  const shapes = new Map<string, TableShape>();
  const loaded = new Map<string, Row[]>();
  let streamed: ReadonlyMap<string, readonly Change[]> = new Map();

  beforeAll(async () => {
    postgres = await sharedPostgres(version);
    connection = await openConnection({ ...CONNECTION_DEFAULTS, ...postgres });
    const { client } = connection;
    await client.query(`${SAMPLE_TYPES_SQL}; CREATE SCHEMA v`);
    for (const [index, { ddl }] of samples.entries()) {
      await client.query(`CREATE TABLE ${table(index)} (id int PRIMARY KEY, v ${ddl})`);
      await client.query(`ALTER TABLE ${table(index)} REPLICA IDENTITY FULL`);
    }
    options = {
      ...POSTGRES_SOURCE_DEFAULTS,
      hostname: postgres.host,
      port: postgres.port,
      database: postgres.database,
      username: postgres.user,
      password: postgres.password,
      matches: (schema: string) => schema === "v",
      tablesText: "v",
      slotName: `values_${postgres.database}`,
      publicationName: "values",
    };
    source = new PostgresSource(options, context);
    for (const { shape } of await source.discover()) shapes.set(shape.id, shape);
    const { start } = await source.prepare([...shapes.values()], null);
    const refused: string[] = [];
    for (const [index, { ddl, text }] of samples.entries()) {
      const inserting = client.query(
        `INSERT INTO ${table(index)} SELECT n, u::${ddl} FROM unnest($1::text[]) WITH ORDINALITY x(u, n)`,
        [[null, ...fc.sample(text, { numRuns: PER_TYPE, seed: drawnSeed })]],
      );
      await inserting.catch((error: unknown) => refused.push(`${ddl}: ${String(error)}`));
      await client.query(`UPDATE ${table(index)} SET id = -id WHERE id <= 20`);
    }
    expect(refused, `samples that the server refuses, seed ${drawnSeed}`).toEqual([]);
    await load();
    const changes = await follow(source, start, [...shapes.values()], LIMITS.maxValueBytes);
    streamed = Map.groupBy(changes, (change) => change.shape.id);
  }, timeFor(120_000));

  afterAll(async () => {
    await source.close();
    await connection.close();
    await postgres.release();
  });

  async function load(): Promise<void> {
    const snapshot = await source.openSnapshot();
    for (const shape of shapes.values()) {
      const rows: Row[] = [];
      for await (const batch of snapshot.readChunk(shape, { from: null, to: null }, LIMITS)) {
        for (const change of batch.rows) rows.push(change.after ?? []);
      }
      loaded.set(shape.id, rows);
    }
    await snapshot.close();
  }

  /** All changes that the log has now. */
  async function follow(
    from: PostgresSource,
    start: Position,
    tables: readonly TableShape[],
    maxValueBytes: number,
  ): Promise<Change[]> {
    const end = await from.logEnd();
    await from.nudge();
    const byId = new Map(tables.map((shape) => [shape.id, shape]));
    const log = await from.openLog({ from: start, tables: byId, maxValueBytes });
    const changes: Change[] = [];
    for (;;) {
      const batch = await log.next();
      for (const item of batch.items) {
        if (item.kind !== "change") throw new Error(`unexpected ${item.kind}`);
        changes.push(item);
      }
      if (from.comparePositions(batch.position, end) >= 0) break;
    }
    await log.close();
    return changes;
  }

  /** What the type's output function gives: `format('%s')` calls it, a cast to text does not always. */
  async function serverTexts(index: number): Promise<(string | null)[]> {
    const { rows } = await connection.client.query<{ text: string | null }>(
      `SELECT CASE WHEN v IS NOT NULL OR v IS DISTINCT FROM NULL THEN format('%s', v) END AS text FROM ${table(index)} ORDER BY id`,
    );
    return rows.map((row) => row.text);
  }

  const textOf = (value: Value | undefined): string | null => {
    if (value === null || value === undefined) return null;
    if (typeof value === "boolean") return value ? "t" : "f";
    if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
    if (typeof value === "string") return value;
    throw new Error(`a value came as ${typeof value}`);
  };

  it("lines of a load are read as the same values, under the same keys", async () => {
    const snapshot = await source.openSnapshot();
    for (const shape of shapes.values()) {
      const rows: [string, Row][] = [];
      const asLines = { ...LIMITS, lines: () => 0 };
      for await (const batch of snapshot.readChunk(shape, { from: null, to: null }, asLines)) {
        for (const line of batch.lines ?? []) rows.push([line.key, line.read().after ?? []]);
        for (const { after } of batch.rows)
          rows.push([source.keyText(shape, after ?? []), after ?? []]);
      }
      const expected = (loaded.get(shape.id) ?? []).map((row) => [source.keyText(shape, row), row]);
      expect(new Map(rows), shape.id).toEqual(new Map(expected as [string, Row][]));
    }
    await snapshot.close();
  });

  it.each(["debezium-json", "plain-json"] as const)(
    "lines of a load are the same messages of %s as their values",
    async (value) => {
      const snapshot = await source.openSnapshot();
      const names = { serverName: "v", version: "1" };
      const format = createFormat({ ...DEFAULT_FORMAT, value }, { names, block: null });
      let lines = 0;
      for (const shape of shapes.values()) {
        const target = mapToTopic(shape, shape);
        const encoder = await format.encoder(target, "v");
        const told = (change: Partial<TargetChangeEvent>): unknown => {
          const output = new MessageList();
          try {
            encoder.change(event(target, { op: "r", ...change }), 7, output);
          } catch (thrown) {
            return String(thrown);
          }
          return output.messages;
        };
        const asLines = { ...LIMITS, lines: () => 0 };
        for await (const batch of snapshot.readChunk(shape, { from: null, to: null }, asLines))
          for (const line of batch.lines ?? []) {
            const { after } = line.read();
            expect(told({ line, after }), shape.id).toEqual(told({ after }));
            lines++;
          }
      }
      await snapshot.close();
      expect(lines).toBeGreaterThan(shapes.size * PER_TYPE * 0.9);
    },
  );

  it.each(samples.map(({ ddl }, index) => [index, ddl] as const))(
    "%i: of type %s are the server's own text in snapshot and stream",
    async (index, ddl) => {
      const rows = loaded.get(table(index)) ?? [];
      const where = `${ddl}, seed ${drawnSeed}`;
      expect(rows.length, where).toBe(PER_TYPE + 1);
      expect(
        rows.map((row) => textOf(row[1])),
        where,
      ).toEqual(await serverTexts(index));
      const changes = streamed.get(table(index)) ?? [];
      const live = new Map<string, Row>();
      for (const change of changes) {
        if (change.before !== null) {
          expect(change.before, where).toEqual(live.get(textOf(change.before[0]) ?? ""));
          live.delete(textOf(change.before[0]) ?? "");
        }
        if (change.after !== null) live.set(textOf(change.after[0]) ?? "", change.after);
      }
      const byId = [...live.values()].toSorted((a, b) => Number(a[0]) - Number(b[0]));
      expect(byId, where).toEqual(rows);
      expect(changes.length).toBe(PER_TYPE + 1 + 20);
    },
  );

  it("have the forms that the model promises", async () => {
    const { client } = connection;
    await client.query(`CREATE TABLE public.forms AS SELECT true AS a, -42::bigint AS b, '1.50'::numeric AS c,
      1.5::float8 AS d, '-Infinity'::float4 AS e, 'x'::char(3) AS f, '\\x00ff'::bytea AS g,
      '2026-01-01 01:00:00.5+01'::timestamptz AS h, '0044-03-15 BC'::date AS i, '1 mon -2 days'::interval AS j,
      ' {"b" : 1.0, "a":2} '::json AS k, '{"b" : 1.0, "a":2}'::jsonb AS l, '12:00+02'::timetz AS m,
      ARRAY['a', NULL, 'b c'] AS n, 0.1::float4 AS o, 'infinity'::timestamp AS p`);
    const { rows } = await client.query<{ oid: string }>(
      "SELECT 'public.forms'::regclass::oid::text AS oid",
    );
    const [shape] = await readShapes(client, { oids: [rows[0]?.oid ?? ""] });
    if (shape === undefined) throw new Error("no table");
    const snapshot = await source.openSnapshot();
    for await (const batch of snapshot.readChunk(shape, { from: null, to: null }, LIMITS)) {
      expect(batch.rows[0]?.after).toEqual([
        true,
        "-42",
        "1.50",
        "1.5",
        "-Infinity",
        "x  ",
        Uint8Array.of(0, 255),
        "2026-01-01 00:00:00.5+00",
        "0044-03-15 BC",
        "1 mon -2 days",
        ' {"b" : 1.0, "a":2} ',
        '{"a": 2, "b": 1.0}',
        "12:00:00+02",
        '{a,NULL,"b c"}',
        "0.1",
        "infinity",
      ]);
    }
    await snapshot.close();
  });

  it("are skimmed in snapshot and stream alike, by their canonical size, and never in a key", async () => {
    const { client } = connection;
    const maxValueBytes = 1000;
    await client.query("CREATE TABLE v.sizes (k text PRIMARY KEY, t text, b bytea, j jsonb)");
    await client.query(
      "ALTER TABLE v.sizes ALTER t SET STORAGE external, ALTER b SET STORAGE external, REPLICA IDENTITY FULL",
    );
    const own = new PostgresSource(
      {
        ...options,
        slotName: `sizes_${postgres.database}`,
        publicationName: "sizes",
        matches: (_, n) => n === "sizes",
      },
      context,
    );
    const [found] = await own.discover();
    if (found === undefined) throw new Error("no table");
    const { shape } = found;
    const { start } = await own.prepare([shape], null);
    const sizes = [0, 1, 499, 500, 501, 998, 999, 1000, 1001, 1002, 2000, 2001, 300_000, 600_001];
    for (const [n, size] of sizes.entries()) {
      for (const [m, unit] of ["x", "\\", "\n\t", "é", "あ😀"].entries()) {
        const text = unit.repeat(Math.ceil(size / Buffer.byteLength(unit)));
        const json = JSON.stringify({ a: text });
        await client.query("INSERT INTO v.sizes VALUES ($1, $2, $3, $4)", [
          `${String(n).padStart(2, "0")}${m}${"k".repeat(1500)}`,
          text,
          Buffer.from(text),
          json,
        ]);
      }
    }
    const rows: Row[] = [];
    const snapshot = await own.openSnapshot();
    const whole = { from: null, to: null };
    for await (const batch of snapshot.readChunk(shape, whole, { ...LIMITS, maxValueBytes })) {
      for (const change of batch.rows) rows.push(change.after ?? []);
    }
    const keys = await snapshot.readRows(shape, rows, { maxValueBytes });
    await snapshot.close();
    const changes = await follow(own, start, [shape], maxValueBytes);
    expect(changes.map((change) => change.after)).toEqual(rows);
    expect([...keys.values()]).toEqual(rows);
    const { rows: expected } = await client.query<{ t: boolean; b: boolean; j: boolean }>(
      `SELECT octet_length(t) > $1 AS t, octet_length(b) > $1 AS b, octet_length(j::text) > $1 AS j FROM v.sizes ORDER BY k`,
      [maxValueBytes],
    );
    const skimmed = rows.map((row) => row.map((value) => value instanceof Skimmed));
    expect(skimmed).toEqual(expected.map(({ t, b, j }) => [false, t, b, j]));
    await own.cleanUp();
    await own.close();
    await client.query("DROP TABLE v.sizes");
  });

  it("are sampled for every type that a table of this server can hold", async () => {
    const { rows } = await connection.client.query<{ name: string }>(
      `SELECT t.typname AS name FROM pg_type t
       WHERE t.oid < 16384 AND t.typtype IN ('b', 'r', 'm') AND t.typnamespace = 'pg_catalog'::regnamespace
         AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
         AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.atttypid = t.oid AND a.attrelid IN
           (SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'v'::regnamespace))`,
    );
    const without = rows.map((row) => row.name);
    const alike = ["nummultirange", "tsmultirange", "datemultirange", "int8multirange"];
    expect(
      without.filter((name) => !WITHOUT_INPUT.includes(name) && !alike.includes(name)),
    ).toEqual([]);
    for (const name of without.filter((type) => WITHOUT_INPUT.includes(type))) {
      await expect(connection.client.query(`SELECT ''::pg_catalog.${name}`)).rejects.toThrow(
        /cannot accept|not implemented/,
      );
    }
  });
});
