import type { Commit, Write } from "../../model/sink.ts";
import type { PlannedStatement } from "./commit-plan.ts";

/**
 * What AWS bills for one transaction in DPU (user guide, billing and metering, 2026): so much per byte written and
 * read, a least per transaction, and a least per row.
 */
export interface DpuRates {
  readonly perByteWritten: number;
  readonly leastBytesWritten: number;
  readonly perByteRead: number;
  readonly leastBytesRead: number;
  readonly leastRowBytes: number;
}

/** Told what a commit has cost, by estimate; for metrics. */
export interface CostObserver {
  estimatedDpu(dpu: number): void;
}

/**
 * What a commit costs, DPU. Once per commit and never per row: bytes are the lengths of the parameters that were made
 * anyway, and rows below the least are counted together, so that a few large rows among many small ones come out a
 * little too cheap. Every row is read as it is written, for the uniqueness of its key. Computing, storage, secondary
 * indexes and a second region are not in it.
 */
export function estimateDpu(
  rates: DpuRates,
  commit: Commit,
  planned: readonly PlannedStatement[],
  deletedSome: number,
): number {
  let bytes = commit.lanes.length * rates.leastRowBytes;
  const ownRows = commit.state.length + commit.deadLetters.length + commit.superseded.length;
  bytes += Math.max(lengthOf(planned, null), ownRows * rates.leastRowBytes);
  for (const [index, write] of commit.writes.entries()) {
    const rows = rowsOf(write, deletedSome);
    bytes += Math.max(lengthOf(planned, index), rows * rates.leastRowBytes);
  }
  return (
    Math.max(bytes, rates.leastBytesWritten) * rates.perByteWritten +
    Math.max(bytes, rates.leastBytesRead) * rates.perByteRead
  );
}

/** What writing so many rows costs at least, DPU: each as small as rows are billed. */
export function leastDpu(rates: DpuRates, rows: number): number {
  return rows * rates.leastRowBytes * (rates.perByteWritten + rates.perByteRead);
}

/** Characters of the parameters of one write; null asks for those of state and dead letters. */
function lengthOf(planned: readonly PlannedStatement[], write: number | null): number {
  let length = 0;
  for (const part of planned) {
    if (part.write !== write || part.purpose === "begin" || part.purpose === "lane") continue;
    for (const value of part.values) length += value?.length ?? 0;
  }
  return length;
}

function rowsOf(write: Write, deletedSome: number): number {
  switch (write.kind) {
    case "upsert":
    case "insert":
    case "update":
      return write.rows.length;
    case "delete":
      return write.keys.length;
    case "move":
      return 2;
    case "delete-equal":
      return 1;
    case "delete-some":
      return deletedSome;
    case "changes":
    case "mark":
      return 0;
  }
}
