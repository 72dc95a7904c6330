/** What a pipeline's file says about how its task works. Defaults live in `config/`. */
export interface TaskSettings {
  /** Lanes. */
  readonly parallelism: number;
  readonly schemaChangeBehavior: "evolve" | "ignore" | "exception";
  /** DROP TABLE at the source drops the target too; off unless asked for. */
  readonly dropTables: boolean;
  readonly create: "if-missing" | "never";
  /** Other pipelines write to the target tables too: nothing may be done that removes rows which are not ours. */
  readonly sharedTargets: boolean;
  /** Last write of a key in a batch stands for all; off only to audit. */
  readonly compaction: boolean;
  /** Rows of a commit at most; the sink's own limit where it is lower. */
  readonly batchRows: number;
  /** How long changes may wait to be sent together, milliseconds; 0 sends as soon as a lane is free. */
  readonly flushIntervalMs: number;
  readonly chunkRows: number;
  /** Chunks read at once. */
  readonly snapshotParallelism: number;
  /** What INIT_SYNC may read of the source, all chunks together; null is without bound. */
  readonly maxRowsPerSecond: number | null;
  readonly maxBytesPerSecond: number | null;
  /** INIT_SYNC takes fewer lanes, and rests, where changes of tables in SYNC would be late beside it. */
  readonly loadGivesWay: boolean;
  /** Bytes of its log that the source may keep for this pipeline; null is without bound. */
  readonly maxRetainedBytes: number | null;
  /** What is done where it keeps more: tell, read no new chunk, or let go of the log and load anew. */
  readonly maxRetainedAction: "warn" | "pause-load" | "resync";
  /** INIT_SYNC is done at all (`enable-full-load`, `scan.startup.mode`). */
  readonly fullLoad: boolean;
  /** What a loss at the source leads to (I8). */
  readonly onLoss: "fail" | "resync";
  readonly deadLetters: "park" | "fail";
  /** Dead letters of one table that stop it: this many, or `maxDeadLetterShare` of its last 10,000 rows. */
  readonly maxDeadLetters: number;
  readonly maxDeadLetterShare: number;
}
