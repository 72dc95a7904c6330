import type { Guard } from "./guard.ts";
import { SIMULATED_ALL } from "./simulation-tests.ts";

/** Chunks against the log, tables without key, ghosts. */
export const LOAD_GUARDS: readonly Guard[] = [
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a key that changed is struck from the open chunks",
    file: "pipeline/feed.ts",
    take: "if (table.windows.size > 0) table.windows.strike(key);",
    put: "",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [7, "Key change"],
    guard: "the old key of a key change is struck from the open chunks",
    file: "pipeline/feed.ts",
    take: "table.windows.strike(oldKey);",
    put: "",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a snapshot that does not see what went to the lanes is taken again",
    file: "pipeline/chunk-reader.ts",
    take: "if (unseen.length === 0) {",
    put: "if (true as boolean) {",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [10, 11, "Chunk rows and changes"],
    guard: "the log rests while a window fills whose snapshot is waited for",
    file: "pipeline/log-reader.ts",
    take: "this.#mayRest && rest.wanted ? rest.over().then(() => log.next()) : log.next();",
    put: "log.next();",
    shownBy: {
      file: "packages/millrace/src/pipeline/log-reader.test.ts",
      name: "is not read on, but to the end of a transaction that one lane keeps whole",
    },
  },
  {
    keeps: [10, "Chunk rows and changes"],
    guard: "a window that waits for its snapshot may ask the log to rest",
    file: "pipeline/chunk-reader.ts",
    take: "    parts.rest.watch(table, window);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/chunk-reader.test.ts",
      name: "gets its rows: the log rests while its window fills",
    },
  },
  {
    keeps: [11, "Chunk rows and changes"],
    guard: "a window that gives up in vain is told of, and the next one waits longer",
    file: "pipeline/chunk-reader.ts",
    take: "      if (isVain) await this.#parts.rest.failed(table, signal);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/chunk-reader.test.ts",
      name: "says why it waits, and waits longer each time, where the log cannot rest",
    },
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "what no snapshot has seen is known over a restart",
    file: "pipeline/run-parts.ts",
    take: "new SentTransactions(prepared.frontier.unseen,",
    put: "new SentTransactions([],",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "no window opens before replay has passed every lane",
    file: "pipeline/chunk-reader.ts",
    take: "  await parts.replayed(signal);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/chunk-reader.test.ts",
      name: "waits until every lane's checkpoint is passed: what earlier runs sent is known only then",
    },
  },
  {
    keeps: [7],
    guard: "a read at the source raises the table's end position",
    file: "pipeline/source-reads.ts",
    take: "    await this.#raiseEnd(table, snapshot);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/source-reads.test.ts",
      name: "moves the table's end to where the source's log ended then, durably, and takes it out of SYNC",
    },
  },
  {
    keeps: [1, "State at the sink"],
    guard: "chunks that were under way are read again",
    file: "pipeline/prepare-run.ts",
    take: "      restoreChunks(table, state);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/prepare-run.test.ts",
      name: "has the chunks that were under way, to be read again",
    },
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a table that joins the log waits for older transactions",
    file: "pipeline/joining-tables.ts",
    take: "    table.held = true;\n",
    put: "",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: ["Tables without key"],
    guard: "changes that the load's snapshot sees are left out",
    file: "pipeline/feed.ts",
    take: "return this.#parts.source.sees(snapshot, change.transaction.id);",
    put: "return false;",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: ["Tables without key"],
    guard: "the target is emptied before a load begins again",
    file: "pipeline/table-loads.ts",
    take: "      await prepared.generations.emptyForLoad(table);\n",
    put: "",
    shownBy: SIMULATED_ALL,
  },
];
