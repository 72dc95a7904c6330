/** A process that was superseded while it stood still does not take the pipeline back (I5). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { makeTarget, type Target } from "./targets.ts";

let source: SharedPostgres;
let target: Target;
let folder: string;
const running: MillraceProcess[] = [];

beforeEach(async () => {
  source = await sharedPostgres();
  target = await makeTarget("postgres");
  folder = await mkdtemp(join(tmpdir(), "millrace-superseded-"));
  await source.query("CREATE TABLE t (id int PRIMARY KEY)");
});

afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  await target.release();
  await source.release();
  await rm(folder, { recursive: true });
});

function start(file: string): MillraceProcess {
  const one = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
  running.push(one);
  return one;
}

async function idsAtTarget(): Promise<number[]> {
  const client = new pg.Client({ connectionString: target.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: number }>("SELECT id FROM t ORDER BY id");
    return rows.map(({ id }) => id);
  } catch {
    return [];
  } finally {
    await client.end();
  }
}

const arrives = (ids: readonly number[]) =>
  expect.poll(idsAtTarget, { timeout: 60_000, interval: 200 }).toEqual(ids);

it("stops with MR_FENCED when it finds its source connection gone, and leaves the newer process running", async () => {
  const file = await writePipelineFile({
    path: join(folder, "superseded.yaml"),
    name: source.database,
    sourceUrl: source.url,
    tables: String.raw`public.\.*`,
    source: { "publication.name": source.database },
    sink: target.sink,
  });
  const old = start(file);
  await source.query("INSERT INTO t VALUES (1)");
  await arrives([1]);
  process.kill(old.pid, "SIGSTOP");
  const heir = start(file);
  await source.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE pid IN" +
      " (SELECT active_pid FROM pg_replication_slots WHERE database = current_database())",
  );
  await source.query("INSERT INTO t VALUES (2)");
  await arrives([1, 2]);
  process.kill(old.pid, "SIGCONT");
  expect((await old.wait()).code).toBe(1);
  expect(old.tail()).toContain("MR_FENCED");
  expect(old.tail()).toContain(`process ${heir.pid} on`);
  await source.query("INSERT INTO t VALUES (3)");
  await arrives([1, 2, 3]);
  expect(heir.tail()).toContain(`taken over from process ${old.pid} on`);
  expect(heir.tail()).toContain(
    "which seems to run still: it writes nothing more and ends with MR_FENCED",
  );
  expect(heir.tail()).not.toMatch(/"code":"MR_FENCED"|failed|fenced/);
});
