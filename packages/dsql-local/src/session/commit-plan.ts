/** Which single statements have their COMMIT sent with them: those behind which nothing is left to look at. */
import { tableKey } from "../concurrency/catalogue-versions.ts";
import { removesKeys } from "../concurrency/resurrected-keys.ts";
import type { RowBound } from "../gate/row-bound.ts";
import { bounds } from "../rules/bounds.ts";
import { cascades } from "../sizes/changed-rows.ts";
import { estimatedBytes } from "../sizes/size-rules.ts";
import type { TableFacts } from "../sizes/table-facts.ts";
import type { ClusterContext } from "./context.ts";
import type { Request } from "./execution.ts";
import type { SearchPath } from "./search-path.ts";

/**
 * Whether a write in a transaction of its own can be no larger than it may be, takes no key away, shares none, and meets no fault.
 * In the extended protocol only: behind a simple Query that fails, COMMIT would end the transaction.
 */
export async function leavesNoLook(
  request: Request,
  cluster: ClusterContext,
  path: SearchPath,
): Promise<boolean> {
  const { statement, simple, asks, suspicious, frames } = request;
  const { rowBound, asking, explains, inside } = statement;
  if (simple || rowBound === undefined || asking === undefined) return false;
  if (asks !== undefined || suspicious !== false) return false;
  if (explains !== undefined || inside.length > 0 || statement.countByStatistics) return false;
  if (statement.deletes || statement.locksForUpdate || isWatched(cluster)) return false;
  const table = tableKey(asking.target, path);
  if (table === undefined) return false;
  const facts = await cluster.facts.of(table);
  if (cascades(statement, facts) || removesKeys(statement, facts.keyColumns)) return false;
  const rows = mostRows(rowBound, facts);
  const { rowsPerTransaction, bytesPerTransaction } = cluster.limits;
  if (rows === undefined || rows > rowsPerTransaction) return false;
  const messageBytes = frames().reduce((bytes, frame) => bytes + frame.length, 0);
  return estimatedBytes({ statement, rows, messageBytes }, facts) <= bytesPerTransaction;
}

/** Whether a test has switched on what comes between a statement and its COMMIT. */
function isWatched({ faults, delays, partitions, limits }: ClusterContext): boolean {
  const isSlowed = delays.commitMs > 0 || partitions.areBounded;
  return faults.areOn || isSlowed || limits.clusterBytes < bounds.clusterBytes;
}

/** How many rows a statement can write to a table. */
function mostRows(bound: RowBound, { indexes }: TableFacts): number | undefined {
  if (bound.kind === "rows") return bound.rows;
  const isKey = indexes.some(
    ({ unique, valid, columns }) =>
      unique && valid && columns.every((column) => bound.columns.includes(column)),
  );
  return isKey ? 1 : undefined;
}
