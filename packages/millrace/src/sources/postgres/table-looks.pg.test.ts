import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  sharedPostgres,
  startPostgres,
  type SharedPostgres,
} from "../../../../../test/support/postgres.ts";
import type { TableLook, TableStanding } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { readShapes } from "./catalogue.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { preparePublication } from "./publication.ts";
import { TableLooks } from "./table-looks.ts";

const NONE: TableStanding = { carrier: null, parts: null };

describe.each([18, 13] as const)("a look at a table of PostgreSQL %i", (version) => {
  let server: SharedPostgres;
  let admin: PostgresConnection;
  let looks: TableLooks;
  let shape: TableShape;
  let known: TableLook;
  beforeAll(async () => {
    server = await sharedPostgres(version);
    const { host, port, user, password, database } = server;
    admin = await openConnection({ ...CONNECTION_DEFAULTS, host, port, user, password, database });
  });
  afterAll(async () => {
    await admin.close();
    await server.release();
  });

  const sql = (text: string) => admin.client.query(text);
  const look = async (standing: TableStanding = known): Promise<TableLook> => {
    const [found] = await looks.look(admin.client, [{ shape, standing }]);
    if (found === undefined) throw new Error("no look");
    return found;
  };
  const prepare = (viaRoot = true) =>
    preparePublication(admin.client, {
      publicationName: "p",
      tables: [shape],
      viaRoot,
      manage: true,
    });
  /** What was written until now is older than whatever is looked at next: other tests write on this server too. */
  const settle = async () => {
    const { rows } = await admin.client.query<{ xid: string }>(
      "SELECT pg_current_xact_id()::text AS xid",
    );
    const isPast = async () =>
      (
        await admin.client.query<{ past: boolean }>(
          "SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8 AS past",
          [rows[0]?.xid],
        )
      ).rows[0]?.past;
    await expect.poll(isPast, { timeout: 60_000 }).toBe(true);
  };

  beforeEach(async () => {
    await sql(`DROP PUBLICATION IF EXISTS p; DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s;
      CREATE TABLE s.t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
      CREATE TABLE s.t1 PARTITION OF s.t FOR VALUES FROM (0) TO (100);
      CREATE TABLE s.t2 PARTITION OF s.t FOR VALUES FROM (100) TO (200);
      INSERT INTO s.t SELECT g, 'x' FROM generate_series(1, 150) g`);
    const [found] = await readShapes(admin.client, {
      matches: (schema, name) => schema === "s" && name === "t",
    });
    if (found === undefined) throw new Error("no shape");
    shape = found;
    looks = new TableLooks("p");
    await prepare();
    await settle();
    known = await look(NONE);
  });

  it("finds everything as it was, and tells its shape only once", async () => {
    expect(known).toMatchObject({ being: "there", lost: null, rows: "same", shape });
    expect(await look()).toMatchObject({
      ...known,
      parts: expect.anything(),
      moved: false,
      shape: null,
    });
    await sql("UPDATE s.t SET v = 'y'");
    await sql("VACUUM ANALYZE s.t");
    await sql("GRANT SELECT ON s.t1 TO public");
    expect(await look()).toMatchObject({ lost: null, rows: "same", moved: false, shape: null });
    await sql("ALTER TABLE s.t ADD w int");
    expect((await look()).shape?.columns.map(({ name }) => name)).toEqual(["id", "v", "w"]);
  });

  describe("its leaves", () => {
    it.each([
      ["ALTER TABLE s.t DETACH PARTITION s.t1", "fewer"],
      ["DROP TABLE s.t1", "fewer"],
      ["TRUNCATE s.t1", "fewer"],
      ["TRUNCATE s.t1; INSERT INTO s.t VALUES (1, 'again')", "fewer"],
      ["TRUNCATE s.t", "fewer"],
      ["VACUUM FULL s.t1", "same"],
      ["CLUSTER s.t1 USING t1_pkey", "same"],
      ["CREATE TABLE s.t3 PARTITION OF s.t FOR VALUES FROM (200) TO (300)", "same"],
      [
        "CREATE TABLE s.t3 (LIKE s.t INCLUDING ALL); ALTER TABLE s.t ATTACH PARTITION s.t3 FOR VALUES FROM (200) TO (300)",
        "same",
      ],
      [
        "CREATE TABLE s.t3 (LIKE s.t INCLUDING ALL); INSERT INTO s.t3 VALUES (200, 'x'); ALTER TABLE s.t ATTACH PARTITION s.t3 FOR VALUES FROM (200) TO (300)",
        "more",
      ],
      [
        "ALTER TABLE s.t DETACH PARTITION s.t1; UPDATE s.t1 SET v = 'aside'; ALTER TABLE s.t ATTACH PARTITION s.t1 FOR VALUES FROM (0) TO (100)",
        "more",
      ],
      [
        `CREATE TABLE s.t3 (LIKE s.t INCLUDING ALL) PARTITION BY RANGE (id);
         CREATE TABLE s.t31 PARTITION OF s.t3 FOR VALUES FROM (200) TO (250); INSERT INTO s.t31 VALUES (200, 'x');
         ALTER TABLE s.t ATTACH PARTITION s.t3 FOR VALUES FROM (200) TO (300)`,
        "more",
      ],
      [
        "CREATE TABLE s.t3 PARTITION OF s.t FOR VALUES FROM (200) TO (300); INSERT INTO s.t VALUES (200, 'x')",
        "same",
      ],
      [
        `CREATE TABLE s.t3 PARTITION OF s.t FOR VALUES FROM (200) TO (300) PARTITION BY RANGE (id);
         CREATE TABLE s.t31 PARTITION OF s.t3 FOR VALUES FROM (200) TO (250); INSERT INTO s.t VALUES (200, 'x');
         ALTER TABLE s.t ALTER v SET DEFAULT 'd'; ALTER TABLE s.t ADD w int DEFAULT 5`,
        "same",
      ],
      [
        `CREATE TABLE s.t3 PARTITION OF s.t FOR VALUES FROM (200) TO (300); ALTER TABLE s.t DETACH PARTITION s.t3;
         INSERT INTO s.t3 VALUES (200, 'x'); ALTER TABLE s.t ATTACH PARTITION s.t3 FOR VALUES FROM (200) TO (300)`,
        "more",
      ],
      [
        `CREATE UNLOGGED TABLE s.t3 PARTITION OF s.t FOR VALUES FROM (200) TO (300); INSERT INTO s.t VALUES (200, 'x');
         ALTER TABLE s.t3 SET LOGGED`,
        "more",
      ],
      [
        "ALTER TABLE s.t1 SET UNLOGGED; INSERT INTO s.t VALUES (0, 'x'); ALTER TABLE s.t1 SET LOGGED",
        "more",
      ],
      [
        "ALTER TABLE s.t1 SET UNLOGGED; INSERT INTO s.t VALUES (0, 'x'); ALTER TABLE s.t1 SET LOGGED; ALTER TABLE s.t1 SET (fillfactor = 50)",
        "more",
      ],
      ["ALTER TABLE s.t1 SET UNLOGGED; ALTER TABLE s.t1 SET LOGGED; VACUUM FULL s.t1", "more"],
      ["ALTER TABLE s.t1 SET UNLOGGED; DELETE FROM s.t1; ALTER TABLE s.t1 SET LOGGED", "fewer"],
      ["BEGIN; TRUNCATE s.t1; INSERT INTO s.t VALUES (1, 'again'); COMMIT", "fewer"],
    ])("%s: rows %s", async (text, rows) => {
      for (const statement of text.split(";")) await sql(statement);
      expect(await look()).toMatchObject({ rows, moved: true, lost: null });
    });

    it.each([
      ["CREATE UNLOGGED TABLE s.t3 PARTITION OF s.t FOR VALUES FROM (200) TO (300)", "s.t3"],
      ["ALTER TABLE s.t1 SET UNLOGGED", "s.t1"],
    ])("have changes that are in no log: %s", async (text, leaf) => {
      await sql(text);
      expect((await look()).lost).toBe(`has a partition that is unlogged, ${leaf}`);
    });

    it("may be filled by the subtransaction of the one that attaches it", async () => {
      await sql(`BEGIN; CREATE TABLE s.t3 (LIKE s.t INCLUDING ALL); SAVEPOINT a; INSERT INTO s.t3 VALUES (200, 'x');
        RELEASE a; ALTER TABLE s.t ATTACH PARTITION s.t3 FOR VALUES FROM (200) TO (300); COMMIT`);
      expect((await look()).rows).toBe("more");
    });

    it("may have brought rows where it was made as a part of what was attached", async () => {
      await sql(`CREATE TABLE s.t3 (LIKE s.t INCLUDING ALL) PARTITION BY RANGE (id);
        CREATE TABLE s.t31 PARTITION OF s.t3 FOR VALUES FROM (200) TO (250); INSERT INTO s.t3 VALUES (200, 'x');
        ALTER TABLE s.t ATTACH PARTITION s.t3 FOR VALUES FROM (200) TO (300)`);
      expect((await look()).rows).toBe("more");
    });

    it("brought no rows where it was made as one, in whatever transaction, though most columns have defaults", async () => {
      await sql(`DROP TABLE s.t; CREATE TABLE s.t (id bigserial, v text NOT NULL DEFAULT 'd', w int,
        at date NOT NULL DEFAULT current_date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)`);
      [shape = shape] = await readShapes(admin.client, {
        matches: (schema, name) => schema === "s" && name === "t",
      });
      await prepare();
      const before = await look(NONE);
      await sql(`BEGIN; SAVEPOINT a; CREATE TABLE s.t3 PARTITION OF s.t FOR VALUES FROM ('2000-01-01') TO ('2100-01-01');
        INSERT INTO s.t DEFAULT VALUES; RELEASE a; COMMIT`);
      expect(await look(before)).toMatchObject({ rows: "same", moved: true });
    });

    it("may have been filled where it was made by a transaction that attached it, though one that was given up altered it", async () => {
      await sql(`BEGIN; CREATE TABLE s.t3 (LIKE s.t INCLUDING ALL); INSERT INTO s.t3 VALUES (200, 'x');
        ALTER TABLE s.t ATTACH PARTITION s.t3 FOR VALUES FROM (200) TO (300); COMMIT`);
      await sql("BEGIN; ALTER TABLE s.t3 ALTER id SET STATISTICS 7; ROLLBACK");
      expect((await look()).rows).toBe("more");
    });

    it("brought no rows once they were seen empty, whatever is written later", async () => {
      await sql("CREATE TABLE s.t3 PARTITION OF s.t FOR VALUES FROM (200) TO (300)");
      const empty = await look();
      await sql("INSERT INTO s.t VALUES (200, 'x')");
      expect(await look(empty)).toMatchObject({ rows: "same", moved: false });
    });

    it("that were emptied are told also after an earlier VACUUM FULL", async () => {
      await sql("VACUUM FULL s.t1");
      const later = await look();
      await sql("TRUNCATE s.t1");
      expect((await look(later)).rows).toBe("fewer");
    });

    it("are not waited for: a leaf that somebody has locked is looked at all the same", async () => {
      const { host, port, user, password, database } = server;
      const other = await openConnection({
        ...CONNECTION_DEFAULTS,
        host,
        port,
        user,
        password,
        database,
      });
      await other.client.query("BEGIN; LOCK TABLE s.t1 IN ACCESS EXCLUSIVE MODE");
      expect((await look()).rows).toBe("same");
      await other.close();
    });
  });

  describe("what carries it", () => {
    it("stays the same while other tables come and go", async () => {
      await sql("CREATE TABLE s.other (id int PRIMARY KEY); ALTER PUBLICATION p ADD TABLE s.other");
      await sql("ALTER PUBLICATION p DROP TABLE s.other");
      expect((await look()).lost).toBeNull();
    });

    it("stays the same with another owner", async () => {
      await sql("CREATE ROLE looks_owner SUPERUSER; ALTER PUBLICATION p OWNER TO looks_owner");
      expect((await look()).lost).toBeNull();
      await sql("DROP OWNED BY looks_owner CASCADE; DROP ROLE looks_owner");
    });

    it.each([
      ["ALTER PUBLICATION p DROP TABLE s.t", "is not in the publication"],
      ["ALTER PUBLICATION p DROP TABLE s.t; ALTER PUBLICATION p ADD TABLE s.t", "for a while"],
      [
        "DROP PUBLICATION p; CREATE PUBLICATION p FOR TABLE s.t WITH (publish_via_partition_root = true)",
        "dropped and made again",
      ],
      ["DROP PUBLICATION p; CREATE PUBLICATION p FOR ALL TABLES", "dropped and made again"],
      ["ALTER PUBLICATION p SET (publish = 'insert')", "without update, delete, truncate"],
      [
        "ALTER PUBLICATION p SET (publish = 'insert'); ALTER PUBLICATION p SET (publish = 'insert, update, delete, truncate')",
        "options",
      ],
      ["ALTER PUBLICATION p SET (publish_via_partition_root = false)", "options"],
      ...(version < 15
        ? []
        : [
            ["ALTER PUBLICATION p SET TABLE s.t WHERE (id > 5)", "row filter"],
            ["ALTER PUBLICATION p SET TABLE s.t (id)", "column list"],
            [
              "ALTER PUBLICATION p ADD TABLES IN SCHEMA s; ALTER PUBLICATION p DROP TABLE s.t",
              "for a while",
            ],
          ]),
    ])("%s: lost, it %s", async (text, why) => {
      for (const statement of String(text).split(";")) await sql(statement);
      expect((await look()).lost).toContain(why);
    });

    it("is nothing without the publication", async () => {
      await sql("DROP PUBLICATION p");
      expect(await look()).toMatchObject({ carrier: null, lost: null });
    });
  });

  describe("the file of a table that its publication does not name", () => {
    const take = async (ddl: string, way: string) => {
      await sql(`CREATE TABLE s.u ${ddl}; INSERT INTO s.u SELECT g, g FROM generate_series(1, 50) g;
        DROP PUBLICATION p; CREATE PUBLICATION p FOR ${way}`);
      const [found] = await readShapes(admin.client, {
        matches: (schema, name) => schema === "s" && name === "u",
      });
      if (found === undefined) throw new Error("no shape");
      shape = found;
      await settle();
      known = await look(NONE);
      expect(known).toMatchObject({ lost: null, rows: "same", moved: true });
      expect(await look()).toMatchObject({ rows: "same", moved: false });
    };
    const LONG = "(id int PRIMARY KEY, v text)";
    const SHORT = "(id int PRIMARY KEY, v int)";
    const CHANGES = [
      ["VACUUM FULL s.u", "same", "same"],
      ["CLUSTER s.u USING u_pkey", "same", "same"],
      ["REINDEX TABLE s.u", "same", "same"],
      ["ALTER TABLE s.u ADD w int DEFAULT 3", "same", "same"],
      ["UPDATE s.u SET v = '7'; VACUUM FULL s.u", "same", "renewed"],
      ["TRUNCATE s.u", "same", "fewer"],
      ["TRUNCATE s.u; INSERT INTO s.u VALUES (1, '1')", "same", "renewed"],
      ["BEGIN; TRUNCATE s.u; INSERT INTO s.u VALUES (1, '1'); COMMIT", "same", "renewed"],
      ["ALTER TABLE s.u SET UNLOGGED; ALTER TABLE s.u SET LOGGED", "rewritten", "rewritten"],
      [
        "ALTER TABLE s.u SET UNLOGGED; DELETE FROM s.u; ALTER TABLE s.u SET LOGGED; INSERT INTO s.u VALUES (1, '1')",
        "rewritten",
        "renewed",
      ],
      [
        "ALTER TABLE s.u SET UNLOGGED; ALTER TABLE s.u SET LOGGED; VACUUM FULL s.u",
        "rewritten",
        "renewed",
      ],
      [
        "ALTER TABLE s.u SET UNLOGGED; ALTER TABLE s.u SET LOGGED; UPDATE s.u SET v = '7'; TRUNCATE s.u",
        "rewritten",
        "fewer",
      ],
      [
        "TRUNCATE s.u; INSERT INTO s.u VALUES (1, '1'); ALTER TABLE s.u SET UNLOGGED; DELETE FROM s.u; ALTER TABLE s.u SET LOGGED",
        "rewritten",
        "fewer",
      ],
    ] as const;

    it.each(CHANGES)("%s: with long values %s", async (text, rows) => {
      await take(LONG, "ALL TABLES");
      for (const statement of text.split(";")) await sql(statement);
      expect(await look()).toMatchObject({ lost: null, rows });
    });

    it.each(CHANGES)("%s: without, behind %s with them, %s", async (text, _, rows) => {
      await take(SHORT, "ALL TABLES");
      for (const statement of text.split(";")) await sql(statement);
      expect(await look()).toMatchObject({ lost: null, rows });
    });

    it("is of a table that could be without one: it is unlogged", async () => {
      await take(LONG, "ALL TABLES");
      await sql("ALTER TABLE s.u SET UNLOGGED");
      expect((await look()).lost).toBe("is unlogged");
    });

    it("is looked at where a schema brings the table too", async () => {
      if (version < 15) return;
      await take(SHORT, "TABLES IN SCHEMA s");
      await sql("ALTER TABLE s.u SET UNLOGGED");
      await sql("ALTER TABLE s.u SET LOGGED");
      expect((await look()).rows).toBe("rewritten");
    });

    it("is nobody's matter where it is named: the server leaves it logged", async () => {
      await sql(`CREATE TABLE s.u ${SHORT}; ALTER PUBLICATION p ADD TABLE s.u`);
      await expect(sql("ALTER TABLE s.u SET UNLOGGED")).rejects.toThrow("publication");
      const [found] = await readShapes(admin.client, {
        matches: (schema, name) => schema === "s" && name === "u",
      });
      if (found === undefined) throw new Error("no shape");
      shape = found;
      expect((await look(NONE)).parts).toEqual([]);
    });
  });

  it("tells whether the name still means the table", async () => {
    await sql("ALTER TABLE s.t RENAME TO u");
    expect((await look()).being).toBe("gone");
    await sql("CREATE TABLE s.t (id int)");
    expect((await look()).being).toBe("remade");
    await sql("DROP TABLE s.t; ALTER TABLE s.u RENAME TO t");
    expect((await look()).being).toBe("there");
    await sql("DROP TABLE s.t");
    expect((await look()).being).toBe("gone");
  });
});

describe("a look at a new leaf of a server with commit timestamps", () => {
  it("tells rows of the transaction that attached it from rows that were written later", async () => {
    await using server = await startPostgres({ settings: { track_commit_timestamp: "on" } });
    const { host, port, user, password, database } = server;
    const admin = await openConnection({
      ...CONNECTION_DEFAULTS,
      host,
      port,
      user,
      password,
      database,
    });
    const sql = (text: string) => admin.client.query(text);
    await sql("SET search_path = public");
    await sql(
      "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE PUBLICATION p FOR TABLE t",
    );
    const [shape] = await readShapes(admin.client, { matches: (_, name) => name === "t" });
    if (shape === undefined) throw new Error("no shape");
    const looks = new TableLooks("p");
    const look = async (standing: TableStanding) => {
      const [found] = await looks.look(admin.client, [{ shape, standing }]);
      if (found === undefined) throw new Error("no look");
      return found;
    };
    const before = await look(NONE);
    await sql("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100)");
    await sql("INSERT INTO t VALUES (1)");
    const later = await look(before);
    expect(later).toMatchObject({ rows: "same", moved: true });
    await sql(`BEGIN; CREATE TABLE t2 (LIKE t INCLUDING ALL); SAVEPOINT a; INSERT INTO t2 VALUES (100); RELEASE a;
      ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (100) TO (200); COMMIT`);
    expect((await look(later)).rows).toBe("more");
    await admin.close();
  });
});
