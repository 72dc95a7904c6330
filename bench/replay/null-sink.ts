import type { Json } from "../../packages/millrace/src/model/position.ts";
import type {
  Commit,
  CommitResult,
  LaneRow,
  Sink,
} from "../../packages/millrace/src/model/sink.ts";
import { columnLiteral } from "../../packages/millrace/src/sinks/dsql/array-literal.ts";
import { DSQL } from "../../packages/millrace/src/sinks/dsql/profile.ts";
import { estimateRowBytes } from "../../packages/millrace/src/sinks/dsql/size-estimate.ts";
import { mapTargetTable } from "../../packages/millrace/src/sinks/dsql/table-mapping.ts";

const MAPPING = { profile: DSQL, unconstrainedNumeric: "numeric" } as const;

/** What the sink does with a commit before it says that it is durable. */
export type Encoding = "none" | "literals";

/** A sink with DSQL's types and limits that makes everything durable at once by forgetting it. */
export class NullSink implements Sink {
  readonly kind = "null";
  readonly capabilities = {
    transactional: true,
    maxLanes: 256,
    maxRowsPerCommit: DSQL.maxRowsPerCommit,
    maxBytesPerCommit: DSQL.maxBytesPerCommit,
    maxValueBytes: DSQL.maxValueBytes,
    lastWriteWins: true,
    partialUpdates: true,
  };
  commits = 0;
  /** Characters of literals; so that nobody can say that they were not made. */
  characters = 0;
  readonly #encoding: Encoding;
  #lanes: readonly LaneRow[] = [];

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
  }

  mapTable: Sink["mapTable"] = (shape, target) => mapTargetTable(shape, target, MAPPING);
  estimateBytes: Sink["estimateBytes"] = (_, row) => estimateRowBytes(row);
  async open(): Promise<void> {}
  readLanes = async (): Promise<readonly LaneRow[]> => this.#lanes;
  checkTable: Sink["checkTable"] = async () => ({
    created: false,
    notices: [],
    secondaryUnique: false,
  });
  async applyChange(): Promise<void> {}
  async close(): Promise<void> {}

  takeOver: Sink["takeOver"] = async ({ lanes }) => {
    this.#lanes = Array.from({ length: lanes }, (_, lane) => ({ lane, fence: 1, seq: 0 }));
    return { fence: 1, lanes: this.#lanes, state: new Map<string, Json>(), deadLetters: [] };
  };

  async commit({ writes }: Commit): Promise<CommitResult> {
    this.commits += 1;
    if (this.#encoding === "literals") {
      for (const write of writes) {
        if (write.kind !== "upsert") throw new Error(`a ${write.kind} in a stream of full rows`);
        for (let column = 0; column < write.table.columns.length; column += 1)
          this.characters += columnLiteral(write.rows, column, 0, write.rows.length).length;
      }
    }
    return { outcome: "done", deletedSome: 0 };
  }
}
