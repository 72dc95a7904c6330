import type { Pipeline } from "millrace";

/** Where the demo tells how it goes. */
export interface Screen {
  /** One line about a step. */
  say(text: string, data?: Readonly<Record<string, unknown>>): void;
  /** How the pipeline stands; called twice a second. */
  show(pipeline: Pick<Pipeline, "status">, written: number): void;
  end(): void;
}

type Status = ReturnType<Pipeline["status"]>;

/** One JSON object a line. */
export function jsonScreen(write: (text: string) => void): Screen {
  const line = (data: object) => write(`${JSON.stringify(data)}\n`);
  return {
    say: (text, data) => line({ type: "step", message: text, ...data }),
    show: (pipeline, written) =>
      line({ type: "status", ...summary(pipeline.status()), changesMade: written }),
    end: () => {},
  };
}

/** Plain lines for a pipe: one every five seconds and at each change of a table's state. */
export function plainScreen(write: (text: string) => void, now: () => number): Screen {
  let last = "";
  let toldMs = 0;
  return {
    say: (text) => write(`${text}\n`),
    show: (pipeline, written) => {
      const status = pipeline.status();
      const states = status.tables.map((table) => `${table.id} ${stateOf(table)}`).join(", ");
      if (states === last && now() - toldMs < 5_000) return;
      last = states;
      toldMs = now();
      write(`${lines(status, written).join("\n")}\n`);
    },
    end: () => {},
  };
}

/** Redraws its lines in place on a terminal of so many columns; a line that wraps could not be taken back. */
export function terminalScreen(write: (text: string) => void, columns: () => number): Screen {
  let height = 0;
  const clear = () => {
    if (height > 0) write(`\u001b[${height}A\u001b[0J`);
    height = 0;
  };
  return {
    say: (text) => {
      clear();
      write(`${text}\n`);
    },
    show: (pipeline, written) => {
      clear();
      const width = Math.max(20, columns() - 1);
      const drawn = lines(pipeline.status(), written).map((line) => line.slice(0, width));
      height = drawn.length;
      write(`${drawn.join("\n")}\n`);
    },
    end: () => {
      height = 0;
    },
  };
}

/** At most 79 characters each while numbers are below ten millions. */
function lines(status: Status, written: number): string[] {
  const lag = status.lagMs === null ? "–" : `${(status.lagMs / 1000).toFixed(1)} s`;
  const memory = `${mib(status.bufferBytes)} of ${mib(status.bufferLimitBytes)} MiB`;
  const retrying = status.retrying === null ? [] : [`  ${status.retrying.message}`];
  return [
    `  ${status.state.toUpperCase()}  lag ${lag}  memory ${memory}  ${grouped(written)} changes at the shop`,
    ...retrying,
    ...status.tables.map((table) => {
      const bar = barOf(table.loadedPercent);
      const rows = grouped(table.rowsLoaded).padStart(9);
      const changes = grouped(table.changes).padStart(9);
      return `  ${table.id.padEnd(19)} ${stateOf(table).padEnd(9)} ${bar} ${rows} rows ${changes} changes`;
    }),
  ];
}

type TableStatus = Status["tables"][number];

/** What is paused or stopped is in no state of its load. */
function stateOf({ state, paused, stopped }: TableStatus): string {
  if (stopped !== null) return "stopped";
  return paused === null ? state : "paused";
}

/** Ten characters; empty where nobody knows how much there is. */
function barOf(percent: number | null): string {
  if (percent === null) return " ".repeat(10);
  return "█".repeat(Math.round(percent / 10)).padEnd(10, "░");
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

function summary(status: Status): object {
  const { state, lagMs, bufferBytes } = status;
  const tables = status.tables.map(({ id, state: s, paused, stopped, rowsLoaded, changes }) => ({
    id,
    state: s,
    ...(paused === null ? {} : { paused }),
    ...(stopped === null ? {} : { stopped }),
    rowsLoaded,
    changes,
  }));
  return { state, lagMs, bufferBytes, tables };
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
