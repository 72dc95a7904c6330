import { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../../../test/support/mysql.ts";
import type { ChunkBatch } from "../../model/source.ts";
import { Skimmed, UNCHANGED, type Row } from "../../model/value.ts";
import { keyedShape, snapshotParts } from "./keyed-table.fixture.ts";
import { keyText } from "./keys.ts";
import { MysqlSnapshot } from "./snapshot.ts";

const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 20_000 };
const ALL = { from: null, to: null };

async function rowsOf(batches: AsyncIterable<ChunkBatch>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of batches) rows.push(...batch.rows.map(({ after }) => after ?? []));
  return rows;
}

describe.each(mysqlFlavors)("a snapshot of %s", (flavor) => {
  let server: SharedMysql;
  let parts: ReturnType<typeof snapshotParts>;
  const opened: MysqlSnapshot[] = [];

  beforeAll(async () => {
    server = await sharedMysql(flavor);
  });
  beforeEach(() => {
    parts = snapshotParts(server);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((snapshot) => snapshot.close()));
    await parts.sessions.close();
  });
  afterAll(() => server.release());

  async function open(): Promise<MysqlSnapshot> {
    const snapshot = await MysqlSnapshot.open(parts);
    opened.push(snapshot);
    return snapshot;
  }

  async function table(sql: string) {
    await server.query(`DROP TABLE IF EXISTS t, u; CREATE TABLE t ${sql}`);
    return keyedShape(server, "t");
  }

  it("stays at its moment, whatever is committed after it", async () => {
    const shape = await table("(id INT PRIMARY KEY, note TEXT)");
    await server.query("INSERT INTO t VALUES (1, 'a'), (2, 'ä')");
    const snapshot = await open();
    await server.query("UPDATE t SET note = 'b'; INSERT INTO t VALUES (3, 'c')");
    expect(await rowsOf(snapshot.readChunk(shape, ALL, LIMITS))).toEqual([
      [1, "a"],
      [2, "ä"],
    ]);
    expect(await rowsOf((await open()).readChunk(shape, ALL, LIMITS))).toEqual([
      [1, "b"],
      [2, "b"],
      [3, "c"],
    ]);
  });

  it("gives rows as the packets that they came in where it is asked to, in batches of the same rows", async () => {
    const shape = await table(
      "(n INT, k VARCHAR(20) CHARACTER SET latin1, note TEXT, PRIMARY KEY (k, n))",
    );
    const rows = Array.from({ length: 500 }, (_, i): Row => [
      i,
      `ä${i % 7}`,
      "note ".repeat(i % 5),
    ]);
    await server.query("INSERT INTO t VALUES ?", [rows]);
    const snapshot = await open();
    const batches: ChunkBatch[][] = [[], []];
    for (const [i, given] of [{}, { lines: () => 0 }].entries())
      for await (const batch of snapshot.readChunk(shape, ALL, { ...LIMITS, ...given }))
        batches[i]?.push(batch);
    const [whole = [], lined = []] = batches;
    expect(whole.length).toBeGreaterThan(3);
    expect(lined.map(({ rows: made }) => made.length)).toEqual(whole.map(() => 0));
    const read = lined.map(({ lines = [], ...batch }) => ({
      ...batch,
      rows: lines.map((line) => line.read()),
    }));
    expect(read).toEqual(whole);
    const keys = lined.flatMap(({ lines = [] }) => lines.map(({ key }) => key));
    expect(keys).toEqual(
      whole.flatMap((batch) => batch.rows.map(({ after }) => keyText(shape, after ?? []))),
    );
  });

  it("reads in UTC, whatever the server's zone is", async () => {
    const shape = await table("(id INT PRIMARY KEY, at TIMESTAMP(3) NULL)");
    await server.query(
      "SET time_zone = '+05:00'; INSERT INTO t VALUES (1, '2026-11-21 05:00:00.25')",
    );
    expect(await rowsOf((await open()).readChunk(shape, ALL, LIMITS))).toEqual([
      [1, "2026-11-21 00:00:00.25+00"],
    ]);
  });

  it("finds rows by their exact keys, where the collation holds others to be the same", async () => {
    const shape = await table("(k VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY, n INT)");
    await server.query("INSERT INTO t VALUES ('a', 1), ('B', 2)");
    const snapshot = await open();
    const keys: Row[] = [
      ["A", UNCHANGED],
      ["B", UNCHANGED],
      ["none", UNCHANGED],
    ];
    expect(await snapshot.readRows(shape, keys, LIMITS)).toEqual(new Map([["B", ["B", 2]]]));
    const some = await snapshot.readRows(shape, keys, { ...LIMITS, keysOnly: true });
    expect(some).toEqual(new Map([["B", ["B", UNCHANGED]]]));
    expect(await snapshot.readRows(shape, [], LIMITS)).toEqual(new Map());
  });

  it("finds rows by several columns, hundreds at once", async () => {
    const shape = await table(
      "(a INT, b VARCHAR(9) CHARACTER SET latin1, n INT, PRIMARY KEY (b, a))",
    );
    const rows = Array.from({ length: 1_200 }, (_, i): Row => [i % 40, `ä${i}`, i]);
    await server.query("INSERT INTO t VALUES ?", [rows]);
    const found = await (await open()).readRows(shape, rows, LIMITS);
    expect(found.size).toBe(1_200);
    for (const row of rows) expect(found.get(keyText(shape, row))).toEqual(row);
  });

  it("skims what is too large, of any type, and never a key", async () => {
    const shape = await table(
      "(k VARCHAR(100) PRIMARY KEY, t LONGTEXT, b MEDIUMBLOB, v VARCHAR(100), j JSON, g GEOMETRY)",
    );
    await server.query(
      `INSERT INTO t VALUES (REPEAT('k', 90), REPEAT('ä', 100000), REPEAT('b', 100001), REPEAT('v', 70),
       JSON_ARRAY(REPEAT('j', 200)), NULL), ('s', 't', 'b', 'v', '[1]', POINT(1, 2))`,
    );
    const limits = { maxValueBytes: 60, batchBytes: 1_000 };
    const [large, small] = await rowsOf((await open()).readChunk(shape, ALL, limits));
    expect(large?.[0]).toBe("k".repeat(90));
    expect(large?.slice(1, 4)).toEqual([
      new Skimmed(200_000),
      new Skimmed(100_001),
      new Skimmed(70),
    ]);
    expect(large?.[4]).toBeInstanceOf(Skimmed);
    expect(large?.[5]).toBe(null);
    expect(small?.slice(0, 2)).toEqual(["s", "t"]);
    expect(small?.[5]).toContain("Point");
  });

  it("reads no more from the server than is asked for", async () => {
    const shape = await table("(id INT PRIMARY KEY, filling CHAR(200))");
    const rows = Array.from({ length: 400 }, (_, i) => [i, "x".repeat(200)]);
    for (let at = 0; at < 40; at += 1)
      await server.query("INSERT INTO t VALUES ?", [
        rows.map(([i, x]) => [Number(i) + at * 400, x]),
      ]);
    const session = await parts.sessions.take();
    await parts.sessions.giveBack(session);
    const snapshot = await open();
    const socket: unknown = Reflect.get(session.client, "stream");
    if (!(socket instanceof Socket)) throw new Error("no socket");
    const before = socket.bytesRead;
    const chunk = snapshot.readChunk(shape, ALL, LIMITS)[Symbol.asyncIterator]();
    const first = await chunk.next();
    expect(first.done).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const read = socket.bytesRead;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(socket.bytesRead).toBe(read);
    // A piece of the socket and what the system holds for it, of more than three megabytes.
    expect(read - before).toBeLessThan(400_000);
    let count = first.done === true ? 0 : first.value.rows.length;
    for (let next = await chunk.next(); next.done !== true; next = await chunk.next()) {
      expect(next.value.bytes).toBeLessThan(25_000);
      count += next.value.rows.length;
    }
    expect(count).toBe(16_000);
  });

  it("ends with the last row where nothing else is read in it, and its session goes on to serve", async () => {
    const shape = await table("(id INT PRIMARY KEY)");
    await server.query("INSERT INTO t VALUES (1), (2)");
    const first = await open();
    for await (const batch of first.readChunk(shape, ALL, { ...LIMITS, closes: true })) {
      expect(batch.rows).toHaveLength(2);
      // Nothing holds the table any more while the rows are being dealt with.
      await server.query("SET lock_wait_timeout = 5; ALTER TABLE t ADD COLUMN more INT");
    }
    await expect(first.readRows(shape, [[1]], LIMITS)).rejects.toMatchObject({ code: "MR_BUG" });
    const session = await parts.sessions.take();
    expect(session.broken).toBe(null);
    await parts.sessions.giveBack(session);
  });

  it("cuts a session that was left in the middle of an answer", async () => {
    const shape = await table("(id INT PRIMARY KEY, filling CHAR(200))");
    const rows = Array.from({ length: 2_000 }, (_, i) => [i, "x".repeat(200)]);
    await server.query("INSERT INTO t VALUES ?", [rows]);
    const session = await parts.sessions.take();
    const used = session.threadId;
    await parts.sessions.giveBack(session);
    const snapshot = await open();
    for await (const batch of snapshot.readChunk(shape, ALL, LIMITS)) {
      expect(batch.rows.length).toBeGreaterThan(0);
      break;
    }
    await expect(snapshot.readRows(shape, [[1, UNCHANGED]], LIMITS)).rejects.toMatchObject({
      code: "MR_SOURCE_LOST_CONNECTION",
    });
    await snapshot.close();
    const other = await parts.sessions.take();
    expect(other.threadId).not.toBe(used);
    await parts.sessions.giveBack(other);
  });

  it("says that a table was altered, renamed or dropped since", async () => {
    const shape = await table("(id INT PRIMARY KEY, a INT)");
    await server.query("INSERT INTO t VALUES (1, 2)");
    const early = await open();
    await server.query("ALTER TABLE t MODIFY a BIGINT, ALGORITHM=COPY");
    const changed = { code: "MR_SOURCE_TABLE_CHANGED", facts: { dropped: false } };
    await expect(rowsOf(early.readChunk(shape, ALL, LIMITS))).rejects.toMatchObject(changed);
    await expect(rowsOf((await open()).readChunk(shape, ALL, LIMITS))).rejects.toMatchObject({
      ...changed,
      facts: { column: "a" },
    });
    // What was read holds its table until the snapshot ends.
    await Promise.all(opened.splice(0).map((snapshot) => snapshot.close()));
    await server.query("RENAME TABLE t TO u");
    const late = await open();
    const gone = { code: "MR_SOURCE_TABLE_CHANGED", facts: { dropped: true } };
    await expect(rowsOf(late.readChunk(shape, ALL, LIMITS))).rejects.toMatchObject(gone);
    expect(await late.readRows(shape, [[1, UNCHANGED]], LIMITS)).toEqual(new Map());
  });

  it("reads tables without key in one piece, whatever a statement's bound is", async () => {
    const shape = await table("(a INT, b TEXT)");
    await server.query("INSERT INTO t VALUES (1, 'x'), (1, 'x'), (NULL, NULL)");
    const batches: ChunkBatch[] = [];
    for await (const batch of (await open()).readChunk(shape, ALL, LIMITS)) batches.push(batch);
    expect(batches.map(({ lastKey }) => lastKey)).toEqual([null]);
    expect(batches[0]?.rows.map(({ after }) => after)).toEqual([
      [1, "x"],
      [1, "x"],
      [null, null],
    ]);
  });
});
