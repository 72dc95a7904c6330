import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import type { ChunkRange } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { type Row, Skimmed, UNCHANGED, type Value } from "../../model/value.ts";
import { readShapes } from "./catalogue.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { keyText } from "./keys.ts";
import { boundary, comparePositions, parseLsn } from "./position.ts";
import { SessionStash } from "./session-stash.ts";
import { PostgresSnapshot } from "./snapshot.ts";
import { TableLocks } from "./table-lock.ts";

const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 65_536 };
const textOf = (value: Value | undefined): string => {
  if (typeof value !== "string") throw new Error("no text");
  return value;
};
const WHOLE: ChunkRange = { from: null, to: null };

describe.each([13, 18] as const)("a snapshot of PostgreSQL %i", (version) => {
  let postgres: SharedPostgres;
  let connection: PostgresConnection;
  let sessions: SessionStash;
  let locks: TableLocks;
  const opened: PostgresSnapshot[] = [];

  beforeAll(async () => {
    postgres = await sharedPostgres(version);
    const config = { ...CONNECTION_DEFAULTS, ...postgres };
    connection = await openConnection(config);
    sessions = new SessionStash(() => Promise.resolve(config));
    locks = new TableLocks(connection.client);
  });
  afterAll(async () => {
    await Promise.all(opened.map((snapshot) => snapshot.close()));
    await sessions.close();
    await connection.close();
    await postgres.release();
  });

  const sql = (text: string): Promise<unknown> => connection.client.query(text);
  const openSnapshot = async (filter: string | null = null): Promise<PostgresSnapshot> => {
    const snapshot = await PostgresSnapshot.open({
      sessions,
      locks,
      filterOf: () => filter,
      positionOf: (lsn) => boundary(parseLsn(lsn)),
    });
    opened.push(snapshot);
    return snapshot;
  };
  const shapeOf = async (name: string): Promise<TableShape> => {
    const [shape] = await readShapes(connection.client, { matches: (_, n) => n === name });
    if (shape === undefined) throw new Error(`no table ${name}`);
    return shape;
  };
  const rowsOf = async (
    snapshot: PostgresSnapshot,
    shape: TableShape,
    range: ChunkRange = WHOLE,
  ): Promise<Row[]> => {
    const rows: Row[] = [];
    for await (const batch of snapshot.readChunk(shape, range, LIMITS)) {
      for (const change of batch.rows) rows.push(change.after ?? []);
    }
    return rows;
  };
  /** Locks are held until a snapshot ends: one that DDL follows is closed at once. */
  const rowsNow = async (shape: TableShape): Promise<Row[]> => {
    const snapshot = await openSnapshot();
    try {
      return await rowsOf(snapshot, shape);
    } finally {
      await snapshot.close();
    }
  };
  const session = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    return client;
  };
  const xidOf = async (client: pg.Client): Promise<string> => {
    const { rows } = await client.query<{ xid: string }>(
      "SELECT pg_current_xact_id()::text AS xid",
    );
    return rows[0]?.xid ?? "";
  };

  it("sees committed transactions and no open, later or forgotten ones", async () => {
    await sql("CREATE TABLE public.seen (id int PRIMARY KEY)");
    const [committed, open, later, prepared] = await Promise.all([1, 2, 3, 4].map(session));
    if (!committed || !open || !later || !prepared) throw new Error("no sessions");
    try {
      const xids: string[] = [];
      for (const [i, client] of [open, committed, prepared].entries()) {
        await client.query("BEGIN");
        await client.query(`INSERT INTO public.seen VALUES (${i})`);
        xids.push(await xidOf(client));
      }
      await committed.query("COMMIT");
      await prepared.query(`PREPARE TRANSACTION 'seen_${postgres.database}'`);
      const snapshot = await openSnapshot();
      const before = await xidOf(later);
      await later.query("INSERT INTO public.seen VALUES (9)");
      await open.query("COMMIT");
      await prepared.query(`COMMIT PREPARED 'seen_${postgres.database}'`);
      const rows = await rowsOf(snapshot, await shapeOf("seen"));
      expect(rows).toEqual([["1"]]);
      expect(xids.map((xid) => snapshot.sees(xid))).toEqual([false, true, false]);
      expect(snapshot.sees(before)).toBe(false);
      const next = await openSnapshot();
      expect([...xids, before].every((xid) => next.sees(xid))).toBe(true);
      expect(comparePositions(snapshot.logEnd, next.logEnd)).toBeLessThan(0);
    } finally {
      await Promise.all([committed, open, later, prepared].map((client) => client.end()));
    }
  });

  it("says of transactions what its rows say, while sessions commit around it", async () => {
    await sql("CREATE TABLE public.busy (id bigint PRIMARY KEY)");
    const shape = await shapeOf("busy");
    const writers = await Promise.all([1, 2, 3].map(session));
    let stop = false;
    const aborted = new Set<string>();
    const write = async (client: pg.Client, every: number): Promise<void> => {
      for (let i = 1; !stop; i += 1) {
        await client.query("BEGIN");
        const xid = await xidOf(client);
        await client.query("SAVEPOINT s");
        await client.query("INSERT INTO public.busy SELECT pg_current_xact_id()::text::bigint");
        if (i % every === 0) aborted.add(xid);
        await client.query(i % every === 0 ? "ROLLBACK" : "COMMIT");
      }
    };
    const writing = Promise.all(writers.map((client, i) => write(client, i + 3)));
    const snapshots: PostgresSnapshot[] = [];
    for (let i = 0; i < 15; i += 1) snapshots.push(await openSnapshot());
    stop = true;
    await writing;
    await Promise.all(writers.map((client) => client.end()));
    const all = (await rowsOf(await openSnapshot(), shape)).map((row) => textOf(row[0]));
    expect(all.length).toBeGreaterThan(20);
    for (const snapshot of snapshots) {
      const seen = (await rowsOf(snapshot, shape)).map((row) => textOf(row[0]));
      expect(seen).toEqual(all.filter((xid) => snapshot.sees(xid)));
      expect(seen.some((xid) => aborted.has(xid))).toBe(false);
    }
  });

  it("streams a range in key order, cut where the server cuts it, and goes on after any batch", async () => {
    await sql(`CREATE TABLE public.ranged (b int, a text COLLATE "C", v text, PRIMARY KEY (a, b));
      INSERT INTO public.ranged SELECT i % 7, 'k' || i / 7, repeat('x', 300) FROM generate_series(1, 2000) i`);
    const shape = await shapeOf("ranged");
    const snapshot = await openSnapshot();
    const { rows: expected } = await connection.client.query<{ a: string; b: string }>(
      `SELECT a, b::text FROM public.ranged WHERE (a, b) > ('k100', 3) AND (a, b) <= ('k30', 2) ORDER BY a, b`,
    );
    const range: ChunkRange = { from: ["k100", "3"], to: ["k30", "2"] };
    const all = await rowsOf(snapshot, shape, range);
    expect(all.map((row) => [row[1], row[0]])).toEqual(expected.map((row) => [row.a, row.b]));
    expect(all.length).toBeGreaterThan(1000);
    const first: Row[] = [];
    let after: ChunkRange["from"] = null;
    for await (const batch of (await openSnapshot()).readChunk(shape, range, LIMITS)) {
      for (const change of batch.rows) first.push(change.after ?? []);
      after = batch.lastKey;
      if (first.length > 200) break;
    }
    const rest = await rowsOf(await openSnapshot(), shape, { ...range, from: after });
    expect([...first, ...rest]).toEqual(all);
  });

  it("weighs rows and keeps batches near the size asked for", async () => {
    await sql(`CREATE TABLE public.weighed (id int PRIMARY KEY, v text);
      INSERT INTO public.weighed SELECT i, repeat('x', 1000) FROM generate_series(1, 500) i`);
    const snapshot = await openSnapshot();
    const sizes: number[] = [];
    for await (const batch of snapshot.readChunk(await shapeOf("weighed"), WHOLE, LIMITS)) {
      sizes.push(batch.bytes);
      expect(batch.rows.reduce((sum, change) => sum + change.bytes, 0)).toBe(batch.bytes);
      expect(batch.rows.every((change) => change.op === "r" && change.position === null)).toBe(
        true,
      );
    }
    expect(sizes.length).toBeGreaterThan(5);
    expect(Math.max(...sizes)).toBeLessThan(LIMITS.batchBytes + 2000);
  });

  it("reads rows of given keys, of any type, and says nothing of those that are not there", async () => {
    await sql(`CREATE TYPE public.pair AS (x int, y text); CREATE DOMAIN public.code AS varchar(5) CHECK (value <> 'no');
      CREATE TABLE public.keyed (a numeric, b public.code, c bool, d bytea, e public.pair, f timestamptz, g int[],
        v text, PRIMARY KEY (a, b, c, d, e, f, g));
      INSERT INTO public.keyed SELECT i + 0.50, 'c' || i, i % 2 = 0, decode(lpad(to_hex(i), 4, '0'), 'hex'),
        ROW(i, 'a"b\\c,' || i)::public.pair, '2026-01-01'::timestamptz + make_interval(secs => i), ARRAY[i, NULL], 'v' || i
        FROM generate_series(1, 1200) i`);
    const shape = await shapeOf("keyed");
    const snapshot = await openSnapshot();
    const all = await rowsOf(snapshot, shape);
    const asked = all.map((row) => row.with(0, `${textOf(row[0])}00`).with(7, UNCHANGED));
    const missing = asked.slice(0, 3).map((row) => row.with(1, "nope"));
    const found = await snapshot.readRows(shape, [...asked, ...missing], LIMITS);
    expect(found.size).toBe(1200);
    for (const row of all) expect(found.get(keyText(shape, row))).toEqual(row);
    const keys = await snapshot.readRows(shape, asked, { ...LIMITS, keysOnly: true });
    expect([...keys.keys()].toSorted()).toEqual([...found.keys()].toSorted());
    expect([...keys.values()].every((row) => row[7] === UNCHANGED && row[0] !== UNCHANGED)).toBe(
      true,
    );
    expect((await snapshot.readRows(shape, [], LIMITS)).size).toBe(0);
  });

  it("reads past a value that is too large without holding it, and keeps the row's key", async () => {
    await sql(`CREATE TABLE public.huge (id text PRIMARY KEY, v text, w bytea, z int);
      INSERT INTO public.huge VALUES ('a', repeat(E'x\\n', 26214400), '\\x00ff', 7),
        ('b', repeat('y', 1048576), convert_to(repeat('z', 1048576), 'UTF8'), 8),
        ('c', repeat('y', 1048577), convert_to(repeat('z', 1048577), 'UTF8'), 9)`);
    const shape = await shapeOf("huge");
    const snapshot = await openSnapshot();
    globalThis.gc?.();
    const before = process.memoryUsage();
    let peak = 0;
    const timer = setInterval(() => {
      const { heapUsed, external } = process.memoryUsage();
      peak = Math.max(peak, heapUsed + external - before.heapUsed - before.external);
    }, 5);
    const rows = await rowsOf(snapshot, shape);
    clearInterval(timer);
    expect(rows.map((row) => row[0])).toEqual(["a", "b", "c"]);
    expect(rows[0]).toEqual(["a", new Skimmed(2 * 26_214_400), Uint8Array.of(0, 255), "7"]);
    expect(rows[1]?.[1]).toBe("y".repeat(1_048_576));
    expect(rows[1]?.[2]).toEqual(new Uint8Array(1_048_576).fill(122));
    expect(rows[2]).toEqual(["c", new Skimmed(1_048_577), new Skimmed(1_048_577), "9"]);
    expect(peak).toBeLessThan(40_000_000);
    const some = await snapshot.readRows(shape, [["a", null, null, null]], LIMITS);
    expect(some.get("a")?.[1]).toBeInstanceOf(Skimmed);
  });

  it("reads nothing from the socket while nobody asks", async () => {
    await sql(`CREATE TABLE public.slow (id int PRIMARY KEY, v text);
      INSERT INTO public.slow SELECT i, repeat(md5(i::text), 100) FROM generate_series(1, 20000) i`);
    const snapshot = await openSnapshot();
    const rows = snapshot.readChunk(await shapeOf("slow"), WHOLE, LIMITS);
    const first = await rows.next();
    expect(first.done).toBe(false);
    await expect
      .poll(async () => {
        const { rows: waiting } = await connection.client.query<{ n: string }>(
          `SELECT count(*)::text AS n FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event = 'ClientWrite' AND query LIKE 'COPY%'`,
        );
        return waiting[0]?.n;
      })
      .toBe("1");
    let count = first.value?.rows.length ?? 0;
    for await (const batch of rows) count += batch.rows.length;
    expect(count).toBe(20_000);
  });

  it("is not usable after a chunk was left half read, and says so as a lost connection", async () => {
    const snapshot = await openSnapshot();
    const shape = await shapeOf("slow");
    for await (const batch of snapshot.readChunk(shape, WHOLE, LIMITS)) {
      expect(batch.rows.length).toBeGreaterThan(0);
      break;
    }
    await expect(rowsOf(snapshot, shape)).rejects.toMatchObject({
      code: "MR_SOURCE_LOST_CONNECTION",
    });
    await snapshot.close();
  });

  it("follows renames of table and columns by their oid and number", async () => {
    await sql(`CREATE TABLE public.named (id int PRIMARY KEY, a text, b text);
      INSERT INTO public.named VALUES (1, 'a', 'b')`);
    const shape = await shapeOf("named");
    const early = await openSnapshot();
    await sql(`ALTER TABLE public.named RENAME a TO tmp; ALTER TABLE public.named RENAME b TO a;
      ALTER TABLE public.named RENAME tmp TO b; ALTER TABLE public.named RENAME TO named2;
      CREATE TABLE public.named (id int PRIMARY KEY, a text, b text)`);
    expect(await rowsOf(early, shape)).toEqual([["1", "a", "b"]]);
    expect(await rowsNow(shape)).toEqual([["1", "a", "b"]]);
  });

  it("follows a rename that it had read the table before, and locks no other table", async () => {
    await sql(
      `CREATE TABLE public.first (id int PRIMARY KEY, a text); INSERT INTO public.first VALUES (1, 'a')`,
    );
    const shape = await shapeOf("first");
    expect(await rowsNow(shape)).toEqual([["1", "a"]]);
    await sql(`ALTER TABLE public.first RENAME TO second; ALTER TABLE public.second RENAME a TO b;
      CREATE TABLE public.first (id int PRIMARY KEY, a text)`);
    const snapshot = await openSnapshot();
    expect(await rowsOf(snapshot, shape)).toEqual([["1", "a"]]);
    const { rows: held } = await connection.client.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
       WHERE c.relname IN ('first', 'second') AND l.mode = 'AccessShareLock'`,
    );
    expect(held).toEqual([{ name: "second" }]);
    await snapshot.close();
    await sql("DROP TABLE public.first, public.second");
    await expect(rowsNow(shape)).rejects.toMatchObject({ facts: { dropped: true } });
  });

  it("reads a dropped column as NULL and refuses a retyped one", async () => {
    await sql(`CREATE TABLE public.altered (id int PRIMARY KEY, a text, b int);
      INSERT INTO public.altered VALUES (1, 'a', 2)`);
    const shape = await shapeOf("altered");
    await sql("ALTER TABLE public.altered DROP COLUMN a, ADD COLUMN c int");
    expect(await rowsNow(shape)).toEqual([["1", null, "2"]]);
    await sql("ALTER TABLE public.altered ALTER b TYPE bigint");
    await expect(rowsNow(shape)).rejects.toMatchObject({
      code: "MR_SOURCE_TABLE_CHANGED",
      facts: { column: "b" },
    });
    await sql("DROP TABLE public.altered");
    await expect(rowsNow(shape)).rejects.toMatchObject({ facts: { dropped: true } });
  });

  it("answers for rows of a table that has changed since, so that old changes can be ended", async () => {
    await sql(`CREATE TABLE public.moving (id int PRIMARY KEY, a text, b int NOT NULL, c int, d bool, e bytea);
      INSERT INTO public.moving VALUES (1, 'a', 2, 3, true, '\\x01')`);
    const shape = await shapeOf("moving");
    const rowNow = async (id: string): Promise<Row | undefined> => {
      const snapshot = await openSnapshot();
      const rows = await snapshot.readRows(shape, [[id, null, null, null, null, null]], LIMITS);
      await snapshot.close();
      return [...rows.values()][0];
    };
    await sql(`ALTER TABLE public.moving DROP COLUMN a, DROP COLUMN b, ALTER c TYPE text USING c || ' apples',
      ALTER d TYPE text, ALTER e TYPE text USING 'x'`);
    expect(await rowNow("1")).toEqual(["1", null, null, "3 apples", null, null]);
    await sql("ALTER TABLE public.moving ALTER id TYPE numeric");
    expect((await rowNow("1"))?.[0]).toBe("1");
    await sql("ALTER TABLE public.moving ALTER id TYPE text USING 'k' || id");
    expect(await rowNow("1")).toBeUndefined();
    expect((await rowNow("k1"))?.[3]).toBe("3 apples");
    await sql("ALTER TABLE public.moving DROP COLUMN id");
    expect(await rowNow("1")).toBeUndefined();
    await sql("DROP TABLE public.moving");
    expect(await rowNow("1")).toBeUndefined();
  });

  it.each([
    ["a truncate", "TRUNCATE public.rewritten"],
    ["a converting ALTER", "ALTER TABLE public.rewritten ALTER v TYPE text USING upper(v)"],
  ])("refuses to read a table after %s that it cannot see", async (_, rewrite) => {
    await sql(`DROP TABLE IF EXISTS public.rewritten; CREATE TABLE public.rewritten (id int PRIMARY KEY, v text);
      INSERT INTO public.rewritten VALUES (1, 'a')`);
    const shape = await shapeOf("rewritten");
    const snapshot = await openSnapshot();
    await sql(rewrite);
    await expect(rowsOf(snapshot, shape)).rejects.toMatchObject({
      code: "MR_SOURCE_TABLE_CHANGED",
    });
    await snapshot.close();
    expect(await rowsNow(shape)).toEqual(rewrite.startsWith("A") ? [["1", "A"]] : []);
  });

  it("reads a partitioned table through its root and a plain one without its children", async () => {
    await sql(`CREATE TABLE public.root (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
      CREATE TABLE public.leaf1 PARTITION OF public.root FOR VALUES FROM (0) TO (10);
      CREATE TABLE public.leaf2 PARTITION OF public.root FOR VALUES FROM (10) TO (20);
      INSERT INTO public.root VALUES (15, 'b'), (5, 'a');
      CREATE TABLE public.parent (id int PRIMARY KEY); CREATE TABLE public.child () INHERITS (public.parent);
      INSERT INTO public.parent VALUES (1); INSERT INTO public.child VALUES (2)`);
    const snapshot = await openSnapshot();
    expect(await rowsOf(snapshot, await shapeOf("root"))).toEqual([
      ["5", "a"],
      ["15", "b"],
    ]);
    expect(await rowsOf(snapshot, await shapeOf("leaf2"))).toEqual([["15", "b"]]);
    expect(await rowsOf(snapshot, await shapeOf("parent"))).toEqual([["1"]]);
  });

  it("leaves out the rows that the publication's filter leaves out", async () => {
    await sql(`CREATE TABLE public.filtered (id int PRIMARY KEY, v int);
      INSERT INTO public.filtered SELECT i, i % 3 FROM generate_series(1, 9) i`);
    const shape = await shapeOf("filtered");
    const snapshot = await openSnapshot("(v = 1) OR (id = 9)");
    const ids = (await rowsOf(snapshot, shape, { from: ["1"], to: null })).map((row) => row[0]);
    expect(ids).toEqual(["4", "7", "9"]);
    const found = await snapshot.readRows(
      shape,
      [
        ["4", null],
        ["5", null],
      ],
      LIMITS,
    );
    expect([...found.keys()]).toEqual(["4"]);
  });

  it("refuses rather than read through a row-level policy", async () => {
    const role = `reader_${postgres.database}`;
    await sql(`CREATE TABLE public.guarded (id int PRIMARY KEY); INSERT INTO public.guarded VALUES (1);
      ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY;
      CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT SELECT ON public.guarded TO ${role}`);
    const shape = await shapeOf("guarded");
    const config = { ...CONNECTION_DEFAULTS, ...postgres, user: role, password: "x" };
    const own = new SessionStash(() => Promise.resolve(config));
    const snapshot = await PostgresSnapshot.open({
      sessions: own,
      locks,
      filterOf: () => null,
      positionOf: (lsn) => boundary(parseLsn(lsn)),
    });
    await expect(rowsOf(snapshot, shape)).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    await snapshot.close();
    await own.close();
    await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
});
