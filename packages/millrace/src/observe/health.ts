import type { TaskStatus, Wait } from "../pipeline/status.ts";

/** Whether pipelines do what they are for, and if not, why: what `/health/ready` answers. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** Every pipeline runs, every table is in SYNC, the lag is under the bound, and so is the log that is kept. */
export function readiness(statuses: readonly TaskStatus[], maxLagMs: number): Readiness {
  const reasons = statuses.flatMap((status) => reasonsOf(status, maxLagMs));
  return { ready: reasons.length === 0, reasons };
}

function reasonsOf(status: TaskStatus, maxLagMs: number): string[] {
  const { pipeline, state, error, retrying, tables, lagMs, retention, waits } = status;
  if (retrying !== null && state === "retrying") {
    const since = new Date(retrying.sinceMs).toISOString();
    return [
      `${pipeline} is retrying since ${since}, ${retrying.attempts} attempts: ${retrying.message}`,
    ];
  }
  if (state !== "running")
    return [`${pipeline} is ${state}${error === null ? "" : ` (${error.code})`}`];
  const waiting = tables.filter((table) => table.state !== "SYNC");
  const reasons: string[] = [];
  if (error !== null) reasons.push(`${pipeline}: part of it has stopped (${error.code})`);
  if (waiting.length > 0)
    reasons.push(`${pipeline}: ${waiting.length} of ${tables.length} tables are not in SYNC`);
  for (const { id, paused } of tables)
    if (paused !== null) reasons.push(`${pipeline}: ${id} is paused`);
  for (const { id, stopped } of tables)
    if (stopped !== null) reasons.push(`${pipeline}: ${id} is stopped (${stopped.code})`);
  if (lagMs === null) reasons.push(`${pipeline}: its lag is not known yet`);
  else if (lagMs > maxLagMs)
    reasons.push(
      `${pipeline}: its lag of ${Math.round(lagMs / 1000)} s is over ${Math.round(maxLagMs / 1000)} s`,
    );
  if (retention !== null && (retention.limitBytes ?? Infinity) <= (retention.retainedBytes ?? 0))
    reasons.push(`${pipeline}: the source keeps more of its log than the limit allows`);
  // What waits and holds nothing up is no reason; it explains those that there are.
  return reasons.length === 0 ? [] : [...reasons, ...waits.map((wait) => waitText(status, wait))];
}

function waitText({ pipeline }: TaskStatus, { what, table, why }: Wait): string {
  return `${pipeline}: ${table ?? `the ${what}`} waits: ${why}`;
}
