/** Columns that change with no row behind them: no log tells of that, the catalogue does (I1). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget, type Target } from "./targets.ts";

let source: SharedPostgres;
let target: Target;
let folder: string;
let file: string;

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

beforeEach(async () => {
  source = await sharedPostgres();
  target = await makeTarget("postgres");
  folder = await mkdtemp(join(tmpdir(), "millrace-idle-"));
  for (const name of names) {
    await source.query(`CREATE TABLE ${name} (id int PRIMARY KEY, a text, b text, c int);
      INSERT INTO ${name} SELECT g, 'a' || g, 'b' || g, g FROM generate_series(1, 300) g`);
  }
  file = await writePipelineFile({
    path: join(folder, "idle.yaml"),
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

/** Rows of each table by column name, without what barriers have put away. */
async function rowsAt(url: string): Promise<Record<string, Record<string, unknown>[]>> {
  const session = await openSession(url);
  try {
    const found: Record<string, Record<string, unknown>[]> = {};
    for (const name of names) {
      const text = `SELECT * FROM ${name} ORDER BY id`;
      const { rows } = await session.query<Record<string, unknown>>(text);
      found[name] = rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).filter(([column]) => !column.startsWith("_dropped_")),
        ),
      );
    }
    return found;
  } finally {
    await session.end();
  }
}

async function arrives(): Promise<void> {
  const wanted = await rowsAt(source.url);
  await expect.poll(() => rowsAt(target.url), { timeout: 60_000, interval: 500 }).toEqual(wanted);
}

describe("columns that change while no row is written", () => {
  it("change at the next start, and rows follow them", async () => {
    for (const [name, text] of Object.entries(changes))
      await source.query(text.replaceAll("$", name));
    await caughtUp();
    expect(await rowsAt(target.url)).toEqual(await rowsAt(source.url));
    for (const name of names) await source.query(`INSERT INTO ${name} (id) VALUES (1000)`);
    await source.query("UPDATE exchanged SET a = 'later' WHERE id % 3 = 0");
    await caughtUp();
    expect(await rowsAt(target.url)).toEqual(await rowsAt(source.url));
  });

  it("change while the pipeline runs, and rows follow them", async () => {
    const run = new MillraceProcess(args());
    try {
      await run.running;
      await source.query("ALTER TABLE t RENAME b TO e; ALTER TABLE t ADD d int");
      await arrives();
      await source.query("UPDATE t SET d = id WHERE id % 2 = 0");
      await arrives();
      await source.query("ALTER TABLE t DROP d");
      await arrives();
      expect(await rowsAt(target.url)).toEqual(await rowsAt(source.url));
    } finally {
      await run.stop();
    }
  });

  it("go with what the log had added before a kill, and leave a column of the target's own alone", async () => {
    const run = new MillraceProcess(args(), "barrier.done=kill@1");
    await run.running;
    await source.query("ALTER TABLE t ADD d int");
    await source.query("UPDATE t SET d = 1 WHERE id = 5");
    expect((await run.wait(60_000)).signal).toBe("SIGKILL");
    await source.query("ALTER TABLE t DROP d");
    const session = await openSession(target.url);
    await session.query("ALTER TABLE t ADD own text");
    await session.end();
    await caughtUp();
    const { t, ...others } = await rowsAt(target.url);
    const { t: wanted, ...rest } = await rowsAt(source.url);
    expect(others).toEqual(rest);
    expect(t).toEqual(wanted?.map((row) => ({ ...row, own: null })));
  });
});
