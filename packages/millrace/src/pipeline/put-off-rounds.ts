import type { TableId } from "../model/table.ts";
import type { ConstraintOrder } from "./constraint-order.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import { isPutOff } from "./put-off.ts";
import type { Replay } from "./replay.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface PutOffParts {
  readonly book: Pick<DeadLetterBook, "list" | "putOffOf">;
  readonly replay: Pick<Replay, "clear" | "replay">;
  readonly order: Pick<ConstraintOrder, "isReplaceable" | "linkedWith">;
  /** The table may be SYNC now. */
  readonly look: (table: TableRuntime) => void;
  /** Ends the run. */
  readonly fail: (error: unknown) => void;
}

/** `last`: a round was in vain, so the next one is the last, unless another table's rows may free some. `done`: what even the last round could not try, because its key or its route is gone, stays a letter. */
type Stage = "again" | "last" | "done";

/**
 * Rows that constraints refused while their table was being loaded are read and written again when the load is over,
 * all of them without their older rows at the sink, which could be in one another's way; round after round while that makes them, or those of
 * tables that they are linked with, fewer; those that the last round leaves are dead letters (design/002).
 */
export class PutOffRounds {
  readonly #parts: PutOffParts;
  readonly #busy = new Set<TableId>();
  readonly #stages = new Map<TableId, Stage>();

  constructor(parts: PutOffParts) {
    this.#parts = parts;
  }

  /** False where nothing of the table is put off; else it has to wait, and is looked at again. */
  holds(table: TableRuntime): boolean {
    if (table.puttingOff > 0 || this.#busy.has(table.id)) return true;
    const count = this.#parts.book.putOffOf(table.id);
    const linked = this.#parts.order.linkedWith(table).filter((other) => other.early);
    if (count > 0 && linked.some((other) => !other.loaded)) return true;
    const stage = count === 0 ? "done" : this.#stageOf(table, linked);
    table.lastRound = stage === "last";
    if (stage === "done") {
      this.#stages.delete(table.id);
      return false;
    }
    this.#busy.add(table.id);
    this.#round(table, count, stage, linked).then(
      () => {
        this.#busy.delete(table.id);
        this.#parts.look(table);
      },
      (error: unknown) => this.#parts.fail(error),
    );
    return true;
  }

  /** Rows of tables that it is linked with may still become fewer, and then its own are taken. */
  #stageOf({ id }: TableRuntime, linked: readonly TableRuntime[]): Stage {
    const stage = this.#stages.get(id) ?? "again";
    const mayHelp = (other: TableRuntime): boolean =>
      this.#parts.book.putOffOf(other.id) > 0 &&
      (this.#stages.get(other.id) ?? "again") === "again";
    return stage === "last" && linked.some(mayHelp) ? "again" : stage;
  }

  /** What is read is newer than the frontier, so that the next round waits until that has passed it. */
  async #round(
    table: TableRuntime,
    before: number,
    stage: Stage,
    linked: readonly TableRuntime[],
  ): Promise<void> {
    const { book, replay, order } = this.#parts;
    const waiting = book.list().filter((letter) => letter.table === table.id && isPutOff(letter));
    await replay.clear(waiting.filter(({ target }) => order.isReplaceable(target)));
    await replay.replay(waiting);
    if (book.putOffOf(table.id) < before)
      for (const { id } of [table, ...linked]) this.#stages.set(id, "again");
    else this.#stages.set(table.id, stage === "again" ? "last" : "done");
  }
}
