import type { DeadLetter } from "../model/dead-letter.ts";
import type { TableId } from "../model/table.ts";
import type { ConstraintOrder } from "./constraint-order.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { LetterArrivals } from "./letter-arrivals.ts";
import { isPutOff } from "./put-off.ts";
import { PutOffCohort, type Stage } from "./put-off-cohort.ts";
import type { Replay } from "./replay.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface PutOffParts {
  readonly book: Pick<DeadLetterBook, "list" | "putOffOf" | "get"> & {
    readonly arrivals: Pick<LetterArrivals, "newest" | "numberOf">;
  };
  readonly replay: Pick<Replay, "clear" | "replay">;
  readonly order: Pick<ConstraintOrder, "isReplaceable" | "linkedWith">;
  /** The table may be SYNC now. */
  readonly look: (table: TableRuntime) => void;
  /** Resolves when the source was looked at since, and what no log told of these tables' rows is met: whether there was any. */
  readonly unlogged: (tables: readonly TableRuntime[]) => Promise<boolean>;
  readonly writeTable: (table: TableRuntime) => Promise<void>;
  /** Ends the run. */
  readonly fail: (error: unknown) => void;
}

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
  readonly #cohorts = new Map<TableId, PutOffCohort>();
  /** How many changes had been put off when a table's last round began. */
  readonly #tried = new Map<TableId, number>();
  /** Tables of which this run knows what their last rounds have refused. */
  readonly #known = new Set<TableId>();
  /** Tables that wait for a linked one, or for a look. */
  readonly #waiting = new Set<TableRuntime>();

  constructor(parts: PutOffParts) {
    this.#parts = parts;
  }

  /** False where nothing of the table is put off; else it has to wait, and is looked at again. */
  holds(table: TableRuntime): boolean {
    if (table.puttingOff > 0 || this.#busy.has(table.id)) return true;
    if (table.document.givingUp === true && !this.#known.has(table.id)) {
      this.#work(table, this.#tryGivenUp(table));
      return true;
    }
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
      this.#cohorts.delete(table.id);
      this.#lookAtWaiting();
      return false;
    }
    this.#work(table, this.#round(table, stage));
    return true;
  }

  #work(table: TableRuntime, work: Promise<void>): void {
    this.#busy.add(table.id);
    work.then(
      () => {
        this.#busy.delete(table.id);
        // Before itself: its own last round waits where they have more to try.
        this.#lookAtWaiting();
        this.#parts.look(table);
      },
      (error: unknown) => this.#parts.fail(error),
    );
  }

  /** A table that is to be loaded behind rows that are put off has nothing at the sink any more: their rounds go on. */
  onBehind(): void {
    this.#lookAtWaiting();
  }

  /** Rows of it, and of those linked with it, may be refused for what its load has not brought yet: no round before counts. */
  beginsAnew(table: TableRuntime): void {
    if (table.loaded || (this.#cohorts.size === 0 && this.#busy.size === 0)) return;
    for (const one of [table, ...this.#linkedWith(table)]) {
      one.lastRound = false;
      this.#cohorts.delete(one.id);
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
    if (linked.some((other) => !other.loaded && !other.behindPutOff)) {
      this.#cohorts.delete(table.id);
      return "waiting";
    }
    const cohort = this.#cohortOf(table);
    if (cohort.stage !== "last") return cohort.stage;
    const mayWait =
      linked.some((other) => this.#mayHelp(other, cohort)) || this.#mustLook(table, cohort);
    return mayWait ? "waiting" : "last";
  }

  /** What came since the last round began was in none yet: it has the others wait, but not for ever. */
  #cohortOf(table: TableRuntime): PutOffCohort {
    const { arrivals } = this.#parts.book;
    const linked = this.#linkedWith(table).map(({ id }) => id);
    const before = this.#cohorts.get(table.id);
    const isTried = table.putOffs === this.#tried.get(table.id);
    if (before !== undefined && isTried) return before;
    const isOver = before === undefined || before.stage === "done";
    const grown = isOver ? null : before.grown(linked);
    const isLeft = !isOver && this.#standing(table).some((letter) => before.has(letter));
    const cohort = grown ?? (isLeft ? before : PutOffCohort.of(table.id, linked, arrivals));
    this.#cohorts.set(table.id, cohort);
    return cohort;
  }

  /** Before it is given up: what refuses it may have left the source with a part, which no log has told. */
  #mustLook(table: TableRuntime, cohort: PutOffCohort): boolean {
    if (cohort.look === "done" || !this.#mayLeave(table)) return false;
    if (cohort.look === "none") {
      cohort.look = "asked";
      void this.#parts.unlogged([table, ...this.#linkedWith(table)]).then(() => {
        cohort.look = "done";
        this.#parts.look(table);
      });
    }
    return true;
  }

  /** Rows of it, or of tables that it is linked with, may leave the source with a part, which no log tells. */
  #mayLeave(table: TableRuntime): boolean {
    return [table, ...this.#linkedWith(table)].some(({ hasParts }) => hasParts);
  }

  /** Rounds of another table may settle what it waits for; once its patience is over, only what stood before counts. */
  #mayHelp(other: TableRuntime, cohort: PutOffCohort): boolean {
    // Its rows that are put off go with its load, which does not wait for rounds or is behind these.
    if (other.keyless) return false;
    const stage = this.#cohorts.get(other.id)?.stage ?? "again";
    if (stage !== "again" || this.#parts.book.putOffOf(other.id) === 0) return false;
    return cohort.isPatient || this.#standing(other).some((letter) => cohort.has(letter));
  }

  /** Its rows that are put off. */
  #standing({ id }: TableRuntime): DeadLetter[] {
    return this.#parts.book.list().filter((letter) => letter.table === id && isPutOff(letter));
  }

  /** What is read is newer than the frontier, so that the next round waits until that has passed it. */
  async #round(table: TableRuntime, stage: Stage): Promise<void> {
    const { replay, order } = this.#parts;
    const cohort = this.#cohorts.get(table.id);
    const waiting = this.#standing(table);
    const newer = waiting.filter((letter) => cohort?.has(letter) === false);
    this.#tried.set(table.id, table.putOffs);
    table.spares(newer);
    if (stage === "last" && this.#mayLeave(table)) await this.#beginsToGiveUp(table);
    await replay.clear(waiting.filter(({ target }) => order.isReplaceable(target)));
    await replay.replay(waiting);
    const isOver = stage !== "last" || (await this.#isGivenUp(table, waiting));
    if (this.#void.delete(table.id) || cohort === undefined) return;
    const left = new Set(this.#standing(table).map(({ id }) => id));
    const settled = waiting.filter(({ id }) => !left.has(id));
    for (const { id } of this.#linkedWith(table)) this.#cohorts.get(id)?.hears(waiting, settled);
    const isFewer = settled.some((letter) => cohort.has(letter));
    if (stage === "again") cohort.stage = isFewer ? "again" : "last";
    else if (isOver && newer.length === 0 && !isFewer) cohort.stage = "done";
    else this.#cohorts.delete(table.id);
  }

  /**
   * Rows that have become dead letters stay so. Not where a part has left beside their last round, with what refused them:
   * they are read once more, and put off where that is still in their way.
   */
  async #isGivenUp(table: TableRuntime, tried: readonly DeadLetter[]): Promise<boolean> {
    const { replay, unlogged } = this.#parts;
    if (!this.#mayLeave(table) || this.#parked(tried).length === 0) return true;
    const isFound = await unlogged([table, ...this.#linkedWith(table)]);
    if (!isFound && !this.#void.has(table.id)) return true;
    table.lastRound = false;
    await replay.replay(this.#parked(tried));
    return false;
  }

  /** Durable before any of it is a dead letter: a run that ends before the second look leaves that to the next one. */
  async #beginsToGiveUp(table: TableRuntime): Promise<void> {
    this.#known.add(table.id);
    if (table.document.givingUp === true) return;
    table.update({ givingUp: true });
    await this.#parts.writeTable(table);
  }

  /** What a last round of an earlier run has refused, and was not looked at behind that: it is put off where it is refused still. */
  async #tryGivenUp(table: TableRuntime): Promise<void> {
    const { book, replay, unlogged } = this.#parts;
    this.#known.add(table.id);
    await unlogged([table, ...this.#linkedWith(table)]);
    const isOurs = ({ table: id, code }: DeadLetter) =>
      id === table.id && code === "MR_SINK_CONSTRAINT";
    await replay.replay(book.list().filter(isOurs));
    this.#void.delete(table.id);
  }

  /** Those of them that are dead letters by now, as they stand. */
  #parked(letters: readonly DeadLetter[]): DeadLetter[] {
    return letters.flatMap(({ id, target, key }) => {
      const now = this.#parts.book.get(target, key);
      return now !== null && now.id === id && !isPutOff(now) ? [now] : [];
    });
  }
}
