import type { DeadLetter, Refusal } from "../model/dead-letter.ts";
import type { Sink } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import { hasConstraints, type ConstraintOrder } from "./constraint-order.ts";
import type { TableRuntime } from "./table-runtime.ts";

/**
 * A row that a constraint refuses while its table is in INIT_SYNC: its letter stands for a row to be read again when the
 * load is over, not for one that is given up (design/002). Only then, refused once more, it counts.
 */
export const PUT_OFF: Refusal = {
  code: "MR_ROW_PUT_OFF",
  reason:
    "a constraint of the target besides the key does not allow the row yet; it is tried again when the table is loaded",
  column: null,
};

/** How many rows of a table may be put off (I10). */
export const MAX_PUT_OFF = 10_000;

/** The letter is of a row that was put off. */
export function isPutOff({ code }: Pick<DeadLetter, "code">): boolean {
  return code === PUT_OFF.code;
}

interface PutOffSurroundings {
  readonly sink: Pick<Sink, "checkTable">;
  readonly order: ConstraintOrder;
  readonly writeTable: (table: TableRuntime) => Promise<void>;
  /** Nothing more of it is on its way to the dead letters: it may be SYNC now, or has to be read again. */
  readonly putOffDone: (table: TableRuntime) => void;
}

/** What one writer is putting off. */
export class PuttingOff {
  readonly #parts: PutOffSurroundings;
  readonly #tables = new Set<TableRuntime>();

  constructor(parts: PutOffSurroundings) {
    this.#parts = parts;
  }

  /**
   * Before a row is put off: the table is in INIT_SYNC again, durably, until the row is settled. From here until
   * {@link done} it does not become SYNC: its end may be passed already, and the letter is not in the book yet (I1).
   * @throws RestartNeeded where the target turns out to have constraints that are newer than this run: the next one gives
   * its rows one lane.
   */
  async prepare(table: TableRuntime, target: TargetTable): Promise<void> {
    const { writeTable } = this.#parts;
    await this.refuseNewer(target);
    if (!this.#tables.has(table)) table.puttingOff++;
    this.#tables.add(table);
    if (table.early) return;
    table.update({ state: "INIT_SYNC" });
    await writeTable(table);
  }

  /** @throws RestartNeeded as {@link prepare} */
  async refuseNewer(target: TargetTable): Promise<void> {
    const { sink, order } = this.#parts;
    if (!order.isKnown(target.id) && hasConstraints(await sink.checkTable(target, "never")))
      throw new RestartNeeded(`${target.id} has constraints now`);
  }

  /** Their letters are in the book, or the write has failed. */
  done(): void {
    const tables = [...this.#tables];
    this.#tables.clear();
    for (const table of tables) {
      table.puttingOff--;
      this.#parts.putOffDone(table);
    }
  }
}
