import type { TableStatus, TaskStatus } from "../pipeline/status.ts";
import { tableId } from "../model/table.ts";
import { MillraceError } from "../errors/millrace-error.ts";
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
    notices: [],
    ...status,
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
  current: TaskStatus;

  constructor(name: string, status: Partial<TaskStatus> = {}) {
    this.name = name;
    this.current = taskStatus(name, status);
  }

  status(): TaskStatus {
    return this.current;
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

  resync(table: string): Promise<void> {
    this.calls.push(`resync ${table}`);
    const tables = this.current.tables.map((status) =>
      status.id === table ? { ...status, state: "INIT_SYNC" as const } : status,
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
