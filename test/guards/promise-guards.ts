import type { Guard, TestName } from "./guard.ts";

const ROOM = "packages/millrace/src";
const unit = (file: string, name: string): TestName => ({ file: `${ROOM}/${file}.test.ts`, name });
const PREPARED = "pipeline/prepare-run";

/** Sentences of the design of which no other list has a guard. */
export const PROMISE_GUARDS: readonly Guard[] = [
  {
    keeps: [1, "Dead letters"],
    guard: "a refused row is parked, and what is beside it applied",
    file: "pipeline/batch-writer.ts",
    take: "if (cut === 0) await this.#park(items, thrown, ends);",
    put: "if (cut === 0) return items.length;",
    shownBy: unit(
      "pipeline/batch-writer",
      "finds the one poisoned row, parks it and applies all others, in order",
    ),
  },
  {
    keeps: [1],
    guard: "what nobody knows is the row's fault where the sink's session lives",
    file: "sinks/dsql/errors.ts",
    take: 'default:\n      return ["MR_SINK_ROW_REFUSED", "the sink refuses the row\'s data"];',
    put: 'default:\n      return ["MR_SINK_LOST_CONNECTION", "the sink refuses the row\'s data"];',
    shownBy: unit("sinks/dsql/errors", "P0001"),
  },
  {
    keeps: [1],
    guard: "what nobody knows is transient for a connection",
    file: "sources/postgres/connection-error.ts",
    take: '(refused ? "MR_SOURCE_REFUSED" : "MR_SOURCE_LOST_CONNECTION"),',
    put: '"MR_SOURCE_REFUSED",',
    shownBy: unit("sources/postgres/connection-error", "that nobody knows is transient"),
  },
  {
    keeps: [3],
    guard: "a transaction of which nothing is wanted moves the position all the same",
    file: "change-log/batch-builder.ts",
    take: "    this.#position = boundary;\n",
    put: "",
    shownBy: unit(
      "sources/postgres/transaction-assembler",
      "that is empty moves the frontier, and so does a keepalive between transactions",
    ),
  },
  {
    keeps: [4],
    guard: "what may be acknowledged is the end of a finished transaction",
    file: "change-log/batch-builder.ts",
    take: "boundary: this.#boundary,",
    put: "boundary: this.#position,",
    shownBy: unit(
      "sources/postgres/transaction-assembler",
      "that is open is never moved past by a keepalive",
    ),
  },
  {
    keeps: [1],
    guard:
      "a part of a transaction that was held says what was executed before it, and not the transaction itself",
    file: "change-log/batch-builder.ts",
    take: "this.#cuts.push(this.#sealed(this.mark()));",
    put: "this.#cuts.push(this.mark());",
    shownBy: unit(
      "change-log/batch-builder",
      "is given in the parts that it was cut into, each with what was known",
    ),
  },
  {
    keeps: [4],
    guard: "a keepalive within a transaction ends none",
    file: "sources/postgres/transaction-assembler.ts",
    take: "    if (this.#place.open === null) {\n      this.#batch.passedBoundary(",
    put: "    if (true as boolean) {\n      this.#batch.passedBoundary(",
    shownBy: unit(
      "sources/postgres/transaction-assembler",
      "that is open is never moved past by a keepalive",
    ),
  },
  {
    keeps: [5],
    guard: "a process that was taken over from never takes over again",
    file: "model/holder.ts",
    take: "return this.#mayHold && !this.#isOwn(mark, fence) && standing(mark, fence) !== this.#before;",
    put: "return false;",
    shownBy: unit("model/holder", "takes over again from itself, and from nobody else"),
  },
  {
    keeps: [5, 6, "Fence and lost COMMIT"],
    guard: "another fence in the lane row stops the task",
    file: "pipeline/committer.ts",
    take: "      throw await this.#fenced(stranger);\n",
    put: "      return true;\n",
    shownBy: unit("pipeline/committer", "another fence in the lane row stops it"),
  },
  {
    keeps: ["Fence and lost COMMIT"],
    guard: "a lane has one transaction in flight, of whatever kind",
    file: "pipeline/lane-locks.ts",
    take: "        await before;\n",
    put: "",
    shownBy: unit("pipeline/lane-locks", "lets one hold a lane at a time, in the order they asked"),
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard: "rows that are missing after an unknown COMMIT are for a takeover to settle",
    file: "pipeline/committer.ts",
    take: "else if (uncertain) throw",
    put: "else if (false as boolean) throw",
    shownBy: unit(
      "pipeline/committer",
      "rows that are missing after an unknown COMMIT are for a takeover to settle",
    ),
  },
  {
    keeps: [8, "State at the sink"],
    guard: "the state of another source is refused",
    file: "pipeline/prepare-run.ts",
    take: "  if (other !== null) throw other;\n",
    put: "",
    shownBy: unit(PREPARED, "is refused where the state is another source's"),
  },
  {
    keeps: ["Barrier"],
    guard: "a barrier's position becomes the checkpoint of all lanes",
    file: "pipeline/barriers.ts",
    take: "        ...lanes.map((lane) => ({\n          key: stateKey.checkpoint(lane),",
    put: "        ...[].map((lane) => ({\n          key: stateKey.checkpoint(lane),",
    shownBy: unit(
      PREPARED,
      "is that no barrier is open: one that was left is finished first, and all is read again",
    ),
  },
  {
    keeps: ["State at the sink"],
    guard: "a target that another pipeline owns is refused",
    file: "sinks/dsql/ownership.ts",
    take: "if (refused.length > 0) return",
    put: "if (false as boolean) return",
    shownBy: unit(
      "sinks/dsql/ownership",
      "names everything that others have, and then takes nothing",
    ),
  },
  {
    keeps: [9],
    guard: "what the log left out is not read as null",
    file: "sources/postgres/pgoutput-decoder.ts",
    take: "if (kind === TOASTED) return UNCHANGED;",
    put: "if (kind === TOASTED) return null;",
    shownBy: unit(
      "sources/postgres/pgoutput-decoder",
      "of an update with the full old row have its values where the new row says unchanged",
    ),
  },
  {
    keeps: [9],
    guard: "an old key has nothing to say of other columns",
    file: "sources/postgres/pgoutput-decoder.ts",
    take: "if (kind === NULL) return keyOnly ? UNCHANGED : null;",
    put: "if (kind === NULL) return null;",
    shownBy: unit(
      "sources/postgres/pgoutput-decoder",
      "of an old key have UNCHANGED, not null, beside the key",
    ),
  },
  {
    keeps: [9, "Key change"],
    guard: "the change's own columns are laid over what was read at the source",
    file: "pipeline/batch-writer.ts",
    take: '{ item: outcome.item, write: "put", row: overlay(row, outcome.row) }',
    put: '{ item: outcome.item, write: "put", row }',
    shownBy: unit(
      "pipeline/batch-writer",
      "leaves it to the sink's copy in SYNC, and asks the source only for rows that are missing there",
    ),
  },
  {
    keeps: ["Dead letters"],
    guard: "a later full change takes the place of a letter",
    file: "pipeline/batch-content.ts",
    take: "if (standing) this.#superseded.set(name, { target: target.id, key });",
    put: "",
    shownBy: unit(
      "pipeline/batch-writer",
      "a later full change takes a letter away, a later partial one stays behind it",
    ),
  },
  {
    keeps: [1, "Dead letters"],
    guard: "too many letters of a table stop it",
    file: "pipeline/dead-letter-book.ts",
    take: "if (share || standing >= this.#limits.maxPerTable)",
    put: "if (share)",
    shownBy: unit(
      "pipeline/dead-letter-book",
      "admits up to the limit, what waits in the same transaction counted",
    ),
  },
  {
    keeps: [1, "Dead letters"],
    guard: "too large a share of the last rows stops a table",
    file: "pipeline/dead-letter-book.ts",
    take: "if (share || standing >= this.#limits.maxPerTable)",
    put: "if (standing >= this.#limits.maxPerTable)",
    shownBy: unit("pipeline/dead-letter-book", "admits no more than the share of the last rows"),
  },
  {
    keeps: [10],
    guard: "no more connections are opened than the limit says",
    file: "sinks/dsql/pool.ts",
    take: "if (idle === undefined && this.#active >= this.#limits.max) {",
    put: "if (false as boolean) {",
    shownBy: unit("sinks/dsql/pool", "never opens more than its limit; who comes later waits"),
  },
  {
    keeps: [11],
    guard: "what does not work is told when it fails first",
    file: "pipeline/outage.ts",
    take: "if (toldMs !== undefined && clock.monotonic() - toldMs < TELL_EVERY_MS) return;",
    put: "if (attempts === 0) return;",
    shownBy: unit(
      "pipeline/outage",
      "is told at the first failure, then at most every 30 s, and when it is over (I11)",
    ),
  },
];
