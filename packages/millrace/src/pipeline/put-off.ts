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
}

/**
 * Before a row is put off: the table is in INIT_SYNC again, durably, until the row is settled.
 * @throws RestartNeeded where the target turns out to have constraints that are newer than this run: the next one gives
 * its rows one lane.
 */
export async function preparePutOff(
  { sink, order, writeTable }: PutOffSurroundings,
  table: TableRuntime,
  target: TargetTable,
): Promise<void> {
  if (!order.isKnown(target.id) && hasConstraints(await sink.checkTable(target, "never")))
    throw new RestartNeeded(`${target.id} has constraints now`);
  if (table.early) return;
  table.update({ state: "INIT_SYNC" });
  await writeTable(table);
}
