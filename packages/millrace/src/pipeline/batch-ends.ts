import type { LogBatch, LogItem } from "../model/change.ts";

/** A batch in two, and nothing of one source transaction in both. */
export interface SplitBatch {
  readonly whole: LogBatch;
  readonly rest: LogBatch;
}

/**
 * Splits a batch that ends within a source transaction behind the last one that it has the end of; null where there is
 * none. The first part is acknowledged with the second.
 */
export function splitAtEnd(batch: LogBatch): SplitBatch | null {
  const { items } = batch;
  const from = items.findLastIndex((item, i) => beginsAnother(items[i - 1], item));
  const position = items[from - 1]?.position ?? null;
  if (position === null) return null;
  const [before, behind] = [items.slice(0, from), items.slice(from)];
  const beside = before.some(isBarrier) ? bytesBesideRows(batch) : 0;
  const bytes = beside + bytesOfRows(before);
  return {
    whole: { items: before, position, acknowledge: null, sourceTimeMs: null, bytes },
    rest: { ...batch, items: behind, bytes: batch.bytes - bytes },
  };
}

/** What has come of the transaction that a batch ends in; `before` is what had come of the one that it begins in. */
export function openRows({ items }: LogBatch, before: number): number {
  const id = items.at(-1)?.transaction?.id;
  const other = items.findLastIndex(({ transaction }) => transaction?.id !== id);
  return other === -1 ? before + items.length : items.length - other - 1;
}

/** What barriers weigh. */
export function bytesBesideRows({ items, bytes }: LogBatch): number {
  return bytes - bytesOfRows(items);
}

function bytesOfRows(items: readonly LogItem[]): number {
  let bytes = 0;
  for (const item of items) if (item.kind === "change") bytes += item.bytes;
  return bytes;
}

function isBarrier({ kind }: LogItem): boolean {
  return kind !== "change";
}

/** Both are of transactions that are known, and not of one. */
function beginsAnother(before: LogItem | undefined, { transaction }: LogItem): boolean {
  const last = before?.transaction ?? null;
  return last !== null && transaction !== null && last.id !== transaction.id;
}
