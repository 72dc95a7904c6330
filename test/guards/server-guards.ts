import type { Guard, TestName } from "./guard.ts";

const ROOM = "packages/millrace/src";
const fence = (name: string): TestName => ({ file: `${ROOM}/sinks/dsql/fence.pg.test.ts`, name });
const log = (name: string): TestName => ({
  file: `${ROOM}/sources/postgres/log-connection.pg.test.ts`,
  name,
});

const quoted = (name: string): TestName => ({
  file: `${ROOM}/sources/postgres/connection-error.test.ts`,
  name,
});

/** What real servers show. */
export const SERVER_GUARDS: readonly Guard[] = [
  {
    keeps: ["Dead letters"],
    guard: "a message of the source's server that may quote a row's value is not repeated",
    file: "sources/postgres/connection-error.ts",
    take: 'if (state === "22023") return SETTING_MESSAGE.test(message);',
    put: 'if (state === "22023") return message !== SETTING_MESSAGE.source;',
    shownBy: quoted("is quoted by its class"),
  },
  {
    keeps: ["Dead letters"],
    guard: "the cause of a source's error has no DETAIL and no CONTEXT",
    file: "sources/postgres/connection-error.ts",
    take: 'cause: state === null ? error : new ServerError("ERROR", state, message),',
    put: 'cause: state === null ? new ServerError("ERROR", "", message) : error,',
    shownBy: quoted("has a cause without DETAIL"),
  },
  {
    keeps: ["Dead letters"],
    guard: "an error that nobody has given its place does not quote a server",
    file: "errors/safe-text.ts",
    take: "if (state !== null) return `a server's error (SQLSTATE ${state})`;",
    put: 'if (state === "") return `a server\'s error (SQLSTATE ${state})`;',
    shownBy: {
      file: `${ROOM}/errors/safe-text.test.ts`,
      name: "does not quote the value of",
    },
  },
  {
    keeps: [5, "Fence and lost COMMIT"],
    guard: "the CHECK of the lane row fails a writer with an old fence",
    file: "sinks/dsql/state-statements.ts",
    take: "CHECK (writer = fence AND expected = seq - 1)",
    put: "CHECK (expected = seq - 1)",
    shownBy: fence("keeps a zombie from writing anything (I5)"),
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard: "the CHECK of the lane row fails a batch that was there",
    file: "sinks/dsql/state-statements.ts",
    take: "CHECK (writer = fence AND expected = seq - 1)",
    put: "CHECK (writer = fence)",
    shownBy: fence("keeps the same batch from landing twice"),
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard: "a takeover is one snapshot, so that two of them conflict",
    file: "sinks/dsql/takeover.ts",
    take: "BEGIN ISOLATION LEVEL REPEATABLE READ",
    put: "BEGIN",
    shownBy: {
      file: `${ROOM}/sinks/dsql/takeover-race.pg.test.ts`,
      name: "do not draw the same number: one of them begins again",
    },
  },
  {
    keeps: [2],
    guard: "rows are replaced only where nobody could tell that from an update",
    file: "sinks/dsql/table-statements.ts",
    // oxlint-disable-next-line no-template-curly-in-string
    take: " AND ${replaceable(this.#name, this.#table.columns.length)}",
    put: "",
    shownBy: {
      file: `${ROOM}/sinks/dsql/replacements.pg.test.ts`,
      name: "updates them where rows of another table would go with them",
    },
  },
  {
    keeps: [8],
    guard: "a slot that was moved on is a loss",
    file: "sources/postgres/slot.ts",
    take: "if (confirmed > from) {",
    put: "if (false as boolean) {",
    shownBy: log("that was moved on by somebody else is a loss"),
  },
  {
    keeps: [8, "Failover behind us"],
    guard: "a server whose log ends before what the sink has is a loss",
    file: "sources/postgres/slot.ts",
    take: "if (from > end) {",
    put: "if (false as boolean) {",
    shownBy: log("of a server whose log ends before our position is a loss"),
  },
  {
    keeps: [8],
    guard: "a slot that is gone is a loss",
    file: "sources/postgres/slot.ts",
    take: "  if (state === null && known !== null && !recreate) throw missingSlot(slotName);\n",
    put: "",
    shownBy: log(
      "that is missing is a loss for a pipeline that has run, and is made for one that has not",
    ),
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a standby's snapshot proves nothing above xmin but what was replayed before it",
    file: "sources/postgres/visibility.ts",
    take: "if (this.#replayedLsn !== null) return commitLsn",
    put: "if (this.#replayedLsn === -1) return commitLsn",
    shownBy: {
      file: `${ROOM}/sources/postgres/visibility.test.ts`,
      name: "on a standby goes by the log that was replayed before, and by nothing above xmin else",
    },
  },
  {
    keeps: [10],
    guard: "a window that remembers too much gives up",
    file: "pipeline/windows.ts",
    take: "return this.#bytes > this.#limitBytes;",
    put: "return false;",
    shownBy: {
      file: `${ROOM}/pipeline/windows.test.ts`,
      name: "gives up when more keys changed than it may remember, and holds no more of them",
    },
  },
  {
    keeps: [11],
    guard: "a lag beyond the bound is not ready",
    file: "observe/health.ts",
    take: "else if (lagMs > maxLagMs)",
    put: "else if (false as boolean)",
    shownBy: { file: `${ROOM}/server/listener.test.ts`, name: "says why it is not ready" },
  },
];
