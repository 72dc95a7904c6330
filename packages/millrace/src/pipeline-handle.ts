import type { PipelineConfig } from "./config/pipeline-config.ts";
import { withPlace } from "./config/placed-error.ts";
import { formatNotice } from "./config/problem.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { makeTask, type MakerParts } from "./make-task.ts";
import { checkReload, type ReloadOutcome } from "./reload-check.ts";
import { statusBeforeStart } from "./status-before-start.ts";
import { toMillraceError } from "./errors/to-millrace-error.ts";
import { selectLetters, type LetterSelection } from "./letter-selection.ts";
import type { DeadLetter, ReplayOutcome } from "./model/dead-letter.ts";
import type { TableId } from "./model/table.ts";
import { logEvent } from "./observe/event-log.ts";
import { EventStream } from "./observe/event-stream.ts";
import { ChangeCounts } from "./pipeline/change-counts.ts";
import type { TaskEvent, TaskStatus } from "./pipeline/status.ts";
import type { Task } from "./pipeline/task-api.ts";

/** What happened to a pipeline, with its name and the time. */
export type PipelineEvent = TaskEvent & {
  readonly pipeline: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
};

/** What a pipeline is run with, beside its file. */
export interface PipelineParts extends Omit<MakerParts, "tell"> {
  readonly logEvents: boolean;
  /** Reads the file again, or what was given in its place. */
  readonly read: (input?: string | object) => PipelineConfig;
}

/** One life of a pipeline, from `start` to its end; `restart` goes on within it. */
interface Life {
  readonly ended: PromiseWithResolvers<void>;
  task: Task | null;
  restarting: boolean;
  /** Of the last restart: another task is there, or there will be none. */
  restarted: Promise<void>;
  readonly changeCounts: ChangeCounts;
  /** `stop` was called, perhaps before there was a task to stop. */
  stopping: boolean;
  /** Until `resume`, also over restarts. */
  paused: boolean;
}

/**
 * A pipeline: started, watched, steered and stopped from here. Methods that steer it, or ask it for what its task knows, throw
 * MillraceError MR_NOT_RUNNING while it does not run; those that take a table's name or dead letters throw MR_NOT_FOUND
 * where it has none of these.
 */
export class Pipeline {
  readonly name: string;
  #config: PipelineConfig;
  readonly #parts: PipelineParts;
  readonly #events: EventStream<PipelineEvent>;
  #life: Life | null = null;
  #done: Promise<void> = Promise.resolve();
  #lastStatus: TaskStatus;
  #reloading: Promise<unknown> = Promise.resolve();

  /** @internal Made by `loadPipeline`. */
  constructor(config: PipelineConfig, parts: PipelineParts) {
    this.name = config.name;
    this.#config = config;
    this.#parts = parts;
    this.#events = new EventStream((count) =>
      this.#stamped({ type: "notice", message: `${count} events were dropped` }),
    );
    this.#lastStatus = statusBeforeStart(config, parts.budget);
  }

  /** The file as it was read last, parsed, with its defaults. */
  get config(): PipelineConfig {
    return this.#config;
  }

  /** What the operator should know about a file that was accepted, a line for each thing. */
  get notices(): readonly string[] {
    return this.config.notices.map(formatNotice);
  }

  /**
   * Resolves when the pipeline has taken over and its log is open. An abort of `signal` stops it, now or later, as `stop` does.
   * @throws ConfigError when the source contradicts the file: nothing was touched then. MillraceError MR_USAGE when it runs
   * already, otherwise with what kept it from starting.
   */
  async start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#life !== null)
      throw new MillraceError("MR_USAGE", `pipeline ${this.name} is running already`);
    signal?.throwIfAborted();
    this.#events.reopen();
    const life: Life = {
      ended: Promise.withResolvers(),
      changeCounts: new ChangeCounts(),
      task: null,
      restarting: false,
      restarted: Promise.resolve(),
      stopping: false,
      paused: false,
    };
    // Whoever never asks for `done` has the error in the status and in the log.
    life.ended.promise.catch(() => {});
    this.#life = life;
    this.#lastStatus = { ...this.#lastStatus, state: "starting", error: null, unfinished: null };
    this.#done = life.ended.promise;
    const stop = () => void this.stop().catch(() => {});
    signal?.addEventListener("abort", stop, { once: true });
    void life.ended.promise
      .catch(() => {})
      .finally(() => signal?.removeEventListener("abort", stop));
    await this.#run(life);
  }

  /** Settles when the pipeline has ended: resolves after `stop`, rejects with the error that failed it. */
  get done(): Promise<void> {
    return this.#done;
  }

  /**
   * What happens from now on, until the pipeline ends; with `overRestarts` on and on, over each later `start`. A listener
   * that is too slow misses events, and a notice says how many.
   */
  events({
    overRestarts = false,
  }: { readonly overRestarts?: boolean } = {}): AsyncIterableIterator<PipelineEvent> {
    return this.#events.listen(overRestarts);
  }

  /** Resolves when every table is in SYNC and the log has been followed to where it stood then. Rejects when the pipeline ends first. */
  async caughtUp(): Promise<void> {
    const task = this.#task();
    const life = this.#life;
    const caughtUp = task.caughtUp();
    await caughtUp.catch(() => undefined);
    // What was stopped by a restart waits no longer, wherever it stood; the task behind it is asked then.
    await life?.restarted;
    if (life === this.#life && life?.task !== task) return this.caughtUp();
    await caughtUp;
  }

  /** How the pipeline stands; where it does not run, how it stood last. */
  status(): TaskStatus {
    const task = this.#life?.task ?? null;
    if (task !== null) this.#remember(task.status());
    return this.#lastStatus;
  }

  /**
   * Finishes what is under way, writes the frontier, lets go of the source, and resolves when all of it is done; at once where
   * nothing runs. Rejects with the error that failed the pipeline meanwhile.
   */
  async stop(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    life.stopping = true;
    await life.task?.stop();
    await life.ended.promise;
  }

  /**
   * Reads nothing more until `resume`, also over `restart` and `reload`, and where it only starts yet; what is on its way to the
   * sink is written. The end of the process, and `stop`, end a pause.
   */
  async pause(): Promise<void> {
    const life = this.#alive();
    life.paused = true;
    await life.task?.pause();
  }

  /** Ends a `pause`. */
  async resume(): Promise<void> {
    const life = this.#alive();
    life.paused = false;
    await life.task?.resume();
  }

  /** Has a table loaded again, named as at the source (`schema.table`). Resolves once that has begun. */
  async resync(table: string): Promise<void> {
    await this.#task().resync(this.#table(table));
  }

  /**
   * Takes one table out of the way: its load ends, its changes are left out, those of the others go on. Durable when it
   * resolves, also over restarts.
   */
  async pauseTable(table: string): Promise<void> {
    await this.#task().pauseTable(this.#table(table));
  }

  /** Brings a paused table back: it is loaded again in the shape that the source has now, and rows that are gone there are deleted. */
  async resumeTable(table: string): Promise<void> {
    await this.#task().resumeTable(this.#table(table));
  }

  /**
   * Reads the file again and goes on with its tables, routes and transforms as they are now: tables that come are loaded
   * beside the running log, tables that leave are let go of. `input` takes the file's place.
   * @throws ConfigError or MillraceError with everything that is wrong: nothing is changed then.
   */
  reload(input?: string | object): Promise<ReloadOutcome> {
    const reload = this.#reloading.catch(() => undefined).then(() => this.#reload(input));
    this.#reloading = reload;
    return reload;
  }

  async #reload(input: string | object | undefined): Promise<ReloadOutcome> {
    const beginning = this.#task().beginning?.() ?? [];
    const next = this.#parts.read(input);
    const told = this.status().tables.map(({ id }) => id);
    const has = { tables: told, beginning };
    const outcome = await checkReload(this.#config, next, has, this.#makers);
    if (!outcome.changed) return outcome;
    this.#config = next;
    await this.restart();
    return outcome;
  }

  #table(name: string): TableId {
    const found = this.status().tables.find(({ id }) => id === name);
    if (found !== undefined) return found.id;
    throw new MillraceError("MR_NOT_FOUND", `pipeline ${this.name} has no table ${name}`);
  }

  /** Rows that the sink refused, the oldest first. `readDeadLetters` gives them while the pipeline does not run. */
  deadLetters(): readonly DeadLetter[] {
    return this.#task().deadLetters();
  }

  /** Reads the rows of dead letters from the source again and writes them; one outcome for each letter. */
  async replayDeadLetters(selection: LetterSelection): Promise<readonly ReplayOutcome[]> {
    const letters = this.#selected(selection);
    return this.#task().replay(letters.map(({ id }) => id));
  }

  /** Removes dead letters, and gives those that it removed. Their rows stay as the sink has them, and differ from the source's until they change. */
  async discardDeadLetters(selection: LetterSelection): Promise<readonly DeadLetter[]> {
    const letters = this.#selected(selection);
    return this.#task().discard(letters.map(({ id }) => id));
  }

  #selected(selection: LetterSelection): readonly DeadLetter[] {
    const letters = selectLetters(this.deadLetters(), selection);
    // A name that is no table's is a slip, not a table without letters.
    if ("table" in selection && letters.length === 0) this.#table(selection.table);
    return letters;
  }

  /** Stops the pipeline and starts it again from the state at its sink, paused where it was; starts it where it has failed or never ran. */
  async restart(): Promise<void> {
    const life = this.#life;
    if (life === null || life.task === null) return this.start();
    const restart = this.#again(life, life.task);
    life.restarted = restart.catch(() => {});
    await restart;
  }

  async #again(life: Life, task: Task): Promise<void> {
    life.restarting = true;
    await task.stop().catch(() => {});
    await task.done.catch(() => {});
    life.restarting = false;
    if (life.stopping) this.#end(life, null);
    else await this.#run(life);
  }

  #alive(): Life {
    if (this.#life !== null) return this.#life;
    throw new MillraceError("MR_NOT_RUNNING", `pipeline ${this.name} is not running`);
  }

  #task(): Task {
    const { task } = this.#alive();
    if (task !== null) return task;
    throw new MillraceError(
      "MR_NOT_RUNNING",
      `pipeline ${this.name} is starting, and has no tables yet`,
      { remedy: "Ask again once it runs: `millrace status` tells." },
    );
  }

  async #run(life: Life): Promise<void> {
    try {
      const { task, close } = await makeTask(
        this.config,
        { ...this.#makers, changeCounts: life.changeCounts },
        life.task !== null,
      );
      life.task = task;
      if (life.paused) await task.pause();
      task.done.then(
        () => this.#taskEnded(life, task, null),
        (error: unknown) => this.#taskEnded(life, task, error),
      );
      // A stop that came while the source was being asked found no task to stop.
      if (life.stopping) {
        await task.stop();
        await close();
      } else await task.start();
    } catch (thrown) {
      const error = thrown instanceof MillraceError ? withPlace(thrown, this.config) : thrown;
      this.#end(life, life.stopping ? null : error);
      if (!life.stopping) throw error;
    }
  }

  get #makers(): MakerParts {
    return { ...this.#parts, tell: (event) => this.#tell(event) };
  }

  /** Between two runs and after its end a task knows no tables; what they last were is worth more than nothing. */
  #remember(status: TaskStatus): void {
    const { tables } = this.#lastStatus;
    this.#lastStatus = status.tables.length > 0 ? status : { ...status, tables };
  }

  #tell(event: TaskEvent): void {
    if (event.type === "state") this.status();
    if (this.#parts.logEvents) logEvent(this.#parts.log, event);
    this.#events.push(this.#stamped(event));
  }

  #stamped(event: TaskEvent): PipelineEvent {
    return { pipeline: this.name, atMs: this.#parts.clock.now(), ...event };
  }

  #taskEnded(life: Life, task: Task, error: unknown): void {
    this.#remember(task.status());
    if (life.restarting || life.task !== task) return;
    this.#end(life, error);
  }

  #end(life: Life, error: unknown): void {
    if (this.#life !== life) return;
    this.#life = null;
    if (error === null) life.ended.resolve();
    else {
      const failure = toMillraceError(error, "MR_BUG");
      const { code, message, remedy } = failure;
      this.#lastStatus = {
        ...this.#lastStatus,
        state: failure.class === "fenced" ? "fenced" : "failed",
        error: { code, message, remedy },
      };
      life.ended.reject(failure);
    }
    this.#events.end();
  }
}
