import { MillraceError } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import type { Json, Position } from "../model/position.ts";
import type { TableId } from "../model/table.ts";
import { Admission } from "./admission.ts";
import { catchUp } from "./caught-up.ts";
import { RestartNeeded } from "./committer.ts";
import { watchedBy } from "./observer.ts";
import { Outage } from "./outage.ts";
import { backoffMs } from "./retry.ts";
import { RetentionWatch } from "./retention-watch.ts";
import { Run } from "./run.ts";
import { SourceClock } from "./source-clock.ts";
import type { TaskState, TaskStatus } from "./status.ts";
import { LoadControl } from "./load-control.ts";
import type { RunningTask, Task, TaskParts } from "./task-api.ts";
import { TaskRequests } from "./task-requests.ts";
import { refuseLeftOut } from "./stop-table.ts";
import { allWaits, Waits } from "./waits.ts";

const STOP_GRACE_MS = 8_000;
const RESTART_CAP_MS = 15_000;
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
  readonly #retries: Record<string, number> = {};
  readonly #outage: Outage;
  readonly #retention: RetentionWatch;
  readonly #sourceClock: SourceClock;
  readonly #requests = new TaskRequests();
  #run: Run | null = null;
  #abort = new AbortController();
  /** Aborts when the task is to stop, whichever run it is in or between. */
  readonly #halt = new AbortController();
  #state: TaskState = "stopped";
  #error: TaskStatus["error"] = null;
  #unfinished: string | null = null;
  /** What a running log has lost, until a run has met it (I8). */
  #loss: MillraceError | null = null;
  /** Of the source, once a run has compared it with what is kept at the sink. */
  #identity: Json | null = null;
  #stopping = false;
  #paused = false;
  #logEnd: Position | null = null;

  constructor(parts: TaskParts) {
    const { clock, observer, settings, explain = (error: MillraceError) => error } = parts;
    this.#outage = new Outage({ clock, tell: (event) => observer.event(event) });
    const { maxRowsPerSecond, maxBytesPerSecond } = settings;
    const load = new LoadControl({ maxRowsPerSecond, maxBytesPerSecond }, clock);
    this.#sourceClock = new SourceClock(clock);
    const watched = watchedBy(this.#outage, observer, explain, this.#sourceClock);
    this.#parts = {
      ...parts,
      explain,
      observer: watched,
      load,
      admission: new Admission(),
      waits: new Waits(clock),
    };
    const giveUp = (why: MillraceError) => this.#giveUp(why);
    const sourceClock = this.#sourceClock;
    this.#retention = new RetentionWatch({ ...this.#parts, sourceClock, giveUp });
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
    if (!(await catchUp({ ...this.#parts, run: () => this.#run, isOver }))) return this.done;
    refuseLeftOut(this.status().tables);
    this.#parts.observer.event({ type: "caught-up" });
  }

  status(): TaskStatus {
    const run = this.#run;
    const durable = run?.frontier.durable ?? null;
    const lagBytes =
      durable !== null && this.#logEnd !== null
        ? this.#parts.source.bytesBetween(durable.position, this.#logEnd)
        : null;
    return {
      pipeline: this.#parts.pipeline,
      state: this.#shownState(),
      error: this.#error,
      retrying: this.#outage.current,
      unfinished: this.#unfinished,
      fence: run?.fence ?? null,
      tables:
        run === null
          ? []
          : [...run.tables.values()].map((table) => table.status(run.book.countOf(table.id))),
      channels: run === null ? [] : run.channels(),
      lagMs: this.#lagMs(run, lagBytes),
      lagBytes: lagBytes === null ? null : Math.max(0, lagBytes),
      progressAgeMs: run?.progressAgeMs() ?? 0,
      waits: allWaits({ ...this.#parts, outage: this.#outage }),
      load: this.#parts.load.status(),
      retention: this.#retention.status(),
      bufferBytes: this.#parts.budget.usedBytes,
      bufferLimitBytes: this.#parts.budget.limitBytes,
      retries: { ...this.#retries },
      identity: run?.identity ?? null,
    };
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

  #shownState(): TaskState {
    if (this.#state !== "running" && this.#state !== "starting") return this.#state;
    if (this.#outage.current !== null) return "retrying";
    return this.#paused && this.#state === "running" ? "paused" : this.#state;
  }

  async pause(): Promise<void> {
    this.#paused = true;
    this.#run?.pause();
    this.#parts.observer.event({ type: "state", state: "paused" });
    await Promise.resolve();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#run?.resume();
    this.#parts.observer.event({ type: "state", state: this.#state });
    await Promise.resolve();
  }

  resync(table: TableId): Promise<void> {
    return this.#requests.resync(table);
  }

  pauseTable(table: TableId): Promise<void> {
    return this.#requests.pauseTable(table);
  }

  resumeTable(table: TableId): Promise<void> {
    return this.#requests.resumeTable(table);
  }

  deadLetters(): readonly DeadLetter[] {
    return this.#requests.deadLetters();
  }

  replay(ids: readonly string[]): Promise<readonly ReplayOutcome[]> {
    return this.#requests.replay(ids);
  }

  discard(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    return this.#requests.discard(ids);
  }

  #lagMs(run: Run | null, lagBytes: number | null): number | null {
    const sourceTime = run?.frontier.durable.sourceTimeMs ?? null;
    if (lagBytes !== null && lagBytes <= 0) return 0;
    return sourceTime === null ? null : this.#sourceClock.ageMs(sourceTime);
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
        failure = await this.#afterFailure(thrown, attempt++);
      }
    }
    await this.#finish(failure);
  }

  /** One run, from takeover to its end. */
  async #once(): Promise<void> {
    this.#abort = new AbortController();
    const run = await Run.begin(this.#parts, this.#abort, this.#loss);
    this.#loss = null;
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
      this.#run = null;
      this.#requests.now(null);
    }
  }

  /** Null to begin again, after a wait; else what the task fails with. */
  async #afterFailure(thrown: unknown, attempt: number): Promise<MillraceError | null> {
    if (thrown instanceof RestartNeeded) {
      // What needed a takeover may need the next one too: never without a wait.
      const pauseMs = backoffMs(attempt, 20, RESTART_CAP_MS, this.#parts.random);
      await this.#parts.clock.sleep(pauseMs, this.#halt.signal).catch(() => undefined);
      return null;
    }
    const error = this.#parts.explain(toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION"));
    const { code } = error;
    this.#retries[code] = (this.#retries[code] ?? 0) + 1;
    const isMet = error.class === "loss" && this.#loss === null && this.#mayResync;
    // The log that told of the loss would tell of it again: the next run makes it anew.
    if (isMet) this.#loss = error;
    const again =
      isMet ||
      error.class === "transient" ||
      error.class === "conflict" ||
      error.class === "unknown-outcome" ||
      error.class === "schema";
    const waitMs = backoffMs(attempt, 100, RESTART_CAP_MS, this.#parts.random);
    this.#parts.observer.failed({ code, class: error.class, ...(again ? { error, waitMs } : {}) });
    if (!again) return error;
    await this.#parts.clock.sleep(waitMs, this.#halt.signal).catch(() => undefined);
    return null;
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

  get #mayResync(): boolean {
    return this.#parts.settings.onLoss === "resync";
  }

  async #watchLogEnd(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.source.logEnd().then(
        (end) => {
          this.#logEnd = end;
        },
        () => undefined, // the reader meets the same failure and says so
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
    this.#parts.observer.event({
      type: "state",
      state,
      ...(this.#error === null ? {} : { error: this.#error }),
    });
  }
}
