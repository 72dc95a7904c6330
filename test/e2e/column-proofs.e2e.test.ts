/** A column is dropped and made anew under its name: what the log says of it may be of either (I1, I9). */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MillraceProcess } from "./millrace-process.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";
import { openSession } from "./sql-session.ts";

const tables = ["t", "keyless"] as const;
const rowsOf = (table: string): string => `SELECT id, n, a FROM ${table} ORDER BY id`;

let pipeline: SmallPipeline;

beforeEach(async () => {
  pipeline = await smallPipeline(`CREATE TABLE t (id int PRIMARY KEY, n int, a text);
    INSERT INTO t SELECT g, 0, 'a' || g FROM generate_series(0, 30) g;
    CREATE TABLE keyless (id int, n int, a text); ALTER TABLE keyless REPLICA IDENTITY FULL;
    INSERT INTO keyless VALUES (0, 0, 'zero');
    CREATE TABLE filler (id int PRIMARY KEY, x text)`);
  await pipeline.write();
  await pipeline.caughtUp();
});

afterEach(() => pipeline.release());

describe("a column that is made anew under its name", () => {
  it("keeps what was left out while it was not proven, also once it is", () =>
    pipeline.whileRunning(async (run) => {
      await pipeline.source.query("ALTER TABLE t DROP a, ADD a text");
      const long = await openSession(pipeline.source.url);
      await long.query("BEGIN");
      await long.query("UPDATE t SET a = 'before the look', n = 1 WHERE id = 1");
      await pipeline.source.query("UPDATE t SET a = 'looked', n = 1 WHERE id = 3");
      await expect
        .poll(async () => JSON.stringify((await pipeline.atTarget(rowsOf("t")))[3]), {
          timeout: 60_000,
        })
        .toContain("looked");
      // The source was read: only behind that is the table SYNC again, so that the sink's copy would do.
      await pipeline.source.query("SELECT pg_logical_emit_message(true, 'any', '')");
      await sleep(3_000);
      await run.waitForSync(1);
      await long.query("UPDATE t SET a = 'behind the look', n = 1 WHERE id = 2");
      await pipeline.source.query(
        "INSERT INTO filler SELECT g, repeat('x', 100) FROM generate_series(1, 30000) g",
      );
      await long.query("COMMIT");
      await long.end();
      await pipeline.expectSoonSame(rowsOf("t"));
    }));

  it("keeps what is written while it has another name for a moment", () =>
    pipeline.whileRunning(async () => {
      for (const table of tables)
        await pipeline.source.query(`ALTER TABLE ${table} DROP a, ADD a text`);
      for (const table of tables) await pipeline.expectSoonSame(rowsOf(table));
      await pipeline.source
        .query(`BEGIN; ALTER TABLE t RENAME a TO b; ALTER TABLE keyless RENAME a TO b;
        UPDATE t SET b = 'x' WHERE id = 1; INSERT INTO keyless VALUES (1, 1, 'x');
        ALTER TABLE t RENAME b TO a; ALTER TABLE keyless RENAME b TO a; COMMIT`);
      await pipeline.source.query(
        "UPDATE t SET n = 5 WHERE id = 0; UPDATE keyless SET n = 5 WHERE id = 0",
      );
      for (const table of tables) await pipeline.expectSoonSame(rowsOf(table));
      // A table without key is empty for a moment whenever it is loaded again.
      await expect
        .poll(() => pipeline.atTarget(rowsOf("keyless")), { timeout: 60_000 })
        .toContainEqual({ id: 1, n: 1, a: "x" });
    }));

  it("has none of the old one's values in a table without key", async () => {
    await pipeline.source.query("INSERT INTO keyless VALUES (1, 1, 'old')");
    await pipeline.source.query("ALTER TABLE keyless DROP a, ADD a text");
    await pipeline.source.query("INSERT INTO keyless VALUES (2, 2, 'new')");
    await pipeline.caughtUp();
    await pipeline.expectSame(rowsOf("keyless"));
    await pipeline.source.query("DELETE FROM keyless WHERE id = 1");
    await pipeline.caughtUp();
    await pipeline.expectSame(rowsOf("keyless"));
  });
});

describe("a column that is converted with no row behind it", () => {
  it("keeps what it is now where older rows of the log come behind its load", async () => {
    await pipeline.source.query(`CREATE TABLE old (id int PRIMARY KEY, n int, a int);
      INSERT INTO old SELECT g, 0, g FROM generate_series(1, 60000) g`);
    const run = new MillraceProcess(pipeline.args(), "chunk.rows-durable=kill@1");
    expect((await run.wait()).signal).toBe("SIGKILL");
    // So much comes before it that the load finds the converted column first.
    await pipeline.source.query(
      "INSERT INTO filler SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g",
    );
    await pipeline.source.query("UPDATE old SET a = 5, n = 1 WHERE id IN (1, 59000)");
    await pipeline.source.query("ALTER TABLE old ALTER a TYPE text USING 'c' || a");
    await pipeline.caughtUp();
    await pipeline.expectSame(rowsOf("old"));
  });
});
