import type { Guard, TestName } from "./guard.ts";

const ROOM = "packages/millrace/src";
const test = (file: string, name: string): TestName => ({ file: `${ROOM}/${file}.test.ts`, name });

/** Guards of tests that the page's own tables name, where no other list has them. */
export const NAMED_GUARDS: readonly Guard[] = [
  {
    keeps: [1],
    guard: "what the sink's server says of a row's values is told to nobody",
    file: "sinks/dsql/errors.ts",
    take: "`${context.doing}: ${detail}$",
    put: "`${context.doing}: ${detail} ${server.message}$",
    shownBy: test(
      "sinks/dsql/errors",
      "tells names, never values or the server's own words about them",
    ),
  },
  {
    keeps: [1],
    guard: "a change that does not say which row it is about does not pass",
    file: "sources/postgres/row-key.ts",
    take: "if (isComplete) return;",
    put: "if (isComplete || event.new === null) return;",
    shownBy: test(
      "sources/postgres/transaction-assembler",
      "refuses a delete that does not say which row, naming the table and the remedy",
    ),
  },
  {
    keeps: [2],
    guard: "a key's lane is the same in every version of the program",
    file: "pipeline/lane-hash.ts",
    take: "0x01000193",
    put: "0x01000195",
    shownBy: test(
      "pipeline/lane-hash",
      "says the same lane for a key for ever: the number of lanes is stored, the hash is not",
    ),
  },
  {
    keeps: [2, "Position", "Key change"],
    guard: "the halves of a key change have two places",
    file: "sources/postgres/transaction-assembler.ts",
    take: "Slot.MOVED_FROM",
    put: "Slot.EVENT",
    shownBy: test(
      "sources/postgres/transaction-assembler",
      "gives positions in strictly growing order",
    ),
  },
  {
    keeps: [6],
    guard: "a COMMIT that is answered by another tag was none",
    file: "sinks/dsql/end-transaction.ts",
    take: 'if (result?.tag === "COMMIT") return;',
    put: "if (result !== undefined) return;",
    shownBy: test(
      "sinks/dsql/end-transaction",
      "is good only with its own tag: a failed transaction answers ROLLBACK without an error",
    ),
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a key that changed is struck from every window of its table",
    file: "pipeline/windows.ts",
    take: "for (const window of this.#open) window.strike(key);",
    put: "for (const window of [...this.#open].slice(0, 1)) window.strike(key);",
    shownBy: test(
      "pipeline/windows",
      "strikes keys in every window that is open, from its opening on",
    ),
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "what an earlier run has sent counts as sent",
    file: "pipeline/sent-transactions.ts",
    take: "this.#ids = new Set(carried);",
    put: "this.#ids = new Set();",
    shownBy: test(
      "pipeline/sent-transactions",
      "begins with what an earlier run had sent and no snapshot had seen",
    ),
  },
  {
    keeps: [9],
    guard: "rules for columns leave NULL and UNCHANGED what they are",
    file: "transform/column-treatment.ts",
    take: 'if (treatment.kind === "keep" || value === null || value === UNCHANGED) return value;',
    put: 'if (treatment.kind === "keep") return value;',
    shownBy: test("transform/router", "keeps NULL and UNCHANGED what they are"),
  },
  {
    keeps: [3, 10],
    guard: "an idle or filtered log makes no marks behind a slow lane",
    file: "pipeline/frontier.ts",
    take: "if (empty && last !== undefined) {",
    put: "if (empty && last === undefined) {",
    shownBy: test(
      "pipeline/frontier",
      "an empty position moves the newest mark, and the frontier itself where nothing is outstanding",
    ),
  },
  {
    keeps: [10],
    guard: "a value that no sink takes is counted and let go as it passes",
    file: "sources/postgres/large-row-decoder.ts",
    take: "this.#isKept(bytes) ?",
    put: "bytes >= 0 ?",
    shownBy: test("sources/postgres/large-row-decoder", "never holds what it skims"),
  },
  {
    keeps: [10, 11],
    guard: "a slow listener is told how many events it missed",
    file: "observe/event-stream.ts",
    take: "      this.#missed++;\n",
    put: "",
    shownBy: test(
      "observe/event-stream",
      "tells a slow listener how many it missed, and keeps the newest",
    ),
  },
  {
    keeps: [10],
    guard: "aliases of a file multiply up to a bound",
    file: "config/yaml-tree.ts",
    take: "const MAX_NODES = 50_000;",
    put: "const MAX_NODES = 500_000;",
    shownBy: test("config/load", "refuses aliases that multiply instead of filling the memory"),
  },
  {
    keeps: [11],
    guard: "a metric is what the status says now",
    file: "observe/status-metrics.ts",
    take: "      metric.reset();\n",
    put: "",
    shownBy: test(
      "observe/metrics",
      "are read from the status when they are asked for, never before",
    ),
  },
  {
    keeps: [11],
    guard: "a latency is never less than nothing",
    file: "observe/commit-metrics.ts",
    take: "Math.max(0, this.#now() - oldestSourceMs)",
    put: "(this.#now() - oldestSourceMs)",
    shownBy: test("observe/metrics", "take a source clock that is ahead as no latency"),
  },
];

/** The same at real servers. */
export const NAMED_SERVER_GUARDS: readonly Guard[] = [
  {
    keeps: [5, "Barrier"],
    guard: "the fence is looked at before each DDL, which carries none",
    file: "sinks/dsql/sql-sink.ts",
    take: "if (lanes.every((lane) => lane.fence === task.fence)) return;",
    put: "if (lanes.every((lane) => lane.fence >= task.fence)) return;",
    shownBy: test("sinks/dsql/fence.pg", "keeps a zombie from DDL"),
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard:
      "an error behind COMMIT leaves the outcome unknown unless the server says that it is gone",
    file: "sinks/dsql/end-transaction.ts",
    take: "if (abortedForSure(error)) return failure;",
    put: "if (failure instanceof Error) return failure;",
    shownBy: test(
      "sinks/dsql/fence.pg",
      "leaves the outcome of a COMMIT unknown whose answer is lost, and the lane row tells that it landed (I6)",
    ),
  },
  {
    keeps: [9],
    guard: "a copy under another key takes what the log left out from the old row",
    file: "sinks/dsql/table-statements.ts",
    take: "? `o.${this.#column(index)}`",
    put: '? "NULL"',
    shownBy: test(
      "sinks/dsql/commit.pg",
      "moves a row to another key, with the columns that the log left out",
    ),
  },
  {
    keeps: [4],
    guard: "the source is told what is durable, not what was received",
    file: "sources/postgres/replication-log.ts",
    take: "durableLsn: this.#durableLsn,",
    put: "durableLsn: this.#receivedLsn,",
    shownBy: test(
      "sources/postgres/log-connection.pg",
      "frees the slot's log up to the end of a finished transaction, and no earlier than told",
    ),
  },
  {
    keeps: [4],
    guard: "nothing is acknowledged that was never read",
    file: "sources/postgres/replication-log.ts",
    take: "if (lsn > this.#receivedLsn) {",
    put: "if (lsn < 0) {",
    shownBy: test(
      "sources/postgres/log-connection.pg",
      "of what was never read is refused as a bug",
    ),
  },
  {
    keeps: [8],
    guard: "a publication that is dropped while its log is read ends the reading",
    file: "sources/postgres/replication-log.ts",
    take: "if (isOurs) throw",
    put: "if (isOurs && this.#receivedLsn < 0) throw",
    shownBy: test(
      "sources/postgres/log-connection.pg",
      "is a loss, while the log is read and when it is opened again",
    ),
  },
  {
    keeps: [8],
    guard: "a publication that went away is not made anew in silence",
    file: "sources/postgres/source.ts",
    take: "if (known !== null && !recreate) await checkPublication(client, publicationName);",
    put: "",
    shownBy: test(
      "sources/postgres/source.pg",
      "calls a publication that went away a loss, until the log is made anew",
    ),
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a table that joins a publication waits for what had begun to write before",
    file: "sources/postgres/source.ts",
    take: "const ended = transactionsEnded(chunks, this.#joinedBelow, { ...this.#context, signal });",
    put: "const ended = Promise.resolve(0);",
    shownBy: test(
      "sources/postgres/source.pg",
      "holds a joining table back until older transactions have ended",
    ),
  },
];
