import { failpoint } from "../model/failpoint.ts";
import type { TableId } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import type { TooManyRefused } from "./dead-letter-book.ts";
import type { TaskObserver } from "./observer.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface StopTableParts {
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  readonly now: () => number;
}

/**
 * So many rows of a table are refused that its mapping must be wrong. That it is stopped is durable before the first of
 * its changes is left out: the log is shared and goes on, so that from here on only a load brings the table back (I1).
 * The next run begins without it; what was under way of the others is read again, as after any other end of a run.
 */
export async function stopTable(parts: StopTableParts, why: TooManyRefused): Promise<never> {
  const table = parts.tables.get(why.table);
  if (table === undefined) throw why;
  const { code, detail: message } = why;
  table.update({ state: "INIT_SYNC", stopped: { code, message, atMs: parts.now() } });
  await parts.writeState([table.stored]);
  failpoint("table.stopped");
  throw new RestartNeeded(`${table.id} is stopped`);
}

/** Says of every table that is stopped that it is: at each start, for nobody must overlook it (I11). */
export function tellStopped(
  tables: ReadonlyMap<TableId, TableRuntime>,
  observer: Pick<TaskObserver, "event">,
): void {
  for (const { id, stopped } of tables.values()) {
    if (stopped === null) continue;
    const { code, message } = stopped;
    observer.event({ type: "table-stopped", table: id, code, message, remedy: REMEDY });
  }
}

/** What to do about a table that is stopped. */
const REMEDY =
  "Read the reasons (`millrace dead-letters list`), mend the mapping or the target, then `millrace resync` the table.";
