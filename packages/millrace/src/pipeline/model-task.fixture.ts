import type { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import type { TableId } from "../model/table.ts";
import type { TaskObserver } from "./observer.ts";
import type { TableState, TableStatus, TaskEvent, TaskState, TaskStatus } from "./status.ts";
import type { Task } from "./task-api.ts";

/** A status in which nothing has happened. */
export function aStatus(state: TaskState): TaskStatus {
  return {
    pipeline: "p",
    state,
    error: null,
    retrying: null,
    unfinished: null,
    fence: null,
    tables: [],
    channels: [],
    lagMs: null,
    lagBytes: null,
    progressAgeMs: 0,
    waits: [],
    load: {
      maxRowsPerSecond: null,
      maxBytesPerSecond: null,
      limited: false,
      waitedMs: 0,
      paused: null,
      givesWay: false,
    },
    retention: null,
    bufferBytes: 0,
    bufferLimitBytes: 1,
    retries: {},
    identity: null,
  };
}

/** A table in a state. */
export function aTable(id: TableId, state: TableState): TableStatus {
  return {
    id,
    targets: [id],
    state,
    rowsLoaded: 1,
    estimatedRows: null,
    loadedPercent: null,
    changes: 2,
    deadLetters: 0,
    stopped: null,
    paused: null,
    notices: [],
  };
}

/** A task that only writes down what it is asked, for tests of what holds several. */
export class ModelTask implements Task {
  readonly done: Promise<void>;
  readonly calls: string[] = [];
  readonly caught = Promise.withResolvers<void>();
  letters: readonly DeadLetter[] = [];
  state: TaskStatus = aStatus("running");
  beforeStop: Promise<void> = Promise.resolve();
  readonly #observer: TaskObserver;
  readonly #ended = Promise.withResolvers<void>();

  constructor(observer: TaskObserver) {
    this.#observer = observer;
    this.done = this.#ended.promise;
    this.done.catch(() => undefined);
  }

  tell(event: TaskEvent): void {
    this.#observer.event(event);
  }

  fail(error: MillraceError): void {
    this.#ended.reject(error);
  }

  status(): TaskStatus {
    return this.state;
  }

  start(): Promise<void> {
    return this.#note("start");
  }

  caughtUp(): Promise<void> {
    return this.caught.promise;
  }

  async stop(): Promise<void> {
    await this.#note("stop");
    await this.beforeStop;
    this.#ended.resolve();
  }

  pause(): Promise<void> {
    return this.#note("pause");
  }

  resume(): Promise<void> {
    return this.#note("resume");
  }

  resync(table: string): Promise<void> {
    return this.#note(`resync ${table}`);
  }

  pauseTable(table: string): Promise<void> {
    return this.#note(`pause ${table}`);
  }

  resumeTable(table: string): Promise<void> {
    return this.#note(`resume ${table}`);
  }

  deadLetters(): readonly DeadLetter[] {
    return this.letters;
  }

  async replay(ids: readonly string[]): Promise<readonly ReplayOutcome[]> {
    await this.#note(`replay ${ids.join()}`);
    return [];
  }

  async discard(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    await this.#note(`discard ${ids.join()}`);
    return this.letters;
  }

  #note(call: string): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}
