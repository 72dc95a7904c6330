import type { TableId } from "../../model/table.ts";
import type { TaskSettings } from "../settings.ts";
import type { Profile } from "./profile.ts";
import type { SourceServer } from "./source-server.ts";

/** What the pipeline's file says now; a process knows it as it was when it started. */
export class PipelineFile {
  readonly #server: SourceServer;
  /** A table that the file names only later. */
  readonly #late: boolean;
  #joined = false;
  readonly #left = new Set<TableId>();
  parallelism: number;
  maxDeadLetters: number;
  maxRetainedBytes: number | null;
  readonly maxRetainedAction: TaskSettings["maxRetainedAction"];

  constructor(server: SourceServer, profile: Profile) {
    this.#server = server;
    this.#late = profile.joins > 0;
    this.parallelism = profile.settings.parallelism;
    this.maxDeadLetters = profile.settings.maxDeadLetters;
    this.maxRetainedBytes = profile.settings.maxRetainedBytes;
    this.maxRetainedAction = profile.settings.maxRetainedAction;
  }

  /** The last table is named from now on. */
  join(): void {
    this.#joined = true;
  }

  /** A table is named no more. */
  leave(id: TableId): void {
    this.#left.add(id);
  }

  comeBack(id: TableId): void {
    this.#left.delete(id);
  }

  /** Which tables the file matches, as a process that starts now reads it. */
  matcher(): (id: TableId) => boolean {
    const late = this.#late && !this.#joined;
    const last = [...this.#server.committed.keys()].at(-1);
    const left = new Set(this.#left);
    return (id) => !left.has(id) && (!late || id !== last || this.#server.committed.size === 1);
  }
}
