/** Many tables that are dropped and made anew while they are written and the pipeline runs (I1, I8). MILLRACE_E2E_FULL=1: a hundred. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SharedPostgres, sharedPostgres } from "../support/postgres.ts";
import { compareTables } from "./compare.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { codeOf } from "./sql-client.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget, type Target } from "./targets.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const TABLES = isFull ? 100 : 10;
const ALL_EQUAL_MS = isFull ? 600_000 : 60_000;
const names = Array.from({ length: TABLES }, (_, nth) => `again_${nth}`);

/** Sessions that write while the tables come and go. */
const WRITERS = 2;
/** The table is not there for this moment, or a row of it is gone by the time its lock is had. */
const GONE = new Set(["42P01", "40001", "40P01", "XX000"]);

const make = (name: string, rows: number): string =>
  `CREATE TABLE ${name} (id int PRIMARY KEY, v text);
   INSERT INTO ${name} SELECT g, 'made ' || g FROM generate_series(1, ${rows}) g`;

describe(`${TABLES} tables that are dropped and made anew under load`, () => {
  let source: SharedPostgres;
  let target: Target;
  let folder: string;
  let run: MillraceProcess;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), makeTarget("postgres")]);
    folder = await mkdtemp(join(tmpdir(), "millrace-anew-"));
    for (const name of names) await source.query(make(name, 20));
    const file = await writePipelineFile({
      path: join(folder, "anew.yaml"),
      name: source.database,
      sourceUrl: source.url,
      tables: String.raw`public.\.*`,
      sink: target.sink,
    });
    run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    await run.waitForSync(TABLES, ALL_EQUAL_MS);
  }, 2 * ALL_EQUAL_MS);
  afterAll(async () => {
    if (run.isRunning) await run.stop();
    await target.release();
    await source.release();
    await rm(folder, { recursive: true });
  });

  /** Writes to whichever table is there until the signal aborts; gives how many statements found theirs. */
  async function write(nth: number, signal: AbortSignal): Promise<number> {
    const dice = new Dice(nth);
    const session = await openSession(source.url);
    let written = 0;
    try {
      for (let id = (nth + 1) * 1_000_000; !signal.aborted; id++) {
        const name = dice.pick(names);
        const sql = dice.pick([
          `INSERT INTO ${name} VALUES (${id}, 'beside')`,
          `UPDATE ${name} SET v = v || '.' WHERE id = ${dice.between(1, 12)}`,
          `DELETE FROM ${name} WHERE id = ${dice.between(1, 12)}`,
        ]);
        written += await session.query(sql).then(
          () => 1,
          (error: unknown) => {
            if (GONE.has(codeOf(error) ?? "")) return 0;
            throw error;
          },
        );
      }
    } finally {
      await session.end();
    }
    return written;
  }

  it(
    "are all loaded again and equal, and the pipeline runs on",
    async () => {
      const ending = new AbortController();
      const writing = Array.from({ length: WRITERS }, (_, nth) => write(nth, ending.signal));
      for (const [nth, name] of names.entries()) {
        await source.query(
          `LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE; UPDATE ${name} SET v = 'before'; DROP TABLE ${name}; ${make(name, 5 + (nth % 7))};
         UPDATE ${name} SET v = 'after' WHERE id = 1; DELETE FROM ${name} WHERE id = 2`,
        );
        const other = names[(nth * 7 + 3) % TABLES] ?? name;
        await source.query(`INSERT INTO ${other} VALUES (${1000 + nth}, 'other')`);
      }
      ending.abort();
      for (const written of await Promise.all(writing)) expect(written).toBeGreaterThan(0);
      const sessions = await Promise.all([openSession(source.url), openSession(target.url)]);
      const tables = names.map((name) => ({ schema: "public", name }));
      const compared = tables.map((table) => ({ source: table, target: table }));
      const different = async (): Promise<readonly string[]> =>
        (await compareTables(...sessions, compared)).map(({ table }) => table);
      try {
        await expect.poll(different, { timeout: ALL_EQUAL_MS, interval: 1_000 }).toEqual([]);
        expect([run.isRunning, run.isRunning ? "" : run.tail()]).toEqual([true, ""]);
      } finally {
        for (const session of sessions) await session.end();
      }
    },
    2 * ALL_EQUAL_MS,
  );
});
