import { EventStream } from "../observe/event-stream.ts";
import type { PipelineEvent } from "../pipeline-handle.ts";
import type { TableStatus, TaskEvent, TaskStatus } from "../pipeline/status.ts";
import { tableId } from "../model/table.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import { selectLetters, type LetterSelection } from "../letter-selection.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import type { ReloadOutcome } from "../reload-check.ts";
import type { ServedPipeline } from "./app.ts";

/** A table for tests. */
export function tableStatus(name: string, status: Partial<TableStatus> = {}): TableStatus {
  return {
    id: tableId("public", name),
    targets: [tableId("public", name)],
    state: "SYNC",
    rowsLoaded: 10,
    estimatedRows: 10,
    loadedPercent: 100,
    changes: 3,
    deadLetters: 0,
    stopped: null,
    paused: null,
    notices: [],
    ...status,
  };
}

/** A dead letter of `public.orders` for tests. */
export function deadLetter(id: string, letter: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id,
    table: tableId("public", "orders"),
    target: tableId("public", "orders"),
    key: "42",
    keyColumns: { id: "42" },
    op: "u",
    position: [10, 4, 0],
    code: "MR_VALUE_DOES_NOT_FIT",
    reason: 'column "total": 40 digits after the point',
    column: "total",
    attempts: 1,
    parkedAtMs: 1_700_000_000_000,
    triedAtMs: 1_700_000_000_000,
    ...letter,
  };
}

/** A running pipeline's status for tests. */
export function taskStatus(pipeline: string, status: Partial<TaskStatus> = {}): TaskStatus {
  return {
    pipeline,
    state: "running",
    error: null,
    retrying: null,
    unfinished: null,
    fence: 7,
    tables: [tableStatus("orders")],
    channels: [{ id: "log", kind: "log", frontier: { lsn: "0/1" } }],
    lagMs: 120,
    lagBytes: 4096,
    progressAgeMs: 20,
    waits: [],
    load: {
      maxRowsPerSecond: null,
      maxBytesPerSecond: null,
      limited: false,
      waitedMs: 0,
      paused: null,
      givesWay: false,
    },
    retention: {
      retainedBytes: 1 << 20,
      limitBytes: null,
      limitOf: null,
      limitSeconds: null,
      expireSeconds: null,
    },
    bufferBytes: 1024,
    bufferLimitBytes: 65_536,
    retries: { MR_SINK_CONFLICT: 2 },
    identity: null,
    ...status,
  };
}

/** A pipeline that does what it is told and keeps a list of it. */
export class PipelineInTests implements ServedPipeline {
  readonly name: string;
  readonly calls: string[] = [];
  letters: readonly DeadLetter[] = [];
  current: TaskStatus;
  readonly #told = new EventStream<PipelineEvent>((count) => ({
    pipeline: this.name,
    atMs: 0,
    type: "notice",
    message: `${count} events were dropped`,
  }));

  constructor(name: string, status: Partial<TaskStatus> = {}) {
    this.name = name;
    this.current = taskStatus(name, status);
  }

  status(): TaskStatus {
    return this.current;
  }

  events({ overRestarts = false } = {}): AsyncIterableIterator<PipelineEvent> {
    return this.#told.listen(overRestarts);
  }

  /** Its listeners hear no more, as after a failure. */
  end(): void {
    this.#told.end();
  }

  tell(event: TaskEvent, atMs = 0): void {
    this.#told.push({ pipeline: this.name, atMs, ...event });
  }

  pause(): Promise<void> {
    return this.#become("pause", "paused");
  }

  resume(): Promise<void> {
    if (this.current.state === "stopped")
      return Promise.reject(
        new MillraceError("MR_NOT_RUNNING", `pipeline ${this.name} is not running`),
      );
    return this.#become("resume", "running");
  }

  restart(): Promise<void> {
    return this.#become("restart", "running");
  }

  stop(): Promise<void> {
    return this.#become("stop", "stopped");
  }

  reload(): Promise<ReloadOutcome> {
    this.calls.push("reload");
    const came = [tableId("public", "customers")];
    return Promise.resolve({ came, left: [], rerouted: [], redirected: [], changed: true });
  }

  resync(table: string): Promise<void> {
    return this.#ofTable(`resync ${table}`, table, { state: "INIT_SYNC" });
  }

  pauseTable(table: string): Promise<void> {
    return this.#ofTable(`pause ${table}`, table, { state: "INIT_SYNC", paused: { atMs: 7 } });
  }

  resumeTable(table: string): Promise<void> {
    return this.#ofTable(`resume ${table}`, table, { state: "INIT_SYNC", paused: null });
  }

  deadLetters(): readonly DeadLetter[] {
    return this.letters;
  }

  replayDeadLetters(selection: LetterSelection): Promise<readonly ReplayOutcome[]> {
    const chosen = selectLetters(this.letters, selection);
    this.calls.push(`replay ${chosen.map(({ id }) => id).join(" ")}`);
    return Promise.resolve(
      chosen.map((letter) => ({
        id: letter.id,
        table: letter.table,
        outcome: letter.op === "d" ? "impossible" : "replayed",
        why: letter.op === "d" ? "the table has no key" : null,
        letter: null,
      })),
    );
  }

  discardDeadLetters(selection: LetterSelection): Promise<readonly DeadLetter[]> {
    const chosen = selectLetters(this.letters, selection);
    this.calls.push(`discard ${chosen.map(({ id }) => id).join(" ")}`);
    return Promise.resolve(chosen);
  }

  #ofTable(call: string, table: string, change: Partial<TableStatus>): Promise<void> {
    this.calls.push(call);
    const tables = this.current.tables.map((status) =>
      status.id === table ? { ...status, ...change } : status,
    );
    this.current = { ...this.current, tables };
    return Promise.resolve();
  }

  #become(call: string, state: TaskStatus["state"]): Promise<void> {
    this.calls.push(call);
    this.current = { ...this.current, state };
    return Promise.resolve();
  }
}
