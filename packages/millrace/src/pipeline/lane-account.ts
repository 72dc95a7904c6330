import type { ByteAccount } from "./byte-budget.ts";
import { countChanges } from "./compaction.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { RowItem } from "./lane-item.ts";
import type { TaskObserver } from "./observer.ts";

interface AccountParts {
  readonly logBytes: ByteAccount;
  readonly chunkBytes: ByteAccount;
  readonly book: DeadLetterBook;
  readonly observer: TaskObserver;
}

/** Rows of a lane are durable: their bytes are given back, and they are counted and told of. */
export function account(
  { logBytes, chunkBytes, book, observer }: AccountParts,
  lane: number,
  rows: readonly RowItem[],
  tookMs: number,
): void {
  let log = 0;
  let chunks = 0;
  let oldest: number | null = null;
  for (const item of rows) {
    if (item.position === null) chunks += item.letGo();
    else log += item.letGo();
    const time = item.transaction?.commitTimeMs;
    if (time !== undefined && (oldest === null || time < oldest)) oldest = time;
  }
  if (log > 0) logBytes.give(log);
  if (chunks > 0) chunkBytes.give(chunks);
  const changes = countChanges(rows);
  for (const { table, count } of changes) book.passed(table, count);
  const bytes = log + chunks;
  observer.committed({ lane, rows: rows.length, bytes, tookMs, oldestSourceMs: oldest, changes });
}
