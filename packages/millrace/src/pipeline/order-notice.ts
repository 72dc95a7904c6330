import type { TargetCheck } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";

/**
 * What follows from unique constraints besides the key, which rows of different lanes may break for a moment; null
 * where nothing does. With one lane changes are applied in the source's order, one by one where a batch is refused.
 */
export function orderNotice(
  target: TableId,
  { secondaryUnique }: Pick<TargetCheck, "secondaryUnique">,
  lanes: number,
): string | null {
  if (!secondaryUnique || lanes === 1) return null;
  return (
    `${target} has unique indexes besides its key, and with parallelism ${lanes} changes of different keys are not ` +
    "applied in the source's order, so that a good row may be refused: say parallelism: 1, or drop the indexes until the cut-over"
  );
}
