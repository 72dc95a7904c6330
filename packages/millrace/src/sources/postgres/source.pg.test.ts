import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import selfsigned from "selfsigned";
import {
  type PostgresServer,
  sharedPostgres,
  type SharedPostgres,
  startPostgres,
} from "../../../../../test/support/postgres.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogItem } from "../../model/change.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { Source, SourceLog, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { SOURCES } from "../registry.ts";
import { POSTGRES_SOURCE_DEFAULTS, type PostgresSourceOptions } from "./options.ts";
import { PostgresSource } from "./source.ts";
import { validatePostgres } from "./validate.ts";

const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 65_536 };

describe.each([13, 18] as const)("the source for PostgreSQL %i", (version) => {
  let postgres: SharedPostgres;
  const open: Source[] = [];
  const warnings: string[] = [];

  beforeAll(async () => {
    postgres = await sharedPostgres(version);
  });
  afterAll(() => postgres.release());
  afterEach(async () => {
    for (const source of open.splice(0)) await source.close();
    warnings.splice(0);
  });

  const optionsOf = (
    name: string,
    more: Partial<PostgresSourceOptions> = {},
  ): PostgresSourceOptions => ({
    ...POSTGRES_SOURCE_DEFAULTS,
    hostname: postgres.host,
    port: postgres.port,
    username: postgres.user,
    password: postgres.password,
    database: postgres.database,
    matches: (schema) => schema === name,
    tablesText: `${name}.\\.*`,
    slotName: `${name}_${postgres.database}`,
    publicationName: name,
    ...more,
  });
  const context = {
    pipeline: "test",
    clock: systemClock,
    random: Math.random,
    log: { ...silentLogger, warn: (message: string) => void warnings.push(message) },
  };
  const sourceOf = (name: string, more: Partial<PostgresSourceOptions> = {}): PostgresSource => {
    const source = new PostgresSource(optionsOf(name, more), context);
    open.push(source);
    return source;
  };
  const sql = (text: string): Promise<Record<string, unknown>[]> => postgres.query(text);
  const shapesOf = async (source: Source): Promise<TableShape[]> =>
    (await source.discover()).map((table) => table.shape);
  const rowsOf = async (source: Source, shape: TableShape): Promise<Row[]> => {
    const snapshot = await source.openSnapshot();
    const rows: Row[] = [];
    for await (const batch of snapshot.readChunk(shape, { from: null, to: null }, LIMITS)) {
      for (const change of batch.rows) rows.push(change.after ?? []);
    }
    await snapshot.close();
    return rows;
  };
  const openLog = (
    source: Source,
    shapes: readonly TableShape[],
    from: Position | null,
  ): Promise<SourceLog> =>
    source.openLog({
      from,
      tables: new Map(shapes.map((shape) => [shape.id, shape])),
      maxValueBytes: LIMITS.maxValueBytes,
    });
  /** All items until the log has passed its present end. */
  const itemsUntilNow = async (source: Source, log: SourceLog): Promise<LogItem[]> => {
    const end = await source.logEnd();
    await source.nudge();
    const items: LogItem[] = [];
    for (;;) {
      const batch = await log.next();
      items.push(...batch.items);
      if (source.comparePositions(batch.position, end) >= 0) return items;
    }
  };

  it("loads a table and follows it from before the load on", async () => {
    await sql(`CREATE SCHEMA whole; CREATE TABLE whole.t (id int PRIMARY KEY, v text);
      INSERT INTO whole.t VALUES (1, 'a'), (2, 'b')`);
    const source = SOURCES.postgres(optionsOf("whole"), context);
    open.push(source);
    const shapes = await shapesOf(source);
    const [shape] = shapes;
    if (shape === undefined) throw new Error("no table");
    const prepared = await source.prepare(shapes, null);
    expect(prepared).toMatchObject({ created: true, joined: [shape.id] });
    await source.safeToSnapshot(prepared.joined, AbortSignal.timeout(10_000));
    const log = await openLog(source, shapes, prepared.start);
    await sql(
      "UPDATE whole.t SET v = 'c' WHERE id = 2; DELETE FROM whole.t WHERE id = 1; INSERT INTO whole.t VALUES (3, 'd')",
    );
    expect(await rowsOf(source, shape)).toEqual([
      ["2", "c"],
      ["3", "d"],
    ]);
    const end = await source.logEnd();
    const items = await itemsUntilNow(source, log);
    expect(
      items.map((item) => (item.kind === "change" ? [item.op, item.after?.[0]] : item.kind)),
    ).toEqual([
      ["u", "2"],
      ["d", undefined],
      ["c", "3"],
    ]);
    expect(source.bytesBetween(prepared.start, end)).toBeGreaterThan(0);
    const [change] = items;
    const xid = change?.transaction?.id ?? "";
    const later = await source.openSnapshot();
    expect(later.sees(xid)).toBe(true);
    expect(source.sees(later.token, xid)).toBe(true);
    expect(await source.unseen([xid, "99999999999"])).toEqual(["99999999999"]);
    await later.close();
    await log.close();
  });

  it("says who the server is", async () => {
    const [identity, other] = [
      await sourceOf("whole").identity(),
      await sourceOf("whole").identity(),
    ];
    expect(identity).toEqual(other);
    expect(identity).toEqual({
      system: expect.stringMatching(/^\d{10,}$/) as string,
      database: postgres.database,
    });
  });

  it("keeps the publication in step with the tables and says which have joined", async () => {
    await sql(
      "CREATE SCHEMA step; CREATE TABLE step.a (id int PRIMARY KEY); CREATE TABLE step.b (id int PRIMARY KEY)",
    );
    const all = sourceOf("step");
    const [a, b] = await shapesOf(all);
    if (!a || !b) throw new Error("no tables");
    const first = await all.prepare([a], null);
    expect(first.joined).toEqual([a.id]);
    const second = await all.prepare([a, b], first.start);
    expect(second).toMatchObject({ created: false, joined: [b.id], start: first.start });
    expect((await all.prepare([b], first.start)).joined).toEqual([]);
    const published = await sql(
      "SELECT tablename FROM pg_publication_tables WHERE pubname = 'step'",
    );
    expect(published).toEqual([{ tablename: "b" }]);
    await all.cleanUp();
    await expect(all.prepare([a], first.start)).rejects.toMatchObject({ class: "loss" });
    expect(await all.prepare([a], first.start, { recreate: true })).toMatchObject({
      created: true,
    });
    await all.cleanUp();
  });

  it("calls a publication that went away a loss, until the log is made anew", async () => {
    await sql("CREATE SCHEMA away; CREATE TABLE away.a (id int PRIMARY KEY)");
    const source = sourceOf("away");
    const shapes = await shapesOf(source);
    const { start } = await source.prepare(shapes, null);
    await sql("DROP PUBLICATION away");
    await expect(source.prepare(shapes, start)).rejects.toMatchObject({
      code: "MR_SOURCE_PUBLICATION_MISSING",
      class: "loss",
    });
    expect(await sql("SELECT 1 FROM pg_publication WHERE pubname = 'away'")).toEqual([]);
    const again = await source.prepare(shapes, start, { recreate: true });
    expect(again).toMatchObject({ created: true, joined: ["away.a"] });
    expect(source.comparePositions(again.start, start)).toBeGreaterThan(0);
    await source.cleanUp();
  });

  it("takes snapshots whose log end is behind every transaction that they see", async () => {
    await sql("CREATE SCHEMA ends; CREATE TABLE ends.t (id bigserial PRIMARY KEY)");
    const source = sourceOf("ends");
    const shapes = await shapesOf(source);
    const { start } = await source.prepare(shapes, null);
    let stop = false;
    const write = async (): Promise<void> => {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      while (!stop) await client.query("INSERT INTO ends.t DEFAULT VALUES");
      await client.end();
    };
    const writing = Promise.all([write(), write(), write()]);
    // Each snapshot is to see something.
    const written = async (): Promise<unknown> => (await sql("SELECT id FROM ends.t LIMIT 1"))[0];
    await expect.poll(written, { timeout: 60_000 }).toBeDefined();
    const snapshots: SourceSnapshot[] = [];
    for (let i = 0; i < 40; i += 1) snapshots.push(await source.openSnapshot());
    stop = true;
    await writing;
    const log = await openLog(source, shapes, start);
    const items = await itemsUntilNow(source, log);
    await log.close();
    expect(items.length).toBeGreaterThan(40);
    for (const snapshot of snapshots) {
      const seen = items.filter((item) => snapshot.sees(item.transaction?.id ?? ""));
      expect(seen.length).toBeGreaterThan(0);
      const behind = seen.filter(
        ({ position }) => source.comparePositions(position ?? start, snapshot.logEnd) >= 0,
      );
      expect(behind).toEqual([]);
      await snapshot.close();
    }
    await source.cleanUp();
  });

  it("holds a joining table back until older transactions have ended", async () => {
    await sql(
      "CREATE SCHEMA late; CREATE TABLE late.a (id int PRIMARY KEY); CREATE TABLE late.b (id int PRIMARY KEY)",
    );
    const source = sourceOf("late");
    const [a, b] = await shapesOf(source);
    if (!a || !b) throw new Error("no tables");
    const { start } = await source.prepare([a], null);
    const writer = new pg.Client({ connectionString: postgres.url });
    writer.on("error", () => undefined);
    await writer.connect();
    await writer.query("BEGIN");
    await writer.query("INSERT INTO late.a VALUES (1)");
    const { joined } = await source.prepare([a, b], start);
    let safe = false;
    const waiting = source
      .safeToSnapshot(joined, AbortSignal.timeout(20_000))
      .then(() => (safe = true));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(safe).toBe(false);
    await writer.query("COMMIT");
    await waiting;
    await writer.query("BEGIN");
    await writer.query("INSERT INTO late.a VALUES (2)");
    await source.safeToSnapshot(joined, AbortSignal.timeout(5_000));
    const other = sourceOf("late");
    await other.prepare([a, b], start);
    await expect(other.safeToSnapshot([], AbortSignal.timeout(200))).rejects.toThrow();
    await writer.end();
    await source.cleanUp();
  });

  it("tells of a table that was out of the publication while the slot was made", async () => {
    await sql("CREATE SCHEMA gap; CREATE TABLE gap.t (id int PRIMARY KEY)");
    const source = sourceOf("gap");
    const [shape] = await shapesOf(source);
    if (shape === undefined) throw new Error("no table");
    const writer = new pg.Client({ connectionString: postgres.url });
    writer.on("error", () => undefined);
    await writer.connect();
    await writer.query("BEGIN; INSERT INTO gap.t VALUES (1)");
    const preparing = source.prepare([shape], null);
    const capturing = "SELECT FROM pg_publication_tables WHERE pubname = 'gap'";
    await expect.poll(() => sql(capturing), { timeout: 60_000 }).toHaveLength(1);
    const waiting = "SELECT FROM pg_replication_slots WHERE slot_name LIKE 'gap%'";
    await expect.poll(() => sql(waiting), { timeout: 60_000 }).toHaveLength(1);
    await sql("ALTER PUBLICATION gap DROP TABLE gap.t");
    await sql("ALTER PUBLICATION gap ADD TABLE gap.t");
    await writer.query("COMMIT");
    await writer.end();
    const { carriers } = await preparing;
    const standing = { carrier: carriers?.get(shape.id) ?? null, parts: null };
    expect(await source.look([{ shape, standing }])).toMatchObject([
      { being: "there", lost: expect.stringContaining("publication") },
    ]);
    await source.cleanUp();
  });

  it("captures what it can and says of the rest why not", async () => {
    await sql(`CREATE SCHEMA odd; CREATE TABLE odd.good (id int PRIMARY KEY);
      CREATE TABLE odd.keyless (a int); CREATE TABLE odd.full (a int); ALTER TABLE odd.full REPLICA IDENTITY FULL;
      CREATE UNLOGGED TABLE odd.unlogged (id int PRIMARY KEY); CREATE VIEW odd.view AS SELECT 1 AS a;
      CREATE TABLE odd.nothing (id int PRIMARY KEY); ALTER TABLE odd.nothing REPLICA IDENTITY NOTHING`);
    const source = sourceOf("odd");
    const tables = await source.discover();
    expect(tables.map((table) => table.shape.name)).toEqual(["full", "good"]);
    expect(tables[0]?.notices.join()).toContain("no key");
    expect((await source.refusals()).map(({ id }) => id)).toEqual([
      "odd.unlogged",
      "odd.keyless",
      "odd.nothing",
    ]);
    await source.discover();
    // Refusals stop the start and are told there; what is merely left out is told once.
    expect(warnings.map((warning) => warning.split(" ")[0])).toEqual(["odd.view"]);
  });

  it("refuses a partitioned table of which a leaf is in no log", async () => {
    await sql(`CREATE SCHEMA half; CREATE TABLE half.root (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
      CREATE TABLE half.low PARTITION OF half.root FOR VALUES FROM (0) TO (10);
      CREATE UNLOGGED TABLE half.high PARTITION OF half.root FOR VALUES FROM (10) TO (20)`);
    const refusals = async () => {
      const source = sourceOf("half");
      await source.discover();
      return source.refusals();
    };
    expect(await refusals()).toEqual([
      expect.objectContaining({
        id: "half.root",
        why: "it has a partition that is unlogged, half.high: the changes of that are not in the log",
        remedy: "ALTER TABLE half.high SET LOGGED",
      }),
    ]);
    await sql("ALTER TABLE half.high SET LOGGED");
    expect(await refusals()).toEqual([]);
    await sql(`CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw; DROP TABLE half.low;
      CREATE FOREIGN TABLE half.far (id int NOT NULL, v text) SERVER other; ALTER TABLE half.root DROP CONSTRAINT root_pkey;
      ALTER TABLE half.root ATTACH PARTITION half.far FOR VALUES FROM (0) TO (10); ALTER TABLE half.root REPLICA IDENTITY FULL`);
    expect(await refusals()).toEqual([
      expect.objectContaining({
        why: "it has a partition that is a foreign table, half.far: the changes of that are not in the log",
      }),
    ]);
  });

  it("captures a partitioned table by its root or by its leaves", async () => {
    await sql(`CREATE SCHEMA parts; CREATE TABLE parts.root (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
      CREATE TABLE parts.p1 PARTITION OF parts.root FOR VALUES FROM (0) TO (10);
      CREATE TABLE parts.p2 PARTITION OF parts.root FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
      CREATE TABLE parts.p21 PARTITION OF parts.p2 FOR VALUES FROM (10) TO (20)`);
    for (const [partitions, expected] of [
      ["root", ["root"]],
      ["leaves", ["p1", "p21"]],
    ] as const) {
      const source = sourceOf("parts", { partitions });
      const shapes = await shapesOf(source);
      expect(shapes.map((shape) => shape.name)).toEqual(expected);
      const { start } = await source.prepare(shapes, null);
      const log = await openLog(source, shapes, start);
      await sql("INSERT INTO parts.root VALUES (5, 'x'), (15, 'y')");
      const items = await itemsUntilNow(source, log);
      await sql("DELETE FROM parts.root");
      const changed = items.map((item) => (item.kind === "change" ? item.shape.name : item.kind));
      expect(changed.toSorted()).toEqual(partitions === "root" ? ["root", "root"] : ["p1", "p21"]);
      await log.close();
      await source.cleanUp();
    }
  });

  it("takes rows and columns of the user's publication as they are published", async () => {
    if (version < 15) return expect(version).toBe(13);
    await sql(`CREATE SCHEMA own; CREATE TABLE own.t (id int PRIMARY KEY, v int, secret text); CREATE TABLE own.u (id int PRIMARY KEY);
      INSERT INTO own.t SELECT i, i % 2, 's' FROM generate_series(1, 4) i;
      CREATE PUBLICATION own FOR TABLE own.t (id, v) WHERE (id > 1)
        WITH (publish_via_partition_root = true, publish_generated_columns = stored)`);
    const source = sourceOf("own", { createPublication: false });
    const shapes = await shapesOf(source);
    const [shape] = shapes;
    if (shape === undefined) throw new Error("no table");
    expect(shapes.map((s) => s.columns.map((column) => column.name))).toEqual([["id", "v"]]);
    const { start } = await source.prepare(shapes, null);
    expect(await rowsOf(source, shape)).toEqual([
      ["2", "0"],
      ["3", "1"],
      ["4", "0"],
    ]);
    const log = await openLog(source, shapes, start);
    await sql("INSERT INTO own.t VALUES (0, 1, 's'), (9, 1, 's')");
    const items = await itemsUntilNow(source, log);
    const changes = items.filter((item) => item.kind === "change");
    expect(changes.map((item) => item.after?.length)).toEqual([2]);
    await log.close();
    await source.cleanUp();
    expect(await sql("SELECT 1 AS n FROM pg_publication WHERE pubname = 'own'")).toEqual([
      { n: 1 },
    ]);
  });

  it("needs no more of its role than REPLICATION and SELECT where the publication is there", async () => {
    const role = `reader_${postgres.database}`;
    await sql(`CREATE SCHEMA least; CREATE TABLE least.t (id int PRIMARY KEY); INSERT INTO least.t VALUES (1);
      CREATE PUBLICATION least FOR TABLE least.t WITH (publish_via_partition_root = true
        ${version < 18 ? "" : ", publish_generated_columns = stored"});
      CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'x'; GRANT USAGE ON SCHEMA least TO ${role};
      GRANT SELECT ON least.t TO ${role}`);
    const source = sourceOf("least", { username: role, password: "x", createPublication: false });
    expect(await source.identity()).toMatchObject({ database: postgres.database });
    const shapes = await shapesOf(source);
    const { start } = await source.prepare(shapes, null);
    await source.safeToSnapshot([], AbortSignal.timeout(10_000));
    const [shape] = shapes;
    if (shape === undefined) throw new Error("no table");
    expect(await source.planChunk(shape, null, 10)).toEqual({ from: null, to: null });
    expect(await rowsOf(source, shape)).toEqual([["1"]]);
    const log = await openLog(source, shapes, start);
    await sql("INSERT INTO least.t VALUES (2)");
    expect(await itemsUntilNow(source, log)).toHaveLength(1);
    await log.close();
    await sql(`REVOKE SELECT ON least.t FROM ${role}`);
    await expect(rowsOf(source, shape)).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    await source.cleanUp();
    await source.close();
    await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("says what a role lacks that may not replicate, and nothing that would not help", async () => {
    const role = `plain_${postgres.database}`;
    await sql(`CREATE SCHEMA plain; CREATE TABLE plain.t (id int PRIMARY KEY);
      CREATE PUBLICATION plain FOR TABLE plain.t WITH (publish_via_partition_root = true
        ${version < 18 ? "" : ", publish_generated_columns = stored"});
      CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA plain TO ${role};
      GRANT SELECT ON plain.t TO ${role}`);
    const source = sourceOf("plain", { username: role, password: "x", createPublication: false });
    const refused = source.prepare(await shapesOf(source), null);
    await expect(refused).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    await expect(refused).rejects.toMatchObject({
      message: expect.stringContaining("has no REPLICATION."),
      remedy: expect.stringContaining("WITH REPLICATION;"),
    });
    await expect(refused).rejects.not.toThrow("pg_create_logical_replication_slot");
    await source.close();
    await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("goes on after its sessions were ended", async () => {
    const source = sourceOf("whole");
    await source.logEnd();
    await sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace test'",
    );
    expect(source.comparePositions(await source.logEnd(), [0, 0, 0])).toBeGreaterThan(0);
  });

  it.each([
    ["a wrong password", { password: "wrong" }, "MR_SOURCE_REFUSED"],
    ["an unknown database", { database: "no_such_database" }, "MR_SOURCE_REFUSED"],
    [
      "a host that there is none of",
      { hostname: "no-such-host.invalid" },
      "MR_SOURCE_LOST_CONNECTION",
    ],
    ["a port where nobody listens", { port: 1 }, "MR_SOURCE_LOST_CONNECTION"],
    [
      "TLS that the server lacks",
      { tls: { mode: "require", ca: null, cert: null, key: null } },
      "MR_SOURCE_REFUSED",
    ],
  ] as const)("says what is wrong with %s", async (_, more, code) => {
    const error: unknown = await sourceOf("whole", more)
      .identity()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain(postgres.password);
  });

  it("says no more after it was closed", async () => {
    const source = sourceOf("whole");
    const asking = source.planChunk((await shapesOf(source))[0] ?? ({} as TableShape), null, 10);
    await source.close();
    await asking.catch((error: unknown) => expect(error).toBeInstanceOf(MillraceError));
    await expect(source.logEnd()).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
  });
});

describe("the source", () => {
  const context = { pipeline: "test", clock: systemClock, random: Math.random, log: silentLogger };
  const at = (server: PostgresServer): PostgresSourceOptions => ({
    ...POSTGRES_SOURCE_DEFAULTS,
    hostname: server.host,
    port: server.port,
    username: server.user,
    password: server.password,
    database: server.database,
    matches: (schema) => schema === "public",
    tablesText: "public",
    slotName: "own",
    publicationName: "own",
  });

  it("goes on after the server was killed and came back, with snapshots and control sessions", async () => {
    await using server = await startPostgres();
    await server.query(
      "CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)",
    );
    const source = new PostgresSource(at(server), context);
    const [table] = await source.discover();
    if (table === undefined) throw new Error("no table");
    const open = await source.openSnapshot();
    await (await source.openSnapshot()).close();
    await server.kill();
    await expect(source.logEnd()).rejects.toMatchObject({ class: "transient" });
    const reading = open.readRows(table.shape, [["1"]], { maxValueBytes: 10 });
    await expect(reading).rejects.toMatchObject({ class: "transient" });
    await open.close();
    await server.start();
    // A server that came back may be another one: only the next run, which asks for its identity, goes on with it.
    await expect(source.logEnd()).rejects.toMatchObject({ class: "transient" });
    await expect
      .poll(
        () =>
          source.identity().then(
            () => "answers",
            () => "down",
          ),
        { timeout: 60_000 },
      )
      .toBe("answers");
    await source.logEnd();
    const again = await source.openSnapshot();
    expect((await again.readRows(table.shape, [["1"]], { maxValueBytes: 10 })).size).toBe(1);
    await again.close();
    await source.close();
  });

  it("encrypts where the server can when it may choose, and never falls back for another reason", async () => {
    const { cert, private: key } = await selfsigned.generate([
      { name: "commonName", value: "localhost" },
    ]);
    await using server = await startPostgres({
      settings: { ssl: "on" },
      files: { "server.crt": cert, "server.key": key },
    });
    await server.query(`CREATE TABLE public.t (id int PRIMARY KEY, v text);
      INSERT INTO public.t SELECT i, repeat('ä', i) FROM generate_series(1, 5000) i`);
    const source = new PostgresSource(at(server), context);
    expect(await validatePostgres(at(server), context)).not.toContainEqual(
      expect.objectContaining({ what: "The connection is not encrypted." }),
    );
    const snapshot = await source.openSnapshot();
    const sessions = await server.query(
      "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'millrace test'",
    );
    expect(sessions).toEqual([{ ssl: true }]);
    const [table] = await source.discover();
    if (table === undefined) throw new Error("no table");
    const keys = Array.from({ length: 1200 }, (_, i) => [String(i * 3 + 1), null]);
    for (let round = 0; round < 2; round += 1) {
      let rows = 0;
      const whole = { from: null, to: null };
      for await (const batch of snapshot.readChunk(table.shape, whole, LIMITS))
        rows += batch.rows.length;
      expect(rows).toBe(5000);
      const found = await snapshot.readRows(table.shape, keys, LIMITS);
      expect(found.size).toBe(1200);
      expect(found.get("4")?.[1]).toBe("ä".repeat(4));
    }
    await snapshot.close();
    const again = await source.openSnapshot();
    expect((await again.readRows(table.shape, [["7", null]], LIMITS)).size).toBe(1);
    await again.close();
    await source.close();
    const wrong = new PostgresSource({ ...at(server), password: "wrong" }, context);
    await expect(wrong.identity()).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    await wrong.close();
    const log = await server.log();
    expect(log.match(/password authentication failed/g)).toHaveLength(1);
  });
});
