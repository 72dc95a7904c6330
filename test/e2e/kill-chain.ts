/** Many kills of one pipeline in SYNC, each at another failpoint, while the source is written to and changes shape. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedPostgres } from "../support/postgres.ts";
import type { Comparison } from "./compare.ts";
import { buildSource } from "./database.ts";
import { compareKillTables, killPipeline, killTables, patiently } from "./kill-scenario.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { openSession } from "./sql-session.ts";
import type { Target } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

/** What a chain is told. */
export interface KillChainOptions {
  readonly target: Target;
  readonly failpoints: readonly string[];
  readonly seed: number;
}

/** What came of it. */
export interface KillChainOutcome {
  /** Failpoints at which the process did not die. */
  readonly missed: readonly string[];
  readonly different: readonly Comparison[];
}

const linkTimeoutMs = 10_000;

/** Runs the chain to its end; everything it makes is removed. */
export async function runKillChain(options: KillChainOptions): Promise<KillChainOutcome> {
  const source = await sharedPostgres();
  const folder = await mkdtemp(join(tmpdir(), "millrace-chain-"));
  try {
    await buildSource(source.url, killTables);
    const file = await writePipelineFile(
      killPipeline(options.target, source.url, source.database, folder),
    );
    const args = ["run", file, "--json", "--listen", "off"];
    await runToEnd([...args, "--until-caught-up"]);
    const missed: string[] = [];
    const numbers = new Numbers();
    for (const [index, failpoint] of options.failpoints.entries()) {
      const run = new MillraceProcess(args, `${failpoint}=kill@1`);
      const written = writeLink(source.url, numbers, options.seed * 100 + index);
      const ending = await Promise.race([run.ended, sleep(linkTimeoutMs)]);
      if (ending?.signal !== "SIGKILL") missed.push(`${failpoint}: ${JSON.stringify(ending)}`);
      if (run.isRunning) await run.stop();
      await written;
    }
    // A schema change is seen with the next row of its table: without one, the last DROP COLUMN would not be.
    const last = numbers.take(1);
    await source.query(`INSERT INTO d_mixed (id, int4, n) VALUES (${last}, 1, ${last})`);
    await runToEnd([...args, "--until-caught-up"]);
    const different = await compareKillTables(source.url, options.target, source.database);
    return { missed, different };
  } finally {
    await rm(folder, { recursive: true });
    await source.release();
  }
}

/** What is written while one failpoint is armed: rows, each kind of barrier, a key change with TOAST, a reload. */
async function writeLink(url: string, numbers: Numbers, seed: number): Promise<void> {
  const common = { url, tables: killTables, numbers, largeRows: 300, pauseMs: 20 };
  const sessions = [1, 2].map((session) =>
    writeSession({ ...common, dice: new Dice(seed * 10 + session), transactions: 12 }),
  );
  await Promise.all([...sessions, writeBarriers(url, numbers)]);
}

async function writeBarriers(url: string, numbers: Numbers): Promise<void> {
  const first = numbers.take(100);
  const session = await openSession(url);
  try {
    for (const statement of barrierStatements(first)) {
      await patiently(session, statement);
      await sleep(40);
    }
  } finally {
    await session.end();
  }
}

const barrierStatements = (n: number): readonly string[] => [
  `INSERT INTO s_toast (id, int4, large, n) SELECT ${n} + i, 1, repeat(md5(i::text), 100), ${n} + i FROM generate_series(1, 5) AS i`,
  `INSERT INTO s_truncated (id, txt, n) SELECT ${n} + i, 'x', ${n} + i FROM generate_series(1, 20) AS i`,
  `INSERT INTO d_mixed (id, int4, n) SELECT ${n} + i, 1, ${n} + i FROM generate_series(1, 20) AS i`,
  `UPDATE s_toast SET id = id + 50 WHERE n BETWEEN ${n} AND ${n + 5}`,
  `ALTER TABLE d_mixed ADD COLUMN a${n} integer`,
  `UPDATE d_mixed SET a${n} = 1 WHERE n BETWEEN ${n} AND ${n + 20}`,
  `TRUNCATE s_truncated`,
  `ALTER TABLE d_mixed ALTER COLUMN a${n} TYPE text`,
  `UPDATE d_mixed SET a${n} = 'text' WHERE n BETWEEN ${n} AND ${n + 10}`,
  `DELETE FROM d_mixed WHERE n BETWEEN ${n} AND ${n + 5}`,
  `ALTER TABLE d_mixed DROP COLUMN a${n}`,
];

function sleep(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms));
}
