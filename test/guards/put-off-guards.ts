import type { Guard, TestName } from "./guard.ts";

const ROUNDS = "pipeline/put-off-rounds.ts";
const PIPELINE = "packages/millrace/src/pipeline";
const rows = (name: string): TestName => ({
  file: `${PIPELINE}/put-off-rounds.test.ts`,
  name,
});
const COHORT = "pipeline/put-off-cohort.ts";
const endless = (name: string): TestName => ({
  file: `${PIPELINE}/put-off-cohort.test.ts`,
  name,
});
const keeps = [1, "Secondary unique constraints"] as const;

const WAITED = rows(
  "wait for the load of a table that theirs is linked with, and go on when that is over",
);
const HELPED = rows(
  "have no last round while those of a linked table may become fewer, and no round in vain meanwhile",
);

/** Rows that a constraint does not allow yet, of tables that foreign keys link. */
export const PUT_OFF_GUARDS: readonly Guard[] = [
  {
    keeps,
    guard:
      "rounds of put-off rows go on when a table without key waits for them, though no log moves",
    file: "pipeline/run-parts.ts",
    take: "onBehindPutOff: () => this.putOff.onBehind(),",
    put: "onBehindPutOff: () => undefined,",
    shownBy: {
      file: "packages/millrace/src/mysql-keyless.my.test.ts",
      name: "are loaded behind rows of their parents that are put off, though the log does not move",
    },
  },
  {
    keeps,
    guard: "a row is put off while a table that is linked with its own is in INIT_SYNC",
    file: "pipeline/careful-writer.ts",
    take: "return linked.some((other) => other.early);",
    put: "return false;",
    shownBy: {
      file: `${PIPELINE}/lane-refusals.test.ts`,
      name: "is put off while a table that it is linked with is in INIT_SYNC",
    },
  },
  {
    keeps,
    guard: "a row is put off while the rest of its transaction is not here",
    file: "pipeline/careful-writer.ts",
    take: "    if (isOpen && isOfLog(item)) return true;\n",
    put: "",
    shownBy: {
      file: `${PIPELINE}/lane-refusals.test.ts`,
      name: "is put off and no dead letter where a barrier drains the lane in its middle",
    },
  },
  {
    keeps,
    guard:
      "a row is put off where what refuses it may have left the source with a part of its table",
    file: "pipeline/careful-writer.ts",
    take: "    if (isOfLog(item) && [table, ...linked].some(({ hasParts }) => hasParts)) return true;\n",
    put: "",
    shownBy: {
      file: `${PIPELINE}/simulation.test.ts`,
      name: "seed 7000155 of bound holds: a row was parked for one that had left the source with a partition, which a look was about to find",
    },
  },
  {
    keeps,
    guard: "the source is looked at before rows of tables with parts are given up",
    file: ROUNDS,
    take: "|| this.#mustLook(table, cohort)",
    put: "",
    shownBy: rows("of tables with parts have their last round behind a look at the source"),
  },
  {
    keeps: [...keeps, 10, "Dead letters"],
    guard: "rows that are refused in each round do not put off the last one of others for ever",
    file: COHORT,
    take: "    if (!this.isPatient) return null;\n",
    put: "",
    shownBy: endless(
      "fail the pipeline where dead letters do, though there is another one beside each round",
    ),
  },
  {
    keeps: [...keeps, 10, "Dead letters"],
    guard: "rows that come behind a cohort are not given up with it",
    file: COHORT,
    take: "number <= this.#newest && ",
    put: "",
    shownBy: {
      file: `${PIPELINE}/letter-arrivals.test.ts`,
      name: "are those that were put off by then, however often they are refused since",
    },
  },
  {
    keeps: [...keeps, 10, "Dead letters"],
    guard: "rows that are taken in each round do not put off the last one of others for ever",
    file: COHORT,
    take: "      this.#patience--;\n",
    put: "      tried.at(0);\n",
    shownBy: endless("are given up where those of a linked table are taken in every round"),
  },
  {
    keeps,
    guard: "a last round gives nothing up that came behind the look",
    file: ROUNDS,
    take: "    table.spares(newer);\n",
    put: "",
    shownBy: endless("are not given up in a last round that they came behind"),
  },
  {
    keeps,
    guard: "rows are read once more where a part has left beside their last round",
    file: ROUNDS,
    take: "    if (!isFound && !this.#void.has(table.id)) return true;\n",
    put: "    if (isFound !== null) return true;\n",
    shownBy: endless("are read once more where a part has left beside their last round"),
  },
  {
    keeps: [...keeps, "Tables without key"],
    guard: "what is refused of a table without key that waits for its load is no dead letter",
    file: "pipeline/careful-writer.ts",
    take: "return isOfLog(item) && table.early && !table.document.allPlanned;",
    put: "return false;",
    shownBy: {
      file: "packages/millrace/src/keyless-children.pg.test.ts",
      name: "what is refused of a table without key that waits for its load is no dead letter: the load brings it",
    },
  },
  {
    keeps: [...keeps, "Tables without key"],
    guard: "a last round does not wait for what goes with a load that waits for it",
    file: ROUNDS,
    take: "    if (other.keyless) return false;\n",
    put: "",
    shownBy: rows("do not wait for rows of a table without key, which go with its load"),
  },
  {
    keeps,
    guard: "that rows are being given up is durable before they are",
    file: ROUNDS,
    take: "    await this.#parts.writeTable(table);\n",
    put: "",
    shownBy: rows("of tables with parts are known to be given up before they are"),
  },
  {
    keeps,
    guard: "rows that an ended run was about to give up are read once more",
    file: ROUNDS,
    take: "table.document.givingUp === true && !this.#known.has(table.id)",
    put: "table.puttingOff < 0",
    shownBy: endless(
      "are read once more behind a last round of a run that ended before it had looked",
    ),
  },
  {
    keeps,
    guard: "who asks for what no log told is told whether there was any",
    file: "pipeline/table-watch.ts",
    take: "      one.isFound ||= moved.some(({ table }) => one.tables.includes(table));\n",
    put: "",
    shownBy: {
      file: `${PIPELINE}/table-watch.test.ts`,
      name: "a look that is asked for tells whether it has found anything",
    },
  },
  {
    keeps,
    guard: "who asks for what no log told waits until that is met",
    file: "pipeline/table-watch.ts",
    take: "      this.#moved.some(({ table }) => tables.includes(table));\n",
    put: "      tables.length === 0;\n",
    shownBy: {
      file: `${PIPELINE}/table-watch.test.ts`,
      name: "a look that is asked for tells when what it found is met",
    },
  },
  {
    keeps,
    guard: "who asks for what no log told is not answered by a look that left its table out",
    file: "pipeline/table-watch.ts",
    take: "this.#asked.filter((one) => !one.tables.some(isBusy))",
    put: "this.#asked.filter(() => true)",
    shownBy: {
      file: `${PIPELINE}/table-watch.test.ts`,
      name: "a look that is asked for while an older one is not met yet is another one behind that",
    },
  },
  {
    keeps: [1, 9, "Secondary unique constraints"],
    guard:
      "the new half of a key change that left values out is read before constraints see the rest",
    file: "pipeline/compaction.ts",
    take: "item.unsure || item.isNewHalf;",
    put: "item.unsure;",
    shownBy: {
      file: `${PIPELINE}/simulation.test.ts`,
      name: "seed 11000407 of foreign holds: a child was parked for its parent",
    },
  },
  {
    keeps,
    guard: "a transaction whose end is here is not put off for a rest that never comes",
    file: "pipeline/careful-writer.ts",
    take: "const mayBeOpen = !ends && this.#parts.readsRows();",
    put: "const mayBeOpen = this.#parts.readsRows();",
    shownBy: {
      file: `${PIPELINE}/lane-refusals.test.ts`,
      name: "is given up where all of it is refused",
    },
  },
  {
    keeps,
    guard: "rows that were put off wait for the loads of linked tables",
    file: ROUNDS,
    take: "linked.some((other) => !other.loaded && !other.behindPutOff)",
    put: "linked.length < 0",
    shownBy: WAITED,
  },
  {
    keeps,
    guard: "rows that waited for a linked table are looked at when that has nothing more to try",
    file: ROUNDS,
    take: "      this.#lookAtWaiting();\n      return false;\n",
    put: "      return false;\n",
    shownBy: WAITED,
  },
  {
    keeps,
    guard: "the last round of put-off rows waits while those of a linked table become fewer",
    file: ROUNDS,
    take: "linked.some((other) => this.#mayHelp(other, cohort))",
    put: "linked.length < 0",
    shownBy: HELPED,
  },
  {
    keeps,
    guard: "rows that were put off beside a last round have another one",
    file: "pipeline/careful-writer.ts",
    take: "    if (isOfLog(item)) table.putOffs++;\n",
    put: "",
    shownBy: {
      file: `${PIPELINE}/lane-refusals.test.ts`,
      name: "is put off and no dead letter where a barrier drains the lane in its middle",
    },
  },
  {
    keeps,
    guard: "rows that waited for a linked table are looked at behind its rounds",
    file: ROUNDS,
    take: "        this.#lookAtWaiting();\n        this.#parts.look(table);\n",
    put: "        this.#parts.look(table);\n",
    shownBy: HELPED,
  },
  {
    keeps,
    guard: "rows that were put off are tried again where those of a linked table became fewer",
    file: ROUNDS,
    take: "    for (const { id } of this.#linkedWith(table)) this.#cohorts.get(id)?.hears(waiting, settled);\n",
    put: "",
    shownBy: rows("are tried again where those of a linked table became fewer"),
  },
  {
    keeps,
    guard: "rows that came while others waited for a last round have one more before it",
    file: ROUNDS,
    take: "const grown = isOver ? null : before.grown(linked);",
    put: "const grown = null;",
    shownBy: rows(
      "that came while their table waited for another one are not tried for the last time at once",
    ),
  },
  {
    keeps,
    guard: "rounds from before the load of a linked table count for nothing",
    file: ROUNDS,
    take: '      this.#cohorts.delete(table.id);\n      return "waiting";\n',
    put: '      return "waiting";\n',
    shownBy: rows(
      "are put off once more where a linked table is found to begin anew when their last round is over",
    ),
  },
  {
    keeps,
    guard: "no round is the last beside the load of a linked table",
    file: ROUNDS,
    take: "      one.lastRound = false;\n",
    put: "",
    shownBy: rows(
      "have other rounds before them where a linked table begins anew, also behind a last one that left what cannot be tried",
    ),
  },
  {
    keeps,
    guard: "rows that a last round has given up are read once more where a load began beside it",
    file: ROUNDS,
    take: "if (!isFound && !this.#void.has(table.id)) return true;",
    put: "if (!isFound) return true;",
    shownBy: endless("are read once more where a load began beside their last round"),
  },
  {
    keeps,
    guard: "rounds of put-off rows are told of loads that begin",
    file: "pipeline/table-loads.ts",
    take: "    this.#parts.onBegin(table);\n",
    put: "",
    shownBy: {
      file: `${PIPELINE}/table-loads.test.ts`,
      name: "is told of before it goes on or begins anew",
    },
  },
  {
    keeps: [1, "Tables without key", "Secondary unique constraints"],
    guard: "no row without key is given up for a constraint that is newer than the run",
    file: "pipeline/careful-writer.ts",
    take: "if (table.keyless) await this.#parts.refuseNewer(route.target);",
    put: "await Promise.resolve({ table, route });",
    shownBy: {
      file: "packages/millrace/src/pipeline/lane-refusals.test.ts",
      name: "has the run begin anew where it has no key, which nobody could read again by",
    },
  },
  {
    keeps: [1, "Tables without key", "Secondary unique constraints"],
    guard: "a table without key is loaded behind those that its rows point at",
    file: "pipeline/table-loads.ts",
    take: "    if (this.#parts.mustWait(table)) return void this.#children.add(table);\n",
    put: "",
    shownBy: {
      file: `${PIPELINE}/table-loads.test.ts`,
      name: "without key waits for the rows that its own point at",
    },
  },
  {
    keeps: [1, "Tables without key", "Secondary unique constraints"],
    guard: "a table without key is loaded behind rows of its parents that are put off",
    file: "pipeline/table-loads.ts",
    take: "      if (this.#parts.isBehindPutOff(table)) return this.#waitBehind(table);\n",
    put: "",
    shownBy: {
      file: `${PIPELINE}/table-loads.test.ts`,
      name: "without key is emptied, and then waits for rows of its parents that are put off",
    },
  },
  {
    keeps: ["Tables without key", "Secondary unique constraints"],
    guard: "rows that are put off do not wait for the table without key that waits for them",
    file: ROUNDS,
    take: " && !other.behindPutOff",
    put: "",
    shownBy: rows(
      "do not wait for the load of a table without key that is emptied and waits for them",
    ),
  },
  {
    keeps: ["Tables without key", "Secondary unique constraints"],
    guard:
      "a table without key does not wait for ever for rows that are put off one behind another",
    file: "pipeline/parents-put-off.ts",
    take: " && cohort.has(letter)",
    put: "",
    shownBy: {
      file: `${PIPELINE}/parents-put-off.test.ts`,
      name: "does not wait for rows of its parents that are put off behind those, in the same load",
    },
  },
  {
    keeps: keeps,
    guard:
      "put-off rows do not wait for those of a linked table that even its last round could not try",
    file: "pipeline/put-off-rounds.ts",
    take: "this.#linkedWith(table).filter(({ early }) => early)",
    put: "this.#linkedWith(table)",
    shownBy: rows("do not wait for those of a linked table that even its last round could not try"),
  },
  {
    keeps: ["Tables without key", "Secondary unique constraints"],
    guard: "a table without key does not wait for rows that even a last round could not try",
    file: "pipeline/parents-put-off.ts",
    take: "({ id, early }) => early && ",
    put: "({ id }) => ",
    shownBy: {
      file: "packages/millrace/src/pipeline/parents-put-off.test.ts",
      name: "does not wait for rows of parents that even a last round could not try: these are in SYNC",
    },
  },
  {
    keeps: keeps,
    guard: "what is read once more behind a last round is put off where it is refused",
    file: "pipeline/put-off-rounds.ts",
    take: "    table.lastRound = false;\n    await replay.replay(this.#parked(tried));\n",
    put: "    await replay.replay(this.#parked(tried));\n",
    shownBy: endless(
      "are put off again where a part has left beside their last round and is not what refuses them",
    ),
  },
  {
    keeps: keeps,
    guard: "rows that came behind those that a last round could not try have their own",
    file: "pipeline/put-off-rounds.ts",
    take: "isOver && newer.length === 0 && !isFewer",
    put: "isOver && !isFewer",
    shownBy: endless(
      "are given up in the end also where they came behind those that even a last round cannot try",
    ),
  },
  {
    keeps: [1],
    guard: "nothing is put off that cannot be read again",
    file: "pipeline/careful-writer.ts",
    take: "if (table.keyless || isLastTry(item) || !this.#parts.readsRows()) return false;",
    put: "if (table.keyless || isLastTry(item)) return false;",
    shownBy: {
      file: "packages/millrace/src/pipeline/lane-refusals.test.ts",
      name: "is a dead letter where the source cannot be asked for it again",
    },
  },
];
