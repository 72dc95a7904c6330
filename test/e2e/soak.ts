/** One pipeline under constant load, to which everything happens that does happen, for as long as is wanted. */
import { readFile } from "node:fs/promises";
import type { Comparison } from "./compare.ts";
import type { Point } from "./linear-fit.ts";
import { runToEnd } from "./millrace-process.ts";
import { makeOwnTarget, type OwnTarget } from "./own-target.ts";
import type { Dice } from "./random.ts";
import type { TargetKind } from "./targets.ts";
import type { SourceKind } from "./sources.ts";
import { startWiredFrom } from "./start-wired.ts";
import type { WiredPipeline, WiredServer } from "./wired-pipeline.ts";

/** How a soak is wanted. */
export interface SoakOptions {
  readonly from: SourceKind;
  readonly kind: TargetKind;
  readonly minutes: number;
  readonly seed: number;
  /** Seconds from one fault to the next, on average. */
  readonly faultSeconds: number;
  /** Told of each fault, and of each minute. */
  readonly say: (text: string) => void;
}

/** What was measured; `at` is minutes since the beginning. */
export interface SoakOutcome {
  /** Resident memory, MiB; each life of the process is a group, without its first minute. */
  readonly memory: readonly Point[];
  /** What the slot keeps of the source's log, MiB; nothing where the source keeps its log for itself. */
  readonly retained: readonly Point[];
  /** How old the oldest of that is, seconds: unlike its size it does not grow where the source's sessions write faster. */
  readonly retainedAge: readonly Point[];
  /** From COMMIT at the source until it is seen at the sink, ms, where nothing had happened. */
  readonly lag: readonly Point[];
  /** From the end of a fault until what is committed then is seen, ms. */
  readonly recoveries: readonly number[];
  readonly faults: Readonly<Record<FaultName, number>>;
  readonly different: readonly Comparison[];
}

/** What can happen, with how often. */
const FAULTS = [
  [3, "kill"],
  [4, "cut source"],
  [4, "cut sink"],
  [4, "lose commit"],
  [1, "restart source"],
  [1, "restart sink"],
] as const;

/** One of them. */
export type FaultName = (typeof FAULTS)[number][1];

const SAMPLE_MS = 2000;
/** Of each of two sessions: a pace that a busy machine holds too, so that nothing grows because others left. */
const TRANSACTION_EVERY_MS = 50;
/** A process takes its memory in its first minute, and this is not about that. */
const WARM_MINUTES = 1;
/** What takes longer stands still; on a machine that others fill, two minutes were seen that were none of ours. */
const BACK_MS = 600_000;
/** A soak may share its machine; nothing here is black-holed, so that patience hides nothing. */
const SOURCE_BOUNDS = { "connect.timeout": "20s", "read.timeout": "30s" };
const SINK_BOUNDS = { "connect-timeout-ms": 20_000, "request-timeout-ms": 30_000 };
const MIB = 1024 * 1024;

/** Soaks one pipeline; removes everything that it made. */
export async function soak(options: SoakOptions): Promise<SoakOutcome> {
  const target = await makeOwnTarget(options.kind);
  const { from, kind, seed } = options;
  const bounds = { source: SOURCE_BOUNDS, sink: SINK_BOUNDS };
  const pipeline = await startWiredFrom(from, { kind, seed, target, ...bounds });
  try {
    await pipeline.loaded(BACK_MS);
    return await new Soak(options, pipeline, target).run();
  } finally {
    await pipeline.release();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #pipeline: WiredPipeline<WiredServer>;
  readonly #target: OwnTarget;
  readonly #dice: Dice;
  readonly #beganMs = performance.now();
  #life = { number: 0, beganMs: performance.now() };
  readonly #memory: Point[] = [];
  readonly #retained: Point[] = [];
  readonly #retainedAge: Point[] = [];
  /** Where the log's end was, bytes, by the minute in which that was seen. */
  readonly #ends: Point[] = [];
  readonly #lag: Point[] = [];
  readonly #recoveries: number[] = [];
  readonly #faults: Record<FaultName, number> = {
    kill: 0,
    "cut source": 0,
    "cut sink": 0,
    "lose commit": 0,
    "restart source": 0,
    "restart sink": 0,
  };

  constructor(options: SoakOptions, pipeline: WiredPipeline<WiredServer>, target: OwnTarget) {
    this.#options = options;
    this.#pipeline = pipeline;
    this.#target = target;
    this.#dice = pipeline.dice;
  }

  async run(): Promise<SoakOutcome> {
    const { minutes, faultSeconds } = this.#options;
    this.#pipeline.write(TRANSACTION_EVERY_MS);
    let nextFault = this.#in(faultSeconds);
    while (this.#minutes < minutes) {
      if (this.#minutes >= nextFault) {
        await this.#strike(this.#dice.weighted(FAULTS));
        nextFault = this.#in(faultSeconds);
      } else await this.#sample();
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
    const different = await this.#pipeline.differences(BACK_MS);
    // Another code's look at the same: what an operator has.
    await runToEnd(["verify", this.#pipeline.file], 600_000);
    return {
      memory: this.#memory,
      retained: this.#retained,
      retainedAge: this.#retainedAge,
      lag: this.#lag,
      recoveries: this.#recoveries,
      faults: this.#faults,
      different,
    };
  }

  get #minutes(): number {
    return (performance.now() - this.#beganMs) / 60_000;
  }

  /** A moment about so many seconds from now, in minutes. */
  #in(seconds: number): number {
    return this.#minutes + (seconds * (0.5 + this.#dice.next())) / 60;
  }

  async #sample(): Promise<void> {
    this.#lag.push({ at: this.#minutes, value: await this.#pipeline.arrived(BACK_MS) });
    if (this.#options.from === "postgres") await this.#sampleSlot();
    const { number, beganMs } = this.#life;
    if (performance.now() - beganMs < WARM_MINUTES * 60_000) return;
    const status = await readFile(`/proc/${this.#pipeline.process.pid}/status`, "utf8");
    const kib = Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1] ?? Number.NaN);
    this.#memory.push({ at: this.#minutes, value: kib / 1024, group: number });
  }

  async #sampleSlot(): Promise<void> {
    const [row] = await this.#pipeline.server.query(
      `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS "end",
         pg_wal_lsn_diff(min(restart_lsn), '0/0')::float8 AS kept
       FROM pg_replication_slots WHERE slot_type = 'logical'`,
    );
    const [at, end, kept] = [this.#minutes, Number(row?.["end"]), Number(row?.["kept"])];
    this.#retained.push({ at, value: (end - kept) / MIB });
    this.#ends.push({ at, value: end });
    const then = this.#ends.findLast(({ value }) => value <= kept);
    if (then !== undefined) this.#retainedAge.push({ at, value: (at - then.at) * 60 });
  }

  /** Lets it happen, and waits until the pipeline has recovered. */
  async #strike(fault: FaultName): Promise<void> {
    await this.#happen(fault);
    this.#faults[fault] += 1;
    const tookMs = await this.#pipeline.arrived(BACK_MS);
    this.#recoveries.push(tookMs);
    const at = this.#minutes.toFixed(1);
    this.#options.say(
      `${this.#options.kind} ${at} min: ${fault}, back in ${Math.round(tookMs)} ms`,
    );
  }

  async #happen(fault: FaultName): Promise<void> {
    const pipeline = this.#pipeline;
    const pause = (): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, this.#dice.between(0, 1000)));
    switch (fault) {
      case "kill":
        pipeline.process.kill();
        await pipeline.process.ended;
        pipeline.process = pipeline.start();
        this.#life = { number: this.#life.number + 1, beganMs: performance.now() };
        return;
      case "cut source":
        pipeline.atSource.strike({ kind: "cut" });
        return;
      case "cut sink":
        pipeline.atSink.strike({ kind: "cut" });
        return;
      case "lose commit": {
        const landsAfterMs = this.#dice.pick([0, 300, null]);
        const lost = { kind: "lose-commit", landsAfterMs, client: "cut" } as const;
        await pipeline.atSink.arm({ trigger: { at: "commit" }, fault: lost }).wait(BACK_MS);
        return;
      }
      case "restart source":
        await pipeline.server.kill();
        await pause();
        await pipeline.server.start();
        // It took its writers along.
        await pipeline.rest();
        pipeline.write(TRANSACTION_EVERY_MS);
        return;
      case "restart sink":
        await this.#target.kill();
        await pause();
        await this.#target.start();
        return;
    }
  }
}
