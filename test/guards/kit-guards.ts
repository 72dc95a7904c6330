import type { Guard, TestName } from "./guard.ts";

const ROOM = "packages/millrace/src";
const pg = (file: string, name: string): TestName => ({
  file: `${ROOM}/${file}.pg.test.ts`,
  name,
});
const kit = (side: "sink" | "source", cases: string, name: string): TestName => ({
  ...pg(`testkit/${side}-conformance`, name),
  of: `${ROOM}/testkit/${side}-${cases}-cases.ts`,
});

/** Guards that another test misses too: one of the conformance kit, which every connector is held against, or one at a real server. */
export const KIT_GUARDS: readonly Guard[] = [
  {
    keeps: [5],
    guard: "a writer with an old fence is failed at the server, by the kit",
    file: "sinks/dsql/state-statements.ts",
    take: "CHECK (writer = fence AND expected = seq - 1)",
    put: "CHECK (expected = seq - 1)",
    shownBy: kit("sink", "fence", "a task with an old fence writes neither data nor state"),
  },
  {
    keeps: [5],
    guard: "a takeover by a superseded process is refused, by the kit",
    file: "sinks/dsql/takeover.ts",
    take: "if (parts.holder.isSuperseded(found.mark, found.fence))",
    put: "if (found.fence < 0)",
    shownBy: kit(
      "sink",
      "fence",
      "a task takes over again from itself, and never from one that superseded it",
    ),
  },
  {
    keeps: [6],
    guard: "a COMMIT whose answer is lost is told as unknown, by the kit",
    file: "sinks/dsql/end-transaction.ts",
    take: "if (abortedForSure(error)) return failure;",
    put: "if (failure instanceof Error) return failure;",
    shownBy: kit("sink", "fence", "a commit whose answer is lost is found done by its lane row"),
  },
  {
    keeps: [2, "Key change"],
    guard: "the halves of a key change have two places, by the kit",
    file: "sources/postgres/transaction-assembler.ts",
    take: "Slot.MOVED_FROM",
    put: "Slot.EVENT",
    shownBy: kit("source", "change", "a key change has two ordered positions and the old key"),
  },
  {
    keeps: [4],
    guard: "what may be acknowledged is the end of a finished transaction, by the kit",
    file: "change-log/batch-builder.ts",
    take: "boundary: this.#boundary,",
    put: "boundary: this.#position,",
    shownBy: kit("source", "log", "only ends of transactions are offered for acknowledgement"),
  },
  {
    keeps: [7],
    guard: "the log's end of a snapshot is read, by the kit",
    file: "sources/postgres/snapshot-begin.ts",
    take: 'return { visibility, end: rows[0]?.lsn ?? "" };',
    put: 'return { visibility, end: "0/1" };',
    shownBy: kit("source", "snapshot", "the log's end of a snapshot is not before what it sees"),
  },
  {
    keeps: [7],
    guard: "a chunk ends with the key that the next one begins behind, by the kit",
    file: "sources/postgres/snapshot-sql.ts",
    take: 'comparison(plan, "<=", range.to)',
    put: 'comparison(plan, "<", range.to)',
    shownBy: kit(
      "source",
      "snapshot",
      "chunks cover the table without gap or overlap, in key order",
    ),
  },
  {
    keeps: [7],
    guard: "the log's end is behind every transaction that a snapshot sees",
    file: "sources/postgres/snapshot-begin.ts",
    take: 'return { visibility, end: rows[0]?.lsn ?? "" };',
    put: 'return { visibility, end: "0/1" };',
    shownBy: pg(
      "sources/postgres/source",
      "takes snapshots whose log end is behind every transaction that they see",
    ),
  },
  {
    keeps: [7, "Chunk rows and changes"],
    guard: "a transaction that was running when a snapshot was taken is not seen by it",
    file: "sources/postgres/visibility.ts",
    take: " && !this.#running.has(String(xid));",
    put: ";",
    shownBy: pg(
      "sources/postgres/snapshot",
      "says of transactions what its rows say, while sessions commit around it",
    ),
  },
  {
    keeps: [3],
    guard: "a log in which nothing is wanted moves on, at a real server",
    file: "change-log/batch-builder.ts",
    take: "    this.#position = boundary;\n",
    put: "",
    shownBy: pg(
      "sources/postgres/log",
      "moves the frontier over transactions of other tables, empty ones and logical messages",
    ),
  },
  {
    keeps: [9],
    guard: "a toasted value that an update did not touch is not read as null, at a real server",
    file: "sources/postgres/pgoutput-decoder.ts",
    take: "if (kind === TOASTED) return UNCHANGED;",
    put: "if (kind === TOASTED) return null;",
    shownBy: pg(
      "sources/postgres/log",
      "says UNCHANGED for toasted values that an update did not touch, and never null",
    ),
  },
  {
    keeps: [2],
    guard: "writes of a commit go in their order",
    file: "sinks/dsql/commit-plan.ts",
    take: "...commit.writes.flatMap((write, index) => planWrite(write, index, parts)),",
    put: "...commit.writes.toReversed().flatMap((write, index) => planWrite(write, index, parts)),",
    shownBy: pg(
      "sinks/dsql/commit",
      "keeps the order of its writes: a key may be deleted and come back",
    ),
  },
];
