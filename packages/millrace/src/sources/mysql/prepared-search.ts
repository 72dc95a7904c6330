import { FIRST_OFFSET } from "./log-files.ts";
import type { FoundEvent } from "./log-probe.ts";
import type { PreparedGroup } from "./position.ts";
import { readXaStretch } from "./prepared-scan.ts";
import type { LogFile } from "./retention.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";

/** A log that is searched. */
export interface SearchedLog {
  /** The oldest first. */
  readonly files: () => Promise<readonly Pick<LogFile, "file">[]>;
  /** Its events from a place on to its present end. */
  readonly eventsAt: (place: LogOffset) => AsyncGenerator<FoundEvent>;
}

/**
 * Where the rows of XA transactions are that are prepared at a place of the log, looked for file by file from the newest: the
 * last time that each was prepared before the place. What had ended by then, and what the log does not reach back to, is not
 * in the answer.
 */
export async function preparedBefore(
  { files, eventsAt }: SearchedLog,
  xids: ReadonlySet<string>,
  place: LogOffset,
): Promise<ReadonlyMap<string, PreparedGroup>> {
  const found = new Map<string, PreparedGroup>();
  const left = new Set(xids);
  for (const { file } of (await files()).toReversed()) {
    if (left.size === 0) break;
    if (file > place.file) continue;
    const { prepared, ended } = await readXaStretch(
      eventsAt({ file, at: FIRST_OFFSET }),
      earlier(place, { file: file + 1, at: 0 }),
    );
    for (const group of prepared) if (left.delete(group.xid)) found.set(group.xid, group);
    for (const xid of ended) left.delete(xid);
  }
  return found;
}

function earlier(a: LogOffset, b: LogOffset): LogOffset {
  return compareOffsets(a, b) < 0 ? a : b;
}
