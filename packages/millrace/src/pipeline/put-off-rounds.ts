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
  /** Resolves when the source was looked at since, and what no log told of these tables' rows is met. */
  readonly unlogged: (tables: readonly TableRuntime[]) => Promise<void>;
  /** Ends the run. */
  readonly fail: (error: unknown) => void;
}

/**
 * `last`: a round was in vain, so the next one is the last. `done`: what even the last round could not try, because its key
 * or its route is gone, stays a letter.
 */
type Stage = "again" | "last" | "done";

/**
 * Rows that constraints refused while their table was being loaded are read and written again when the load is over,
 * all of them without their older rows at the sink, which could be in one another's way; round after round while that makes them, or those of
 * tables that they are linked with, fewer; those that the last round leaves are dead letters (design/002).
 */
export class PutOffRounds {
  readonly #parts: PutOffParts;
  readonly #busy = new Set<TableId>();
  /** Those of the busy ones whose round shows nothing: a load began beside it. */
  readonly #void = new Set<TableId>();
  readonly #stages = new Map<TableId, Stage>();
  /** How many changes had been put off when a table's last round began. */
  readonly #tried = new Map<TableId, number>();
  /** The same when the source was looked at for the rows of its parts. */
  readonly #looked = new Map<TableId, number>();
  readonly #looking = new Set<TableId>();
  /** Tables that wait for a linked one, or for a look. */
  readonly #waiting = new Set<TableRuntime>();

  constructor(parts: PutOffParts) {
    this.#parts = parts;
  }

  /** False where nothing of the table is put off; else it has to wait, and is looked at again. */
  holds(table: TableRuntime): boolean {
    if (table.puttingOff > 0 || this.#busy.has(table.id)) return true;
    const count = this.#parts.book.putOffOf(table.id);
    const linked = count === 0 ? [] : this.#linkedWith(table).filter(({ early }) => early);
    const stage = count === 0 ? "done" : this.#stageOf(table, linked);
    table.lastRound = stage === "last";
    if (stage === "waiting") {
      this.#waiting.add(table);
      return true;
    }
    this.#waiting.delete(table);
    if (stage === "done") {
      this.#stages.delete(table.id);
      this.#lookAtWaiting();
      return false;
    }
    this.#busy.add(table.id);
    this.#round(table, count, stage, linked).then(
      () => {
        this.#busy.delete(table.id);
        // Before itself: its own last round waits where they have more to try.
        this.#lookAtWaiting();
        this.#parts.look(table);
      },
      (error: unknown) => this.#parts.fail(error),
    );
    return true;
  }

  /** Rows of it, and of those linked with it, may be refused for what its load has not brought yet: no round before counts. */
  beginsAnew(table: TableRuntime): void {
    if (table.loaded || (this.#stages.size === 0 && this.#busy.size === 0)) return;
    for (const one of [table, ...this.#linkedWith(table)]) {
      one.lastRound = false;
      this.#stages.delete(one.id);
      if (this.#busy.has(one.id)) this.#void.add(one.id);
    }
  }

  #linkedWith(table: TableRuntime): readonly TableRuntime[] {
    return this.#parts.order.linkedWith(table);
  }

  /** What they waited for may be over, and nothing else may come that moves the frontier. */
  #lookAtWaiting(): void {
    const waiting = [...this.#waiting];
    for (const table of waiting) this.#parts.look(table);
  }

  /** Rows of tables that it is linked with may still come, or become fewer, and then its own are taken. */
  #stageOf(table: TableRuntime, linked: readonly TableRuntime[]): Stage | "waiting" {
    if (linked.some((other) => !other.loaded)) {
      this.#stages.delete(table.id);
      return "waiting";
    }
    // What came since the last round began was in none yet.
    if (table.putOffs !== this.#tried.get(table.id)) this.#stages.delete(table.id);
    const stage = this.#stageOfRounds(table);
    if (stage !== "last") return stage;
    const mayWait = linked.some((other) => this.#mayHelp(other)) || this.#mustLook(table);
    return mayWait ? "waiting" : stage;
  }

  /** Before it is given up: what refuses it may have left the source with a part, which no log has told. */
  #mustLook(table: TableRuntime): boolean {
    const { putOffs, id } = table;
    const all = [table, ...this.#linkedWith(table)];
    if (this.#looked.get(id) === putOffs || !all.some(({ hasParts }) => hasParts)) return false;
    if (!this.#looking.has(id)) {
      this.#looking.add(id);
      void this.#parts.unlogged(all).then(() => {
        this.#looking.delete(id);
        this.#looked.set(id, putOffs);
        this.#parts.look(table);
      });
    }
    return true;
  }

  #stageOfRounds({ id }: TableRuntime): Stage {
    return this.#stages.get(id) ?? "again";
  }

  #mayHelp(other: TableRuntime): boolean {
    return this.#parts.book.putOffOf(other.id) > 0 && this.#stageOfRounds(other) === "again";
  }

  /** What is read is newer than the frontier, so that the next round waits until that has passed it. */
  async #round(
    table: TableRuntime,
    before: number,
    stage: Stage,
    linked: readonly TableRuntime[],
  ): Promise<void> {
    const { book, replay, order } = this.#parts;
    this.#tried.set(table.id, table.putOffs);
    const waiting = book.list().filter((letter) => letter.table === table.id && isPutOff(letter));
    await replay.clear(waiting.filter(({ target }) => order.isReplaceable(target)));
    await replay.replay(waiting);
    if (this.#void.delete(table.id)) return;
    if (book.putOffOf(table.id) < before)
      for (const { id } of [table, ...linked]) this.#stages.set(id, "again");
    else this.#stages.set(table.id, stage === "again" ? "last" : "done");
  }
}
