/** Which single statements have their COMMIT sent with them: those before whose COMMIT nothing is left to look at. */
import { tablesWritten, type TableKey } from "../concurrency/catalogue-versions.ts";
import { bringsKeys, removesKeys } from "../concurrency/resurrected-keys.ts";
import type { RowBound } from "../gate/row-bound.ts";
import type { Statement } from "../gate/statement.ts";
import { bounds } from "../rules/bounds.ts";
import { cascades } from "../sizes/changed-rows.ts";
import { estimatedBytes } from "../sizes/size-rules.ts";
import { refersToParents, type TableFacts } from "../sizes/table-facts.ts";
import type { ClusterContext } from "./context.ts";
import type { Request } from "./execution.ts";
import type { SearchPath } from "./search-path.ts";
import type { Worker } from "./worker.ts";

/** What a statement is judged by. */
export interface PlanParts {
  readonly cluster: ClusterContext;
  readonly path: SearchPath;
  readonly worker: Worker;
}

/**
 * Whether a write in a transaction of its own can be no larger than it may be, takes no key away that others could share, and
 * meets no fault.
 */
export async function leavesNoLook(request: Request, parts: PlanParts): Promise<boolean> {
  const { statement, simple, frames } = request;
  const { rowBound, explains, inside } = statement;
  const { cluster, path } = parts;
  if (rowBound === undefined || explains !== undefined || inside.length > 0) return false;
  if (statement.countByStatistics || statement.locksForUpdate || isWatched(cluster)) return false;
  // It is run as a prepared one, which would take that for a parameter.
  if (simple && /\$\d/.test(statement.sql)) return false;
  const [table] = tablesWritten(statement, path);
  if (table === undefined) return false;
  const facts = await cluster.facts.of(table);
  if (!facts.isTable || cascades(statement, facts)) return false;
  const isFree = statement.writesRows
    ? leavesNoRow(request, { table, facts }, parts)
    : statement.deletes && !facts.isParent;
  if (!isFree) return false;
  const rows = mostRows(rowBound, facts);
  const { rowsPerTransaction, bytesPerTransaction } = cluster.limits;
  if (rows === undefined || rows > rowsPerTransaction) return false;
  const messageBytes = frames().reduce((bytes, frame) => bytes + frame.length, 0);
  return estimatedBytes({ statement, rows, messageBytes }, facts) <= bytesPerTransaction;
}

/**
 * Whether none of the rows that it writes is to be looked at before its COMMIT. Whose keys refer to parents is of no interest
 * before that where no transaction runs that could have an older snapshot.
 */
function leavesNoRow(
  { statement, asks, suspicious }: Request,
  { table, facts }: { readonly table: TableKey; readonly facts: TableFacts },
  { cluster, worker }: PlanParts,
): boolean {
  if (statement.asking === undefined || suspicious !== false) return false;
  if (removesKeys(statement, facts.keyColumns)) return false;
  if (asks === undefined) return true;
  if (!refersToParents(statement, facts)) return false;
  if (cluster.deletions.lately(table) && bringsKeys(statement, facts.keyColumns)) return false;
  return cluster.waits.oldestSnapshot(worker) === undefined;
}

/**
 * Tells others that a statement is sent, and its COMMIT with it; what is given tells them that it was answered, and gives the
 * number of the COMMIT.
 */
export function announced(
  statement: Statement,
  { cluster: { commits, deletions }, path }: PlanParts,
): () => number {
  const losing = statement.deletes ? tablesWritten(statement, path) : [];
  commits.withStatements++;
  for (const table of losing) deletions.begin(table);
  return () => {
    commits.withStatements--;
    const commit = commits.whole();
    for (const table of losing) deletions.end(table, commit);
    return commit;
  };
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
