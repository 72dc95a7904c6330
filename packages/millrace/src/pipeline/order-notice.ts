import type { TargetCheck } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";

/** A sentence for the operator without its full stop, and what to do. */
export interface OrderNotice {
  readonly what: string;
  readonly remedy: string;
}

/**
 * What follows from constraints that bind rows of several keys: one lane for all of them (design/002); null where nothing
 * does.
 */
export function orderNotice(
  target: TableId,
  { secondaryUnique, parents = [] }: Pick<TargetCheck, "secondaryUnique" | "parents">,
  lanes: number,
): OrderNotice | null {
  if (lanes === 1 || (!secondaryUnique && parents.length === 0)) return null;
  return {
    what:
      `${target} has unique indexes besides its key, or foreign keys, so that all its changes go through one of the ` +
      `${lanes} lanes, in the source's order`,
    remedy: "Drop them until the cut-over where that is too slow",
  };
}
