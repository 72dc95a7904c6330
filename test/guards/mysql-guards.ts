import type { Guard } from "./guard.ts";

const MYSQL = "packages/millrace/src/sources/mysql";
const BARRIERS = "packages/millrace/src/pipeline/barriers.test.ts";

/** Tables of a MySQL log. */
export const MYSQL_GUARDS: readonly Guard[] = [
  {
    keeps: [1, "Source transactions"],
    guard: "MySQL's rows that do not fit the shape have the table loaded again",
    file: "sources/mysql/captured-tables.ts",
    take: "return planRow(map, standing.shape, this.#options.values) ?? { misfit: id };",
    put: "return planRow(map, standing.shape, this.#options.values);",
    shownBy: {
      file: `${MYSQL}/captured-tables.my.test.ts`,
      name: "are never decoded by a shape that does not fit",
    },
  },
  {
    keeps: [1, 3],
    guard: "MySQL's statement is not applied twice to a shape that has it",
    file: "sources/mysql/captured-tables.ts",
    take: " || ordinal(index, SLOTS[outcome.kind]) <= at.toldRow",
    put: "",
    shownBy: {
      file: `${MYSQL}/captured-tables.my.test.ts`,
      name: "are told from any place on as they were told without a stop",
    },
  },
  {
    keeps: [1],
    guard: "MySQL's statements in place of rows stop the pipeline",
    file: "sources/mysql/transaction-assembler.ts",
    take: "if (this.#tables.concerns(query)) throw",
    put: "if (false as boolean) throw",
    shownBy: {
      file: `${MYSQL}/logged-statements.my.test.ts`,
      name: "is refused where it stands for rows of a captured database",
    },
  },
  {
    keeps: [3, "Barrier"],
    guard: "a shape that rows are decoded by is durable in its place",
    file: "pipeline/barrier-intents.ts",
    take: "if (isQuiet && rows === undefined && keep !== true) {",
    put: "if (isQuiet && rows === undefined) {",
    shownBy: {
      file: BARRIERS,
      name: "is made durable in its place though the sink sees no difference",
    },
  },
  {
    keeps: [1, "Ghosts"],
    guard: "rows that went without events are looked for",
    file: "pipeline/barriers.ts",
    take: 'if (intent.rows === "moved") this.#restartMoved(table);\n    else if',
    put: "if",
    shownBy: {
      file: BARRIERS,
      name: "have the table loaded again, and those looked for that it has no more",
    },
  },
  {
    keeps: [8],
    guard: "a MySQL log that was begun anew is lost, though its files have the old names",
    file: "sources/mysql/prepare-log.ts",
    take: "if (made === undefined || !isHere || made === found) return;",
    put: "if (made !== null) return;",
    shownBy: {
      file: "packages/millrace/src/mysql-source.my.test.ts",
      name: "takes a log that was begun anew for a loss",
    },
  },
  {
    keeps: [8, "Failover behind us"],
    guard: "a MySQL server that took over has the transactions that the sink was given",
    file: "sources/mysql/log-place.ts",
    take: "if (group.hash === this.#hash && !isOther) continue;",
    put: "if (group.n !== null) continue;",
    shownBy: { file: `${MYSQL}/log-place.test.ts`, name: "is lost where it has" },
  },
];
