import type { Guard } from "./guard.ts";

const ROOM = "packages/millrace/src";

/** What replicas show: as servers that are read from, and as servers that take over. */
export const STANDBY_GUARDS: readonly Guard[] = [
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
    take: "if (!visibility.isStandbys) await dependencies.checkPromoted?.(connection);",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/postgres/standby.pg.test.ts`,
      name: "are refused of another cluster, and of a server that was promoted",
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
