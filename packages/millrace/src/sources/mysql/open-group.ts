import type { BatchBuilder, BatchMark } from "../../change-log/batch-builder.ts";
import { protocolError } from "./byte-cursor.ts";
import type { GroupBegin } from "./group-begin.ts";
import type { GroupOutcome, RowEvents } from "./group-outcome.ts";
import type { LogPosition } from "./position.ts";
import type { RowRuns, RunsMark } from "./row-runs.ts";
import { Savepoints } from "./savepoints.ts";

/** A point of the group that may have to be gone back to. */
interface GroupMark {
  readonly batch: BatchMark<LogPosition>;
  readonly runs: RunsMark;
  readonly rowEvents: number;
}

/** What the first event of a group says of it. */
type GroupStart = Pick<GroupBegin, "isInDoubt" | "isPrepared" | "isUndone">;

/**
 * What becomes of the rows of the group that is read. Where its end decides that (it may be rolled back, or prepared), they
 * are held until it has come, or until somebody has looked ahead (docs/design/006, "Groups that do not count").
 *
 * Hot: `wants` runs per row event.
 */
export class OpenGroup {
  /** Its statement is not done yet, or never will be. */
  isUndone = false;
  readonly #batch: BatchBuilder<LogPosition>;
  readonly #runs: RowRuns;
  /** Where it began; null once it is known what becomes of it. */
  #begin: GroupMark | null = null;
  #isDropped = false;
  #rowEvents = 0;
  readonly #savepoints = new Savepoints<GroupMark>();
  /** What will be taken back, in order, as far as somebody looked ahead; null: nobody did. */
  #takenBack: readonly RowEvents[] | null = null;
  /** Of these, how many are past. */
  #past = 0;

  constructor(batch: BatchBuilder<LogPosition>, runs: RowRuns) {
    this.#batch = batch;
    this.#runs = runs;
  }

  /** Its end decides. */
  get isInDoubt(): boolean {
    return this.#begin !== null;
  }

  begin({ isInDoubt, isPrepared, isUndone }: GroupStart): void {
    this.isUndone = isUndone;
    this.#rowEvents = 0;
    this.#takenBack = null;
    this.#isDropped = isPrepared;
    this.#runs.begin();
    this.#savepoints.begin();
    if (isInDoubt) this.doubt();
  }

  /** Nothing of it was given, and its end decides. */
  doubt(): void {
    this.#begin = this.#mark();
    this.#batch.hold();
  }

  /** A row event comes: whether its rows are wanted, as far as the group says. */
  wants(): boolean {
    const index = this.#rowEvents;
    this.#rowEvents += 1;
    return !this.#isDropped && (this.#takenBack === null || !this.#isTakenBack(index));
  }

  #isTakenBack(index: number): boolean {
    let range = this.#takenBack?.[this.#past];
    while (range !== undefined && range.until <= index) {
      this.#past += 1;
      range = this.#takenBack?.[this.#past];
    }
    return range !== undefined && range.from <= index;
  }

  savepoint(name: string): void {
    if (this.isInDoubt) this.#savepoints.set(name, this.#mark());
  }

  /** False where nobody knows what it takes back, or that was given. */
  rollbackTo(name: string): boolean {
    if (this.#isDropped || this.#takenBack !== null) return true;
    return this.isInDoubt && this.#backTo(this.#savepoints.backTo(name));
  }

  /** Its rows count. */
  count(): void {
    this.#begin = null;
    this.#batch.release();
  }

  /** Its rows never count, or not now. @throws MillraceError MR_SOURCE_PROTOCOL where some were given. */
  drop(): void {
    const mayBeGiven = this.#begin === null && !this.#isDropped && this.#rowEvents > 0;
    if (mayBeGiven) throw protocolError("rows that do not count, of which nothing said so before");
    this.#backTo(this.#begin);
    this.#isDropped = true;
    this.count();
  }

  /** Somebody has looked ahead. False where nobody knows what is taken back. */
  learn({ counts, takenBack }: GroupOutcome): boolean {
    if (!counts) {
      this.drop();
      return true;
    }
    const now = this.#rowEvents;
    const cut = takenBack.find(({ from, until }) => from < now && until > now);
    const isKnown =
      cut === undefined ||
      this.#backTo(this.#savepoints.where(({ rowEvents }) => rowEvents === cut.from));
    this.#takenBack = takenBack;
    this.#past = 0;
    this.count();
    return isKnown;
  }

  #mark(): GroupMark {
    return { batch: this.#batch.mark(), runs: this.#runs.mark(), rowEvents: this.#rowEvents };
  }

  #backTo(mark: GroupMark | null): boolean {
    if (mark === null) return false;
    this.#batch.takeBack(mark.batch);
    this.#runs.back(mark.runs);
    return true;
  }
}
