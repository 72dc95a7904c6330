/** What a batch leaves undone where a fault says so. */
import type { FaultBook } from "../control/faults.ts";
import { isFields, type Fields } from "../json.ts";

/** The requests that are done, and those that are given back; undefined where all are done. */
export interface TakenOut {
  readonly kept: Fields;
  readonly left: Fields | undefined;
}

/**
 * Takes the last requests out, as many as the fault says. `RequestItems` has a list for each table (BatchWriteItem), or an
 * object with the list in a member (BatchGetItem).
 */
export function takenOut(items: Fields, faults: FaultBook, member?: string): TakenOut {
  let count = faults.first("unprocessed")?.count ?? 0;
  if (count === 0) return { kept: items, left: undefined };
  const kept: Record<string, unknown> = {};
  const left: Record<string, unknown> = {};
  for (const [table, requests] of Object.entries(items).toReversed()) {
    const list = listOf(requests, member);
    const undone = Math.min(count, list.length);
    count -= undone;
    const put = (target: Record<string, unknown>, part: readonly unknown[]): void => {
      if (part.length > 0) target[table] = withList(requests, member, part);
    };
    put(kept, list.slice(0, list.length - undone));
    put(left, list.slice(list.length - undone));
  }
  return { kept, left };
}

function listOf(requests: unknown, member: string | undefined): readonly unknown[] {
  const list = member !== undefined && isFields(requests) ? requests[member] : requests;
  return Array.isArray(list) ? list : [];
}

function withList(
  requests: unknown,
  member: string | undefined,
  list: readonly unknown[],
): unknown {
  return member !== undefined && isFields(requests) ? { ...requests, [member]: list } : list;
}
