import type { RowItem } from "./lane-item.ts";

/** Runs of one source transaction each; rows of chunks that follow one another are one run. */
export function byTransaction(items: readonly RowItem[]): RowItem[][] {
  const groups: RowItem[][] = [];
  for (const item of items) {
    const last = groups.at(-1);
    if (last !== undefined && last[0]?.change.transaction?.id === item.change.transaction?.id)
      last.push(item);
    else groups.push([item]);
  }
  return groups;
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
