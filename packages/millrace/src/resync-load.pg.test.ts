import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Pipeline } from "./index.ts";
import { setFailpointHandler } from "./model/failpoint.ts";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

const ROUNDS = process.env["MILLRACE_E2E_FULL"] === "1" ? 5 : 1;
const TABLES = ["t", "u", "bag"] as const;
const ALL = {
  t: "SELECT * FROM t ORDER BY id",
  u: "SELECT * FROM u ORDER BY a, b",
  bag: "SELECT v FROM bag ORDER BY v",
} as const;

describe("a resync while rows are written", () => {
  let between: TablesBetween;

  beforeAll(async () => {
    between = await tablesBetween();
    await between.source
      .query(`CREATE TABLE t (id int PRIMARY KEY, v text, long text); ALTER TABLE t ALTER long SET STORAGE EXTERNAL;
      CREATE TABLE u (a text, b int, v text, PRIMARY KEY (a, b)); CREATE TABLE bag (v text); ALTER TABLE bag REPLICA IDENTITY FULL;
      INSERT INTO t SELECT i, 'v', repeat('l', 3000) FROM generate_series(1, 600) i;
      INSERT INTO u SELECT 'k' || i % 7, i, 'v' FROM generate_series(1, 600) i; INSERT INTO bag SELECT 'b' || i FROM generate_series(1, 20) i`);
  });
  afterAll(async () => {
    setFailpointHandler(null);
    await between.release();
  });

  /** Rows that no log tells of: some that the source never had, and older values of some that it has. */
  const spoil = () =>
    between.target
      .query(`INSERT INTO t SELECT i, 'ghost', '' FROM generate_series(-300, 0) i ON CONFLICT DO NOTHING;
      INSERT INTO u SELECT 'ghost', i, '' FROM generate_series(1, 300) i ON CONFLICT DO NOTHING;
      UPDATE t SET v = 'spoilt' WHERE id % 10 = 0; INSERT INTO bag VALUES ('ghost-' || random(), 'ghost')`);

  let written = 1;
  /** Rows of `t` that have got another key so far. */
  let moved = 0;
  /** Writes until it is told to end: new rows, changes that leave columns out, other keys, rows that go. */
  function writer(): () => Promise<void> {
    let isEnding = false;
    const work = (async () => {
      for (let i = written; !isEnding; i = ++written) {
        const id = 1 + ((i * 37) % 600);
        await between.source
          .query(`UPDATE t SET v = 'w${i}' WHERE id = ${id}; DELETE FROM t WHERE id = ${1 + ((i * 53) % 600)};
          INSERT INTO t VALUES (${1_000 + i}, 'new', 'n'); UPDATE u SET b = b + 10000 WHERE b = ${id};
          INSERT INTO bag VALUES ('n${i}'); DELETE FROM bag WHERE v = 'n${i - 5}'`);
        moved += await moveOne(i);
      }
    })();
    return async () => {
      isEnding = true;
      await work;
    };
  }

  /** Gives another key to the row at or behind a place of `t`: one of those that are loaded, which the long column is left out of, or a new one. */
  async function moveOne(i: number): Promise<number> {
    const from = 1 + ((i * 29) % 600);
    const rows = await between.source.query(
      `UPDATE t SET id = -${1_000 + i} WHERE id = (SELECT min(id) FROM t WHERE id >= ${from}) RETURNING id`,
    );
    return rows.length;
  }

  /** Spoils the target, has all tables loaded anew while rows are written, and compares; how many rows of `t` changed their key while it was loaded. */
  async function resynced(pipeline: Pipeline): Promise<number> {
    await spoil();
    const end = writer();
    let inLoad: Promise<void> | null = null;
    let movedBefore = 0;
    setFailpointHandler((name) => {
      if (name !== "chunk.batch-sent" || inLoad !== null) return;
      movedBefore = moved;
      inLoad = pipeline.resync("public.t");
    });
    // All tables, one of them twice, and once more while it is being loaded.
    await Promise.all([...TABLES, "t"].map((table) => pipeline.resync(`public.${table}`)));
    await soon(() => inLoad !== null);
    setFailpointHandler(null);
    await soon(() => tableOf(pipeline, "public.t").state === "SYNC", 30_000);
    const movedInLoad = moved - movedBefore;
    await end();
    await pipeline.caughtUp();
    for (const table of TABLES) await between.expectSame(ALL[table]);
    expect(pipeline.status().tables.every(({ state }) => state === "SYNC")).toBe(true);
    return movedInLoad;
  }

  it("removes what the source has not, whoever asks for how many of them at once", async () => {
    const chunks = { source: { "scan.incremental.snapshot.chunk.size": 100 } };
    const pipeline = await between.run(between.file(chunks));
    await pipeline.caughtUp();
    // A load that no row changed its key in did not ask what is asked here: another one does.
    let rounds = 0;
    while (rounds < ROUNDS) if ((await resynced(pipeline)) > 0) rounds += 1;
    expect(rounds).toBe(ROUNDS);
  });
});
