import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { TableId } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import type { TooManyRefused } from "./dead-letter-book.ts";
import type { TaskObserver } from "./observer.ts";
import type { TableStatus } from "./status.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface StopTableParts {
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  readonly now: () => number;
  /** See {@link Source.isLogOnly}. */
  readonly isLogOnly: boolean;
}

/**
 * So many rows of a table are refused that its mapping must be wrong. That it is stopped is durable before the first of
 * its changes is left out: the log is shared and goes on, so that from here on only a load brings the table back (I1).
 * The next run begins without it; what was under way of the others is read again, as after any other end of a run. Where
 * nothing can be loaded the log stands still instead, and the task ends.
 */
export async function stopTable(parts: StopTableParts, why: TooManyRefused): Promise<never> {
  const table = parts.tables.get(why.table);
  if (table === undefined) throw why;
  const { code, detail: message } = why;
  if (parts.isLogOnly) throw new MillraceError(code, message, { cause: why, remedy: LOG_REMEDY });
  table.update({ state: "INIT_SYNC", stopped: { code, message, atMs: parts.now() } });
  await parts.writeState([table.stored]);
  failpoint("table.stopped");
  throw new RestartNeeded(`${table.id} is stopped`);
}

/** Says of every table that is stopped or paused that it is: at each start, for nobody must overlook it (I11). */
export function tellLeftOut(
  tables: ReadonlyMap<TableId, TableRuntime>,
  observer: Pick<TaskObserver, "event">,
): void {
  for (const { id, stopped, paused } of tables.values()) {
    if (paused !== null) {
      const message = `paused since ${new Date(paused.atMs).toISOString()}; a resume loads it anew`;
      observer.event({ type: "notice", table: id, message });
    }
    if (stopped === null) continue;
    const { code, message } = stopped;
    observer.event({ type: "table-stopped", table: id, code, message, remedy: REMEDY });
  }
}

/**
 * Says which tables have not caught up though all others have.
 * @throws MillraceError MR_TABLE_STOPPED, or MR_TABLE_PAUSED where all of them are paused.
 */
export function refuseLeftOut(tables: readonly TableStatus[]): void {
  const reasons = tables.flatMap(({ id, stopped, paused }) =>
    paused !== null ? [`${id} is paused`] : stopped !== null ? [`${id}: ${stopped.message}`] : [],
  );
  if (reasons.length === 0) return;
  const isStopped = tables.some(({ stopped, paused }) => stopped !== null && paused === null);
  throw new MillraceError(isStopped ? "MR_TABLE_STOPPED" : "MR_TABLE_PAUSED", reasons.join("; "));
}

/** What to do where a task has ended because of one of its tables. */
const LOG_REMEDY =
  "Read the reasons (`millrace dead-letters list`), mend the mapping or the target, or raise `dead-letters.max`, then start again: it goes on with the first row that was refused last.";

/** What to do about a table that is stopped. */
const REMEDY =
  "Read the reasons (`millrace dead-letters list`), mend the mapping or the target, then `millrace resync` the table.";
