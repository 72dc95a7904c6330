import type { TargetCheck } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";

/** A sentence for the operator without its full stop, and what to do. */
export interface OrderNotice {
  readonly what: string;
  readonly remedy: string;
}

/**
 * What follows from unique constraints besides the key, which rows of different lanes may break for a moment; null
 * where nothing does. With one lane changes are applied in the source's order, one by one where a batch is refused.
 */
export function orderNotice(
  target: TableId,
  { secondaryUnique }: Pick<TargetCheck, "secondaryUnique">,
  lanes: number,
): OrderNotice | null {
  if (!secondaryUnique || lanes === 1) return null;
  return {
    what:
      `${target} has unique indexes besides its key, and with parallelism ${lanes} changes of different keys are not ` +
      "applied in the source's order, so that a good row may be refused",
    remedy: "Say parallelism: 1, or drop the indexes until the cut-over",
  };
}
