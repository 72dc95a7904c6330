import type { Guard } from "./guard.ts";
import { SIMULATED_GENTLE } from "./simulation-tests.ts";

const ROOM = "packages/millrace/src";
const sessions = {
  file: "test/e2e/source-sessions.e2e.test.ts",
  name: "no transaction at the source waits for it, and no snapshot of a chunk outlives its bound",
};

/** What keeps the source from being hurt. */
export const PROTECTION_GUARDS: readonly Guard[] = [
  {
    keeps: [10],
    guard: "a chunk's transaction ends with its last row, whenever that is read",
    file: "sources/postgres/snapshot.ts",
    take: "const sql = closes ? `${copy}; COMMIT` : copy;",
    put: "const sql = copy;",
    shownBy: sessions,
  },
  {
    keeps: [10],
    guard: "a chunk that waits for room gives its snapshot up in time",
    file: "pipeline/chunk-reader.ts",
    take: "new SnapshotLife(clock, view.snapshot, signal)",
    put: "new SnapshotLife(clock, {}, signal)",
    shownBy: {
      file: `${ROOM}/pipeline/chunk-reader.test.ts`,
      name: "gives its snapshot up when its time is over, and goes on in another one behind what is durable",
    },
  },
  {
    keeps: [10],
    guard: "whoever waits beyond the life of a snapshot takes nothing",
    file: "pipeline/snapshot-life.ts",
    take: "if (this.isOver) return false;",
    put: "if (this.isOver) return true;",
    shownBy: {
      file: `${ROOM}/pipeline/snapshot-life.test.ts`,
      name: "ends the waiting for room, and takes none",
    },
  },
  {
    keeps: [10],
    guard: "what a chunk has read is taken from the rate of the load",
    file: "pipeline/chunk-reader.ts",
    take: "        load.rate.took(rowsOf(batch), batch.sentBytes, table.id);\n",
    put: "",
    shownBy: {
      file: `${ROOM}/load-rate.pg.test.ts`,
      name: "keeps to rows and to bytes per second",
    },
  },
  {
    keeps: [10],
    guard: "rows that were read are paid for with time",
    file: "pipeline/load-rate.ts",
    take: "    if (this.#owedMs() <= aheadMs) return;",
    put: "    if (aheadMs >= 0) return;",
    shownBy: SIMULATED_GENTLE,
  },
  {
    keeps: [10, 11],
    guard: "a load that was paused for the log's sake goes on when the source keeps less",
    file: "pipeline/retention-watch.ts",
    take: "      else if (kept.retainedBytes < pauseAt * NEAR_SHARE) load.goOn();\n",
    put: "",
    shownBy: SIMULATED_GENTLE,
  },
  {
    keeps: [10],
    guard: "no chunk is begun while the source keeps too much log",
    file: "pipeline/run-parts.ts",
    take: "    await this.#task.load.passed();\n",
    put: "",
    shownBy: {
      file: `${ROOM}/retention.pg.test.ts`,
      name: "reads no new chunk until the slot keeps less again",
    },
  },
  {
    keeps: [8, 10],
    guard: "a log that is over its bound is let go of between runs too",
    file: "pipeline/task.ts",
    take: "    else await this.#parts.source.letGo?.(this.#identity);\n",
    put: "",
    shownBy: {
      file: `${ROOM}/retention.pg.test.ts`,
      name: "gives the slot up while the sink cannot be reached",
    },
  },
  {
    keeps: [8],
    guard: "a log is given up only at the source that the pipeline was compared with",
    file: "sources/postgres/let-go.ts",
    take: "  if (here !== wanted)\n",
    put: '  if (here === "")\n',
    shownBy: {
      file: `${ROOM}/sources/postgres/let-go.pg.test.ts`,
      name: "stays where the connection leads to another cluster or database now",
    },
  },
  {
    keeps: [8],
    guard: "a slot that is not the pipeline's is not given up",
    file: "sources/postgres/let-go.ts",
    take: "  await refuseSlot(client, slotName);\n",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/postgres/let-go.pg.test.ts`,
      name: "stays where somebody else made it",
    },
  },
];
