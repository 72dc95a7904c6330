/** What is written, and asked of the pipeline, while a failpoint is armed: everything that could lead there. */
import type { Kill } from "./kill-reach.ts";
import { isOfDoubt, isOfTheStart } from "./kill-reach.ts";
import { KillStatements, killTables } from "./kill-tables.ts";
import type { MillraceProcess } from "./millrace-process.ts";
import { Dice } from "./random.ts";
import type { TestSource } from "./sources.ts";
import { lostRace, openClient, patiently } from "./sql-client.ts";
import { Numbers, writeSession } from "./writer.ts";

/** What a workload is made for. */
export interface KillWorkloadOptions {
  readonly source: TestSource;
  readonly dice: Dice;
  readonly pipeline: string;
}

/** A process that is to be killed, and until when it is written for. */
interface Armed {
  readonly run: MillraceProcess;
  /** Of its HTTP API. */
  readonly port: number;
  readonly kill: Kill;
  readonly signal: AbortSignal;
  /** All that leads there was done once more, and for a kill in SYNC its tables are SYNC again. */
  readonly onRound: () => void;
}

/** The least time in which a table that was loaded anew is SYNC again: the frontier row is written once a second. */
const calmMs = 1800;
const longestCalmMs = 20_000;
const stepMs = 40;
/** Each has its table loaded again: on a busy machine more of them come than can be met, and the end is minutes away. */
const RETYPED_ROUNDS = 2;

/** For a load the table with many chunks: nothing is handed over while it is read. For the hand-over the small ones. */
function loadedAgain({ failpoint, phase }: Kill): readonly string[] {
  if (phase === "HANDOVER") return ["s_keyless", "k_txt", "s_parts"];
  return [...(failpoint.startsWith("keyless.") ? ["s_keyless"] : []), "k_int8"];
}

/** Rows, each kind of barrier, key changes with TOAST, and loads. Goes on through the life of a source. */
export class KillWorkload {
  readonly #options: KillWorkloadOptions;
  readonly #statements: KillStatements;
  readonly #numbers = new Numbers();

  constructor(options: KillWorkloadOptions) {
    this.#options = options;
    this.#statements = new KillStatements(options.source.kind);
  }

  /** Writes until `signal`; loads begin again where the kill is to happen while there is something to load. */
  async write({ run, port, kill, signal, onRound }: Armed): Promise<void> {
    for (let round = 0; !signal.aborted; round += 1) {
      const work = [this.#rows(signal), this.#rows(signal)];
      if (isOfDoubt(kill.failpoint)) work.push(this.#doubts(signal));
      if (!isOfTheStart(kill.failpoint)) {
        await Promise.race([run.running, run.ended]);
        if (kill.phase === "INIT_SYNC") work.push(this.#loadAlone(run, port, kill, signal));
        else if (kill.phase === "HANDOVER") work.push(this.#loads(port, kill, signal));
        if (kill.phase === "HANDOVER" || (kill.phase === "SYNC" && round % 2 === 0))
          work.push(this.#barriers(kill, signal, round < RETYPED_ROUNDS));
        else if (kill.phase === "SYNC") work.push(calm(run, signal));
      }
      await Promise.all(work);
      if (!signal.aborted && (kill.phase !== "SYNC" || run.isSettled)) onRound();
    }
  }

  /** Barriers while one table is loaded and no other: without a rest some table would always be handed over. */
  async #loadAlone(
    run: MillraceProcess,
    port: number,
    kill: Kill,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#loads(port, kill, signal);
    await this.#barriers(kill, signal, false);
    await calm(run, signal);
  }

  /** What the last schema change may need to be told. */
  async writeLast(): Promise<void> {
    const n = this.#numbers.take(1);
    const session = await openClient(this.#options.source.url);
    try {
      await session.query(this.#statements.last(n));
    } finally {
      await session.end();
    }
  }

  async #rows(signal: AbortSignal): Promise<void> {
    const { source, dice } = this.#options;
    await writeSession({
      url: source.url,
      tables: killTables[source.kind],
      numbers: this.#numbers,
      dice: new Dice(dice.between(0, 1e9)),
      transactions: 8,
      largeRows: 200,
      pauseMs: 40,
      signal,
    });
  }

  /** To the end, but for what loses a race: that goes with its session. */
  async #doubts(signal: AbortSignal): Promise<void> {
    const first = this.#numbers.take(100);
    const session = await openClient(this.#options.source.url);
    try {
      for (const statement of this.#statements.doubts(first)) await session.query(statement);
    } catch (error) {
      if (!lostRace(error)) throw error;
    } finally {
      await session.end();
    }
    await pause(stepMs, signal);
  }

  async #barriers(kill: Kill, signal: AbortSignal, retypes: boolean): Promise<void> {
    const first = this.#numbers.take(100);
    const session = await openClient(this.#options.source.url);
    try {
      // A retyped column is loaded anew, and its table would be handed over all the time.
      const retype = kill.phase === "INIT_SYNC" || !retypes ? [] : this.#statements.retypes(first);
      const before = this.#statements.barriers(first);
      for (const statement of [...before, ...retype, ...this.#statements.ends(first)]) {
        // To the end: what is left out would be left out for good.
        await patiently(session, statement);
        await pause(stepMs, signal);
      }
    } finally {
      await session.end();
    }
  }

  async #loads(port: number, kill: Kill, signal: AbortSignal): Promise<void> {
    const base = `http://127.0.0.1:${port}/api/v1/pipelines/${this.#options.pipeline}/tables`;
    for (const table of loadedAgain(kill)) {
      // It may be killed before it answers; that is what this is for.
      await fetch(`${base}/${this.#options.source.schema}.${table}/resync`, {
        method: "POST",
        signal,
      }).catch(() => undefined);
      await pause(stepMs, signal);
    }
  }
}

/** What the last schema change sent through a load is SYNC again. */
async function calm(run: MillraceProcess, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + longestCalmMs;
  do await pause(calmMs, signal);
  while (!run.isSettled && !signal.aborted && Date.now() < deadline);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
