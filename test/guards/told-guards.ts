import type { Guard } from "./guard.ts";
import { SIMULATED_TOLD } from "./simulation-tests.ts";

/** What only a log needs that tells schema changes in their place. */
export const TOLD_GUARDS: readonly Guard[] = [
  {
    keeps: [1],
    guard: "a log is not decoded by the shape that a table had before it was left out for a while",
    file: "pipeline/run.ts",
    take: "paused !== null || document.outdated === true",
    put: "paused !== null",
    shownBy: SIMULATED_TOLD,
  },
  {
    keeps: [1, 8],
    guard: "a log that was made anew is not decoded by the shapes of the lost one",
    file: "pipeline/prepare-source.ts",
    take: "  table.update({ outdated: true });\n",
    put: "",
    shownBy: SIMULATED_TOLD,
  },
  {
    keeps: [7],
    guard: "a table is not SYNC by a load that the log is about to throw away",
    file: "pipeline/passed-end.ts",
    take: "if (outdated === true && source.tellsOutdated === true) return false;",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/passed-end.test.ts",
      name: "a table whose log is about to tell that it is loaded again waits for that",
    },
  },
  {
    keeps: [1, "Tables without key"],
    guard: "a table without key has the columns that its load did not read and its log tells later",
    file: "pipeline/barriers.ts",
    take: "added.length + dropped.length > 0",
    put: "dropped.length > 0",
    shownBy: {
      file: "packages/millrace/src/pipeline/barriers.test.ts",
      name: "is loaded again where the log brings a column that the load did not read",
    },
  },
  {
    keeps: [11, "Barrier"],
    guard: "a dropped table is not waited for to be told once more",
    file: "pipeline/barriers.ts",
    take: "    outdated: false,\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/barriers.test.ts",
      name: "is not waited for to be told once more, where its shape was not known",
    },
  },
  {
    keeps: [11, "Barrier"],
    guard: "nothing is left to be loaded of a table that the log tells to be dropped",
    file: "pipeline/barriers.ts",
    take: 'if (intent.kind !== "truncate") return endLoad(table, intent);',
    put: 'if (intent.kind !== "truncate") return;',
    shownBy: {
      file: "packages/millrace/src/pipeline/barriers.test.ts",
      name: "has nothing left to be loaded: its target stays, and it is SYNC once its end is passed",
    },
  },
  {
    keeps: [11],
    guard: "a paused table that is gone is let go of when it is resumed",
    file: "pipeline/table-loads.ts",
    take: "if (!(await this.#adoptNow(table)))",
    put: "if (!(await this.#adoptNow(table)) && table.shape === null)",
    shownBy: {
      file: "packages/millrace/src/pipeline/table-loads.test.ts",
      name: "is for the next run to let go of where the source has it no more",
    },
  },
  {
    keeps: [1, "Barrier"],
    guard:
      "a barrier that was begun is finished as its log told it: rows that moved, another table",
    file: "pipeline/barrier-intents.ts",
    take: "return rows === undefined ? intent : { ...intent, rows, ...why };",
    put: "return rows === null ? { ...intent, rows } : intent;",
    shownBy: SIMULATED_TOLD,
  },
  {
    keeps: [1],
    guard: "a table of the old name is another one where the log says so",
    file: "pipeline/barriers.ts",
    take: 'return rows === "anew" || (previous',
    put: "return (previous",
    shownBy: SIMULATED_TOLD,
  },
  {
    keeps: [7, "Failover behind us"],
    guard: "what one server's snapshots have not seen is not asked of another",
    file: "pipeline/prepare-source.ts",
    take: "unseen: elsewhere ? [] : known.unseen,",
    put: "unseen: known.unseen,",
    shownBy: SIMULATED_TOLD,
  },
  {
    keeps: [7, "Failover behind us"],
    guard: "a load that another server's snapshots began begins anew",
    file: "pipeline/prepare-source.ts",
    take: "if (prepared.elsewhere === true) leaveSnapshots(",
    put: "if ((false as boolean) && prepared.elsewhere === true) leaveSnapshots(",
    shownBy: {
      file: "packages/millrace/src/mysql-failover.my.test.ts",
      name: "loads a table again whose load was under way",
    },
  },
  {
    keeps: [7, "Failover behind us", "Tables without key"],
    guard:
      "a table without key whose end was not passed durably is not told from a snapshot of another server",
    file: "pipeline/branched-log.ts",
    take: 'if ((state !== "INIT_SYNC" && !isAhead) || hasNotBegun(table.document)) continue;',
    put: 'if ((state !== "INIT_SYNC" && isAhead) || state === "SYNC") continue;',
    shownBy: SIMULATED_TOLD,
  },
];
