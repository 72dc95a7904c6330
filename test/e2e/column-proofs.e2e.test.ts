/** A column is dropped and made anew under its name: what the log says of it may be of either (I1, I9). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget, type Target } from "./targets.ts";

const tables = ["t", "keyless"] as const;

let source: SharedPostgres;
let target: Target;
let folder: string;
let file: string;

beforeEach(async () => {
  source = await sharedPostgres();
  target = await makeTarget("postgres");
  folder = await mkdtemp(join(tmpdir(), "millrace-proofs-"));
  await source.query(`CREATE TABLE t (id int PRIMARY KEY, n int, a text);
    INSERT INTO t SELECT g, 0, 'a' || g FROM generate_series(0, 30) g;
    CREATE TABLE keyless (id int, n int, a text); ALTER TABLE keyless REPLICA IDENTITY FULL;
    INSERT INTO keyless VALUES (0, 0, 'zero');
    CREATE TABLE filler (id int PRIMARY KEY, x text)`);
  file = await writePipelineFile({
    path: join(folder, "proofs.yaml"),
    name: source.database,
    sourceUrl: source.url,
    tables: String.raw`public.\.*`,
    sink: target.sink,
  });
  await caughtUp();
});

afterEach(async () => {
  await target.release();
  await source.release();
  await rm(folder, { recursive: true });
});

const args = (): string[] => ["run", file, "--json", "--listen", "off"];

async function caughtUp(): Promise<void> {
  await runToEnd([...args(), "--until-caught-up"]);
}

async function rowsAt(url: string, table: string): Promise<unknown[]> {
  const session = await openSession(url);
  try {
    const text = `SELECT id, n, a FROM ${table} ORDER BY id`;
    return (await session.query<Record<string, unknown>>(text)).rows;
  } finally {
    await session.end();
  }
}

async function arrives(table: string): Promise<void> {
  const wanted = await rowsAt(source.url, table);
  await expect
    .poll(() => rowsAt(target.url, table), { timeout: 60_000, interval: 200 })
    .toEqual(wanted);
}

async function whileRunning(work: (run: MillraceProcess) => Promise<void>): Promise<void> {
  const run = new MillraceProcess(args());
  try {
    await run.running;
    await work(run);
  } finally {
    await run.stop();
  }
}

describe("a column that is made anew under its name", () => {
  it("keeps what was left out while it was not proven, also once it is", () =>
    whileRunning(async (run) => {
      await source.query("ALTER TABLE t DROP a, ADD a text");
      const long = await openSession(source.url);
      await long.query("BEGIN");
      await long.query("UPDATE t SET a = 'before the look', n = 1 WHERE id = 1");
      await source.query("UPDATE t SET a = 'looked', n = 1 WHERE id = 3");
      await expect
        .poll(async () => JSON.stringify((await rowsAt(target.url, "t"))[3]), { timeout: 60_000 })
        .toContain("looked");
      // The source was read: only behind that is the table SYNC again, so that the sink's copy would do.
      await source.query("SELECT pg_logical_emit_message(true, 'any', '')");
      await sleep(3_000);
      await run.waitForSync(1);
      await long.query("UPDATE t SET a = 'behind the look', n = 1 WHERE id = 2");
      await source.query(
        "INSERT INTO filler SELECT g, repeat('x', 100) FROM generate_series(1, 30000) g",
      );
      await long.query("COMMIT");
      await long.end();
      await arrives("t");
    }));

  it("keeps what is written while it has another name for a moment", () =>
    whileRunning(async () => {
      for (const table of tables) await source.query(`ALTER TABLE ${table} DROP a, ADD a text`);
      for (const table of tables) await arrives(table);
      await source.query(`BEGIN; ALTER TABLE t RENAME a TO b; ALTER TABLE keyless RENAME a TO b;
        UPDATE t SET b = 'x' WHERE id = 1; INSERT INTO keyless VALUES (1, 1, 'x');
        ALTER TABLE t RENAME b TO a; ALTER TABLE keyless RENAME b TO a; COMMIT`);
      await source.query("UPDATE t SET n = 5 WHERE id = 0; UPDATE keyless SET n = 5 WHERE id = 0");
      for (const table of tables) await arrives(table);
      // A table without key is empty for a moment whenever it is loaded again.
      await expect
        .poll(() => rowsAt(target.url, "keyless"), { timeout: 60_000 })
        .toContainEqual({ id: 1, n: 1, a: "x" });
    }));

  it("has none of the old one's values in a table without key", async () => {
    await source.query("INSERT INTO keyless VALUES (1, 1, 'old')");
    await source.query("ALTER TABLE keyless DROP a, ADD a text");
    await source.query("INSERT INTO keyless VALUES (2, 2, 'new')");
    await caughtUp();
    expect(await rowsAt(target.url, "keyless")).toEqual(await rowsAt(source.url, "keyless"));
    await source.query("DELETE FROM keyless WHERE id = 1");
    await caughtUp();
    expect(await rowsAt(target.url, "keyless")).toEqual(await rowsAt(source.url, "keyless"));
  });
});

describe("a column that is converted with no row behind it", () => {
  it("keeps what it is now where older rows of the log come behind its load", async () => {
    await source.query(`CREATE TABLE old (id int PRIMARY KEY, n int, a int);
      INSERT INTO old SELECT g, 0, g FROM generate_series(1, 60000) g`);
    const run = new MillraceProcess(args(), "chunk.rows-durable=kill@1");
    expect((await run.wait(60_000)).signal).toBe("SIGKILL");
    // So much comes before it that the load finds the converted column first.
    await source.query(
      "INSERT INTO filler SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g",
    );
    await source.query("UPDATE old SET a = 5, n = 1 WHERE id IN (1, 59000)");
    await source.query("ALTER TABLE old ALTER a TYPE text USING 'c' || a");
    await caughtUp();
    expect(await rowsAt(target.url, "old")).toEqual(await rowsAt(source.url, "old"));
  });
});
