/** One kill: a pipeline that dies at a failpoint while the source is written to, and is started again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Comparison } from "./compare.ts";
import { compareDatabases } from "./compare-databases.ts";
import { buildSource } from "./database.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import type { PipelineFile } from "./pipeline-file.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { KillStatements, killTables } from "./kill-tables.ts";
import { Dice } from "./random.ts";
import { allOf, makeSource, type SourceKind, type TestSource } from "./sources.ts";
import { openClient, patiently } from "./sql-client.ts";
import type { Target } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

/** When the failpoint is armed: at the very first start, or once every table is SYNC. */
export type Phase = "load" | "sync";

/** What a scenario is told. */
export interface KillOptions {
  readonly from: SourceKind;
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

/** Runs a scenario to its end; everything it makes is removed. */
export async function runKillScenario(options: KillOptions): Promise<KillOutcome> {
  const source = await makeSource(options.from);
  const folder = await mkdtemp(join(tmpdir(), "millrace-kill-"));
  try {
    await buildSource(source.url, killTables[source.kind]);
    return await new Scenario(options, source, folder).run();
  } finally {
    await rm(folder, { recursive: true });
    await source.release();
  }
}

/** The pipeline of a kill. Many share a target, and DSQL takes ten schemas at most: names tell them apart. */
export function killPipeline(target: Target, source: TestSource, folder: string): PipelineFile {
  const unique = source.database;
  return {
    path: join(folder, "kill.yaml"),
    name: unique,
    sourceUrl: source.url,
    tables: allOf(source.kind),
    sink: target.sink,
    routes: [
      {
        "source-table": String.raw`${source.schema}.\.*`,
        "sink-table": `public.${unique}_<>`,
        "replace-symbol": "<>",
      },
    ],
    pipeline: { parallelism: 2 },
  };
}

/** What differs between the tables of a kill and what has arrived of them. */
export function compareKillTables(
  source: TestSource,
  target: Target,
): Promise<readonly Comparison[]> {
  const tables = killTables[source.kind].map(({ name }) => ({
    source: { schema: source.schema, name },
    target: { schema: "public", name: `${source.database}_${name}` },
  }));
  return compareDatabases(source.url, target.url, tables);
}

class Scenario {
  readonly #options: KillOptions;
  readonly #source: TestSource;
  readonly #file: PipelineFile;

  constructor(options: KillOptions, source: TestSource, folder: string) {
    this.#options = options;
    this.#source = source;
    const file = killPipeline(options.target, source, folder);
    this.#file =
      options.loseSlot === true
        ? { ...file, source: { "slot.name": file.name, "on-loss": "resync" } }
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
      different: await compareKillTables(this.#source, this.#options.target),
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
    const common = { url: this.#source.url, tables: killTables[this.#source.kind], numbers };
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
    const session = await openClient(this.#source.url);
    try {
      await session.query(`SELECT pg_drop_replication_slot('${this.#file.name}')`);
      await session.query("DELETE FROM k_int8 WHERE n % 3 = 0; DELETE FROM k_txt WHERE n % 5 = 0");
    } finally {
      await session.end();
    }
  }

  async #script(): Promise<void> {
    const client = await openClient(this.#source.url);
    try {
      for (const statement of new KillStatements(this.#source.kind).script()) {
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
