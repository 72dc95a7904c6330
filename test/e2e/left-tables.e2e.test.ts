/** A table that leaves the publication, or is made anew: told or loaded again, never stale in silence (I1, I8). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { makeTarget, type Target } from "./targets.ts";
import pg from "pg";

let source: SharedPostgres;
let target: Target;
let folder: string;

beforeEach(async () => {
  source = await sharedPostgres();
  target = await makeTarget("postgres");
  folder = await mkdtemp(join(tmpdir(), "millrace-left-"));
  await source.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await source.query("CREATE TABLE u (id int PRIMARY KEY)");
  await source.query("INSERT INTO t SELECT g, 'old' FROM generate_series(1, 3) g");
});

afterEach(async () => {
  await target.release();
  await source.release();
  await rm(folder, { recursive: true });
});

function pipeline(onLoss: string): Promise<string> {
  return writePipelineFile({
    path: join(folder, "left.yaml"),
    name: source.database,
    sourceUrl: source.url,
    tables: String.raw`public.\.*`,
    source: { "publication.name": source.database, "on-loss": onLoss },
    sink: target.sink,
  });
}

async function caughtUp(file: string): Promise<void> {
  await runToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
}

async function rowsAt(url: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>("SELECT * FROM t ORDER BY id")).rows;
  } finally {
    await client.end();
  }
}

describe("a table that left the publication while the pipeline stood still", () => {
  const leave = async (): Promise<void> => {
    await source.query(`ALTER PUBLICATION "${source.database}" DROP TABLE t`);
    await source.query("UPDATE t SET v = 'new' WHERE id = 1");
    await source.query("DELETE FROM t WHERE id = 2");
  };

  it("stops the pipeline with a loss by default, at every start", async () => {
    const file = await pipeline("fail");
    await caughtUp(file);
    await leave();
    for (const _ of [1, 2]) {
      const run = new MillraceProcess([
        "run",
        file,
        "--json",
        "--listen",
        "off",
        "--until-caught-up",
      ]);
      expect((await run.wait(30_000)).code).toBe(1);
      expect(run.tail()).toContain("MR_SOURCE_TABLE_LEFT");
    }
  });

  it("is loaded again, without its ghosts, where the file says resync", async () => {
    const file = await pipeline("resync");
    await caughtUp(file);
    await leave();
    await caughtUp(file);
    expect(await rowsAt(target.url)).toEqual(await rowsAt(source.url));
  });
});

describe("a table that was dropped and made anew", () => {
  const make = "CREATE TABLE t (id int PRIMARY KEY, w int, v text)";

  it("is loaded as a new one at the next start", async () => {
    const file = await pipeline("fail");
    await caughtUp(file);
    await source.query("UPDATE t SET v = 'changed before the drop'");
    await source.query(`DROP TABLE t; ${make}; INSERT INTO t VALUES (7, 70, 'seven')`);
    await caughtUp(file);
    const rows = (await rowsAt(target.url)) as Record<string, unknown>[];
    expect(rows.map(({ id, v, w }) => ({ id, v, w }))).toEqual([{ id: 7, v: "seven", w: 70 }]);
  });

  it("is found and loaded while the pipeline runs", async () => {
    const file = await pipeline("fail");
    await caughtUp(file);
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    try {
      await source.query(`DROP TABLE t; ${make}; INSERT INTO t VALUES (7, 70, 'seven')`);
      await expect
        .poll(async () => ((await rowsAt(target.url)) as { id: number }[]).map(({ id }) => id), {
          timeout: 30_000,
          interval: 500,
        })
        .toEqual([7]);
    } finally {
      await run.stop();
    }
  });
});
