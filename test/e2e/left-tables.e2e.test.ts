/** A table that leaves the publication, or is made anew: told or loaded again, never stale in silence (I1, I8). */
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { smallPipeline, type SmallFile, type SmallPipeline } from "./small-pipeline.ts";

const ROWS = "SELECT * FROM t ORDER BY id";

let pipeline: SmallPipeline;

beforeEach(async () => {
  pipeline = await smallPipeline(`CREATE TABLE t (id int PRIMARY KEY, v text);
    CREATE TABLE u (id int PRIMARY KEY);
    INSERT INTO t SELECT g, 'old' FROM generate_series(1, 3) g`);
});

afterEach(() => pipeline.release());

const write = (onLoss: string, { source, sink }: SmallFile = {}): Promise<void> =>
  pipeline.write({ source: { "on-loss": onLoss, ...source }, ...(sink && { sink }) });

describe("a table that left the publication while the pipeline stood still", () => {
  const leave = async (): Promise<void> => {
    await pipeline.source.query(`ALTER PUBLICATION "${pipeline.source.database}" DROP TABLE t`);
    await pipeline.source.query("UPDATE t SET v = 'new' WHERE id = 1");
    await pipeline.source.query("DELETE FROM t WHERE id = 2");
  };

  it("stops the pipeline with a loss by default, at every start", async () => {
    await write("fail");
    await pipeline.caughtUp();
    await leave();
    for (const _ of [1, 2]) {
      const run = pipeline.start("--until-caught-up");
      expect((await run.wait()).code).toBe(1);
      expect(run.tail()).toContain("MR_SOURCE_TABLE_LEFT");
    }
  });

  it("is loaded again, without its ghosts, where the file says resync", async () => {
    await write("resync");
    await pipeline.caughtUp();
    await leave();
    await pipeline.caughtUp();
    await pipeline.expectSame(ROWS);
  });
});

describe("a table that was dropped and made anew", () => {
  const make = "CREATE TABLE t (id int PRIMARY KEY, w int, v text)";

  it("is loaded as a new one at the next start", async () => {
    await write("fail");
    await pipeline.caughtUp();
    await pipeline.source.query("UPDATE t SET v = 'changed before the drop'");
    await pipeline.source.query(`DROP TABLE t; ${make}; INSERT INTO t VALUES (7, 70, 'seven')`);
    await pipeline.caughtUp();
    const rows = await pipeline.atTarget(ROWS);
    expect(rows.map(({ id, v, w }) => ({ id, v, w }))).toEqual([{ id: 7, v: "seven", w: 70 }]);
  });

  it("is found and loaded while the pipeline runs", async () => {
    await write("fail");
    await pipeline.caughtUp();
    const run = pipeline.start();
    try {
      await pipeline.source.query(`DROP TABLE t; ${make}; INSERT INTO t VALUES (7, 70, 'seven')`);
      await expect
        .poll(async () => (await pipeline.atTarget(ROWS)).map(({ id }) => id), {
          timeout: 60_000,
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
    const named = (sql: string) => sql.replace("pub", `"${pipeline.source.database}"`);
    await pipeline.source.query(named(before));
    await pipeline.source.query("UPDATE t SET v = 'new' WHERE id = 1");
    await pipeline.source.query("DELETE FROM t WHERE id = 2");
    await pipeline.source.query(named(after));
  };

  it("is a loss at the next start", async () => {
    await write("fail");
    await pipeline.caughtUp();
    await gap();
    const run = pipeline.start();
    expect((await run.wait()).code).toBe(1);
    expect(run.tail()).toContain("MR_SOURCE_TABLE_LEFT");
  });

  it("is found while the pipeline runs, and the table loaded again without its ghosts", async () => {
    await write("resync");
    await pipeline.caughtUp();
    await pipeline.whileRunning(async () => {
      await gap();
      await pipeline.expectSoonSame(ROWS);
    });
  });
});

describe("a table that somebody else put back while a transaction was writing to it", () => {
  it("is loaded only when that transaction has ended: its rows are in no log", async () => {
    await write("resync");
    await pipeline.caughtUp();
    await pipeline.source.query(`ALTER PUBLICATION "${pipeline.source.database}" DROP TABLE t`);
    const writer = new pg.Client({ connectionString: pipeline.source.url });
    await writer.connect();
    await writer.query("BEGIN; INSERT INTO t VALUES (50, 'written while it was out')");
    await pipeline.source.query(`ALTER PUBLICATION "${pipeline.source.database}" ADD TABLE t`);
    const run = pipeline.start();
    try {
      await run.running;
      await pipeline.source.query("INSERT INTO u VALUES (1)");
      await expect
        .poll(() => pipeline.atTarget("SELECT FROM u"), { timeout: 60_000 })
        .toHaveLength(1);
      await writer.query("COMMIT");
      await pipeline.expectSoonSame(ROWS, 30_000);
    } finally {
      await writer.end();
      await run.stop();
    }
  });
});

describe("a row filter that was changed in the user's own publication", () => {
  it("is a loss, after which the target holds what the filter lets through", async () => {
    const name = `"${pipeline.source.database}"`;
    await pipeline.source.query(
      `CREATE PUBLICATION ${name} FOR TABLE t, u
         WITH (publish_via_partition_root = true, publish_generated_columns = stored)`,
    );
    await write("resync", { source: { "publication.create": "never" } });
    await pipeline.caughtUp();
    await pipeline.source.query(`ALTER PUBLICATION ${name} SET TABLE t WHERE (id > 1), u`);
    await pipeline.caughtUp();
    expect(await pipeline.atTarget(ROWS)).toEqual([
      { id: 2, v: "old" },
      { id: 3, v: "old" },
    ]);
  });
});

describe("kinds of changes that the publication leaves out while the pipeline runs", () => {
  it("are published again, and the tables are loaded again", async () => {
    await write("resync");
    await pipeline.caughtUp();
    await pipeline.whileRunning(async () => {
      await pipeline.source.query(
        `ALTER PUBLICATION "${pipeline.source.database}" SET (publish = 'insert')`,
      );
      await pipeline.source.query("UPDATE t SET v = 'new' WHERE id = 1");
      await pipeline.expectSoonSame(ROWS);
    });
  });
});

describe("a table that the source dropped", () => {
  const message = "the source dropped this table";

  it("is let go with a notice, once, and its target is kept", async () => {
    await write("fail");
    await pipeline.caughtUp();
    await pipeline.source.query("DROP TABLE t");
    const run = pipeline.start();
    await run.running;
    expect(run.tail()).toContain(`${message}, or gave it another name; its target is kept`);
    await run.stop();
    expect((await pipeline.caughtUp()).tail()).not.toContain(message);
    expect(await pipeline.atTarget(ROWS)).toHaveLength(3);
  });

  it("takes its target along where the file asks for that, also while the pipeline runs", async () => {
    await write("fail", { sink: { "include.schema.changes": "all" } });
    await pipeline.caughtUp();
    await pipeline.whileRunning(async (run) => {
      await pipeline.source.query("DROP TABLE t");
      await expect
        .poll(() => pipeline.atTarget(ROWS).catch((error: Error) => error.message), {
          timeout: 60_000,
          interval: 500,
        })
        .toContain("does not exist");
      // The notice is told before anything else happens to the table.
      expect(run.tail()).toContain(`${message}, or gave it another name; its target was dropped`);
      await pipeline.source.query("INSERT INTO u VALUES (7)");
      await expect
        .poll(() => pipeline.atTarget("SELECT FROM u"), { timeout: 60_000 })
        .toHaveLength(1);
    });
  });

  it("is loaded as a new one when it is there again", async () => {
    await write("fail");
    await pipeline.caughtUp();
    await pipeline.source.query("DROP TABLE t");
    await pipeline.caughtUp();
    await pipeline.source.query(
      "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (9, 'nine')",
    );
    await pipeline.caughtUp();
    expect(await pipeline.atTarget(ROWS)).toEqual([{ id: 9, v: "nine" }]);
  });
});
