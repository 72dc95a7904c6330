import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import type { TableShape } from "../../model/table.ts";
import { readEstimates, readFacts, readRelations, readShapes, readTypes } from "./catalogue.ts";
import { hasRule } from "./types.ts";

describe.each([13, 18] as const)("the catalogue of PostgreSQL %i", (version) => {
  let postgres: SharedPostgres;
  let client: pg.Client;

  beforeAll(async () => {
    postgres = await sharedPostgres(version);
    client = new pg.Client({ connectionString: postgres.url, options: "-c search_path=" });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await postgres.release();
  });

  const shapeOf = async (name: string): Promise<TableShape> => {
    const [shape] = await readShapes(client, { matches: (s, n) => s === "public" && n === name });
    if (shape === undefined) throw new Error(`no table ${name}`);
    return shape;
  };
  const keyOf = async (name: string): Promise<(string | undefined)[]> => {
    const shape = await shapeOf(name);
    return shape.key.map((index) => shape.columns[index]?.name);
  };

  it("has a rule for every type that a column of this server can have", async () => {
    const { rows } = await client.query<{
      name: string;
      builtIn: boolean;
      kind: string;
      array: boolean;
      formatted: string;
    }>(`SELECT t.typname AS name, t.oid < 16384 AS "builtIn", t.typtype AS kind,
        (t.typelem <> 0 AND EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)) AS "array",
        format_type(t.oid, -1) AS formatted
      FROM pg_type t WHERE t.typtype <> 'd'`);
    expect(rows.length).toBeGreaterThan(300);
    const without = rows.filter((type) => !hasRule(type)).map((type) => type.name);
    const pseudo = rows.filter((type) => type.kind === "p").map((type) => type.name);
    expect(without.toSorted()).toEqual(pseudo.toSorted());
    for (const name of pseudo) {
      await expect(
        client.query(`CREATE TABLE public.nope (c pg_catalog."${name}")`),
      ).rejects.toThrow(/pseudo-type/);
    }
  });

  it("reads logical types with their limits", async () => {
    await client.query(`CREATE DOMAIN public.short AS varchar(7);
      CREATE DOMAIN public.shorter AS public.short CHECK (length(value) < 5);
      CREATE TYPE public.mood AS ENUM ('sad', 'ok'); CREATE TYPE public."Pair" AS (a int, b text);
      CREATE TABLE public.types (a numeric(10,2), b numeric, c public.shorter, d char(3), e timestamp(3),
        f public.mood, g int[], h public."Pair", i timetz, j "char", k bpchar, l bit(5), m public.short[], n oid,
        o bytea not null, p name, q double precision)`);
    const shape = await shapeOf("types");
    const text = { kind: "text", maxChars: null };
    expect(shape.columns.map((c) => [c.name, c.type, c.sourceType])).toEqual([
      ["a", { kind: "decimal", precision: 10, scale: 2 }, "numeric(10,2)"],
      ["b", { kind: "decimal", precision: null, scale: null }, "numeric"],
      ["c", { kind: "text", maxChars: 7 }, "public.shorter"],
      ["d", { kind: "text", maxChars: 3, fixed: true }, "character(3)"],
      ["e", { kind: "timestamp", precision: 3 }, "timestamp(3) without time zone"],
      ["f", { kind: "other", name: "public.mood", labels: ["sad", "ok"] }, "public.mood"],
      ["g", { kind: "other", name: "integer[]" }, "integer[]"],
      ["h", { kind: "other", name: 'public."Pair"' }, 'public."Pair"'],
      ["i", { kind: "timetz", precision: 6 }, "time with time zone"],
      ["j", text, '"char"'],
      ["k", { ...text, fixed: true }, version === 13 ? "bpchar" : "bpchar"],
      ["l", { kind: "other", name: "bit(5)" }, "bit(5)"],
      ["m", { kind: "other", name: "public.short[]" }, "public.short[]"],
      ["n", { kind: "int", bits: 32, unsigned: true }, "oid"],
      ["o", { kind: "bytes", maxBytes: null }, "bytea"],
      ["p", { kind: "text", maxChars: 63 }, "name"],
      ["q", { kind: "float", bits: 64 }, "double precision"],
    ]);
    expect(shape.columns.filter((c) => !c.nullable).map((c) => c.name)).toEqual(["o"]);
    expect(shape.key).toEqual([]);
  });

  it("names types of Relation messages as it names those of columns", async () => {
    await client.query(
      "CREATE TABLE public.named (a numeric(9,3), b varchar(4)[], c timestamptz(0))",
    );
    const shape = await shapeOf("named");
    const { rows } = await client.query<{ oid: number; typmod: number }>(
      `SELECT atttypid::int8::int AS oid, atttypmod AS typmod FROM pg_attribute
       WHERE attrelid = 'public.named'::regclass AND attnum > 0 ORDER BY attnum`,
    );
    const types = await readTypes(client, [...rows, { oid: 4_000_000_000, typmod: -1 }]);
    expect(types).toEqual([
      ...shape.columns.map(({ type, sourceType }) => ({ type, sourceType })),
      null,
    ]);
  });

  it("finds rows by the primary key in the key's own order", async () => {
    await client.query("CREATE TABLE public.pk (a int, b int, c int, PRIMARY KEY (c, a))");
    expect(await keyOf("pk")).toEqual(["c", "a"]);
    const { columns } = await shapeOf("pk");
    expect(columns.map((column) => column.nullable)).toEqual([false, true, false]);
  });

  it("takes the replica identity index before the primary key, for deletes carry only that", async () => {
    await client.query(`CREATE TABLE public.ri (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL);
      CREATE UNIQUE INDEX ri_ab ON public.ri (b, a) INCLUDE (id);
      ALTER TABLE public.ri REPLICA IDENTITY USING INDEX ri_ab`);
    expect(await keyOf("ri")).toEqual(["b", "a"]);
  });

  it("takes neither a unique index that is not the replica identity nor a deferrable primary key", async () => {
    await client.query(`CREATE TABLE public.uq (a int NOT NULL UNIQUE);
      CREATE TABLE public.late (a int PRIMARY KEY DEFERRABLE)`);
    expect(await keyOf("uq")).toEqual([]);
    expect(await keyOf("late")).toEqual([]);
  });

  it("says which tables' updates and deletes the server can log", async () => {
    await client.query(`CREATE TABLE public.l_pk (a int PRIMARY KEY);
      CREATE TABLE public.l_none (a int);
      CREATE TABLE public.l_full (a int); ALTER TABLE public.l_full REPLICA IDENTITY FULL;
      CREATE TABLE public.l_nothing (a int PRIMARY KEY); ALTER TABLE public.l_nothing REPLICA IDENTITY NOTHING;
      CREATE TABLE public.l_late (a int PRIMARY KEY DEFERRABLE);
      CREATE TABLE public.l_root (a int PRIMARY KEY) PARTITION BY RANGE (a);
      CREATE TABLE public.l_leaf PARTITION OF public.l_root FOR VALUES FROM (0) TO (9);
      CREATE TABLE public.l_root2 (a int PRIMARY KEY) PARTITION BY RANGE (a);
      CREATE TABLE public.l_leaf2 PARTITION OF public.l_root2 FOR VALUES FROM (0) TO (9);
      ALTER TABLE public.l_leaf2 REPLICA IDENTITY NOTHING`);
    const relations = await readRelations(client);
    const oids = relations.filter((r) => r.name.startsWith("l_")).map((r) => r.oid);
    const facts = await readFacts(client, oids);
    expect(Object.fromEntries(facts.map((f) => [f.shape.name, f.logsDeletes]))).toEqual({
      l_pk: true,
      l_none: false,
      l_full: true,
      l_nothing: false,
      l_late: false,
      l_root: true,
      l_leaf: true,
      l_root2: false,
      l_leaf2: false,
    });
    expect(
      facts
        .filter((f) => f.partitioned)
        .map((f) => f.shape.name)
        .toSorted(),
    ).toEqual(["l_root", "l_root2"]);
  });

  it("keeps a column's ordinal and a table's identity over renames and drops", async () => {
    await client.query("CREATE TABLE public.moved (a int, b int, c int PRIMARY KEY)");
    const before = await shapeOf("moved");
    await client.query(`ALTER TABLE public.moved DROP COLUMN b; ALTER TABLE public.moved RENAME c TO cc;
      ALTER TABLE public.moved RENAME TO moved2`);
    const after = await shapeOf("moved2");
    expect(after.identity).toBe(before.identity);
    expect(after.columns.map((c) => [c.name, c.ordinal])).toEqual([
      ["a", 1],
      ["cc", 3],
    ]);
    expect(await keyOf("moved2")).toEqual(["cc"]);
  });

  it("leaves out generated columns that the log does not carry, and says so", async () => {
    const virtual = version === 18 ? ", v int GENERATED ALWAYS AS (a + 1) VIRTUAL" : "";
    await client.query(`CREATE TABLE public.gen (a int PRIMARY KEY,
      s int GENERATED ALWAYS AS (a * 2) STORED, i int GENERATED ALWAYS AS IDENTITY${virtual})`);
    const shape = await shapeOf("gen");
    const [facts] = await readFacts(client, [shape.identity]);
    const names = shape.columns.map((c) => (c.generated === true ? `${c.name} generated` : c.name));
    expect(names).toEqual(version === 18 ? ["a", "s generated", "i"] : ["a", "i"]);
    expect(facts?.leftOut).toEqual(version === 18 ? ["v (virtual)"] : ["s"]);
  });

  it("lists what cannot be captured too, and nothing of the system's", async () => {
    await client.query(`CREATE UNLOGGED TABLE public.u (a int); CREATE VIEW public.v AS SELECT 1 AS a;
      CREATE MATERIALIZED VIEW public.m AS SELECT 1 AS a; CREATE TEMP TABLE gone (a int)`);
    const relations = await readRelations(client);
    const kinds = new Map(relations.map((r) => [r.name, r.relkind + r.persistence]));
    expect([kinds.get("u"), kinds.get("v"), kinds.get("m")]).toEqual(["ru", "vp", "mp"]);
    expect(kinds.has("gone")).toBe(false);
    expect(relations.some((r) => r.schema.startsWith("pg_"))).toBe(false);
  });

  it("estimates rows by the statistics and a partitioned table by its leaves", async () => {
    await client.query(`CREATE TABLE public.est (a int) PARTITION BY RANGE (a);
      CREATE TABLE public.est1 PARTITION OF public.est FOR VALUES FROM (0) TO (500);
      CREATE TABLE public.est2 PARTITION OF public.est FOR VALUES FROM (500) TO (1000);
      CREATE TABLE public.empty (a int);
      INSERT INTO public.est SELECT generate_series(0, 999); ANALYZE public.est1; ANALYZE public.est2`);
    const root = await shapeOf("est");
    const empty = await shapeOf("empty");
    const estimates = await readEstimates(client, [root.identity, empty.identity]);
    expect(estimates.get(root.identity)).toBe(1000);
    expect(estimates.get(empty.identity)).toBe(0);
  });

  it("holds a NOT NULL constraint that was never validated to promise nothing", async () => {
    if (version < 18) return expect(version).toBe(13);
    await client.query(`CREATE TABLE public.unsure (a int); INSERT INTO public.unsure VALUES (NULL);
      ALTER TABLE public.unsure ADD CONSTRAINT nn NOT NULL a NOT VALID`);
    expect((await shapeOf("unsure")).columns[0]?.nullable).toBe(true);
  });
});
