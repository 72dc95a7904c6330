/** One pipeline that dies many times, at failpoints and in phases that are chosen, and has to be equal at the end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../support/free-port.ts";
import type { Comparison } from "./compare.ts";
import { buildSource } from "./database.ts";
import { durablePhase } from "./durable-phase.ts";
import type { Kill, KillPhase } from "./kill-reach.ts";
import { isOfTheStart, nameOfKill, together } from "./kill-reach.ts";
import { compareKillTables, killPipeline } from "./kill-scenario.ts";
import { killTables } from "./kill-tables.ts";
import { KillWorkload } from "./kill-workload.ts";
import { MillraceProcess } from "./millrace-process.ts";
import type { PipelineFile } from "./pipeline-file.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import type { SampleTable } from "./sample-table.ts";
import { makeSource, type SourceKind, type TestSource } from "./sources.ts";
import type { Target } from "./targets.ts";

/** What a life is told. */
export interface KillLifeOptions {
  readonly from: SourceKind;
  readonly target: Target;
  readonly kills: readonly Kill[];
  readonly seed: number;
  /** Called after each kill. */
  readonly onKill?: (kill: Kill) => void;
}

/** What came of it. */
export interface KillLifeOutcome {
  /** Kills that happened, where the process itself said that it was. */
  readonly killed: readonly Kill[];
  /** Kills that were asked for and did not happen, with what the last process printed. */
  readonly missed: readonly string[];
  readonly different: readonly Comparison[];
  /** Every failpoint that was reached, with its phase. */
  readonly reached: ReadonlySet<string>;
}

const attempts = 2;
/** How often a pipeline is killed until it would begin in a phase: a commit may be the phase's last one. */
const mostKillsBefore = 8;
/** A place that so many rounds of the workload do not lead to is missed; on a busy machine a round takes minutes. */
const roundsEnough = 4;
const leastWaitMs = 60_000;
const mostWaitMs = 600_000;
/** Lives share two cores with others: a catch-up is slow then, and stuck only where nothing is told any more. */
const catchUpSilenceMs = 300_000;
const catchUpMostMs = 1_800_000;
/** What is reached at a start is reached before the pipeline runs; a little more for what follows the replay. */
const startGraceMs = 6000;
const lanes = [2, 3];

/** One table has many chunks in a life with loads, so that there is time to die while it is loaded. */
const tablesFor = ({ from, kills }: KillLifeOptions): readonly SampleTable[] =>
  kills.every(({ phase }) => phase === "SYNC")
    ? killTables[from]
    : killTables[from].map((table) =>
        table.name === "k_int8" ? { ...table, initialRows: 12_000 } : table,
      );

/** Lives a life to its end; everything it makes is removed. */
export async function runKillLife(options: KillLifeOptions): Promise<KillLifeOutcome> {
  const source = await makeSource(options.from);
  const folder = await mkdtemp(join(tmpdir(), "millrace-life-"));
  try {
    await buildSource(source.url, tablesFor(options));
    const file = killPipeline(options.target, source, folder);
    return await new Life(options, source, file).run();
  } finally {
    await rm(folder, { recursive: true });
    await source.release();
  }
}

class Life {
  readonly #options: KillLifeOptions;
  readonly #source: TestSource;
  readonly #file: PipelineFile;
  readonly #dice: Dice;
  readonly #workload: KillWorkload;
  readonly #killed: Kill[] = [];
  readonly #reached = new Set<string>();
  #starts = 0;
  #lanes = 0;

  constructor(options: KillLifeOptions, source: TestSource, file: PipelineFile) {
    this.#options = options;
    this.#source = source;
    this.#file = file;
    this.#dice = new Dice(options.seed);
    this.#workload = new KillWorkload({ source, dice: this.#dice, pipeline: file.name });
  }

  async run(): Promise<KillLifeOutcome> {
    const { kills, target } = this.#options;
    await writePipelineFile(this.#file);
    const missed: string[] = [];
    if (kills.every(({ phase }) => phase === "SYNC")) await this.#catchUp();
    for (let left = kills; left.length > 0;) {
      const [done, miss] = await this.#killOne(left);
      if (miss !== null) missed.push(miss);
      left = left.filter((kill) => kill !== done);
    }
    await this.#catchUp();
    // A schema change is seen with the next row of its table: without one, the last DROP COLUMN would not be.
    await this.#workload.writeLast();
    await this.#catchUp();
    const different = await compareKillTables(this.#source, target);
    return { killed: this.#killed, missed, different, reached: this.#reached };
  }

  /**
   * One process, armed with all kills that the same workload leads to: the first that is reached is done. Where none is,
   * the first that was asked for is missed, with what there is to say about it.
   */
  async #killOne(left: readonly Kill[]): Promise<readonly [Kill, string | null]> {
    const [first] = left;
    if (first === undefined) throw new Error("no kill is left");
    const group = left.filter((kill) => kill === first || together(kill, first));
    let said = "";
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      if (isOfTheStart(first.failpoint)) await this.#bringTo(first.phase);
      if (first.failpoint === "run.resized") await this.#changeLanes();
      const armed = group.map((kill) => armedWith(kill, attempt)).join(";");
      const run = await this.#runUntilDead(armed, first);
      const hit = group.find(({ failpoint }) => failpoint === run.killedAt?.failpoint);
      if (hit !== undefined && (!isEarly(hit) || (await this.#begins(hit.phase)))) {
        this.#count(hit);
        return [hit, null];
      }
      said = run.tail();
    }
    return [first, `${nameOfKill(first)}: ${said.slice(-1500)}`];
  }

  #count(kill: Kill): void {
    this.#killed.push(kill);
    this.#options.onKill?.(kill);
  }

  /** Whether a process that starts now would find its tables in that phase. */
  async #begins(phase: KillPhase): Promise<boolean> {
    if (this.#starts === 0) return phase === "INIT_SYNC";
    return (await durablePhase(this.#options.target.url, this.#file.name)) === phase;
  }

  /** Brings the pipeline to a phase, dead. */
  async #bringTo(phase: KillPhase): Promise<void> {
    for (let kills = 0; kills < mostKillsBefore && !(await this.#begins(phase)); kills += 1)
      await this.#killAnywhereIn(phase);
  }

  async #killAnywhereIn(phase: KillPhase): Promise<void> {
    const nth = this.#dice.between(1, phase === "SYNC" ? 2 : 6);
    const kill = { failpoint: "sink.after-commit", phase, nth };
    const run = await this.#runUntilDead(`${kill.failpoint}=kill@${nth}:${phase}`, kill);
    if (run.killedAt !== null) this.#count(kill);
  }

  async #runUntilDead(failpoints: string, kill: Kill): Promise<MillraceProcess> {
    const port = await findFreePort();
    const args = ["run", this.#file.path, "--json", "--listen", `127.0.0.1:${port}`];
    const run = new MillraceProcess(args, `${failpoints};*=tell`);
    this.#starts += 1;
    const ended = new AbortController();
    void run.ended.then(() => ended.abort());
    const enough = Promise.withResolvers<void>();
    let rounds = 0;
    const onRound = (): void => void ((rounds += 1) === roundsEnough && enough.resolve());
    const written = this.#workload.write({ run, port, kill, signal: ended.signal, onRound });
    const late = isOfTheStart(kill.failpoint)
      ? run.running.then(() => sleep(startGraceMs, ended.signal))
      : Promise.race([
          sleep(mostWaitMs, ended.signal),
          Promise.all([sleep(leastWaitMs, ended.signal), enough.promise]),
        ]);
    await Promise.race([run.ended, late]);
    if (run.isRunning) run.kill();
    await run.ended;
    await written;
    for (const reached of run.reached) this.#reached.add(reached);
    return run;
  }

  async #changeLanes(): Promise<void> {
    this.#lanes = (this.#lanes + 1) % lanes.length;
    await writePipelineFile({ ...this.#file, pipeline: { parallelism: lanes[this.#lanes] ?? 2 } });
  }

  async #catchUp(): Promise<void> {
    this.#starts += 1;
    const args = ["run", this.#file.path, "--json", "--listen", "off", "--until-caught-up"];
    const run = new MillraceProcess(args, "*=tell");
    const ending = await run.waitWhileTelling(catchUpSilenceMs, catchUpMostMs);
    if (ending.code !== 0)
      throw new Error(`a catch-up ended with ${JSON.stringify(ending)}:\n${run.tail()}`);
    for (const place of run.reached) this.#reached.add(place);
  }
}

/** The process cannot know its phase before it has taken over: the state at the sink tells afterwards. */
function isEarly({ failpoint }: Kill): boolean {
  return /^sink\.(before-takeover-commit|fence-raised)$/.test(failpoint);
}

function armedWith(kill: Kill, attempt: number): string {
  const nth = attempt === 1 ? (kill.nth ?? 1) : 1;
  return `${kill.failpoint}=kill@${nth}${isEarly(kill) ? "" : `:${kill.phase}`}`;
}

/** Until the signal at the latest. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
