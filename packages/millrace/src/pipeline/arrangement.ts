import type { TargetTable } from "../model/table.ts";
import type { KeyOutcome, TargetOutcomes } from "./compaction.ts";
import { unfit } from "./routes.ts";

/**
 * How a transaction that constraints have refused is written (design/002): as the source did it; as deletes of all its keys
 * and inserts of what they come to, together or row by row; or rows in place, and behind them those that go. The last is
 * for rows that cannot be deleted because others point at them: they let go of what goes, if that is given time.
 */
export type Arrangement = "in order" | "replaced" | "replaced one by one" | "deletes last";

/** In the order in which they are tried. */
export const ARRANGEMENTS: readonly Arrangement[] = [
  "in order",
  "replaced",
  "replaced one by one",
  "deletes last",
];

/** Deletes of the keys that go, and where a row is `replaceable` of those that are inserted anew. */
export function deletesOf(
  table: TargetTable,
  outcomes: TargetOutcomes,
  replaceable: boolean,
): TargetOutcomes {
  const goes = ({ write, row }: KeyOutcome) =>
    write === "remove" || (replaceable && write === "put" && unfit(table, row) === null);
  const gone = [...outcomes].filter(([, outcome]) => goes(outcome));
  return new Map(
    gone.map(([key, { item, row }]) => [key, { item, row, write: "remove" as const }]),
  );
}
