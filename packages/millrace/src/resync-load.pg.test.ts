import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
  /** Writes until it is told to end: new rows, changes that leave columns out, other keys, rows that go. */
  function writer(): () => Promise<void> {
    let isEnding = false;
    const work = (async () => {
      for (let i = written; !isEnding; i = ++written) {
        const id = 1 + ((i * 37) % 600);
        await between.source
          .query(`UPDATE t SET v = 'w${i}' WHERE id = ${id}; DELETE FROM t WHERE id = ${1 + ((i * 53) % 600)};
          INSERT INTO t VALUES (${1_000 + i}, 'new', 'n'); UPDATE u SET b = b + 10000 WHERE b = ${id};
          UPDATE t SET id = -${1_000 + i} WHERE id = ${900 + i}; INSERT INTO bag VALUES ('n${i}'); DELETE FROM bag WHERE v = 'n${i - 5}'`);
      }
    })();
    return async () => {
      isEnding = true;
      await work;
    };
  }

  it("removes what the source has not, whoever asks for how many of them at once", async () => {
    const chunks = { source: { "scan.incremental.snapshot.chunk.size": 100 } };
    const pipeline = await between.run(between.file(chunks));
    await pipeline.caughtUp();
    for (let round = 0; round < ROUNDS; round++) {
      await spoil();
      const end = writer();
      let inLoad: Promise<void> | null = null;
      setFailpointHandler((name) => {
        if (name === "chunk.batch-sent") inLoad ??= pipeline.resync("public.t");
      });
      // All tables, one of them twice, and once more while it is being loaded.
      await Promise.all([...TABLES, "t"].map((table) => pipeline.resync(`public.${table}`)));
      await soon(() => inLoad !== null);
      setFailpointHandler(null);
      await soon(() => tableOf(pipeline, "public.t").state === "SYNC", 30_000);
      await end();
      await pipeline.caughtUp();
      for (const table of TABLES) await between.expectSame(ALL[table]);
      expect(pipeline.status().tables.every(({ state }) => state === "SYNC")).toBe(true);
    }
  });
});
