import type { RowItem } from "./lane-item.ts";

/**
 * Runs of one source transaction each; rows of chunks that follow one another are one run. Rows of a load between rows of
 * one transaction go with it: a part of it may be refused where the whole is right (design/002).
 */
export function byTransaction(items: readonly RowItem[]): RowItem[][] {
  const groups: RowItem[][] = [];
  for (const item of items) {
    const [before, last] = [groups.at(-2), groups.at(-1)];
    if (last !== undefined && isOfOne(last, item)) last.push(item);
    else if (before !== undefined && item.position !== null && isOfOne(before, item)) {
      before.push(...(groups.pop() ?? []), item);
    } else groups.push([item]);
  }
  return groups;
}

/** A group begins with a row of its transaction. */
function isOfOne([first]: readonly RowItem[], { position, change }: RowItem): boolean {
  if ((first?.position === null) !== (position === null)) return false;
  return first?.change.transaction?.id === change.transaction?.id;
}

/** Where to cut a batch in two, never between items of one position; 0 when it cannot be cut. */
export function middle(items: readonly RowItem[]): number {
  const half = Math.ceil(items.length / 2);
  for (let cut = half; cut < items.length; cut++) if (cutsCleanly(items, cut)) return cut;
  for (let cut = half - 1; cut > 0; cut--) if (cutsCleanly(items, cut)) return cut;
  return 0;
}

function cutsCleanly(items: readonly RowItem[], cut: number): boolean {
  const position = items[cut]?.position;
  return position === null || position !== items[cut - 1]?.position;
}
