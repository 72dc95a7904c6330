import type { Guard } from "./guard.ts";
import { SIMULATED_GENTLE } from "./simulation-tests.ts";

const ROOM = "packages/millrace/src";

/** What replicas show: as servers that are read from, and as servers that take over. */
export const STANDBY_GUARDS: readonly Guard[] = [
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a chunk's snapshot is as new as what went to the lanes, wherever it is taken",
    file: "pipeline/chunk-reader.ts",
    take: "const unseen = before.filter((id) => !snapshot.sees(id));",
    put: "const unseen: TransactionId[] = [];",
    shownBy: SIMULATED_GENTLE,
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard:
      "a standby's snapshot has seen what was replayed before it, and nothing else for certain",
    file: "sources/postgres/visibility.ts",
    take: "return commitLsn !== null && commitLsn < this.#replayedLsn;",
    put: "return xid < this.xmin + 1_000_000n;",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby.pg.test.ts`,
      name: "see a transaction once it was replayed, and prove nothing by an empty list of those that run",
    },
  },
  {
    keeps: [7],
    guard: "a server that was promoted is no standby to read chunks from",
    file: "sources/postgres/snapshot.ts",
    take: "await dependencies.checkServer?.(connection);",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby.pg.test.ts`,
      name: "are refused of another cluster, and of a server that was promoted",
    },
  },
  {
    keeps: [7],
    guard: "a standby has nothing behind the place where the log left its timeline",
    file: "sources/postgres/chunk-server.ts",
    take: "if (Number(there.replayed) <= leftAt(history, timeline)) return;",
    put: "return;",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby-branches.pg.test.ts`,
      name: "on two branches: chunks come from the log's one",
    },
  },
  {
    keeps: [7],
    guard: "a standby whose control file lags is asked which timeline it follows",
    file: "sources/postgres/chunk-server.ts",
    take: "const timeline = await this.#options.chunkTimeline(there.started);",
    put: "const { timeline } = there;",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby-branches.pg.test.ts`,
      name: "on two branches: chunks come from the log's one",
    },
  },
  {
    keeps: [7, 8],
    guard: "all sessions that a run reads rows and log by lead to one server",
    file: "sources/postgres/source-servers.ts",
    take: "return { ...(await this.logConfig()), opened: this.#one.check };",
    put: "return this.logConfig();",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby-branches.pg.test.ts`,
      name: "on two branches: chunks come from the log's one",
    },
  },
  {
    keeps: [7],
    guard: "a snapshot is compared with what another session told of its standby",
    file: "sources/postgres/snapshot.ts",
    take: "      checkAge(visibility, behindLsn);",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby-branches.pg.test.ts`,
      name: "behind one name: no snapshot is older than what another one has proved",
    },
  },
  {
    keeps: [7],
    guard: "no snapshot is older than what an earlier one was relied on to see",
    file: "sources/postgres/source.ts",
    take: "this.#gate.raise(lsnBehind({ transactions: transactions.filter((id) => now.sees(id)) }));",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby-branches.pg.test.ts`,
      name: "behind one name: no snapshot is older than what another one has proved",
    },
  },
  {
    keeps: [7, 8],
    guard: "every run begins with sessions of its own",
    file: "sources/postgres/source.ts",
    take: "this.#servers.renew();\n    const { log, primary } = this.#servers;",
    put: "const { log, primary } = this.#servers;",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby-branches.pg.test.ts`,
      name: "on two branches: chunks come from the log's one, and every run asks the server that its name leads to",
    },
  },
  {
    keeps: [7, 8],
    guard:
      "a run asks the server whose log it reads where that ends, what it keeps, and what tables are",
    file: "sources/postgres/source-servers.ts",
    take: "this.log = new ControlPool(() => this.runConfig());",
    put: "this.log = new ControlPool(() => this.logConfig());",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby-branches.pg.test.ts`,
      name: "on two branches: chunks come from the log's one, and every run asks the server that its name leads to",
    },
  },
  {
    keeps: [8, "Failover behind us"],
    guard:
      "a server whose log parted before what the sink has is a loss, however far it has gone on",
    file: "pipeline/branched-log.ts",
    take: "if (durable.some(isBeyond))",
    put: "if (false as boolean)",
    shownBy: {
      file: "test/e2e/failover.e2e.test.ts",
      name: "without commits that the sink has is a loss, though the slot is there and its log goes on",
    },
  },
  {
    keeps: [8, "Failover behind us"],
    guard: "two logs part where the same timeline was left at different places",
    file: "sources/postgres/log-history.ts",
    take: "if (lsn !== otherLsn) return Math.min(lsn, otherLsn);",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/postgres/log-history.test.ts`,
      name: "parts where",
    },
  },
  {
    keeps: [10],
    guard: "what was sent is one id where snapshots may be far behind the log",
    file: "pipeline/sent-transactions.ts",
    take: "this.#ids.delete(this.#joined);",
    put: "",
    shownBy: {
      file: `${ROOM}/pipeline/sent-transactions.test.ts`,
      name: "is one id for all where the source can join them, beside what was carried (I10)",
    },
  },
];
