import type { Guard } from "./guard.ts";
import { SIMULATED_ALL, SIMULATED_LIVES, SIMULATED_UNIQUE } from "./simulation-tests.ts";

const ASSEMBLER = "packages/millrace/src/sources/postgres/transaction-assembler.test.ts";

const JOINING = "packages/millrace/src/pipeline/joining-tables.test.ts";

const PREPARED = "packages/millrace/src/pipeline/prepare-run.test.ts";

const RAISED_AGAIN = {
  file: "packages/millrace/src/sinks/dsql/fence.pg.test.ts",
  name: "raises the fence again where the answer to its own COMMIT is lost",
};

const ANEW = {
  file: PREPARED,
  name: "knows of no checkpoint where the log begins anew",
};

/** From the first row to SYNC, and tables that leave and come back; what one change is. */
export const LIFE_GUARDS: readonly Guard[] = [
  {
    keeps: [7],
    guard: "a table is SYNC only once the frontier has passed its end position",
    file: "pipeline/passed-end.ts",
    take: "return source.comparePositions(frontier, end) >= 0;",
    put: "return true;",
    shownBy: {
      file: "packages/millrace/src/pipeline/passed-end.test.ts",
      name: "a table is what the log says once its load is over and its end is passed",
    },
  },
  {
    keeps: [2, "Barrier"],
    guard: "no load begins beside a barrier",
    file: "pipeline/joining-tables.ts",
    take: "if (!table.loading.signal.aborted) this.#onFree(table);",
    put: "this.#onFree(table);",
    shownBy: {
      file: JOINING,
      name: "is not begun by this where somebody has stopped its load, for a barrier",
    },
  },
  {
    keeps: [5],
    guard: "the fence is raised before a pipeline is forgotten",
    file: "sinks/dsql/forget-pipeline.ts",
    take: "    await connection.query(statements.raiseFence, [...mine, String(Number(highest ?? 0) + 1)]);\n",
    put: "    void highest;\n",
    shownBy: {
      file: "packages/millrace/src/sinks/dsql/forget-pipeline.pg.test.ts",
      name: "leaves nothing of more state than a transaction takes",
    },
  },
  {
    keeps: [5],
    guard: "the state that a process has is taken away only where that is said",
    file: "clean-up.ts",
    take: "  if (state && !force) refuseHeld(",
    put: "  if (context === null) refuseHeld(",
    shownBy: {
      file: "packages/millrace/src/clean-up.pg.test.ts",
      name: "is refused while it runs, and nothing is dropped",
    },
  },
  {
    keeps: [11],
    guard: "a pause lasts over a restart",
    file: "pipeline-handle.ts",
    take: "      if (life.paused) await task.pause();\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/paused.pg.test.ts",
      name: "stays paused over a restart, also one that was asked for while it starts",
    },
  },
  {
    keeps: [1],
    guard: "a table that comes back is asked about like a new one, at whatever run",
    file: "pipeline/prepare-run.ts",
    take: "live.has(id) || fit.has(id)",
    put: "tables.has(id) || fit.has(id)",
    shownBy: {
      file: PREPARED,
      name: "is asked about again where it was removed and comes back between two runs of one process",
    },
  },
  {
    keeps: [1, 6],
    guard:
      "who reads a topic is told to forget a table's rows before a load behind changes that nobody saw",
    file: "pipeline/loader.ts",
    take: 'if (isFirst && sweep === "due" && this.#parts.goneRows(table) === "told")',
    put: "if (isFirst && this.#parts.workers < 0)",
    shownBy: {
      file: "packages/millrace/src/gone-rows.kafka.test.ts",
      name: "which was paused",
    },
  },
  {
    keeps: [7, "Ghosts"],
    guard: "no chunk of a table is planned before its readers have heard that it is empty",
    file: "pipeline/loader.ts",
    take: "      await this.#parts.tellEmpty(table);\n",
    put: "      this.#parts.tellEmpty(table).catch(() => undefined);\n",
    shownBy: {
      file: "packages/millrace/src/pipeline/simulation.test.ts",
      name: "tells readers of topics of rows that left in silence",
    },
  },
  {
    keeps: ["Ghosts"],
    guard: "rows that somebody wants once more are no sign that any are gone",
    file: "pipeline/table-loads.ts",
    take: '(gone === "told" && isWhole)',
    put: '(gone === "told" && isWhole && table.keyless)',
    shownBy: {
      file: "packages/millrace/src/gone-rows.kafka.test.ts",
      name: "rows that somebody wants once more come without a word that the table is empty",
    },
  },
  {
    keeps: ["Ghosts"],
    guard: "rows that a new generation does not have are deleted",
    file: "pipeline/loader.ts",
    take: 'const sweep = this.#parts.goneRows(table) === "swept" ? this.#parts.sweep : null;',
    put: 'const sweep = this.#parts.goneRows(table) === "swept" ? null : this.#parts.sweep;',
    shownBy: SIMULATED_LIVES,
  },
  {
    keeps: ["Ghosts"],
    guard: "a key that changed meanwhile is no ghost",
    file: "pipeline/ghost-sweep.ts",
    take: "      if (window.has(key)) continue;\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/ghost-sweep.test.ts",
      name: "are no ghosts where their key changed while the page was looked up",
    },
  },
  {
    keeps: [7, "Ghosts"],
    guard: "a table is not SYNC before what took its ghosts away is durable",
    file: "pipeline/ghost-sweep.ts",
    take: "      lanes.add(index);\n      if (window.has(key)) continue;\n",
    put: "      if (window.has(key)) continue;\n      lanes.add(index);\n",
    shownBy: {
      file: "packages/millrace/src/pipeline/ghost-sweep.test.ts",
      name: "are waited for where all that takes them away is a change that is still in its lane",
    },
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "the log of a table that comes back is followed before it is loaded",
    file: "pipeline/joining-tables.ts",
    take: 'document.sweep === "due"',
    put: 'document.sweep === "done"',
    shownBy: {
      file: JOINING,
      name: "that was captured before is held until the log has been followed to where it ended then",
    },
  },
  {
    keeps: [8],
    guard: "a table that left the publication is loaded again",
    file: "pipeline/left-tables.ts",
    take: "const left = begun.filter((table) => !remade.includes(table) && lossOf(looks, table) !== null);",
    put: "const left = begun.filter((table) => remade.includes(table) && lossOf(looks, table) !== null);",
    shownBy: SIMULATED_LIVES,
  },
  {
    keeps: [1, 11],
    guard: "a table is not SYNC while the letter of a row that is put off is on its way",
    file: "pipeline/put-off-rounds.ts",
    take: "table.puttingOff > 0 || ",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/simulation.test.ts",
      name: "seed 500387 of foreign holds: a table was SYNC again before the letter of a row that was put off was there, and nobody read it again",
    },
  },
  {
    keeps: [8],
    guard:
      "what carries a table is known from when it was captured, not from when its log was made",
    file: "pipeline/prepare-source.ts",
    take: "carriers?.get(look.id) ?? look.carrier",
    put: "look.carrier",
    shownBy: {
      file: "packages/millrace/src/pipeline/prepare-run.test.ts",
      name: "is what carried a table when it was captured, whatever somebody has altered since",
    },
  },
  {
    keeps: [10, "State at the sink"],
    guard: "chunks of tables that left go from the state",
    file: "pipeline/stale-documents.ts",
    take: 'key.startsWith("chunk/") ? !underWay.has(key)',
    put: 'key.startsWith("chunk/") ? false',
    shownBy: SIMULATED_LIVES,
  },
  {
    keeps: [8, "Restart and idle lanes"],
    guard: "lanes of a log that begins anew have passed nothing of it",
    file: "pipeline/prepare-run.ts",
    take: "frontier.replayed ? state.checkpoints : new Map<number, Position>()",
    put: "state.checkpoints",
    shownBy: ANEW,
  },
  {
    keeps: [8, "Restart and idle lanes"],
    guard: "a log that begins anew forgets checkpoints, also for the runs to come",
    file: "pipeline/stale-documents.ts",
    take: '!replayed && key.startsWith("checkpoint/")',
    put: 'replayed && key === ""',
    shownBy: ANEW,
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "partitions that bring rows have the table loaded again",
    file: "pipeline/table-watch.ts",
    take: 'look.rows !== "same" && table.paused === null',
    put: 'look.rows === "fewer" && table.paused === null',
    shownBy: SIMULATED_LIVES,
  },
  {
    keeps: [2, "Source transactions"],
    guard: "what one change comes to at several targets is never cut apart",
    file: "pipeline/batch-length.ts",
    take: "if (this.#rows > 0 && !together && isFull)",
    put: "if (this.#rows > 0 && isFull)",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [10],
    guard: "a row weighs the same at each of its targets",
    file: "pipeline/batch-length.ts",
    take: "item.weight < 1024",
    put: "item.letGo() < 1024",
    shownBy: {
      file: "packages/millrace/src/pipeline/batch-length.test.ts",
      name: "is as many rows at further targets, whose items bring nothing back to the budget",
    },
  },
  {
    keeps: [2, "Source transactions"],
    guard: "a queue that was taken from is looked at anew for what goes together",
    file: "pipeline/batch-length.ts",
    take: "      queue.state === this.#state &&\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/batch-length.test.ts",
      name: "says of a queue that grows, and is taken from, what one that begins anew says",
    },
  },
  {
    keeps: [2, "Source transactions"],
    guard: "a mark that says more later on is looked at again",
    file: "pipeline/batch-length.ts",
    take: "    source?.lookAgain();\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/batch-length.test.ts",
      name: "says of a queue that grows, and is taken from, what one that begins anew says",
    },
  },
  {
    keeps: [2, "Source transactions"],
    guard: "with one lane a source transaction that fits is one transaction",
    file: "pipeline/make-lanes.ts",
    take: "whole: prepared.lanes === 1",
    put: "whole: false",
    shownBy: {
      file: "packages/millrace/src/whole-transactions.pg.test.ts",
      name: "are never seen in part by a reader",
    },
  },
  {
    keeps: [2, "Secondary unique constraints"],
    guard: "a batch that constraints refuse is not halved",
    file: "pipeline/batch-writer.ts",
    take: "if (this.#careful.isFor(items, thrown)) return",
    put: "if (false as boolean) return",
    shownBy: SIMULATED_UNIQUE,
  },
  {
    keeps: [2, "Position"],
    guard: "each change of one record has a position of its own",
    file: "sources/postgres/log-place.ts",
    take: "this.#nextIndex = isNewLsn ? 0 : this.#index + 1;",
    put: "this.#nextIndex = isNewLsn ? 0 : this.#index;",
    shownBy: { file: ASSEMBLER, name: "of many rows in one record has them at one LSN, in order" },
  },
  {
    keeps: [2, "Position", "Key change"],
    guard: "the halves of a key change have two positions",
    file: "sources/postgres/transaction-assembler.ts",
    take: "ordinal(this.#place.index, Slot.MOVED_FROM)",
    put: "ordinal(this.#place.index, Slot.EVENT)",
    shownBy: { file: ASSEMBLER, name: "has two ordered positions and the old key" },
  },
  {
    keeps: [5, 6, "Fence and lost COMMIT"],
    guard: "a takeover whose COMMIT got no answer concludes nothing from it",
    file: "sinks/dsql/takeover.ts",
    take: "      parts.holder.mayHaveTaken(found.mark, found.fence);\n",
    put: "      return found.fence + 1;\n",
    shownBy: RAISED_AGAIN,
  },
  {
    keeps: [5, 6, "Fence and lost COMMIT"],
    guard: "a takeover whose COMMIT got no answer raises the fence again",
    file: "sinks/dsql/retry.ts",
    take: '  "unknown-outcome",\n',
    put: "",
    shownBy: RAISED_AGAIN,
  },
  {
    keeps: [11],
    guard: "a table that has appeared between two starts waits where its target does not fit",
    file: "pipeline/prepare-run.ts",
    take: "if (pipeline === null || task.source.isLogOnly === true) return matching;",
    put: "if (pipeline !== undefined) return matching;",
    shownBy: {
      file: PREPARED,
      name: "waits where its target does not fit, and the pipeline begins with the others",
    },
  },
  {
    keeps: [2],
    guard:
      "by which shape a newcomer's target was made is durable before the run that takes it up looks",
    file: "pipeline/newcomers.ts",
    take: "    await keep(shape.id, document);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/newcomers.test.ts",
      name: "are asked for now and then, and taken up by the next run once their targets are ours",
    },
  },
  {
    keeps: [2],
    guard: "by which shape a newcomer's target is made is durable before it is made",
    file: "pipeline/newcomers.ts",
    take: "    if (before === undefined) await this.#keep(shape);\n    try {\n      await this.#check(made, settings.create);\n",
    put: "    try {\n      await this.#check(made, settings.create);\n      if (before === undefined) await this.#keep(shape);\n",
    shownBy: {
      file: "packages/millrace/src/pipeline/simulation.test.ts",
      name: "seed 7000103 of bound holds: a target that was made by a start which did not live to tell its shape was refused for ever",
    },
  },
  {
    keeps: [2],
    guard: "a newcomer's target is made by the shape of an earlier look of the same run",
    file: "pipeline/newcomers.ts",
    take: "    this.#documents.set(shape.id, document);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/newcomers.test.ts",
      name: "are made by the shape of an earlier look of the same run",
    },
  },
  {
    keeps: [10, "State at the sink"],
    guard: "the document of a newcomer that the source dropped goes from the state",
    file: "pipeline/newcomers.ts",
    take: "      await keep(id, null);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/newcomers.test.ts",
      name: "are forgotten where the source drops them while they wait, in this run or an earlier one",
    },
  },
  {
    keeps: [2],
    guard: "by which shape a target was made is known as long as that stands",
    file: "pipeline/newcomers.ts",
    take: "await this.#mayHaveTarget(targetShape)",
    put: "await Promise.resolve(false)",
    shownBy: {
      file: "packages/millrace/src/pipeline/newcomers.test.ts",
      name: "are kept in mind where their target stands as it was to be made, though the source has dropped them",
    },
  },
  {
    keeps: [2],
    guard: "a start that has found another shape to fit a newcomer's target begins again",
    file: "pipeline/prepare-run.ts",
    take: "    if (tables.has(id)) throw new RestartNeeded(`the target of ${id} fits it as it is by now`);\n",
    put: "",
    shownBy: {
      file: PREPARED,
      name: "is taken up as it is by now, by another start, where its target fits that and was never ours",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "targets of tables that have appeared are not looked at before an open barrier is done",
    file: "pipeline/prepare-run.ts",
    take: "intent === null ? await newcomers.fitting(matching) : []",
    put: "await newcomers.fitting(matching)",
    shownBy: {
      file: PREPARED,
      name: "is taken up where nothing stands against it, but not looked at before an open barrier is done",
    },
  },
];
