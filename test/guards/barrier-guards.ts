import type { Guard, TestName } from "./guard.ts";

const ROOM = "packages/millrace/src";
const MESSAGES = `${ROOM}/sources/postgres/ddl-log.pg.test.ts`;
const PLAN = `${ROOM}/sinks/dsql/alter-plan.test.ts`;

const SEALED: TestName = {
  file: `${ROOM}/sources/postgres/ddl-messages.test.ts`,
  name: "that is not sealed with the trigger's key for its transaction is none, whatever it says",
};

/** What barriers do to tables, and who is believed that tells of one. */
export const BARRIER_GUARDS: readonly Guard[] = [
  {
    keeps: [1, "Tables without key"],
    guard:
      "a table without key is loaded again where the log takes a column away that its load had",
    file: "pipeline/barriers.ts",
    take: "intent.rewritten.length > 0 || takesLoaded ||",
    put: "intent.rewritten.length > 0 ||",
    shownBy: {
      file: `${ROOM}/pipeline/barriers.test.ts`,
      name: "is loaded again where the log takes a column away: no change of those rows fills it again",
    },
  },
  {
    keeps: [7, "Barrier"],
    guard: "TRUNCATE during INIT_SYNC begins a new generation",
    file: "pipeline/barriers.ts",
    take: `    if (this.#parts.settings.fullLoad || table.document.nextChunk > 0)
      this.#parts.generations.restart(table, "none");
`,
    put: "",
    shownBy: {
      file: `${ROOM}/pipeline/barriers.test.ts`,
      name: "begins a new generation of a load: what was planned of the rows before counts for nothing",
    },
  },
  {
    keeps: [1, "Barrier"],
    guard:
      "a column that a late ADD COLUMN left does not keep a renamed or added one from its name",
    file: "sinks/dsql/target-tables.ts",
    take: "nextStep(actual, change) ?? (await strayStep(connection, actual, change));",
    put: "nextStep(actual, change);",
    shownBy: {
      file: "packages/millrace/src/sinks/dsql/stray-columns.pg.test.ts",
      name: "does not keep a renamed column's values from its new name",
    },
  },
  {
    keeps: [1],
    guard: "a column that holds values is nobody's leftover",
    file: "sinks/dsql/stray-columns.ts",
    take: "if (step !== null && !(await isUsed(to))) return step;",
    put: "if (step !== null) return step;",
    shownBy: {
      file: "packages/millrace/src/sinks/dsql/stray-columns.pg.test.ts",
      name: "stays, and is told, where somebody keeps values in it",
    },
  },
  {
    keeps: [5, "Barrier"],
    guard: "a dropped column is renamed, which fails for a zombie that comes too late",
    file: "sinks/dsql/alter-plan.ts",
    take: "RENAME COLUMN ${quoteName(name)} TO ${quoteName(away)}`;",
    put: "DROP COLUMN ${quoteName(name)}`;",
    shownBy: {
      file: `${ROOM}/sinks/dsql/target-tables.pg.test.ts`,
      name: "keep a column that was added since, when a late DROP of an older one comes",
    },
  },
  {
    keeps: [5, "Barrier"],
    guard: "where a barrier has put a column away, one of that name that came since is another one",
    file: "sinks/dsql/alter-plan.ts",
    take: "if (column === undefined || columns.has(away)) return null;",
    put: "if (column === undefined) return null;",
    shownBy: { file: PLAN, name: "never puts a second column away under one name" },
  },
  {
    keeps: ["Barrier"],
    guard: "the same column of two barriers is put away under two names",
    file: "sinks/dsql/alter-plan.ts",
    take: "update(`${tag}\\0${name}`)",
    put: "update(name)",
    shownBy: { file: PLAN, name: "fits into 63 bytes, and differs by barrier and by column" },
  },
  {
    keeps: [1],
    guard: "a message about a schema change is nothing unless it has the key's seal",
    file: "sources/postgres/seal.ts",
    take: "return seal.length === expected.length && timingSafeEqual(seal, expected)",
    put: "return seal.length === expected.length",
    shownBy: SEALED,
  },
  {
    keeps: [1],
    guard: "without a key no message about a schema change is believed",
    file: "sources/postgres/seal.ts",
    take: "  if (key === null || at < 0) return null;\n",
    put: '  if (key === null) return text.subarray(0, at).toString("utf8");\n  if (at < 0) return null;\n',
    shownBy: SEALED,
  },
  {
    keeps: [1],
    guard: "a message without a seal is none, whoever writes it",
    file: "sources/postgres/ddl-messages.ts",
    take: "unsealed(whole, this.#key, transaction)",
    put: 'whole.toString("utf8").replace(/\\n[0-9a-f]*$/, "")',
    shownBy: {
      file: MESSAGES,
      name: "that are not sealed are nothing, whatever they say and whoever writes them",
    },
  },
  {
    keeps: [1],
    guard: "a message about a schema change counts in its own transaction only",
    file: "sources/postgres/ddl-messages.ts",
    take: "this.#transaction = transaction;",
    put: "this.#transaction ??= transaction;",
    shownBy: {
      file: MESSAGES,
      name: "are nothing where somebody sends them again who can read the log",
    },
  },
  {
    keeps: [1],
    guard: "a trigger that an earlier version made is made anew",
    file: "sources/postgres/ddl-trigger.ts",
    take: "source === ddlFunctionBody(version) &&",
    put: "source !== null &&",
    shownBy: { file: MESSAGES, name: "is put right where an earlier version made it" },
  },
  {
    keeps: [1],
    guard: "a trigger that was made anew under the open log is read with its own key",
    file: "sources/postgres/ddl-messages.ts",
    take: "    this.#key = await this.#readKey();\n",
    put: "",
    shownBy: {
      file: MESSAGES,
      name: "are read with the key of a trigger that was made anew under the open log",
    },
  },
  {
    keeps: [1],
    guard: "messages are trusted only for what is younger than their key",
    file: "sources/postgres/ddl-trigger.ts",
    take: "Math.min(row.age ?? 0, seal?.age ?? 0)",
    put: "row.age ?? 0",
    shownBy: {
      file: MESSAGES,
      name: "is made once, found, put right when it was turned off or altered, and taken away",
    },
  },
  {
    keeps: [1],
    guard: "no plan that a session may ask for shows the key of messages",
    file: "sources/postgres/ddl-trigger-sql.ts",
    take: '  debug_print_plan: "off",\n',
    put: "",
    shownBy: { file: MESSAGES, name: "show their key to nobody whose DDL they tell of" },
  },
];
