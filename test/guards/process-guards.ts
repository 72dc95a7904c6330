import type { Guard, TestName } from "./guard.ts";

const e2e = (file: string, name: string): TestName => ({
  file: `test/e2e/${file}.e2e.test.ts`,
  name,
});
const kills = (name: string): TestName => ({
  ...e2e("kill-postgres", name),
  of: "test/e2e/kills.ts",
});

/** Guards that are missed by whole processes: killed, stopped, started twice, cut off, fed too much. */
export const PROCESS_GUARDS: readonly Guard[] = [
  {
    keeps: [4],
    guard: "the source is told only after the frontier row is durable, whenever it is killed",
    file: "pipeline/frontier-writer.ts",
    take: `    await this.#parts.writeState([{ key: stateKey.frontier, read }]);
    this.#tell(row);`,
    put: `    this.#tell(this.#row());
    await this.#parts.writeState([{ key: stateKey.frontier, read }]);`,
    shownBy: kills("goes on equal, killed at"),
  },
  {
    keeps: [7],
    guard: "chunks that were under way are read again, whenever it is killed",
    file: "pipeline/prepare-run.ts",
    take: "      restoreChunks(table, state);\n",
    put: "",
    shownBy: kills("goes on equal after"),
  },
  {
    keeps: [5],
    guard: "each takeover raises the fence, over a process that wakes up too",
    file: "sinks/dsql/takeover.ts",
    take: "parts.holder.mark(found.fence + 1)",
    put: "parts.holder.mark(found.fence)",
    shownBy: e2e(
      "zombies",
      "a stopped one that wakes up after a takeover writes nothing and stops by itself",
    ),
  },
  {
    keeps: [5],
    guard: "each takeover raises the fence, of two at once too",
    file: "sinks/dsql/takeover.ts",
    take: "parts.holder.mark(found.fence + 1)",
    put: "parts.holder.mark(found.fence)",
    shownBy: e2e("zombies", "that start at once: one works and the other says why it does not"),
  },
  {
    keeps: [7, 10],
    guard: "chunks that were under way are read again, over a bad network",
    file: "pipeline/prepare-run.ts",
    take: "      restoreChunks(table, state);\n",
    put: "",
    shownBy: e2e("wire-load", "ends with everything in SYNC and equal after"),
  },
  {
    keeps: [10],
    guard: "what was read of the log waits for the lanes, and for room",
    file: "pipeline/log-reader.ts",
    take: `    if (batch.bytes > 0 && !readAhead.wanted) await readAhead.wait();
    if (batch.bytes > 0 && !logBytes.tryTake(batch.bytes)) await logBytes.take(batch.bytes, signal);
`,
    put: "    void [logBytes, readAhead, signal];\n",
    shownBy: {
      file: "packages/millrace/src/pipeline/log-reader.test.ts",
      name: "what was read of the log enters its lanes when there is room for it, and not before",
    },
  },
  {
    keeps: [10],
    guard: "a lane wants no more once what it holds weighs as much as two transactions",
    file: "pipeline/lane.ts",
    take: " && !this.#isFullOfBytes(queue);",
    put: ";",
    shownBy: {
      file: "packages/millrace/src/pipeline/lane.test.ts",
      name: "wants no more once what it holds weighs as much as two transactions, and has enough of it to send",
    },
  },
  {
    keeps: [10],
    guard: "what was read of the log waits for room, though lanes have nothing to do, in a process",
    file: "pipeline/log-reader.ts",
    take: "    if (batch.bytes > 0 && !logBytes.tryTake(batch.bytes)) await logBytes.take(batch.bytes, signal);\n",
    put: "    void [logBytes, signal];\n",
    shownBy: e2e(
      "memory",
      "reads no further than its budget lets it for one lane, whose sink is slower than the log",
    ),
  },
  {
    keeps: [10],
    guard: "a value that no sink takes is let go as it passes, by a whole process",
    file: "sources/postgres/large-row-decoder.ts",
    take: "this.#isKept(bytes) ?",
    put: "bytes >= 0 ?",
    shownBy: e2e(
      "memory",
      "parks a row of 200 MB, loaded and changed, its neighbours untouched, without ever holding it",
    ),
  },
];
