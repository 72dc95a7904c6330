/** A table that leaves the publication, or is made anew: told or loaded again, never stale in silence (I1, I8). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile, type Section } from "./pipeline-file.ts";
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

function pipeline(
  onLoss: string,
  more: { source?: Section; sink?: Section } = {},
): Promise<string> {
  return writePipelineFile({
    path: join(folder, "left.yaml"),
    name: source.database,
    sourceUrl: source.url,
    tables: String.raw`public.\.*`,
    source: { "publication.name": source.database, "on-loss": onLoss, ...more.source },
    sink: { ...target.sink, ...more.sink },
  });
}

function caughtUp(file: string): Promise<MillraceProcess> {
  return runToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
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

/** Changes that no log has: made while the publication is not what it was, and put right again. */
const GAPS = [
  [
    "an entry that was taken out and put back",
    ["ALTER PUBLICATION pub DROP TABLE t", "ALTER PUBLICATION pub ADD TABLE t"],
  ],
  [
    "a publication that was dropped and made again",
    ["DROP PUBLICATION pub", "CREATE PUBLICATION pub FOR TABLE t, u"],
  ],
  [
    "kinds of changes that were left out and published again",
    [
      "ALTER PUBLICATION pub SET (publish = 'insert')",
      "ALTER PUBLICATION pub SET (publish = 'insert, update, delete, truncate')",
    ],
  ],
] as const;

describe.each(GAPS)("%s, with changes between", (_, [before, after]) => {
  const gap = async (): Promise<void> => {
    const named = (sql: string) => sql.replace("pub", `"${source.database}"`);
    await source.query(named(before));
    await source.query("UPDATE t SET v = 'new' WHERE id = 1");
    await source.query("DELETE FROM t WHERE id = 2");
    await source.query(named(after));
  };

  it("is a loss at the next start", async () => {
    const file = await pipeline("fail");
    await caughtUp(file);
    await gap();
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    expect((await run.wait(30_000)).code).toBe(1);
    expect(run.tail()).toContain("MR_SOURCE_TABLE_LEFT");
  });

  it("is found while the pipeline runs, and the table loaded again without its ghosts", async () => {
    const file = await pipeline("resync");
    await caughtUp(file);
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    try {
      await run.running;
      await gap();
      const wanted = await rowsAt(source.url);
      await expect
        .poll(() => rowsAt(target.url), { timeout: 60_000, interval: 500 })
        .toEqual(wanted);
    } finally {
      await run.stop();
    }
  });
});

describe("a table that somebody else put back while a transaction was writing to it", () => {
  it("is loaded only when that transaction has ended: its rows are in no log", async () => {
    const file = await pipeline("resync");
    await caughtUp(file);
    await source.query(`ALTER PUBLICATION "${source.database}" DROP TABLE t`);
    const writer = new pg.Client({ connectionString: source.url });
    await writer.connect();
    await writer.query("BEGIN; INSERT INTO t VALUES (50, 'written while it was out')");
    await source.query(`ALTER PUBLICATION "${source.database}" ADD TABLE t`);
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    try {
      await run.running;
      await source.query("INSERT INTO u VALUES (1)");
      await expect.poll(() => countAt(target.url, "u"), { timeout: 30_000 }).toBe(1);
      await writer.query("COMMIT");
      const wanted = await rowsAt(source.url);
      await expect
        .poll(() => rowsAt(target.url), { timeout: 30_000, interval: 500 })
        .toEqual(wanted);
    } finally {
      await writer.end();
      await run.stop();
    }
  });
});

describe("a row filter that was changed in the user's own publication", () => {
  it("is a loss, after which the target holds what the filter lets through", async () => {
    const name = `"${source.database}"`;
    await source.query(
      `CREATE PUBLICATION ${name} FOR TABLE t, u
         WITH (publish_via_partition_root = true, publish_generated_columns = stored)`,
    );
    const file = await pipeline("resync", { source: { "publication.create": "never" } });
    await caughtUp(file);
    await source.query(`ALTER PUBLICATION ${name} SET TABLE t WHERE (id > 1), u`);
    await caughtUp(file);
    expect(await rowsAt(target.url)).toEqual([
      { id: 2, v: "old" },
      { id: 3, v: "old" },
    ]);
  });
});

describe("kinds of changes that the publication leaves out while the pipeline runs", () => {
  it("are published again, and the tables are loaded again", async () => {
    const file = await pipeline("resync");
    await caughtUp(file);
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    try {
      await run.running;
      await source.query(`ALTER PUBLICATION "${source.database}" SET (publish = 'insert')`);
      await source.query("UPDATE t SET v = 'new' WHERE id = 1");
      const wanted = await rowsAt(source.url);
      await expect
        .poll(() => rowsAt(target.url), { timeout: 60_000, interval: 500 })
        .toEqual(wanted);
    } finally {
      await run.stop();
    }
  });
});

describe("a table that the source dropped", () => {
  const message = "the source dropped this table";

  it("is let go with a notice, and its target is kept", async () => {
    const file = await pipeline("fail");
    await caughtUp(file);
    await source.query("DROP TABLE t");
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    await run.running;
    expect(run.tail()).toContain(`${message}, or gave it another name; its target is kept`);
    await run.stop();
    expect(await rowsAt(target.url)).toHaveLength(3);
  });

  it("takes its target along where the file asks for that, also while the pipeline runs", async () => {
    const file = await pipeline("fail", { sink: { "include.schema.changes": "all" } });
    await caughtUp(file);
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    try {
      await run.running;
      await source.query("DROP TABLE t");
      await expect
        .poll(() => rowsAt(target.url).catch((error: Error) => error.message), {
          timeout: 60_000,
          interval: 500,
        })
        .toContain("does not exist");
      // The notice is told before anything else happens to the table.
      expect(run.tail()).toContain(`${message}, or gave it another name; its target was dropped`);
      await source.query("INSERT INTO u VALUES (7)");
      await expect.poll(() => countAt(target.url, "u"), { timeout: 30_000 }).toBe(1);
    } finally {
      await run.stop();
    }
  });

  it("is loaded as a new one when it is there again", async () => {
    const file = await pipeline("fail");
    await caughtUp(file);
    await source.query("DROP TABLE t");
    await caughtUp(file);
    await source.query(
      "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (9, 'nine')",
    );
    await caughtUp(file);
    expect(await rowsAt(target.url)).toEqual([{ id: 9, v: "nine" }]);
  });
});

async function countAt(url: string, table: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(`SELECT FROM ${table}`)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}
