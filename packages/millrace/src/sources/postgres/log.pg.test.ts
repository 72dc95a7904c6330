import { describe, expect, it } from "vitest";
import type { LogItem } from "../../model/change.ts";
import { setFailpointHandler } from "../../model/failpoint.ts";
import type { Position } from "../../model/position.ts";
import { UNCHANGED } from "../../model/value.ts";
import { LoggedDatabase, said } from "./log.fixture.ts";
import { comparePositions } from "./position.ts";
import { loggedTransaction } from "./transaction-id.ts";

/** The positions of an item in order: both halves of a key change. */
function positionsOf(item: LogItem): Position[] {
  const halves = item.kind === "change" ? [item.movedFrom, item.position] : [item.position];
  return halves.filter((position) => position !== null);
}

function expectGrowing(items: readonly LogItem[]): void {
  const positions = items.flatMap(positionsOf);
  for (const [index, position] of positions.entries()) {
    const next = positions[index + 1];
    if (next !== undefined) expect(comparePositions(position, next)).toBeLessThan(0);
  }
}

/** Whether it comes, where nothing more is written: what the server has sent is read within a few turns. */
async function comes(db: LoggedDatabase, reading: Promise<unknown>): Promise<boolean> {
  let hasCome = false;
  void reading.then(() => (hasCome = true)).catch(() => undefined);
  const [now] = await db.query("SELECT pg_current_wal_insert_lsn()::text AS lsn");
  const sent = `SELECT 1 FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid
    WHERE s.slot_name = '${db.settings.slotName}' AND r.sent_lsn >= '${String(now?.["lsn"])}'`;
  for (let turns = 0; turns < 10 && !hasCome;) turns += (await db.query(sent)).length;
  return hasCome;
}

describe.each([18, 13] as const)("the log of PostgreSQL %i", (version) => {
  it("gives inserts, updates, deletes and key changes in order, with their transactions", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id bigint PRIMARY KEY, v text, b boolean, x bytea)");
    await db.capture();
    await db.run(
      "BEGIN; INSERT INTO t VALUES (1, 'ä', true, '\\x00ff'), (2, NULL, false, NULL); UPDATE t SET v = 'b' WHERE id = 1; COMMIT",
      "UPDATE t SET id = 3 WHERE id = 1",
      "DELETE FROM t WHERE id = 3",
    );
    const items = await db.read();
    expect(items.map(said)).toEqual([
      ["c", "t", null, ["1", "ä", true, new Uint8Array([0, 255])]],
      ["c", "t", null, ["2", null, false, null]],
      ["u", "t", null, ["1", "b", true, new Uint8Array([0, 255])]],
      [
        "move",
        "t",
        ["1", UNCHANGED, UNCHANGED, UNCHANGED],
        ["3", "b", true, new Uint8Array([0, 255])],
      ],
      ["d", "t", ["3", UNCHANGED, UNCHANGED, UNCHANGED], null],
    ]);
    const ids = items.map((item) => item.transaction?.id);
    expect(new Set(ids.slice(0, 3)).size).toBe(1);
    expect(new Set(ids).size).toBe(3);
    expectGrowing(items);
  });

  it("ends with a fault of our own, which no other connection mends", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    const log = await db.open();
    setFailpointHandler(() => {
      throw new TypeError("no shape has columns");
    });
    try {
      await expect(log.next()).rejects.toMatchObject({ code: "MR_BUG" });
    } finally {
      setFailpointHandler(null);
    }
  });

  it("names transactions as snapshots do", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    const [row] = await db.server.query(
      "WITH x AS (INSERT INTO t VALUES (1) RETURNING id) SELECT pg_current_xact_id()::text AS xid FROM x",
    );
    const [change] = await db.read();
    const { xid } = loggedTransaction(change?.transaction?.id ?? "");
    expect(String(xid)).toBe(row?.["xid"]);
    expect(Math.abs((change?.transaction?.commitTimeMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("leaves out what was rolled back, whole or by savepoint, and keeps the order of the rest", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    await db.run(
      "BEGIN; INSERT INTO t VALUES (1); ROLLBACK",
      `BEGIN; INSERT INTO t VALUES (2); SAVEPOINT a; INSERT INTO t VALUES (3); ROLLBACK TO a; INSERT INTO t VALUES (4);
       SAVEPOINT b; INSERT INTO t VALUES (5); SAVEPOINT c; INSERT INTO t VALUES (6); RELEASE c; RELEASE b; COMMIT`,
    );
    const items = await db.read();
    expect(items.map((item) => (item.kind === "change" ? item.after : item.kind))).toEqual([
      ["2"],
      ["4"],
      ["5"],
      ["6"],
    ]);
    expect(new Set(items.map((item) => item.transaction)).size).toBe(1);
    expectGrowing(items);
  });

  it("says UNCHANGED for toasted values that an update did not touch, and never null", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run(
      "CREATE TABLE t (id int PRIMARY KEY, big text, n int)",
      "ALTER TABLE t ALTER big SET STORAGE EXTERNAL",
    );
    await db.capture();
    await db.run(
      "INSERT INTO t VALUES (1, repeat('x', 10000), 1)",
      "UPDATE t SET n = 2",
      "UPDATE t SET id = 2",
      "UPDATE t SET big = 'small'",
    );
    expect((await db.read()).map(said)).toEqual([
      ["c", "t", null, ["1", "x".repeat(10_000), "1"]],
      ["u", "t", null, ["1", UNCHANGED, "2"]],
      ["move", "t", ["1", UNCHANGED, UNCHANGED], ["2", UNCHANGED, "2"]],
      ["u", "t", null, ["2", "small", "2"]],
    ]);
  });

  it("has full old rows with REPLICA IDENTITY FULL, and no UNCHANGED", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run(
      "CREATE TABLE t (id int PRIMARY KEY, big text, n int)",
      "ALTER TABLE t ALTER big SET STORAGE EXTERNAL",
      "ALTER TABLE t REPLICA IDENTITY FULL",
      "CREATE TABLE keyless (a int, b text)",
      "ALTER TABLE keyless REPLICA IDENTITY FULL",
    );
    await db.capture();
    const big = "x".repeat(10_000);
    await db.run(
      "INSERT INTO t VALUES (1, repeat('x', 10000), NULL)",
      "UPDATE t SET n = 2",
      "UPDATE t SET id = 2",
      "DELETE FROM t",
      "INSERT INTO keyless VALUES (1, 'a'), (1, 'a')",
      "UPDATE keyless SET b = NULL",
      "DELETE FROM keyless WHERE ctid IN (SELECT ctid FROM keyless LIMIT 1)",
    );
    expect((await db.read()).map(said)).toEqual([
      ["c", "t", null, ["1", big, null]],
      ["u", "t", ["1", big, null], ["1", big, "2"]],
      ["move", "t", ["1", big, "2"], ["2", big, "2"]],
      ["d", "t", ["2", big, "2"], null],
      ["c", "keyless", null, ["1", "a"]],
      ["c", "keyless", null, ["1", "a"]],
      ["u", "keyless", ["1", "a"], ["1", null]],
      ["u", "keyless", ["1", "a"], ["1", null]],
      ["d", "keyless", ["1", null], null],
    ]);
  });

  it("takes the key from a replica identity index", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run(
      "CREATE TABLE t (a int, b text NOT NULL, c int NOT NULL)",
      "CREATE UNIQUE INDEX t_key ON t (c, b)",
      "ALTER TABLE t REPLICA IDENTITY USING INDEX t_key",
    );
    await db.capture();
    await db.run(
      "INSERT INTO t VALUES (1, 'x', 1)",
      "UPDATE t SET b = 'y'",
      "UPDATE t SET a = 2",
      "DELETE FROM t",
    );
    const items = await db.read();
    expect(items.map(said)).toEqual([
      ["c", "t", null, ["1", "x", "1"]],
      ["move", "t", [UNCHANGED, "x", "1"], ["1", "y", "1"]],
      ["u", "t", null, ["2", "y", "1"]],
      ["d", "t", [UNCHANGED, "y", "1"], null],
    ]);
    expect(items.every((item) => item.kind === "change" && item.shape.key.join() === "2,1")).toBe(
      true,
    );
  });

  it("gives changes of partitions as the partitioned table's, new partitions included", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run(
      "CREATE TABLE p (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
      // The same columns in another order, with a hole where one was dropped.
      "CREATE TABLE p2 (v text, gone int, id int NOT NULL PRIMARY KEY)",
      "ALTER TABLE p2 DROP gone",
      "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)",
    );
    await db.capture(/^p$/);
    await db.run(
      "INSERT INTO p VALUES (1, 'a'), (11, 'b')",
      "UPDATE p SET id = 12 WHERE id = 1",
      "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)",
      "INSERT INTO p3 VALUES (25, 'c')",
      "TRUNCATE p",
    );
    expect((await db.read()).map(said)).toEqual([
      ["c", "p", null, ["1", "a"]],
      ["c", "p", null, ["11", "b"]],
      // From one partition to another the server itself makes a delete and an insert.
      ["d", "p", ["1", UNCHANGED], null],
      ["c", "p", null, ["12", "a"]],
      ["c", "p", null, ["25", "c"]],
      ["truncate", "public.p"],
    ]);
  });

  it("gives changes of partitions as their own where it is asked to", async () => {
    await using db = await LoggedDatabase.shared(version, { publishViaPartitionRoot: false });
    await db.run(
      "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)",
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
      "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
    );
    await db.capture(/^p[12]$/);
    await db.run("INSERT INTO p VALUES (1), (11)", "TRUNCATE p2");
    expect((await db.read()).map(said)).toEqual([
      ["c", "p1", null, ["1"]],
      ["c", "p2", null, ["11"]],
      ["truncate", "public.p2"],
    ]);
  });

  it("has generated columns where the server can log them", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run(
      "CREATE TABLE t (id int PRIMARY KEY, d int GENERATED ALWAYS AS (id * 2) STORED, v int GENERATED ALWAYS AS IDENTITY)",
    );
    await db.capture();
    await db.run("INSERT INTO t VALUES (21)");
    expect((await db.read()).map(said)).toEqual([
      ["c", "t", null, version === 18 ? ["21", "42", "1"] : ["21", "1"]],
    ]);
  });

  it("tells TRUNCATE of several tables, each once, in a stable order", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run(
      "CREATE TABLE a (id int PRIMARY KEY)",
      "CREATE TABLE b (id int PRIMARY KEY REFERENCES a)",
      "CREATE TABLE other (id int PRIMARY KEY)",
    );
    await db.capture(/^[ab]$/);
    await db.run(
      "INSERT INTO a VALUES (1)",
      "TRUNCATE other, a CASCADE",
      "INSERT INTO a VALUES (2)",
    );
    const items = await db.read();
    expect(items.map(said)).toEqual([
      ["c", "a", null, ["1"]],
      ["truncate", "public.a"],
      ["truncate", "public.b"],
      ["c", "a", null, ["2"]],
    ]);
    expectGrowing(items);
    const from = items[1]?.position ?? null;
    expect((await db.read({ from })).map(said)).toEqual(items.slice(2).map(said));
  });

  it("moves the frontier over transactions of other tables, empty ones and logical messages", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE other (id int)");
    const start = await db.capture(/^t$/);
    await db.run(
      "INSERT INTO other VALUES (1)",
      "BEGIN; SELECT txid_current(); COMMIT",
      "SELECT pg_logical_emit_message(false, 'app', 'hello')",
      "SELECT pg_logical_emit_message(true, 'app', 'hello')",
      "CREATE TABLE third (id int)",
    );
    const log = await db.open();
    const reading = db.batches(log, await db.end());
    expect(await comes(db, reading)).toBe(true);
    const batches = await reading;
    expect(batches.flatMap((batch) => batch.items)).toEqual([]);
    const last = batches.at(-1);
    expect(comparePositions(last?.position ?? start, start)).toBeGreaterThan(0);
    expect(last?.acknowledge).toEqual(last?.position);
    expect(Math.abs((last?.sourceTimeMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("follows columns that are added, renamed, dropped and retyped, in order with the rows", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY, a text)");
    await db.capture();
    const statements = [
      "INSERT INTO t VALUES (1, 'x')",
      "BEGIN; ALTER TABLE t ADD n int; INSERT INTO t VALUES (2, 'x', 7); COMMIT",
      "ALTER TABLE t ADD d int DEFAULT 5",
      "INSERT INTO t VALUES (3, 'x', 7)",
      "ALTER TABLE t RENAME a TO b",
      "INSERT INTO t VALUES (4, 'x', 7)",
      "ALTER TABLE t DROP n",
      "INSERT INTO t VALUES (5, 'x')",
      "ALTER TABLE t ALTER b TYPE int USING length(b)",
      "INSERT INTO t VALUES (6, 1)",
      "BEGIN; ALTER TABLE t ADD temp int; ALTER TABLE t DROP temp; INSERT INTO t VALUES (7, 1); COMMIT",
      "ANALYZE t",
      "INSERT INTO t VALUES (8, 1)",
      "BEGIN; ALTER TABLE t ADD temp int; ALTER TABLE t DROP temp; INSERT INTO t VALUES (9, 1); COMMIT",
      "INSERT INTO t VALUES (10, 1)",
    ];
    const log = await db.open();
    const items: LogItem[] = [];
    for (const sql of statements) {
      await db.run(sql);
      items.push(...(await db.items(log)));
    }
    expect(items.map(said)).toEqual([
      ["c", "t", null, ["1", "x"]],
      ["shape", "public.t", ["id", "a", "n"], []],
      ["c", "t", null, ["2", "x", "7"]],
      ["shape", "public.t", ["id", "a", "n", "d"], ["d"]],
      ["c", "t", null, ["3", "x", "7", "5"]],
      ["shape", "public.t", ["id", "b", "n", "d"], []],
      ["c", "t", null, ["4", "x", "7", "5"]],
      ["shape", "public.t", ["id", "b", "d"], []],
      // Behind a column that was dropped, d could be that one, renamed, and the d of now be younger: the source is asked.
      ["c", "t", null, ["5", "x", UNCHANGED]],
      ["shape", "public.t", ["id", "b", "d"], ["b"]],
      ["c", "t", null, ["6", "1", UNCHANGED]],
      ["shape", "public.t", ["id", "b", "d"], []],
      ["c", "t", null, ["7", "1", UNCHANGED]],
      // Another message came, and nobody has touched a column since the look that the one before asked for.
      ["shape", "public.t", ["id", "b", "d"], []],
      ["c", "t", null, ["8", "1", "5"]],
      ["shape", "public.t", ["id", "b", "d"], []],
      ["c", "t", null, ["9", "1", UNCHANGED]],
      // No other message came: nothing was altered between the row before and the look at the catalogue.
      ["shape", "public.t", ["id", "b", "d"], []],
      ["c", "t", null, ["10", "1", "5"]],
    ]);
    expectGrowing(items);
    const renamed = items[5];
    const before = items[3];
    expect(renamed?.kind === "shape" && renamed.previous).toBe(
      before?.kind === "shape" && before.shape,
    );
  });

  it("follows columns as well when it reads long after, and loads again what it cannot be sure of", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY, a text)");
    await db.capture();
    await db.run(
      "ALTER TABLE t ADD n int; INSERT INTO t VALUES (1, 'x', 7)",
      "ALTER TABLE t RENAME n TO m; INSERT INTO t VALUES (2, 'x', 7)",
      "ALTER TABLE t DROP m; INSERT INTO t VALUES (3, 'x')",
      "ALTER TABLE t ADD m int; INSERT INTO t VALUES (4, 'x', 8)",
      "ALTER TABLE t RENAME a TO b; INSERT INTO t VALUES (5, 'x', 8)",
    );
    expect((await db.read()).map(said)).toEqual([
      ["shape", "public.t", ["id", "a", "n"], ["n"]],
      ["c", "t", null, ["1", "x", UNCHANGED]],
      ["shape", "public.t", ["id", "a", "m"], ["m"]],
      ["c", "t", null, ["2", "x", UNCHANGED]],
      ["shape", "public.t", ["id", "a"], []],
      ["c", "t", null, ["3", "x"]],
      ["shape", "public.t", ["id", "a", "m"], ["m"]],
      ["c", "t", null, ["4", "x", UNCHANGED]],
      ["shape", "public.t", ["id", "b", "m"], ["m"]],
      ["c", "t", null, ["5", "x", UNCHANGED]],
    ]);
  });

  it("has a table without key loaded again once for a doubt, whatever messages and sessions come behind it", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int, a text); ALTER TABLE t REPLICA IDENTITY FULL");
    await db.capture();
    await db.run("ALTER TABLE t DROP a, ADD a text", "INSERT INTO t VALUES (1, 'doubted')");
    const log = await db.open();
    const again = ["shape", "public.t", ["id", "a"], ["a"]];
    const first = await db.items(log);
    expect(first.map(said)).toEqual([again, ["c", "t", null, ["1", "doubted"]]]);
    // What has the server describe the table anew, and changes no column of it.
    await db.run("CREATE INDEX ON t (id)", "INSERT INTO t VALUES (2, 'proven')");
    const proven = ["shape", "public.t", ["id", "a"], []];
    expect((await db.items(log)).map(said)).toEqual([proven, ["c", "t", null, ["2", "proven"]]]);
    const from = await db.end();
    await log.close();
    // As a start knows it that was told of the doubt and no more.
    db.tables = new Map(
      first.flatMap((item) => (item.kind === "shape" ? [[item.shape.id, item.shape]] : [])),
    );
    await db.run("INSERT INTO t VALUES (3, 'later')");
    expect((await db.read({ from })).map(said)).toEqual([proven, ["c", "t", null, ["3", "later"]]]);
    await db.run("ALTER TABLE t DROP a, ADD a text", "INSERT INTO t VALUES (4, 'doubted')");
    expect((await db.read({ from })).map(said)).toContainEqual(again);
  });

  it("knows columns by what is there still, whatever they are called later", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY, a text)");
    await db.capture();
    await db.run(
      "ALTER TABLE t ADD n int; INSERT INTO t VALUES (1, 'x', 7)",
      "ALTER TABLE t ADD d int DEFAULT 5; ALTER TABLE t RENAME n TO m; INSERT INTO t VALUES (2, 'x', 7)",
      "ALTER TABLE t ALTER m TYPE text; INSERT INTO t VALUES (3, 'x', '7')",
      "ALTER TABLE t RENAME a TO n; ALTER TABLE t RENAME m TO a; ALTER TABLE t RENAME n TO m",
      "ALTER TABLE t DROP d; INSERT INTO t VALUES (4, 'x', '7')",
    );
    expect((await db.read()).map(said)).toEqual([
      ["shape", "public.t", ["id", "a", "n"], []],
      ["c", "t", null, ["1", "x", "7"]],
      ["shape", "public.t", ["id", "a", "m", "d"], ["d"]],
      ["c", "t", null, ["2", "x", "7", "5"]],
      ["shape", "public.t", ["id", "a", "m", "d"], ["m"]],
      ["c", "t", null, ["3", "x", "7", "5"]],
      ["shape", "public.t", ["id", "m", "a"], []],
      ["c", "t", null, ["4", "x", "7"]],
    ]);
  });

  it("tells a table that was dropped and made anew, and one that was renamed away", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE r (id int PRIMARY KEY)");
    await db.capture();
    await db.run(
      "INSERT INTO t VALUES (1)",
      "DROP TABLE t",
      "CREATE TABLE t (id int PRIMARY KEY, v text)",
      `ALTER PUBLICATION "${db.settings.publicationName.replaceAll('"', '""')}" ADD TABLE t`,
      "INSERT INTO t VALUES (2, 'a')",
      "ALTER TABLE r RENAME TO r_old",
      "INSERT INTO r_old VALUES (3)",
    );
    expect((await db.read()).map(said)).toEqual([
      ["c", "t", null, ["1"]],
      ["dropped", "public.t"],
      ["shape", "public.t", ["id", "v"], ["id", "v"]],
      ["c", "t", null, ["2", "a"]],
      ["dropped", "public.r"],
    ]);
    await db.run("ALTER TABLE r_old RENAME TO r", "INSERT INTO r VALUES (4)");
    expect((await db.read()).slice(5).map(said)).toEqual([
      ["shape", "public.r", ["id"], ["id"]],
      ["c", "r", null, ["4"]],
    ]);
  });

  it("gives the same positions on every replay, from any position, whatever else is captured", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run(
      "CREATE TABLE t (id int PRIMARY KEY, v text)",
      "CREATE TABLE u (id int PRIMARY KEY, v text)",
    );
    await db.capture();
    await db.run(
      `BEGIN; INSERT INTO t SELECT n, 'x' FROM generate_series(1, 5) n; INSERT INTO u VALUES (1, 'a');
       UPDATE t SET id = id + 100 WHERE id < 3; ALTER TABLE t ADD w int; UPDATE t SET w = 1 WHERE id = 5;
       DELETE FROM u; TRUNCATE u, t; INSERT INTO t VALUES (9, 'y', 1); COMMIT`,
      "INSERT INTO u VALUES (5, 'b')",
    );
    const all = await db.read();
    const onlyU = new Map([...db.tables].filter(([id]) => id === "public.u"));
    const ofU = (item: LogItem): boolean =>
      item.kind === "change"
        ? item.shape.name === "u"
        : item.kind === "truncate" && item.table === "public.u";
    const restricted = await db.read({ tables: onlyU });
    expect(restricted.map(positionsOf)).toEqual(all.filter(ofU).map(positionsOf));
    const places = all.map((item) => [...positionsOf(item), ...said(item)]);
    expectGrowing(all);
    const shapeAt = all.findIndex((item) => item.kind === "shape");
    const changed = all[shapeAt];
    if (changed?.kind !== "shape") throw new Error("no change of shape");
    const tables = new Map(db.tables).set(changed.shape.id, changed.shape);
    for (const [index, item] of all.entries()) {
      const held = index >= shapeAt ? tables : db.tables;
      const rest = await db.read({ from: item.position, tables: held });
      expect(rest.map((other) => [...positionsOf(other), ...said(other)])).toEqual(
        places.slice(index + 1),
      );
    }
  }, 120_000);
});
