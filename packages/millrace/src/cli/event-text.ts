import { ended } from "../config/problem.ts";
import { recoveredText, retryText } from "../observe/event-log.ts";
import type { PipelineEvent } from "../pipeline-handle.ts";

/** One plain line for an event; null for what a plain display does not show. */
export function eventText(event: PipelineEvent): string | null {
  switch (event.type) {
    case "state":
      return event.error === undefined
        ? `${event.state}`
        : `${event.state}: ${ended(event.error.message)} ${event.error.remedy}`;
    case "table":
      if (event.reason === "paused") return `${event.table} is paused`;
      return `${event.table} is in ${event.state}${event.reason === undefined ? "" : ` (${event.reason})`}`;
    case "progress":
      return `${event.table}: ${loadedText(event.rowsLoaded, event.estimatedRows)}`;
    case "notice":
      return `${event.table === undefined ? "" : `${event.table}: `}${event.message}`;
    case "schema-change":
      return `${event.table}: ${event.change} ${event.outcome}`;
    case "retry":
      return retryText(event);
    case "recovered":
      return recoveredText(event);
    case "dead-letter":
      return `${event.table}: a row was parked as a dead letter: ${event.code}: ${event.reason}`;
    case "table-stopped":
      return `${event.table} is stopped: ${event.message}. ${event.remedy}`;
    case "dead-letter-settled":
      return `${event.table}: dead letter ${event.id.slice(0, 12)}: ${event.outcome}`;
    case "caught-up":
      return "caught up with the source";
  }
}

/** `1,200 of about 5,000 rows loaded`. */
export function loadedText(rowsLoaded: number, estimatedRows: number | null): string {
  const estimate =
    estimatedRows === null || estimatedRows < rowsLoaded
      ? ""
      : ` of about ${grouped(estimatedRows)}`;
  return `${grouped(rowsLoaded)}${estimate} rows loaded`;
}

/** What is told of a stop that had to give up. */
export function unfinishedText(unfinished: string): string {
  return `${ended(unfinished)} Nothing is lost: the next start reads it again.`;
}

/** A failure's message behind its code, which many begin with. */
export function coded({ code, message }: { readonly code: string; readonly message: string }) {
  return message.startsWith(`${code}: `) ? message : `${code}: ${message}`;
}

/** Thousands with commas, whatever the machine's language. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** `350 ms`, `12.3 s`, `4 min`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** `512 B`, `3.4 MiB`. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? "B"}`;
}
