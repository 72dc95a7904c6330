import { MillraceError } from "../errors/millrace-error.ts";
import { isBug } from "../errors/own-fault.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import type { Json, Position } from "../model/position.ts";
import type { TableId } from "../model/table.ts";
import { catchUp } from "./caught-up.ts";
import { ChangeCounts } from "./change-counts.ts";
import { watchedBy } from "./observer.ts";
import { Outage } from "./outage.ts";
import { RetentionWatch } from "./retention-watch.ts";
import { Run } from "./run.ts";
import { RunFailures } from "./run-failures.ts";
import { SourceClock } from "./source-clock.ts";
import type { TableStatus, TaskState, TaskStatus } from "./status.ts";
import { LoadControl } from "./load-control.ts";
import { LoadTurns } from "./load-turns.ts";
import type { RunningTask, Task, TaskParts } from "./task-api.ts";
import { TaskRequests } from "./task-requests.ts";
import { taskStatus } from "./task-status.ts";
import { refuseLeftOut } from "./stop-table.ts";
import { Waits } from "./waits.ts";

const STOP_GRACE_MS = 8_000;
/** A run that worked this long starts the back-off from the beginning. */
const STEADY_MS = 60_000;
/** A run that worked this long has left behind what made it necessary. */
const RECOVERED_MS = 2_000;

/** There will be no other run. */
const OVER: ReadonlySet<TaskState> = new Set(["failed", "fenced", "stopped"]);

/** Makes a task; nothing happens until `start`. */
export function createTask(parts: TaskParts): Task {
  return new PipelineTask(parts);
}

/**
 * Runs a pipeline, run after run: what can be retried begins again with a takeover; a fence, a loss, a refusal or a
 * broken invariant ends it. A fenced task never restarts itself (I5).
 */
class PipelineTask implements Task {
  readonly done: Promise<void>;
  readonly #parts: RunningTask & Required<Pick<TaskParts, "explain">>;
  readonly #ended = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  readonly #outage: Outage;
  readonly #retention: RetentionWatch;
  readonly #sourceClock: SourceClock;
  readonly #failures: RunFailures;
  readonly #requests = new TaskRequests();
  #run: Run | null = null;
  #abort = new AbortController();
  /** Aborts when the task is to stop, whichever run it is in or between. */
  readonly #halt = new AbortController();
  #state: TaskState = "stopped";
  #error: TaskStatus["error"] = null;
  #unfinished: string | null = null;
  /** Of the source, once a run has compared it with what is kept at the sink. */
  /** Of the last run, for whoever asks between two and behind the end. */
  #lastTables: readonly TableStatus[] = [];
  #identity: Json | null = null;
  #stopping = false;
  #paused = false;
  /** The state that was told last. */
  #told: TaskState = "stopped";
  #logEnd: Position | null = null;
  /** When the frontier moved last, as of the end of the last run; monotonic. */
  #progressMs: number;

  constructor(parts: TaskParts) {
    const { clock, observer, settings, explain = (error: MillraceError) => error } = parts;
    this.#progressMs = clock.monotonic();
    this.#outage = new Outage({ clock, tell: (event) => observer.event(event) });
    const { maxRowsPerSecond, maxBytesPerSecond, loadGivesWay } = settings;
    const turns = parts.loadTurns ?? new LoadTurns(clock, loadGivesWay);
    const bounds = { maxRowsPerSecond, maxBytesPerSecond };
    const load = new LoadControl(bounds, clock, { rate: parts.loadRate, turns });
    this.#sourceClock = new SourceClock(clock);
    const watched = watchedBy(this.#outage, observer, explain, this.#sourceClock);
    this.#parts = {
      ...parts,
      explain,
      observer: watched,
      load,
      waits: new Waits(clock),
      changeCounts: parts.changeCounts ?? new ChangeCounts(),
    };
    this.#failures = new RunFailures(this.#parts);
    const giveUp = (why: MillraceError) => this.#giveUp(why);
    const sourceClock = this.#sourceClock;
    this.#retention = new RetentionWatch({
      ...this.#parts,
      sourceClock,
      giveUp,
      failed: (thrown) => this.#failWithBug(thrown),
    });
    this.done = this.#ended.promise;
    this.done.catch(() => undefined);
    this.#started.promise.catch(() => undefined);
  }

  start(): Promise<void> {
    if (this.#state !== "stopped" || this.#stopping)
      return Promise.reject(new MillraceError("MR_BUG", "the task was started already"));
    this.#to("starting");
    void this.#supervise();
    void this.#retention.run(this.#halt.signal);
    return this.#started.promise;
  }

  async caughtUp(): Promise<void> {
    const isOver = () => OVER.has(this.#state);
    const { signal } = this.#halt;
    if (!(await catchUp({ ...this.#parts, run: () => this.#run, isOver, signal })))
      return this.done;
    refuseLeftOut(this.status().tables);
    this.#parts.observer.event({ type: "caught-up" });
  }

  status(): TaskStatus {
    const run = this.#run;
    return taskStatus(this.#parts, {
      run,
      lastTables: this.#lastTables,
      state: this.#state,
      isPaused: this.#paused,
      error: this.#error,
      unfinished: this.#unfinished,
      outage: this.#outage,
      retention: this.#retention,
      sourceClock: this.#sourceClock,
      retries: this.#failures.retries,
      logEnd: this.#logEnd,
      progressAgeMs: run?.progressAgeMs() ?? this.#parts.clock.monotonic() - this.#progressMs,
    });
  }

  async stop(): Promise<void> {
    if (this.#stopping) return this.done.catch(() => undefined);
    this.#stopping = true;
    this.#halt.abort(new Error("stopped"));
    if (this.#state === "stopped") this.#ended.resolve();
    if (this.#state === "starting" || this.#state === "running") this.#to("stopping");
    const run = this.#run;
    if (run === null) this.#abort.abort(new Error("stopped"));
    const finished = run === null ? this.#outage.current === null : await run.stop(STOP_GRACE_MS);
    if (!finished) this.#unfinished = this.#whatIsUnfinished();
    await this.done.catch(() => undefined);
  }

  #whatIsUnfinished(): string {
    const why = this.#outage.current?.message;
    return `not everything that was read became durable at the sink${why === undefined ? ` within ${STOP_GRACE_MS / 1000} s` : `: ${why}`}`;
  }

  async pause(): Promise<void> {
    this.#paused = true;
    this.#run?.pause();
    this.#tellState();
    await Promise.resolve();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#run?.resume();
    this.#tellState();
    await Promise.resolve();
  }

  resync(table: TableId): Promise<void> {
    return this.#refusedLogOnly() ?? this.#asked(table, "resync", this.#requests.resync(table));
  }

  pauseTable(table: TableId): Promise<void> {
    return this.#refusedLogOnly() ?? this.#asked(table, "pause", this.#requests.pauseTable(table));
  }

  resumeTable(table: TableId): Promise<void> {
    return (
      this.#refusedLogOnly() ?? this.#asked(table, "resume", this.#requests.resumeTable(table))
    );
  }

  /** What is asked of a table of a paused pipeline can be seen until it begins. */
  async #asked(table: TableId, what: "resync" | "pause" | "resume", work: Promise<void>) {
    const name = `asked/${what}/${table}`;
    const why = `its ${what} was accepted, and begins after the pipeline's resume`;
    const { waits } = this.#parts;
    if (this.#paused) waits.begin(name, { what: "table", reason: "paused", table, why });
    try {
      await work;
    } finally {
      waits.end(name);
    }
  }

  deadLetters(): readonly DeadLetter[] {
    return this.#requests.deadLetters();
  }

  replay(ids: readonly string[]): Promise<readonly ReplayOutcome[]> {
    return this.#refusedLogOnly() ?? this.#requests.replay(ids);
  }

  /** What was read of a topic is not read once more. */
  #refusedLogOnly(): Promise<never> | null {
    if (this.#parts.source.isLogOnly !== true) return null;
    const why = "rows of a topic cannot be asked for";
    return Promise.reject(new MillraceError("MR_LOG_ONLY", why));
  }

  discard(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    return this.#requests.discard(ids);
  }

  async #supervise(): Promise<void> {
    let failure: MillraceError | null = null;
    for (let attempt = 0; failure === null && !this.#stopping;) {
      const began = this.#parts.clock.monotonic();
      try {
        await this.#once();
      } catch (thrown) {
        if (this.#stopping) break;
        if (this.#parts.clock.monotonic() - began > STEADY_MS) attempt = 0;
        failure = await this.#failures.after(thrown, attempt++, this.#halt.signal);
      }
    }
    await this.#finish(failure);
  }

  /** One run, from takeover to its end. */
  async #once(): Promise<void> {
    this.#abort = new AbortController();
    const run = await Run.begin(this.#parts, this.#abort, this.#failures.loss);
    this.#failures.met();
    this.#identity = run.identity;
    this.#run = run;
    this.#requests.now(run);
    if (this.#paused) run.pause();
    if (!this.#stopping) this.#to("running");
    this.#started.resolve();
    void this.#watchLogEnd(this.#abort.signal);
    void this.#watchRecovery(this.#abort.signal);
    try {
      if (this.#stopping) await run.stop(0);
      await run.work(); // also closes what `begin` opened
    } finally {
      this.#progressMs = this.#parts.clock.monotonic() - run.progressAgeMs();
      this.#lastTables = this.status().tables;
      this.#run = null;
      this.#parts.changeCounts.add(run.tables.values());
      this.#requests.now(null);
    }
  }

  /**
   * The log is given up. A run meets that as any loss, with a log made anew; between runs nobody reads it, and that a
   * sink cannot be reached is no reason to keep it: the next run finds it gone. Not before a run has compared the source
   * with the one that the pipeline began with, which only the sink knows: what is kept might be somebody else's.
   */
  async #giveUp(why: MillraceError): Promise<"done" | "not-yet"> {
    if (this.#run !== null) this.#run.fail(why);
    else if (this.#identity === null) return "not-yet";
    else await this.#parts.source.letGo?.(this.#identity);
    return "done";
  }

  /** A look beside the work that our own code fails in would fail in silence for ever. */
  #failWithBug(thrown: unknown): void {
    if (isBug(thrown)) this.#run?.fail(toMillraceError(thrown, "MR_BUG"));
  }

  async #watchLogEnd(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.source.logEnd().then(
        (end) => {
          this.#logEnd = end;
        },
        (thrown: unknown) => this.#failWithBug(thrown), // any other the reader meets too, and says so
      );
      await this.#parts.clock.sleep(1_000, signal).catch(() => undefined);
    }
  }

  async #watchRecovery(signal: AbortSignal): Promise<void> {
    if (this.#outage.current === null) return;
    await this.#parts.clock.sleep(RECOVERED_MS, signal).then(
      () => this.#outage.over(),
      () => undefined,
    );
  }

  async #finish(failure: MillraceError | null): Promise<void> {
    this.#halt.abort(new Error("the task has ended"));
    this.#requests.end();
    await this.#parts.source.close().catch(() => undefined);
    await this.#parts.sink.close().catch(() => undefined);
    if (failure === null) {
      this.#to("stopped");
      this.#started.reject(
        new MillraceError("MR_NOT_RUNNING", "the pipeline was stopped before it ran"),
      );
      this.#ended.resolve();
      return;
    }
    this.#error = { code: failure.code, message: failure.message, remedy: failure.remedy };
    this.#to(failure.class === "fenced" ? "fenced" : "failed");
    this.#started.reject(failure);
    this.#ended.reject(failure);
  }

  #to(state: TaskState): void {
    this.#state = state;
    this.#tellState();
  }

  /** Once: each run within a task begins by saying that it is running. */
  #tellState(): void {
    const state = this.#paused && this.#state === "running" ? "paused" : this.#state;
    if (state === this.#told) return;
    this.#told = state;
    this.#parts.observer.event({
      type: "state",
      state,
      ...(this.#error === null ? {} : { error: this.#error }),
    });
  }
}
