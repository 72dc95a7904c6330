/** Keys that are hashed on the way: the source's own never reach the sink, in no state and no letter. */
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget, type Target } from "./targets.ts";

let source: SharedPostgres;
let target: Target;
let folder: string;
let file: string;

const args = (): string[] => ["run", file, "--json", "--listen", "off"];

beforeEach(async () => {
  source = await sharedPostgres();
  target = await makeTarget("postgres");
  folder = await mkdtemp(join(tmpdir(), "millrace-hidden-"));
  await source.query(`CREATE TABLE people (name text PRIMARY KEY, n int);
    INSERT INTO people SELECT 'secret-' || g, g FROM generate_series(1, 2000) g`);
  file = await writePipelineFile({
    path: join(folder, "hidden.yaml"),
    name: source.database,
    sourceUrl: source.url,
    tables: "public.people",
    sink: target.sink,
  });
  await appendFile(
    file,
    "transform:\n  - source-table: public.people\n    hash-columns: [name]\n    hash-key: abcdefghijklmnopqrstuvwxyz012345\n",
  );
});

afterEach(async () => {
  await target.release();
  await source.release();
  await rm(folder, { recursive: true });
});

async function ask(
  sql: string,
  values: readonly string[] = [],
): Promise<Record<string, unknown>[]> {
  const session = await openSession(target.url);
  try {
    return (await session.query<Record<string, unknown>>(sql, [...values])).rows;
  } finally {
    await session.end();
  }
}

/** Every row of every state table, as text. */
async function stateText(): Promise<string> {
  const tables = await ask(
    "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = 'millrace'",
  );
  const rows = await Promise.all(
    tables.map((row) => ask(`SELECT s::text FROM millrace."${String(row["t"])}" s`)),
  );
  return JSON.stringify(rows);
}

it("leaves no key in the state of a load, which a new process begins anew and ends", async () => {
  const first = new MillraceProcess(args(), "chunk.rows-durable=kill@6");
  expect((await first.wait()).signal).toBe("SIGKILL");
  const text = await stateText();
  expect(text).toContain("people");
  expect(text).not.toContain("secret-");
  await runToEnd([...args(), "--until-caught-up"]);
  expect(await ask("SELECT count(*)::int AS n, sum(n)::int AS sum FROM people")).toEqual([
    { n: 2000, sum: 2_001_000 },
  ]);
});

it("leaves no key in a letter, and a later change of the row takes it away in a new process", async () => {
  await runToEnd([...args(), "--until-caught-up"]);
  await ask("ALTER TABLE people ADD CHECK (n < 5000)");
  await source.query("UPDATE people SET n = 9000 WHERE name = 'secret-7'");
  await runToEnd([...args(), "--until-caught-up"]);
  const letters = "SELECT count(*)::int AS n FROM millrace.dead_letter";
  expect(await ask(letters)).toEqual([{ n: 1 }]);
  expect(await stateText()).not.toContain("secret-");
  await source.query("UPDATE people SET n = 70 WHERE name = 'secret-7'");
  await runToEnd([...args(), "--until-caught-up"]);
  expect(await ask(letters)).toEqual([{ n: 0 }]);
  expect(await ask("SELECT count(*)::int AS n FROM people WHERE n = 70")).toEqual([{ n: 2 }]);
});
