import type { StateEntry } from "../model/sink.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { ConstraintOrder } from "./constraint-order.ts";
import type { TooManyRefused } from "./dead-letter-book.ts";
import { Lane } from "./lane.ts";
import type { Mark } from "./lane-item.ts";
import type { LoadControl } from "./load-control.ts";
import { TransactionTimes } from "./load-pace.ts";
import { MeetingWriter } from "./meeting-writer.ts";
import type { Prepared } from "./prepare-run.ts";
import { LaneStanding } from "./standing.ts";
import { SourceReads } from "./source-reads.ts";
import type { LiveDocument, StateRide } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { TaskParts } from "./task-api.ts";

interface LaneSetParts {
  readonly task: TaskParts & { readonly load: Pick<LoadControl, "turns"> };
  readonly prepared: Prepared;
  readonly order: ConstraintOrder;
  readonly logBytes: ByteAccount;
  readonly chunkBytes: ByteAccount;
  readonly reads: SourceReads;
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  readonly signal: AbortSignal;
  readonly passed: (lane: number, mark: Mark) => void;
  readonly moreComes: () => boolean;
  readonly stopTable: (why: TooManyRefused) => Promise<never>;
  readonly emptied: () => void;
  readonly rested: (lane: number) => void;
  readonly ride: (own: readonly StateEntry[]) => StateRide | null;
  /** See {@link PuttingOff}. */
  readonly putOffDone: (table: TableRuntime) => void;
}

/** What a batch leaves free for its checkpoint, its lane row and the documents that travel with it. */
const STATE_ROWS = 10;

/** What reads rows at the source for those that know only a key. */
export function makeSourceReads({
  task: { source, clock, random },
  prepared: { maxValueBytes, currentShape },
  writeState,
  signal,
}: Pick<LaneSetParts, "prepared" | "writeState" | "signal"> & {
  readonly task: TaskParts;
}): SourceReads {
  const what = { source, maxValueBytes, currentShape, writeState };
  return new SourceReads({ ...what, clock, random, signal });
}

/** Rows that a lane sends in one transaction at most. */
function rowsPerCommit({ settings, sink }: Pick<TaskParts, "settings" | "sink">): number {
  return Math.max(1, Math.min(settings.batchRows, sink.capabilities.maxRowsPerCommit - STATE_ROWS));
}

/**
 * Source transactions of so many rows should not be cut by whoever drains the lanes; -1 where any may be. Rows that
 * constraints bind wait for the rest of theirs up to the sink's limit (design/002); one lane keeps what fits in a batch.
 */
export function wholeRows(
  task: Pick<TaskParts, "settings" | "sink">,
  { choice, lanes }: Pick<Prepared, "choice" | "lanes">,
): number {
  if (choice.binds) return Math.max(1, task.sink.capabilities.maxRowsPerCommit - STATE_ROWS);
  return lanes === 1 ? rowsPerCommit(task) : -1;
}

/** The lanes of a run, each behind its own checkpoint. */
export function makeLanes(parts: LaneSetParts): Lane[] {
  const { task, prepared, order, signal, reads } = parts;
  const { sink, settings, clock, observer } = task;
  const { committer, book } = prepared;
  const { compaction } = settings;
  const writeTable = (table: TableRuntime) => parts.writeState([table.stored]);
  const standings = Array.from(
    { length: prepared.lanes },
    (_, lane) =>
      new LaneStanding(
        task.source,
        prepared.checkpoints.get(lane) ?? null,
        prepared.frontier.position,
      ),
  );
  const { putOffDone, ride } = parts;
  const writing = { order, writeTable, putOffDone, ride };
  const shared = { sink, committer, book, reads, observer, clock, compaction, ...writing };
  const laneParts = {
    ...shared,
    meetings: new MeetingWriter({ ...shared, standing: (lane) => standings[lane] }),
    logBytes: parts.logBytes,
    chunkBytes: parts.chunkBytes,
    turns: task.load.turns.ofRun(prepared.lanes, signal),
    times: new TransactionTimes(),
    maxRows: rowsPerCommit(task),
    maxBytes: sink.capabilities.maxBytesPerCommit,
    whole: prepared.lanes === 1,
    flushIntervalMs: settings.flushIntervalMs,
    moreComes: parts.moreComes,
    signal,
    passed: parts.passed,
    stopTable: parts.stopTable,
    emptied: parts.emptied,
    rested: parts.rested,
    waitForOthers: (lane: number, waitMs: number) => waitForOthers(lanes, lane, waitMs, parts),
  };
  const lanes: Lane[] = standings.map((standing, lane) => new Lane(lane, standing, laneParts));
  return lanes;
}

/** How much longer than for its own transaction's rest a lane waits for the others. */
const OTHERS_FACTOR = 4;

/**
 * Some time for what is still to come in the lane's own transaction, and until the other lanes have passed what they hold.
 * Bounded, because another one may be waiting for this one, here or at a meeting.
 */
async function waitForOthers(
  lanes: readonly Lane[],
  lane: number,
  waitMs: number,
  { task: { clock }, signal }: LaneSetParts,
): Promise<void> {
  const others = lanes.filter(({ index }) => index !== lane).map((other) => other.passedSoFar());
  const limit = clock.sleep(OTHERS_FACTOR * waitMs, signal);
  limit.catch(() => undefined); // whoever comes second is not waited for
  await Promise.all([clock.sleep(waitMs, signal), Promise.race([Promise.all(others), limit])]);
}
