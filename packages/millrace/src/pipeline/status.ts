import type { ReplayOutcome } from "../model/dead-letter.ts";
import type { Json, Position } from "../model/position.ts";
import type { TableId } from "../model/table.ts";

/** The states of every table of every source. */
export type TableState = "DISCOVERY" | "INIT_SYNC" | "SYNC";

/** What a task is doing. `failed` has said why; `fenced` never restarts by itself (I5). */
export type TaskState =
  | "starting"
  | "running"
  /** A server does not do what it is asked; `retrying` says which, why, and since when (I11). */
  | "retrying"
  | "paused"
  | "stopping"
  | "stopped"
  | "failed"
  | "fenced";

/** One table, for `status`, `tables`, REST and metrics. */
export interface TableStatus {
  readonly id: TableId;
  /** As they are called at the sink: tables, or topics. */
  readonly targets: readonly string[];
  readonly state: TableState;
  readonly rowsLoaded: number;
  readonly estimatedRows: number | null;
  /** 0–100; null until anything is known, and while the table is paused: its target is as the pause left it. */
  readonly loadedPercent: number | null;
  /** Read of the log since the pipeline was started, over restarts within the process too; what these read again counts again. */
  readonly changes: number;
  readonly deadLetters: number;
  /** Why its changes are not applied any more; null where they are. A resync brings it back. */
  readonly stopped: {
    readonly code: string;
    readonly message: string;
    readonly atMs: number;
  } | null;
  /** Since when the operator has it paused; null where it is not. A resume loads it anew. */
  readonly paused: { readonly atMs: number } | null;
  readonly notices: readonly string[];
}

/** One channel. */
export interface ChannelStatus {
  readonly id: string;
  readonly kind: "log" | "chunk";
  readonly frontier: Position | null;
  /** Messages that are not durable yet, where the log is a partition of a topic; null while nobody knows. Else absent. */
  readonly lagMessages?: number | null;
  /** Records older than the load that the log left out since it was opened, where a source leaves such out. Else absent. */
  readonly recordsLeftOut?: number;
}

/** A failure that is met again and again. Times are milliseconds since 1970. */
export interface Retrying {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly sinceMs: number;
  readonly attempts: number;
  readonly nextTryMs: number;
}

/** What holds INIT_SYNC back, for the source's sake and for that of changes. */
export interface LoadStatus {
  /** What it may read of the source; null is without bound. */
  readonly maxRowsPerSecond: number | null;
  readonly maxBytesPerSecond: number | null;
  /** Chunks wait for these bounds right now. */
  readonly limited: boolean;
  /** How long chunks have waited for them since the start, their times added up. */
  readonly waitedMs: number;
  /** Why no chunk is begun; null where chunks are. */
  readonly paused: string | null;
  /** Changes of tables in SYNC come, and it takes fewer lanes than there are, or rests, so that they are not late. */
  readonly givesWay: boolean;
}

/** The source's log, as far as it is kept for this pipeline. */
export interface RetentionStatus {
  readonly retainedBytes: number;
  /** Where something happens to it: `slot.max-retained`, or the server's own limit where that is nearer. */
  readonly limitBytes: number | null;
  readonly limitOf: "pipeline" | "server" | null;
  /** Until the limit is met at the pace of the last minutes; null while it does not grow, or nothing limits it. */
  readonly limitSeconds: number | null;
  /** The age at which the source drops its log, whoever has read it; null where it goes by none. */
  readonly expireSeconds: number | null;
}

/** Something of the pipeline that does not go on, and why. `status`, `/health/ready` and the log say it in one wording. */
export interface Wait {
  /** What stands still: the log of changes, the full load, one table, or all of it. */
  readonly what: "log" | "load" | "table" | "pipeline";
  /** A short name that stays, for metrics and scripts. */
  readonly reason: string;
  readonly table: TableId | null;
  /** For people: what it waits for, without a full stop at its end. */
  readonly why: string;
  readonly sinceMs: number;
}

/** Everything `status` tells. RUNNING means the frontier moved or there was nothing to move it (I11). */
export interface TaskStatus {
  readonly pipeline: string;
  readonly state: TaskState;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
  } | null;
  readonly retrying: Retrying | null;
  /** What a stop did not wait for; null where everything under way was finished. Nothing of it is lost. */
  readonly unfinished: string | null;
  readonly fence: number | null;
  readonly tables: readonly TableStatus[];
  readonly channels: readonly ChannelStatus[];
  /** Age of the newest source commit that is durable here, against the source's clock; milliseconds. */
  readonly lagMs: number | null;
  readonly lagBytes: number | null;
  readonly progressAgeMs: number;
  /** What waits right now, and for what; empty where everything goes on. */
  readonly waits: readonly Wait[];
  readonly load: LoadStatus;
  /** Null where the source cannot say, or keeps nothing yet. */
  readonly retention: RetentionStatus | null;
  readonly bufferBytes: number;
  readonly bufferLimitBytes: number;
  readonly retries: Readonly<Record<string, number>>;
  readonly identity: Json;
}

/** What a task tells while it works; `Task.events()` and the logs are made of these. */
export type TaskEvent =
  | {
      readonly type: "state";
      readonly state: TaskState;
      readonly error?: { readonly code: string; readonly message: string; readonly remedy: string };
    }
  | {
      readonly type: "table";
      readonly table: TableId;
      readonly state: TableState;
      readonly reason?: string;
    }
  | {
      readonly type: "progress";
      readonly table: TableId;
      readonly rowsLoaded: number;
      readonly estimatedRows: number | null;
    }
  | {
      readonly type: "notice";
      readonly table?: TableId;
      readonly message: string;
      /** What is known of the table as it is, told at each start; without it, something has happened. */
      readonly level?: "info";
    }
  | {
      readonly type: "schema-change";
      readonly table: TableId;
      readonly change: string;
      readonly outcome: "applied" | "ignored" | "refused";
    }
  | {
      readonly type: "retry";
      readonly code: string;
      readonly attempt: number;
      readonly waitMs: number;
      readonly message: string;
      readonly remedy: string;
      readonly sinceMs: number;
    }
  /** What failed works again. */
  | {
      readonly type: "recovered";
      readonly code: string;
      readonly attempts: number;
      readonly lastedMs: number;
    }
  /** Its changes are not applied any more, until it is loaded anew. */
  | {
      readonly type: "table-stopped";
      readonly table: TableId;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    }
  /** A row was refused and is parked. `key` holds the names of the key's columns, never their values. */
  | {
      readonly type: "dead-letter";
      readonly id: string;
      readonly table: TableId;
      readonly target: TableId;
      readonly code: string;
      readonly reason: string;
      readonly column: string | null;
      readonly position: Position | null;
      readonly op: string;
      readonly key: readonly string[];
      readonly attempts: number;
    }
  /** The operator had a letter replayed, or gave it up. */
  | {
      readonly type: "dead-letter-settled";
      readonly id: string;
      readonly table: TableId;
      readonly outcome: ReplayOutcome["outcome"] | "discarded";
    }
  | { readonly type: "caught-up" };
