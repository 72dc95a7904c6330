import type { ErrorClass, MillraceError } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { TableId } from "../model/table.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { TaskObserver } from "./observer.ts";
import { backoffMs } from "./retry.ts";
import type { Share } from "./share-status.ts";
import type { Retrying, TaskStatus } from "./status.ts";
import type { MadeTask, Task } from "./task-api.ts";

/** Between two attempts to open a share. */
const FIRST_WAIT_MS = 100;
const MOST_WAIT_MS = 30_000;
/** Between two attempts to run one that has failed: somebody has to mend what it failed with. */
const FIRST_REST_MS = 10_000;
const MOST_REST_MS = 300_000;
const FOR_GOOD: ReadonlySet<ErrorClass> = new Set(["fenced", "loss", "bug"]);
/** Who has run for so long has recovered: what it fails with next is another failure. */
const RECOVERED_MS = 60_000;

interface MemberParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: TaskObserver;
  readonly open: () => Promise<MadeTask>;
  readonly isPaused: () => boolean;
  /** See {@link Share.tables}. */
  readonly tables?: () => readonly TableId[];
  /** It has failed, as it had not before where that `isNews`; it is tried again after `waitMs`, or never where that is null. */
  readonly failed: (
    member: ShareMember,
    error: MillraceError,
    more: { readonly isNews: boolean; readonly waitMs: number | null },
  ) => void;
  /** It runs again; what it failed with it may still meet. */
  readonly again: () => void;
  /** It works again. */
  readonly recovered: (member: ShareMember) => void;
}

/**
 * A share, while this process has it: opened until that works, run until it is left, and run again where it failed: others
 * run meanwhile, and what it failed with may be mended. Who was fenced never begins again (I5).
 */
export class ShareMember implements Share {
  readonly name: string;
  readonly #parts: MemberParts;
  readonly #abort = new AbortController();
  readonly #begun = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #task: Task | null = null;
  #opening: Retrying | null = null;
  /** Until it works again, not until it runs: what comes first may be what it failed with. */
  #failure: { readonly error: MillraceError; readonly sinceMs: number } | null = null;
  #isRunning = false;
  /** Its task as long as it has not ended, and what that was told last. */
  #steered: { readonly task: Task; isPaused: boolean } | null = null;

  constructor(name: string, parts: MemberParts) {
    this.name = name;
    this.#parts = parts;
    this.#ended = this.#runAgain().finally(this.#begun.resolve);
  }

  /** Resolves when its task runs, has failed, or is not wanted any more. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Its task, unless it has failed. */
  get task(): Task | null {
    return this.#hasFailed ? null : this.#task;
  }

  get error(): MillraceError | null {
    return this.#hasFailed ? (this.#failure?.error ?? null) : null;
  }

  get #hasFailed(): boolean {
    return this.#failure !== null && !this.#isRunning;
  }

  /** Another process is to have it. */
  get isLeaving(): boolean {
    return this.#abort.signal.aborted;
  }

  status(): TaskStatus | null {
    return this.#task?.status() ?? null;
  }

  tables(): readonly TableId[] {
    return this.#parts.tables?.() ?? [];
  }

  opening(): Retrying | null {
    return this.#opening;
  }

  failure(): ReturnType<Share["failure"]> {
    if (this.#failure === null) return null;
    const { error, sinceMs } = this.#failure;
    const { code, message, remedy } = error;
    return { code, message, remedy, sinceMs };
  }

  /** @throws MillraceError what it failed with. */
  async caughtUp(): Promise<void> {
    await this.begun;
    if (this.error !== null) throw this.error;
    await this.#task?.caughtUp();
  }

  /** Its task rests, or works, as all of them are to; also one that is only being begun again. */
  async steer(): Promise<void> {
    const isPaused = this.#parts.isPaused();
    const steered = this.#steered;
    if (steered === null || isPaused === steered.isPaused) return;
    steered.isPaused = isPaused;
    await (isPaused ? steered.task.pause() : steered.task.resume());
  }

  /** Stops it, wherever it is; resolves when another process may have it. */
  async leave(): Promise<void> {
    this.#abort.abort(new Error("the share is another process' now"));
    await this.#task?.stop().catch(() => undefined);
    await this.#ended;
  }

  /** Until it is left, or for ever stopped. */
  async #runAgain(): Promise<void> {
    const { clock, random } = this.#parts;
    for (let failures = 0; ;) {
      const beganMs = clock.monotonic();
      try {
        return await this.#run();
      } catch (thrown) {
        const error = toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
        failures = clock.monotonic() - beganMs < RECOVERED_MS ? failures + 1 : 1;
        const waitMs = isForGood(error)
          ? null
          : backoffMs(failures - 1, FIRST_REST_MS, MOST_REST_MS, random);
        this.#steered = null;
        this.#fail(error, waitMs);
        this.#begun.resolve();
        if (waitMs === null) return;
        await clock.sleep(waitMs, this.#abort.signal).catch(() => undefined);
        if (this.#abort.signal.aborted) return;
      }
    }
  }

  async #run(): Promise<void> {
    const opened = await this.#open();
    if (opened === null) return;
    const { task, close } = opened;
    this.#task = task;
    this.#steered = { task, isPaused: false };
    await this.steer();
    if (this.#abort.signal.aborted) {
      await task.stop();
      return close();
    }
    const ended = new AbortController();
    await task.start().then(
      () => this.#runs(task, ended.signal),
      () => undefined, // `done` says why
    );
    try {
      await task.done;
    } finally {
      ended.abort(new Error("the task has ended"));
      this.#isRunning = false;
    }
  }

  /** Opens until it can: what fails in passing is tried again. Null where nobody wants it any more. */
  async #open(): Promise<MadeTask | null> {
    const { clock, random, observer, open } = this.#parts;
    for (let attempt = 0; !this.#abort.signal.aborted; attempt++) {
      try {
        const opened = await open();
        this.#opening = null;
        return opened;
      } catch (thrown) {
        const error = toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
        if (error.class !== "transient") throw error;
        const waitMs = backoffMs(attempt, FIRST_WAIT_MS, MOST_WAIT_MS, random);
        this.#opening = this.#triedAgain(error, waitMs);
        observer.failed({ code: error.code, class: error.class, error, waitMs });
        await clock.sleep(waitMs, this.#abort.signal).catch(() => undefined);
      }
    }
    return null;
  }

  #triedAgain({ code, message, remedy }: MillraceError, waitMs: number): Retrying {
    const nowMs = this.#parts.clock.now();
    const { sinceMs = nowMs, attempts = 0 } = this.#opening ?? {};
    return { code, message, remedy, sinceMs, attempts: attempts + 1, nextTryMs: nowMs + waitMs };
  }

  #runs(task: Task, ended: AbortSignal): void {
    this.#isRunning = true;
    this.#begun.resolve();
    if (this.#failure === null) return;
    this.#parts.again();
    void this.#recovers(task, ended);
  }

  /** Once all that there was is durable, or it has run for so long. */
  async #recovers(task: Task, ended: AbortSignal): Promise<void> {
    const steady = this.#parts.clock.sleep(RECOVERED_MS, ended);
    await Promise.any([task.caughtUp(), steady]).catch(() => undefined);
    if (!this.#isRunning || ended.aborted) return;
    this.#failure = null;
    this.#parts.recovered(this);
  }

  #fail(error: MillraceError, waitMs: number | null): void {
    const before = this.#failure;
    this.#failure = { error, sinceMs: before?.sinceMs ?? this.#parts.clock.now() };
    this.#opening = null;
    const isNews = before?.error.message !== error.message;
    if (!this.#abort.signal.aborted) this.#parts.failed(this, error, { isNews, waitMs });
  }
}

/**
 * Nothing that time mends: another process has the share (I5); what the log has lost is not there the next time either, and would not
 * be looked for (I8); so many dead letters that somebody has to look at them first; a fault of our own code.
 */
function isForGood({ class: kind, code }: MillraceError): boolean {
  return FOR_GOOD.has(kind) || code === "MR_DEAD_LETTER_LIMIT";
}
