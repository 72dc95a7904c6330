import { MillraceError } from "../errors/millrace-error.ts";
import type { Commit, CommitResult, LaneRow, Sink, Takeover, TargetChange } from "../model/sink.ts";
import { tableId } from "../model/table.ts";
import { targetOf } from "./pipeline-parts.fixture.ts";

/** How the sink answers one commit: `land` makes it durable, then it is answered or an error is thrown. */
export interface Answer {
  readonly land?: boolean;
  readonly error?: MillraceError;
  readonly result?: CommitResult;
}

/** A sink that answers commits by a script, then well; it keeps lane rows as a real one does, and all that it was sent. */
export class ScriptedSink implements Sink {
  readonly kind = "scripted";
  readonly capabilities;
  readonly sent: Commit[] = [];
  readonly landed: Commit[] = [];
  readonly lanes: { lane: number; fence: number; seq: number }[];
  readonly script: ((commit: Commit) => Answer)[] = [];
  /** Errors of `readLanes`, one per call. */
  readonly deafness: MillraceError[] = [];

  constructor(lanes = 2, capabilities: Partial<Sink["capabilities"]> = {}) {
    this.lanes = Array.from({ length: lanes }, (_, lane) => ({ lane, fence: 7, seq: 0 }));
    this.capabilities = {
      transactional: true,
      maxLanes: 8,
      maxRowsPerCommit: 3_000,
      maxBytesPerCommit: 1_000_000,
      maxValueBytes: 1_000,
      lastWriteWins: true,
      partialUpdates: true,
      ...capabilities,
    };
  }

  mapTable = targetOf;
  estimateBytes = () => 100;
  open = () => Promise.resolve();
  close = () => Promise.resolve();
  applyChange = (_change: TargetChange) => Promise.resolve();
  checkTable: Sink["checkTable"] = () =>
    Promise.resolve({ created: false, notices: [], secondaryUnique: false });
  takeOver = (): Promise<Takeover> =>
    Promise.reject(new Error(`${tableId("copy", "orders")} is not taken over here`));

  async readLanes(): Promise<readonly LaneRow[]> {
    const error = this.deafness.shift();
    if (error !== undefined) throw error;
    return this.lanes.map((row) => ({ ...row }));
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.sent.push(commit);
    const { land = true, error, result } = this.script.shift()?.(commit) ?? {};
    if (land && result === undefined) this.land(commit);
    if (error !== undefined) throw error;
    return result ?? { outcome: "done", deletedSome: 0 };
  }

  /** The transaction becomes durable: now, or later than its answer was given up. */
  land(commit: Commit): void {
    const rows = commit.lanes.map((stamp) => this.lanes[stamp.lane]);
    const fits = rows.every(
      (row, i) => row?.fence === commit.fence && row.seq === commit.lanes[i]?.expectedSeq,
    );
    if (!fits) throw new MillraceError("MR_SINK_LANE_MOVED", "the CHECK of the lane row fails");
    for (const row of rows) if (row !== undefined) row.seq++;
    this.landed.push(commit);
  }
}

export const lost = new MillraceError("MR_SINK_UNKNOWN_COMMIT", "the answer is lost");
export const broken = new MillraceError("MR_SINK_LOST_CONNECTION", "the connection is gone");
export const conflict = new MillraceError("MR_SINK_CONFLICT", "40001");
export const refused = new MillraceError("MR_SINK_ROW_REFUSED", "22P02");
