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
      if (event.reason === "paused") return ["info", "table is paused", { table: event.table }];
      return ["info", `table is in ${event.state}`, { table: event.table, reason: event.reason }];
    case "progress":
      return [
        "debug",
        "rows loaded",
        { table: event.table, rows: event.rowsLoaded, estimated: event.estimatedRows },
      ];
    case "notice":
      return [event.level ?? "warn", event.message, { table: event.table }];
    case "schema-change":
      return [
        "info",
        `schema change ${event.outcome}`,
        { table: event.table, change: event.change },
      ];
    case "retry":
      return retryLine(event);
    case "recovered":
      return ["warn", recoveredText(event), { code: event.code, attempts: event.attempts }];
    case "dead-letter":
      return deadLetterLine(event);
    case "table-stopped":
      return stoppedLine(event);
    case "dead-letter-settled":
      return settledLine(event);
    case "caught-up":
      return ["info", "caught up with the source"];
  }
}

function stoppedLine(event: Extract<TaskEvent, { type: "table-stopped" }>): Line {
  const { table, code, message, remedy } = event;
  return ["error", `table is stopped: ${message}`, { table, code, remedy }];
}

function settledLine(event: Extract<TaskEvent, { type: "dead-letter-settled" }>): Line {
  const { id: letter, table, outcome } = event;
  const level = outcome === "refused" ? "warn" : "info";
  return [level, `dead letter ${outcome}`, { table, letter }];
}

/**
 * The names of the key's columns; their values are the row's. A row that is written again and again must not fill the
 * log: it is told of once, the letter counts the tries.
 */
function deadLetterLine(event: Extract<TaskEvent, { type: "dead-letter" }>): Line {
  const { type: _type, id: letter, ...rest } = event;
  if (rest.attempts > 1) return ["info", "parked row refused again", { letter, ...rest }];
  return ["warn", "row parked as a dead letter", { letter, ...rest }];
}

function retryLine(event: Extract<TaskEvent, { type: "retry" }>): Line {
  const { code, attempt, waitMs, remedy } = event;
  const since = new Date(event.sinceMs).toISOString();
  return ["warn", retryText(event), { code, attempt, waitMs, since, remedy }];
}

/** What is told of a failure that is met again and again. */
export function retryText({
  message,
  attempt,
  waitMs,
}: Pick<Extract<TaskEvent, { type: "retry" }>, "message" | "attempt" | "waitMs">): string {
  const tries = attempt === 1 ? "" : `, after ${attempt} attempts`;
  return `${message}; trying again${tries}, next in ${seconds(waitMs)}`;
}

/** What is told when it is over. */
export function recoveredText({
  code,
  attempts,
  lastedMs,
}: Pick<Extract<TaskEvent, { type: "recovered" }>, "code" | "attempts" | "lastedMs">): string {
  const tries = attempts === 1 ? "1 failed attempt" : `${attempts} failed attempts`;
  return `works again after ${seconds(lastedMs)} and ${tries} (${code})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

function stateLine(
  state: string,
  error: { code: string; message: string; remedy: string } | undefined,
): Line {
  if (error === undefined) return ["info", `pipeline is ${state}`];
  return ["error", error.message, { state, code: error.code, remedy: error.remedy }];
}
