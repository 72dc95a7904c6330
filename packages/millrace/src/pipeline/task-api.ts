import type { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import type { ErrorHandler } from "../model/error-handler.ts";
import type { ConnectorContext, Source } from "../model/source.ts";
import type { Router } from "../model/router.ts";
import type { Sink } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { ChangeCounts } from "./change-counts.ts";
import type { FirstAlone } from "./first-alone.ts";
import type { LoadControl } from "./load-control.ts";
import type { LoadRate } from "./load-rate.ts";
import type { LoadTurns } from "./load-turns.ts";
import type { TaskObserver } from "./observer.ts";
import type { TaskSettings } from "./settings.ts";
import type { TaskStatus } from "./status.ts";
import type { Waits } from "./waits.ts";

/** The name of the one task of a source that is not shared out. */
export const ONLY_TASK = "0";

/** What a task is made of. It owns source and sink and closes them. */
export interface TaskParts extends ConnectorContext {
  /** Under which its lane rows and its state are kept: the share of a source that is shared out; else {@link ONLY_TASK}. */
  readonly task?: string;
  readonly source: Source;
  readonly sink: Sink;
  readonly router: Router;
  readonly settings: TaskSettings;
  readonly budget: ByteBudget;
  readonly observer: TaskObserver;
  /** Puts the place of the pipeline file before an error that is about one of its options. */
  readonly explain?: (error: MillraceError) => MillraceError;
  /** Decides about refused rows in place of `settings.deadLetters`. */
  readonly errorHandler?: ErrorHandler;
  /** How fast all tasks of the pipeline load together; its own without it. */
  readonly loadRate?: LoadRate;
  /** How the loads of all tasks of the pipeline give way to changes of any of them; its own without it. */
  readonly loadTurns?: LoadTurns;
  /** Of all tasks of the pipeline in this process: what they would be in each other's way with; none are without it. */
  readonly firstAlone?: FirstAlone;
  /** Somebody looks at the sink as it is before anything of this pipeline is there; nothing is waited for without it. */
  readonly looked?: Promise<void>;
  /** Counts on where another task of the same start left off; its own without it. */
  readonly changeCounts?: ChangeCounts;
}

/** A task's parts, and what outlives its runs. */
export interface RunningTask extends TaskParts {
  readonly load: LoadControl;
  readonly waits: Waits;
  readonly changeCounts: ChangeCounts;
}

/** A running pipeline, as the library, the command line and the server see it. `createTask` makes one. */
export interface Task {
  /** Resolves when the task has taken over and its log is open; rejects with what stopped it before. */
  start(): Promise<void>;
  /** Settles when the task has ended: resolves after `stop`, rejects with the MillraceError that failed it. */
  readonly done: Promise<void>;
  /** Every table SYNC and the frontier past the source's log end as read when the last one became SYNC. */
  caughtUp(): Promise<void>;
  status(): TaskStatus;
  /** Shares of a source that is shared out which this process has and cannot tell the tables of yet. */
  beginning?(): readonly string[];
  /** Finishes transactions in flight, writes the frontier, acknowledges, releases. */
  stop(): Promise<void>;
  /** Reads nothing more; what is in the lanes is written. The slot stays. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Begins a new generation of the table's INIT_SYNC. */
  resync(table: TableId): Promise<void>;
  /** Takes one table out of the way: its changes are left out, those of the others are not. Durable when it resolves. */
  pauseTable(table: TableId): Promise<void>;
  /** Brings a paused table back with a new generation of its INIT_SYNC. */
  resumeTable(table: TableId): Promise<void>;
  /** Dead letters that stand at the sink. @throws MillraceError MR_NOT_RUNNING between runs, when nobody knows. */
  deadLetters(): readonly DeadLetter[];
  /** Reads the rows of these letters from the source once more; ids may be cut short. */
  replay(ids: readonly string[]): Promise<readonly ReplayOutcome[]>;
  /** Takes letters away and leaves their rows as the sink has them. Those that went are told. */
  discard(ids: readonly string[]): Promise<readonly DeadLetter[]>;
}

/** A task that is not started, and what lets go of its parts where it never will be. */
export interface MadeTask {
  readonly task: Task;
  readonly close: () => Promise<void>;
}
