import type { Pipeline, PipelineEvent } from "../pipeline-handle.ts";
import { bytesText, durationText, eventText, grouped, loadedText } from "./event-text.ts";
import type { CliSurroundings, Output } from "./surroundings.ts";
import { wantsColor } from "./surroundings.ts";

/** A pipeline, as far as a display looks at it. */
export type ShownPipeline = Pick<Pipeline, "name" | "status">;

/** What `run` shows while pipelines work. */
export interface Display {
  /** An event of a pipeline. */
  show(event: PipelineEvent): void;
  /** Called about twice a second with all pipelines. */
  tick(pipelines: readonly ShownPipeline[]): void;
  /** A line of the log, written without disturbing what is shown. */
  log(line: string): void;
  close(pipelines: readonly ShownPipeline[]): void;
}

/** One JSON object per line on stdout; the log on stderr. */
export function jsonDisplay({ stdout, stderr }: CliSurroundings): Display {
  return {
    show: (event) => stdout.write(`${JSON.stringify(event)}\n`),
    tick() {},
    log: (line) => stderr.write(line),
    close() {},
  };
}

/** Whether the log beside a display tells each event, too: then the display leaves them to it. */
interface BesideLog {
  readonly logTells?: boolean;
}

/** Lines for a pipe: what happens, and the progress of loads every few seconds. */
export function plainDisplay(
  { stdout, stderr, clock }: CliSurroundings,
  { logTells = false }: BesideLog = {},
): Display {
  const everyMs = 5000;
  const shownAt = new Map<string, number>();
  return {
    show(event) {
      if (event.type === "progress") {
        const key = `${event.pipeline}\n${event.table}`;
        const now = clock.monotonic();
        if (now - (shownAt.get(key) ?? Number.NEGATIVE_INFINITY) < everyMs) return;
        shownAt.set(key, now);
      }
      const text = shownText(event, logTells);
      if (text !== null) stdout.write(`${event.pipeline}: ${text}\n`);
    },
    tick() {},
    log: (line) => stderr.write(line),
    close: (pipelines) => pipelines.forEach((pipeline) => stdout.write(summary(pipeline))),
  };
}

/** What a display tells. Warnings and errors are told once, by the log beside it; and so is all but progress where it tells that. */
function shownText(event: PipelineEvent, logTells: boolean): string | null {
  const { type } = event;
  if (logTells && type !== "progress") return null;
  if (type === "retry" || type === "recovered" || type === "dead-letter" || type === "notice")
    return null;
  return type === "state" ? event.state : eventText(event);
}

/** Tables with a bar that fit on a screen. */
const MAX_BARS = 12;

/** A terminal: events scroll by, below them stand the bars of the tables that are being loaded. */
export function terminalDisplay(
  io: CliSurroundings,
  { logTells = false }: BesideLog = {},
): Display {
  const area = new LiveArea(io.stdout);
  const color = wantsColor(io.stdout, io.env);
  return {
    show(event) {
      if (event.type === "progress") return;
      const text = shownText(event, logTells);
      if (text !== null) area.print(`${dim(`${event.pipeline}:`, color)} ${text}\n`);
    },
    tick: (pipelines) =>
      area.draw(pipelines.flatMap((pipeline) => liveLines(pipeline, io.stdout.columns, color))),
    log: (line) => area.print(line),
    close(pipelines) {
      area.draw([]);
      for (const pipeline of pipelines) io.stdout.write(summary(pipeline));
    },
  };
}

/** Lines at the bottom of a terminal that are drawn anew, with others scrolling by above. */
class LiveArea {
  readonly #output: Output;
  #lines: readonly string[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  draw(lines: readonly string[]): void {
    this.#output.write(this.#eraser() + lines.map((line) => `${line}\n`).join(""));
    this.#lines = lines;
  }

  print(text: string): void {
    this.#output.write(this.#eraser() + text + this.#lines.map((line) => `${line}\n`).join(""));
  }

  #eraser(): string {
    return this.#lines.length === 0 ? "" : `\u001B[${this.#lines.length}A\u001B[0J`;
  }
}

function liveLines(pipeline: ShownPipeline, columns: number, color: boolean): string[] {
  const { tables } = pipeline.status();
  const loading = tables.filter(({ state, paused }) => state === "INIT_SYNC" && paused === null);
  const bars = loading.slice(0, MAX_BARS).map((table) => {
    const percent = table.loadedPercent;
    // As wide as a bar with its percentage: of what nobody knows the size of there is none.
    const drawn =
      percent === null ? " ".repeat(26) : `${bar(percent)} ${percent.toFixed(0).padStart(3)} %`;
    return `  ${drawn}  ${table.id}  ${loadedText(table.rowsLoaded, table.estimatedRows)}`;
  });
  if (loading.length > MAX_BARS) bars.push(`  … and ${loading.length - MAX_BARS} more tables`);
  const lines = [...bars, statusLine(pipeline)].map((line) =>
    line.slice(0, Math.max(20, columns - 1)),
  );
  return color
    ? lines.map((line, index) => (index === lines.length - 1 ? dim(line, true) : line))
    : lines;
}

function bar(percent: number): string {
  const full = Math.round(Math.min(100, Math.max(0, percent)) / 5);
  return `${"█".repeat(full)}${"░".repeat(20 - full)}`;
}

/** One line about a pipeline: tables by state, lag, memory. */
export function statusLine(pipeline: ShownPipeline): string {
  const status = pipeline.status();
  const count = (state: string) =>
    status.tables.filter((table) => table.state === state && table.stopped === null).length;
  if (status.tables.length === 0) return `${pipeline.name}: ${status.state}`;
  const lag = status.lagMs === null ? "" : `, lag ${durationText(status.lagMs)}`;
  const lagBytes = status.lagBytes === null ? "" : ` / ${bytesText(status.lagBytes)}`;
  const memory = `${bytesText(status.bufferBytes)} of ${bytesText(status.bufferLimitBytes)}`;
  const state = `${status.state}${status.retrying === null ? "" : ` (${status.retrying.code})`}`;
  const letters = status.tables.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
  const parked = letters === 0 ? "" : `, ${grouped(letters)} dead letters`;
  return `${pipeline.name}: ${state}, ${count("SYNC")} of ${status.tables.length} tables in SYNC${parked}${lag}${lagBytes}, memory ${memory}`;
}

/** The last line about a pipeline; nothing about one that never got as far as to its tables. */
function summary(pipeline: ShownPipeline): string {
  const { state, tables } = pipeline.status();
  if (tables.length === 0) return "";
  const sum = (pick: (table: (typeof tables)[number]) => number) =>
    grouped(tables.reduce((total, table) => total + pick(table), 0));
  const parts = [
    `${grouped(tables.length)} ${tables.length === 1 ? "table" : "tables"}`,
    `${sum((table) => table.rowsLoaded)} rows loaded in all`,
    `${sum((table) => table.changes)} changes since this start`,
    `${sum((table) => table.deadLetters)} dead letters`,
  ];
  return `${pipeline.name}: ${state}; ${parts.join(", ")}\n`;
}

function dim(text: string, color: boolean): string {
  return color ? `\u001B[2m${text}\u001B[0m` : text;
}
