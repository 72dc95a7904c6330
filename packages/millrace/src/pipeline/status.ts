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

/** How one table stands. */
export interface TableStatus {
  readonly id: TableId;
  /** Names at the sink: of tables, or of topics. */
  readonly targets: readonly string[];
  readonly state: TableState;
  /** Rows of its latest full load, as far as it has come. */
  readonly rowsLoaded: number;
  /** The source's own guess; null where it has none. */
  readonly estimatedRows: number | null;
  /** 0–100; null until anything is known, and while the table is paused: its target is as the pause left it. */
  readonly loadedPercent: number | null;
  /** Changes read from the log since the process started the pipeline. What a restart reads again counts again. */
  readonly changes: number;
  /** Rows that the sink refused and that stand as dead letters. */
  readonly deadLetters: number;
  /** Why its changes are no longer applied, and since when (milliseconds since 1970); null where they are. A resync brings it back. */
  readonly stopped: {
    readonly code: string;
    readonly message: string;
    /** Where it is another one than a table's own: mending and a resync. */
    readonly remedy?: string;
    readonly atMs: number;
  } | null;
  /** Since when the operator has had it paused (milliseconds since 1970); null where it is not. A resume loads it again. */
  readonly paused: { readonly atMs: number } | null;
  /** What is special about it, as sentences. */
  readonly notices: readonly string[];
}

/** One channel of a task: its log, or the chunks of a load. */
export interface ChannelStatus {
  readonly id: string;
  readonly kind: "log" | "chunk";
  /** Everything up to here is durable at the sink; null before anything is. */
  readonly frontier: Position | null;
  /** Where the log is a partition of a topic: messages that are not durable at the sink yet; null while nobody knows. Absent otherwise. */
  readonly lagMessages?: number | null;
  /** Where the source leaves out records that are older than the load: how many since the log was opened. Absent otherwise. */
  readonly recordsLeftOut?: number;
}

/** A failure that is being retried. Times are milliseconds since 1970. */
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
  /** What it may read from the source; null is without a limit. */
  readonly maxRowsPerSecond: number | null;
  readonly maxBytesPerSecond: number | null;
  /** Chunks wait for these limits right now. */
  readonly limited: boolean;
  /** How long chunks have waited for them since the start, added up over all chunks. */
  readonly waitedMs: number;
  /** Why no chunk is being started; null where nothing holds them back. */
  readonly paused: string | null;
  /** Changes of tables in SYNC come, and it takes fewer lanes than there are, or rests, so that they are not late. */
  readonly givesWay: boolean;
}

/** How much of its log the source keeps for this pipeline. */
export interface RetentionStatus {
  /** Null where the source does not tell how much it is. */
  readonly retainedBytes: number | null;
  /** The size at which something is done about it: `slot.max-retained`, or the server's own limit where that is nearer; null where there is neither. */
  readonly limitBytes: number | null;
  readonly limitOf: "pipeline" | "server" | null;
  /** Seconds until the limit is reached at the pace of the last minutes; null while it does not grow, or has no limit. */
  readonly limitSeconds: number | null;
  /** The age, in seconds, at which the source drops its log, read or not; null where it does not go by age. */
  readonly expireSeconds: number | null;
}

/** A part of the pipeline that does not go on, and why. `status`, `/health/ready` and the log use the same words. */
export interface Wait {
  /** What stands still: the log of changes, the full load, one table, or all of it. */
  readonly what: "log" | "load" | "table" | "pipeline";
  /** A short, stable name, for metrics and scripts. */
  readonly reason: string;
  readonly table: TableId | null;
  /** For people: what it waits for, without a full stop at its end. */
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/** How a pipeline, or one of its tasks, stands. RUNNING means the frontier moved or there was nothing to move it (I11). */
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
  /** Raised by each takeover: a process that holds a lower one can no longer write (I5). Null while this task holds none. */
  readonly fence: number | null;
  readonly tables: readonly TableStatus[];
  readonly channels: readonly ChannelStatus[];
  /** Age of the newest source commit that is durable at the sink, by the source's clock, milliseconds; 0 where nothing is left to read, null before anything is known. */
  readonly lagMs: number | null;
  /** Bytes of the source's log that are not durable at the sink yet; null where that is not known, or not counted in bytes. */
  readonly lagBytes: number | null;
  /** Milliseconds since the frontier last moved or last had nothing to move it; grows between two attempts, too. */
  readonly progressAgeMs: number;
  /** What waits right now, and for what; empty where everything goes on. */
  readonly waits: readonly Wait[];
  readonly load: LoadStatus;
  /** Null where the source cannot say, or keeps nothing yet. */
  readonly retention: RetentionStatus | null;
  /** What this process' memory budget holds, and its size. */
  readonly bufferBytes: number;
  readonly bufferLimitBytes: number;
  /** How often something was retried since the start, by error code. */
  readonly retries: Readonly<Record<string, number>>;
  /** Which server the source is, in the source's own terms. */
  readonly identity: Json;
}

/** What happens while a task works. `Pipeline.events()`, the log and the metrics are made of these. */
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
  /** What was being retried works again. */
  | {
      readonly type: "recovered";
      readonly code: string;
      readonly attempts: number;
      readonly lastedMs: number;
    }
  /** The table's changes are no longer applied, until it is loaded again. */
  | {
      readonly type: "table-stopped";
      readonly table: TableId;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    }
  /** The sink refused a row, which is parked as a dead letter. `key` holds the names of the key's columns, never their values. */
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
  /** The operator replayed or discarded a dead letter. */
  | {
      readonly type: "dead-letter-settled";
      readonly id: string;
      readonly table: TableId;
      readonly outcome: ReplayOutcome["outcome"] | "discarded";
    }
  | { readonly type: "caught-up" };
