import type { ByteAccount } from "./byte-budget.ts";
import { Lane } from "./lane.ts";
import type { Mark } from "./lane-item.ts";
import { MeetingWriter } from "./meeting-writer.ts";
import type { Prepared } from "./prepare-run.ts";
import { SourceReads } from "./source-reads.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TaskParts } from "./task-api.ts";

interface LaneSetParts {
  readonly task: TaskParts;
  readonly prepared: Prepared;
  readonly logBytes: ByteAccount;
  readonly chunkBytes: ByteAccount;
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  readonly signal: AbortSignal;
  readonly passed: (lane: number, mark: Mark) => void;
}

/** What a batch leaves free for its checkpoint, its lane row and the documents that travel with it. */
const STATE_ROWS = 10;

/** The lanes of a run, each behind its own checkpoint. */
export function makeLanes(parts: LaneSetParts): Lane[] {
  const { task, prepared, signal } = parts;
  const { source, sink, settings, clock, random, observer } = task;
  const reads = new SourceReads({
    source,
    clock,
    random,
    signal,
    maxValueBytes: prepared.maxValueBytes,
    writeState: parts.writeState,
    currentShape: prepared.currentShape,
  });
  const { committer, book } = prepared;
  const { compaction } = settings;
  const shared = { sink, committer, book, reads, observer, clock, compaction };
  const laneParts = {
    ...shared,
    meetings: new MeetingWriter(shared),
    logBytes: parts.logBytes,
    chunkBytes: parts.chunkBytes,
    maxRows: Math.max(
      1,
      Math.min(settings.batchRows, sink.capabilities.maxRowsPerCommit - STATE_ROWS),
    ),
    maxBytes: sink.capabilities.maxBytesPerCommit,
    flushIntervalMs: settings.flushIntervalMs,
    signal,
    passed: parts.passed,
  };
  return Array.from(
    { length: prepared.lanes },
    (_, lane) => new Lane(lane, prepared.checkpoints.get(lane) ?? null, laneParts),
  );
}
