import type { Logger } from "../model/ports.ts";
import type { TaskEvent } from "../pipeline/status.ts";

/** Writes a task's event as a log line. Progress is for displays and stays out of the log. */
export function logEvent(log: Logger, event: TaskEvent): void {
  switch (event.type) {
    case "state":
      if (event.error === undefined) log.info(`pipeline is ${event.state}`);
      else
        log.error(event.error.message, {
          code: event.error.code,
          remedy: event.error.remedy,
          state: event.state,
        });
      return;
    case "table":
      log.info(`table is in ${event.state}`, {
        table: event.table,
        ...(event.reason === undefined ? {} : { reason: event.reason }),
      });
      return;
    case "progress":
      log.debug("rows loaded", {
        table: event.table,
        rows: event.rowsLoaded,
        estimated: event.estimatedRows,
      });
      return;
    case "notice":
      log.warn(event.message, event.table === undefined ? {} : { table: event.table });
      return;
    case "schema-change":
      log.info(`schema change ${event.outcome}`, { table: event.table, change: event.change });
      return;
    case "retry":
      log.warn("trying again", {
        code: event.code,
        attempt: event.attempt,
        waitMs: event.waitMs,
        message: event.message,
      });
      return;
    case "dead-letter":
      log.warn("row parked as a dead letter", {
        table: event.table,
        code: event.code,
        reason: event.reason,
      });
      return;
    case "caught-up":
      log.info("caught up with the source");
  }
}
