import type { Guard, TestName } from "./guard.ts";
import { SIMULATED_TOPICS } from "./simulation-tests.ts";

const ROOM = "packages/millrace/src";
const pg = (file: string, name: string): TestName => ({ file: `${ROOM}/${file}.pg.test.ts`, name });
const e2e = (file: string, name: string): TestName => ({
  file: `test/e2e/${file}.e2e.test.ts`,
  name,
});

/** Guards that are missed by whole pipelines, at real servers or simulated, where a smaller test may miss them too. */
export const WHOLE_GUARDS: readonly Guard[] = [
  {
    keeps: ["Ghosts"],
    guard: "readers of topics are told where a load has ended",
    file: "pipeline/run.ts",
    take: "const marks = marksOf(this.#task.sink.capabilities, table, mark);",
    put: "const marks = marksOf({ lastWriteWins: true }, table, mark);",
    shownBy: SIMULATED_TOPICS,
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a load finds what the look found that began it, wherever it is read",
    file: "pipeline/chunk-reader.ts",
    take: "        position,\n        exact,\n",
    put: "        exact,\n",
    shownBy: { file: `${ROOM}/pipeline/simulation.test.ts`, name: "seed 61 of gentle holds" },
  },
  {
    keeps: [1, "Secondary unique constraints"],
    guard: "rows that others point at let go of what goes before it goes",
    file: "pipeline/arrangement.ts",
    take: '  "deletes last",\n];',
    put: "];",
    shownBy: pg("foreign-keys", "take parents that go before their children have let go of them"),
  },
  {
    keeps: [1, "Dead letters"],
    guard: "what the log says of a table that is stopped is left out until a load brings it back",
    file: "pipeline/table-runtime.ts",
    take: "return this.stopped !== null || this.paused !== null;",
    put: "return this.paused !== null;",
    shownBy: {
      file: `${ROOM}/pipeline/feed.test.ts`,
      name: "enter no lane, and count as sent, for the snapshots that bring them back (I7)",
    },
  },
  {
    keeps: [1],
    guard: "what a column would round is refused",
    file: "sinks/dsql/type-mapping.ts",
    take: "refuse: refuseDecimal(76, 38)",
    put: "refuse: () => null",
    shownBy: pg(
      "sinks/dsql/values",
      "numerics without precision are kept, or refused before they are rounded",
    ),
  },
  {
    keeps: [1],
    guard: "a pipeline does not begin without a table that its file names",
    file: "preflight.ts",
    take: ".filter((table) => !waits(table))",
    put: ".filter(() => false)",
    shownBy: pg("refused-tables", "is told with all others, before anything was touched"),
  },
  {
    keeps: [1, 7],
    guard: "a chunk ends with the key that the next one begins behind, end to end",
    file: "sources/postgres/snapshot-sql.ts",
    take: 'comparison(plan, "<=", range.to)',
    put: 'comparison(plan, "<", range.to)',
    shownBy: {
      ...e2e("whole", "leaves source and target equal row by row"),
      of: "test/e2e/whole.ts",
    },
  },
  {
    keeps: [1],
    guard: "a column is the one that it is in every history, at a real server",
    file: "sources/postgres/attnum-proof.ts",
    take: "return possible.length === 1 && only !== undefined ? only.attnum : null;",
    put: "return null;",
    shownBy: pg(
      "sources/postgres/log",
      "knows columns by what is there still, whatever they are called later",
    ),
  },
  {
    keeps: [1],
    guard: "a fault of our own code is no lost connection, at a real server",
    file: "sources/postgres/connection-error.ts",
    take: "  if (own !== null) return own;\n",
    put: "  if (own?.cause === own) return own;\n",
    shownBy: pg("own-fault", "stops it as what it is, at"),
  },
  {
    keeps: [2, "Secondary unique constraints"],
    guard: "a batch that constraints refuse is not halved, at real servers",
    file: "pipeline/batch-writer.ts",
    take: "if (this.#careful.isFor(items, thrown)) return this.#writeCarefully(items, { patient, ends });",
    put: "if (items.length === 0) return this.#writeCarefully(items, { patient, ends });",
    shownBy: pg(
      "secondary-unique",
      "takes values that pass from row to row, also at the end of a transaction only",
    ),
  },
  {
    keeps: [2, "Secondary unique constraints"],
    guard: "a target's foreign keys are known",
    file: "sinks/dsql/catalogue.ts",
    take: 'parents: [...new Set(ofType(from, "f").map((row) => nameOf(row.slice(4))))],',
    put: "parents: [],",
    shownBy: pg("sinks/dsql/present-tables", "keep their foreign keys and schemas apart"),
  },
  {
    keeps: [5, 11],
    guard: "a task that was taken over from says that it was, and not that it failed",
    file: "pipeline/task.ts",
    take: 'this.#to(failure.class === "fenced" ? "fenced" : "failed");',
    put: 'this.#to("failed");',
    shownBy: pg("cli/pipelines", "fails with 1 when another process takes over, and says so"),
  },
  {
    keeps: [8],
    guard: "a table that left the publication is a loss unless the file says otherwise",
    file: "pipeline/left-tables.ts",
    take: 'if (left.length > 0 && parts.settings.onLoss !== "resync")',
    put: "if (left.length < 0)",
    shownBy: e2e("left-tables", "stops the pipeline with a loss by default, at every start"),
  },
  {
    keeps: [8],
    guard: "a slot that is gone is a loss, by the kit",
    file: "sources/postgres/slot.ts",
    take: "  if (state === null && known !== null && !recreate) throw missingSlot(slotName);\n",
    put: "",
    shownBy: {
      ...pg(
        "testkit/source-conformance",
        "a log that is gone is a loss, and is made anew when that is wanted",
      ),
      of: `${ROOM}/testkit/source-log-cases.ts`,
    },
  },
  {
    keeps: [9],
    guard: "an update writes the columns that changed, and no others",
    file: "sinks/dsql/write-plan.ts",
    take: "return this.#update(write.rows, write.columns);",
    put: "return this.#update(write.rows, this.#all().slice(this.#table.key.length));",
    shownBy: pg("sinks/dsql/commit", "updates only the columns that changed (I9)"),
  },
  {
    keeps: [10],
    guard: "a batch of the log ends when it weighs enough",
    file: "sources/postgres/replication-log.ts",
    take: "while (assembler.bytes < enough) {",
    put: "while (assembler.bytes < enough * 100) {",
    shownBy: pg(
      "sources/postgres/log-connection",
      "reads a transaction of 200,000 rows in bounded memory, in batches",
    ),
  },
  {
    keeps: [10],
    guard: "nothing is read from a connection while nobody asks: the log",
    file: "bytes/tcp-bytes.ts",
    take: "    else this.#pause(pause.kind, pause.ms);\n    return false;",
    put: "    else this.#pause(pause.kind, pause.ms);\n    return true;",
    shownBy: pg(
      "sources/postgres/log-connection",
      "is felt by the server: no more than a bounded buffer is read while nobody asks",
    ),
  },
  {
    keeps: [10],
    guard: "nothing is read from a connection while nobody asks: a chunk",
    file: "bytes/tcp-bytes.ts",
    take: "    else this.#pause(pause.kind, pause.ms);\n    return false;",
    put: "    else this.#pause(pause.kind, pause.ms);\n    return true;",
    shownBy: pg("sources/postgres/snapshot", "reads nothing from the socket while nobody asks"),
  },
  {
    keeps: [11],
    guard: "the second signal of a group is the wish of the first",
    file: "cli/stop-signals.ts",
    take: 'return nowMs - this.#firstMs < SAME_WISH_MS ? "same" : "exit";',
    put: 'return "exit";',
    shownBy: pg("cli/pipelines", "is steered over HTTP and ends with 0 on SIGTERM"),
  },
  {
    keeps: [11],
    guard: "a failure that goes on is not told at every attempt",
    file: "pipeline/outage.ts",
    take: "if (toldMs !== undefined && clock.monotonic() - toldMs < TELL_EVERY_MS) return;",
    put: "if (toldMs !== undefined && clock.monotonic() < toldMs) return;",
    shownBy: pg(
      "cli/outage",
      "says so once in the log, in status, tables and health, and says when it works again",
    ),
  },
  {
    keeps: [11],
    guard: "who stops before all is durable says so",
    file: "pipeline/task.ts",
    take: "if (!finished) this.#unfinished = this.#whatIsUnfinished();",
    put: "if (!finished) this.#unfinished = null;",
    shownBy: pg(
      "cli/outage",
      "does not end with 0 when it is told to stop, and says what is not finished",
    ),
  },
];
