/** One kill: a pipeline that dies at a failpoint while the source is written to, and is started again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedPostgres } from "../support/postgres.ts";
import type { Comparison } from "./compare.ts";
import { compareDatabases } from "./compare-databases.ts";
import { buildSource } from "./database.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import type { PipelineFile } from "./pipeline-file.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import type { SampleTable } from "./sample-table.ts";
import { sampleTables } from "./schema.ts";
import { openClient, patiently } from "./sql-client.ts";
import { openSession } from "./sql-session.ts";
import type { Target } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

/** When the failpoint is armed: at the very first start, or once every table is SYNC. */
export type Phase = "load" | "sync";

/** What a scenario is told. */
export interface KillOptions {
  readonly target: Target;
  readonly failpoint: string;
  /** The how manieth time the place is reached. */
  readonly nth: number;
  readonly phase: Phase;
  readonly seed: number;
  /** Lanes of the run that is killed, when they are to differ from those before. */
  readonly parallelism?: number;
  /** The slot is lost before the run that is killed, and rows go meanwhile that nobody logs: tables are resynced. */
  readonly loseSlot?: boolean;
}

/** What came of it. */
export interface KillOutcome {
  /** The process died at the failpoint. */
  readonly hit: boolean;
  readonly different: readonly Comparison[];
  /** What the killed process had printed. */
  readonly output: string;
}

const names = ["k_int8", "k_txt", "s_toast", "s_keyless", "s_truncated", "s_parts", "d_mixed"];

/** Small, but every kind of table that has a way of its own; `k_int8` has several chunks. */
export const killTables: readonly SampleTable[] = sampleTables
  .filter(({ name }) => names.includes(name))
  .map((table) => (table.name === "k_int8" ? { ...table, initialRows: 350 } : table));

/** Runs a scenario to its end; everything it makes is removed. */
export async function runKillScenario(options: KillOptions): Promise<KillOutcome> {
  const source = await sharedPostgres();
  const folder = await mkdtemp(join(tmpdir(), "millrace-kill-"));
  try {
    await buildSource(source.url, killTables);
    return await new Scenario(options, source.url, source.database, folder).run();
  } finally {
    await rm(folder, { recursive: true });
    await source.release();
  }
}

/** The pipeline of a kill. Many share a target, and DSQL takes ten schemas at most: names tell them apart. */
export function killPipeline(
  target: Target,
  sourceUrl: string,
  unique: string,
  folder: string,
): PipelineFile {
  return {
    path: join(folder, "kill.yaml"),
    name: unique,
    sourceUrl,
    tables: String.raw`public.\.*`,
    sink: target.sink,
    routes: [
      {
        "source-table": String.raw`public.\.*`,
        "sink-table": `public.${unique}_<>`,
        "replace-symbol": "<>",
      },
    ],
    pipeline: { parallelism: 2 },
  };
}

/** What differs between the tables of a kill and what has arrived of them. */
export function compareKillTables(
  sourceUrl: string,
  target: Target,
  unique: string,
): Promise<readonly Comparison[]> {
  const tables = killTables.map((table) => ({
    source: table,
    target: { schema: "public", name: `${unique}_${table.name}` },
  }));
  return compareDatabases(sourceUrl, target.url, tables);
}

class Scenario {
  readonly #options: KillOptions;
  readonly #sourceUrl: string;
  readonly #file: PipelineFile;

  constructor(options: KillOptions, sourceUrl: string, unique: string, folder: string) {
    this.#options = options;
    this.#sourceUrl = sourceUrl;
    const file = killPipeline(options.target, sourceUrl, unique, folder);
    this.#file =
      options.loseSlot === true
        ? { ...file, source: { "slot.name": unique, "on-loss": "resync" } }
        : file;
  }

  async run(): Promise<KillOutcome> {
    const file = await writePipelineFile(this.#file);
    const args = ["run", file, "--json", "--listen", "off"];
    const { failpoint, nth, phase, parallelism } = this.#options;
    if (phase === "sync") await runToEnd([...args, "--until-caught-up"]);
    if (parallelism !== undefined) {
      await writePipelineFile({ ...this.#file, pipeline: { parallelism } });
    }
    if (this.#options.loseSlot === true) await this.#loseSlot();
    const armed = new MillraceProcess(args, `${failpoint}=kill@${nth}`);
    const workload = this.#workload(armed);
    const hit = await this.#died(armed, workload);
    // The rest of the workload is written while the pipeline is down, or while it catches up.
    try {
      await runToEnd([...args, "--until-caught-up"]);
    } finally {
      await workload;
    }
    await runToEnd([...args, "--until-caught-up"]);
    return {
      hit,
      different: await compareKillTables(this.#sourceUrl, this.#options.target, this.#file.name),
      output: armed.tail(),
    };
  }

  /** Whether the process died by itself before it had caught up with the whole workload. */
  async #died(armed: MillraceProcess, workload: Promise<void>): Promise<boolean> {
    const quiet = workload.then(() => new Promise((resolve) => setTimeout(resolve, graceMs)));
    const ending = await Promise.race([armed.ended, quiet.then(() => null)]);
    if (ending !== null) return ending.signal === "SIGKILL";
    const stopped = await armed.stop();
    return stopped.signal === "SIGKILL";
  }

  /** Sessions that write from the first moment, and the script once the log is being read (or never will be). */
  async #workload(armed: MillraceProcess): Promise<void> {
    const numbers = new Numbers();
    const common = { url: this.#sourceUrl, tables: killTables, numbers };
    const sessions = [1, 2].map((session) =>
      writeSession({
        ...common,
        dice: new Dice(this.#options.seed * 10 + session),
        transactions: 60,
        largeRows: 1500,
        pauseMs: 8,
      }),
    );
    await Promise.all([...sessions, armed.running.then(() => this.#script())]);
  }

  async #loseSlot(): Promise<void> {
    const session = await openSession(this.#sourceUrl);
    try {
      await session.query("SELECT pg_drop_replication_slot($1)", [this.#file.name]);
      await session.query("DELETE FROM k_int8 WHERE n % 3 = 0; DELETE FROM k_txt WHERE n % 5 = 0");
    } finally {
      await session.end();
    }
  }

  /** What chance might leave out: each kind of barrier, a resync, a key change with a value that the log leaves out. */
  async #script(): Promise<void> {
    const client = await openClient(this.#sourceUrl);
    try {
      for (const statement of script) {
        await patiently(client, statement);
        await new Promise((resolve) => setTimeout(resolve, stepMs));
      }
    } finally {
      await client.end();
    }
  }
}

/** A hit ends the wait: where others have the machine, three seconds were not enough for what the workload leads to. */
const graceMs = 30_000;
const stepMs = 60;

const script: readonly string[] = [
  "UPDATE s_toast SET id = id + 500000 WHERE n BETWEEN 1 AND 5",
  "ALTER TABLE d_mixed ADD COLUMN a integer",
  "UPDATE d_mixed SET a = n % 7",
  "TRUNCATE s_truncated",
  "INSERT INTO s_truncated (id, txt, n) SELECT g, 'after', g FROM generate_series(3000000, 3000050) AS g",
  "ALTER TABLE d_mixed ADD COLUMN b text DEFAULT 'made'",
  "UPDATE d_mixed SET b = 'changed' WHERE n % 3 = 0",
  "UPDATE s_toast SET id = id + 700000, int4 = 5 WHERE n BETWEEN 6 AND 9",
  "ALTER TABLE d_mixed RENAME COLUMN a TO c",
  "DELETE FROM d_mixed WHERE n % 5 = 0",
  "ALTER TABLE d_mixed ALTER COLUMN c TYPE text",
  "UPDATE d_mixed SET c = 'now text' WHERE n % 4 = 0",
  "DELETE FROM s_keyless WHERE n % 5 = 0",
  "ALTER TABLE d_mixed DROP COLUMN b",
  "INSERT INTO d_mixed (id, txt, int4, c, n) SELECT g, 'late', 1, 'x', g FROM generate_series(3000000, 3000020) AS g",
  "TRUNCATE s_truncated",
];
