import type { Guard } from "./guard.ts";

const PAUSES = { file: "packages/millrace/src/table-pause.pg.test.ts" };
const LOST = { file: "packages/millrace/src/pipeline/lost-targets.test.ts" };
const DROPPED = { file: "packages/millrace/src/lost-targets.pg.test.ts" };
const RELOADS = { file: "packages/millrace/src/reload.pg.test.ts" };

/** One table out of the way, and tables that come and go while the others run. */
export const TABLE_GUARDS: readonly Guard[] = [
  {
    keeps: [1],
    guard: "that a table is paused is durable before its changes are left out",
    file: "pipeline/generations.ts",
    take: "    await this.#forget([], () => tableEntries(table, chunks));\n",
    put: "",
    shownBy: {
      ...PAUSES,
      name: "stays paused over a restart, and nothing but a resume loads it",
    },
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "changes that are left out count as sent",
    file: "pipeline/feed.ts",
    take: "    if (table.leftOut && change.transaction !== this.#transaction) this.saw(change.transaction);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "enter no lane, and count as sent, for the snapshots that bring them back (I7)",
    },
  },
  {
    keeps: [1, "Barrier"],
    guard: "schema changes and TRUNCATE of a paused table wait for its resume",
    file: "pipeline/barriers.ts",
    take: "if (table === undefined || table.paused !== null) return false;",
    put: "if (table === undefined) return false;",
    shownBy: {
      ...PAUSES,
      name: "keeps its rows through a TRUNCATE, and takes the present shape with the resume",
    },
  },
  {
    keeps: [1],
    guard: "a resume takes the shape that the source has now",
    file: "pipeline/table-loads.ts",
    take: "      if (!(await this.#adoptNow(table)))\n        throw new RestartNeeded(`the source has no ${id} any more`);\n      table.update({ aheadOfLog: true });\n",
    put: "",
    shownBy: {
      ...PAUSES,
      name: "keeps its rows through a TRUNCATE, and takes the present shape with the resume",
    },
  },
  {
    keeps: [1],
    guard: "a table that is routed or transformed in another way is loaded anew",
    file: "pipeline/prepare-run.ts",
    take: "  meetReroutedTables(parts, state.tables, tables);\n",
    put: "",
    shownBy: {
      ...RELOADS,
      name: "writes tables that are routed or transformed in another way anew, all of their rows",
    },
  },
  {
    keeps: [1],
    guard: "a file that says more than tables, routes and transforms in another way is refused",
    file: "config/given-options.ts",
    take: "differing(before, after).filter((path) => !RELOADABLE.test(path))",
    put: "differing(before, after).filter(() => false)",
    shownBy: {
      ...RELOADS,
      name: "says all that is wrong or differs, without secrets, and changes nothing",
    },
  },
  {
    keeps: [5],
    guard: "who is overtaken at the publication looks again",
    file: "sources/postgres/publication.ts",
    take: "if (!isOvertaken(error) || attempt === MOST_ATTEMPTS) throw error;",
    put: "throw error;",
    shownBy: {
      file: "packages/millrace/src/sources/postgres/publication.pg.test.ts",
      name: "is made by several who come at once, as if one had come after the other",
    },
  },
  {
    keeps: [8],
    guard: "a slot that is just being made is waited for",
    file: "sources/postgres/slot.ts",
    take: "  if (isBeingMade(state)) throw busySlot(state);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/sources/postgres/two-prepare.pg.test.ts",
      name: "a slot whose making waits for an open transaction is no slot that lost its log",
    },
  },
  {
    keeps: [1, 8],
    guard: "a table whose target somebody has dropped is loaded anew",
    file: "pipeline/prepare-source.ts",
    take: "await meetLostTargets(parts, found, committer);",
    put: "{ identities: null, gone: new Set<TableId>(), present: new Set<TableId>() };",
    shownBy: {
      ...DROPPED,
      name: "while the pipeline is down, or makes anew, is loaded again",
    },
  },
  {
    keeps: [1],
    guard: "that a table with a lost target begins anew is durable before the target is made",
    file: "pipeline/lost-targets.ts",
    take: "    await writeDocuments(committer, [...chunks, entry(key, read())]);\n",
    put: "",
    shownBy: { ...LOST, name: "has its table begin anew, durably, where it is gone" },
  },
  {
    keeps: [8],
    guard: "a target that is dropped while a run begins is met by the next one",
    file: "pipeline/lost-targets.ts",
    take: "if (lost !== undefined && found.identities !== null) {",
    put: "if ((false as boolean) && found.identities !== null) {",
    shownBy: {
      ...LOST,
      name: "is what the start found where it is dropped while the start is under way: the next one meets it",
    },
  },
  {
    keeps: ["Barrier"],
    guard:
      "an open barrier does not wait for a target that is not there, though nothing was written to it",
    file: "pipeline/lost-targets.ts",
    take: "    for (const id of missing) gone.add(id);\n",
    put: "    if (isBegun) for (const id of missing) gone.add(id);\n",
    shownBy: {
      ...LOST,
      name: "is what an open barrier has made of it: another one is met behind its end, one that is gone now",
    },
  },
  {
    keeps: [8],
    guard: "a target that was made anew is told from the one that was written",
    file: "pipeline/lost-targets.ts",
    take: 'is !== "" && is !== was;',
    put: 'is === "" && is !== was;',
    shownBy: { ...LOST, name: "has its table begin anew, durably, where it is another one" },
  },
  {
    keeps: [8],
    guard: "state and targets that were moved together are the ones that they were",
    file: "pipeline/lost-targets.ts",
    take: "known?.home === home ? known.ids : {}",
    put: "known?.ids ?? {}",
    shownBy: { ...LOST, name: "is the one that it was where the state lies elsewhere too" },
  },
  {
    keeps: [1, "Barrier"],
    guard: "an open barrier does not alter a target that somebody has dropped",
    file: "pipeline/barriers.ts",
    take: 'planned.filter(({ kind, table: { id } }) => kind !== "alter" || !gone.has(id))',
    put: "planned",
    shownBy: {
      ...DROPPED,
      name: "while a schema change of it is under way does not hold up the starts",
    },
  },
];
