/** Columns that change with no row behind them: no log tells of that, the catalogue does (I1). */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MillraceProcess } from "./millrace-process.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";

let pipeline: SmallPipeline;

const changes = {
  added: "ALTER TABLE $ ADD d int",
  filled: "ALTER TABLE $ ADD d int DEFAULT 7",
  dropped: "ALTER TABLE $ DROP b",
  renamed: "ALTER TABLE $ RENAME b TO e",
  converted: "ALTER TABLE $ ALTER c TYPE text USING 'c' || c",
  remade: "ALTER TABLE $ DROP b, ADD b text DEFAULT 'new'",
  exchanged:
    "ALTER TABLE $ RENAME a TO x; ALTER TABLE $ RENAME b TO a; ALTER TABLE $ RENAME x TO b",
} as const;
const names = [...Object.keys(changes), "t"];

const make = (name: string): string =>
  `CREATE TABLE ${name} (id int PRIMARY KEY, a text, b text, c int);
   INSERT INTO ${name} SELECT g, 'a' || g, 'b' || g, g FROM generate_series(1, 300) g;`;

beforeEach(async () => {
  pipeline = await smallPipeline(names.map(make).join("\n"));
  await pipeline.write();
  await pipeline.caughtUp();
});

afterEach(() => pipeline.release());

type Rows = Record<string, Record<string, unknown>[]>;

/** Rows of each table by column name, without what barriers have put away. */
async function rowsBy(ask: (sql: string) => Promise<Record<string, unknown>[]>): Promise<Rows> {
  const found: Rows = {};
  for (const name of names) {
    const rows = await ask(`SELECT * FROM ${name} ORDER BY id`);
    found[name] = rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([column]) => !column.startsWith("_dropped_"))),
    );
  }
  return found;
}

const rowsAtSource = (): Promise<Rows> => rowsBy((sql) => pipeline.atSource(sql));
const rowsAtTarget = (): Promise<Rows> => rowsBy((sql) => pipeline.atTarget(sql));

async function arrives(): Promise<void> {
  const wanted = await rowsAtSource();
  await expect.poll(rowsAtTarget, { timeout: 60_000, interval: 500 }).toEqual(wanted);
}

describe("columns that change while no row is written", () => {
  it("change at the next start, and rows follow them", async () => {
    for (const [name, text] of Object.entries(changes))
      await pipeline.source.query(text.replaceAll("$", name));
    await pipeline.caughtUp();
    expect(await rowsAtTarget()).toEqual(await rowsAtSource());
    for (const name of names) await pipeline.source.query(`INSERT INTO ${name} (id) VALUES (1000)`);
    await pipeline.source.query("UPDATE exchanged SET a = 'later' WHERE id % 3 = 0");
    await pipeline.caughtUp();
    expect(await rowsAtTarget()).toEqual(await rowsAtSource());
  });

  it("change while the pipeline runs, and rows follow them", async () => {
    await pipeline.whileRunning(async () => {
      await pipeline.source.query("ALTER TABLE t RENAME b TO e; ALTER TABLE t ADD d int");
      await arrives();
      await pipeline.source.query("UPDATE t SET d = id WHERE id % 2 = 0");
      await arrives();
      await pipeline.source.query("ALTER TABLE t DROP d");
      await arrives();
      expect(await rowsAtTarget()).toEqual(await rowsAtSource());
      const columns = `SELECT column_name FROM information_schema.columns WHERE table_name = 't' ORDER BY 1`;
      await pipeline.expectSoonSame(columns, 10_000);
    });
  });

  it("go with what the log had added before a kill, and leave a column of the target's own alone", async () => {
    const run = new MillraceProcess(pipeline.args(), "barrier.done=kill@1");
    await run.running;
    await pipeline.source.query("ALTER TABLE t ADD d int");
    await pipeline.source.query("UPDATE t SET d = 1 WHERE id = 5");
    expect((await run.wait()).signal).toBe("SIGKILL");
    await pipeline.source.query("ALTER TABLE t DROP d");
    await pipeline.atTarget("ALTER TABLE t ADD own text");
    await pipeline.caughtUp();
    const { t, ...others } = await rowsAtTarget();
    const { t: wanted, ...rest } = await rowsAtSource();
    expect(others).toEqual(rest);
    expect(t).toEqual(wanted?.map((row) => ({ ...row, own: null })));
  });
});
