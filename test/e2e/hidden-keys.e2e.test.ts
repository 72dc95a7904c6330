/** Keys that are hashed on the way: the source's own never reach the sink, in no state and no letter. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { MillraceProcess } from "./millrace-process.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";

let pipeline: SmallPipeline;

beforeEach(async () => {
  pipeline = await smallPipeline(`CREATE TABLE people (name text PRIMARY KEY, n int);
    INSERT INTO people SELECT 'secret-' || g, g FROM generate_series(1, 2000) g`);
  await pipeline.write({
    tables: "public.people",
    more: "transform:\n  - source-table: public.people\n    hash-columns: [name]\n    hash-key: abcdefghijklmnopqrstuvwxyz012345\n",
  });
});

afterEach(() => pipeline.release());

/** Every row of every state table, as text. */
async function stateText(): Promise<string> {
  const tables = await pipeline.atTarget(
    "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = 'millrace'",
  );
  const rows = await Promise.all(
    tables.map((row) => pipeline.atTarget(`SELECT s::text FROM millrace."${String(row["t"])}" s`)),
  );
  return JSON.stringify(rows);
}

it("leaves no key in the state of a load, which a new process begins anew and ends", async () => {
  const first = new MillraceProcess(pipeline.args(), "chunk.rows-durable=kill@6");
  expect((await first.wait()).signal).toBe("SIGKILL");
  const text = await stateText();
  expect(text).toContain("people");
  expect(text).not.toContain("secret-");
  await pipeline.caughtUp();
  expect(
    await pipeline.atTarget("SELECT count(*)::int AS n, sum(n)::int AS sum FROM people"),
  ).toEqual([{ n: 2000, sum: 2_001_000 }]);
});

it("leaves no key in a letter, and a later change of the row takes it away in a new process", async () => {
  await pipeline.caughtUp();
  await pipeline.atTarget("ALTER TABLE people ADD CHECK (n < 5000)");
  await pipeline.source.query("UPDATE people SET n = 9000 WHERE name = 'secret-7'");
  await pipeline.caughtUp();
  const letters = "SELECT count(*)::int AS n FROM millrace.dead_letter";
  expect(await pipeline.atTarget(letters)).toEqual([{ n: 1 }]);
  expect(await stateText()).not.toContain("secret-");
  await pipeline.source.query("UPDATE people SET n = 70 WHERE name = 'secret-7'");
  await pipeline.caughtUp();
  expect(await pipeline.atTarget(letters)).toEqual([{ n: 0 }]);
  expect(await pipeline.atTarget("SELECT count(*)::int AS n FROM people WHERE n = 70")).toEqual([
    { n: 2 },
  ]);
});
