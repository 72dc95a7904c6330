import type { Logger } from "../model/ports.ts";
import type { TaskEvent } from "../pipeline/status.ts";

type Data = Readonly<Record<string, unknown>>;
type Line = readonly [level: keyof Logger, message: string, data?: Data];

/** Writes a task's event as a log line. Progress is for displays and stays below the usual level. */
export function logEvent(log: Logger, event: TaskEvent): void {
  const [level, message, data] = lineOf(event);
  log[level](message, data);
}

function lineOf(event: TaskEvent): Line {
  switch (event.type) {
    case "state":
      return stateLine(event.state, event.error);
    case "table":
      return ["info", `table is in ${event.state}`, { table: event.table, reason: event.reason }];
    case "progress":
      return [
        "debug",
        "rows loaded",
        { table: event.table, rows: event.rowsLoaded, estimated: event.estimatedRows },
      ];
    case "notice":
      return ["warn", event.message, { table: event.table }];
    case "schema-change":
      return [
        "info",
        `schema change ${event.outcome}`,
        { table: event.table, change: event.change },
      ];
    case "retry":
      return [
        "warn",
        event.message,
        { code: event.code, attempt: event.attempt, waitMs: event.waitMs },
      ];
    case "dead-letter":
      return [
        "warn",
        "row parked as a dead letter",
        { table: event.table, code: event.code, reason: event.reason },
      ];
    case "caught-up":
      return ["info", "caught up with the source"];
  }
}

function stateLine(
  state: string,
  error: { code: string; message: string; remedy: string } | undefined,
): Line {
  if (error === undefined) return ["info", `pipeline is ${state}`];
  return ["error", error.message, { state, code: error.code, remedy: error.remedy }];
}
