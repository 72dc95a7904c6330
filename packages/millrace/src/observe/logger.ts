import { pino } from "pino";
import type { Logger } from "../model/ports.ts";

/** How much is logged. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** For people or for machines. */
export const LOG_FORMATS = ["pretty", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** How log lines are made and where they go. */
export interface LoggerOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  /** Colours in pretty lines. */
  readonly color: boolean;
  /** Takes whole lines, their line break included. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Data that stands in every line, such as the pipeline's name. */
  readonly bound?: Readonly<Record<string, unknown>>;
}

/** A log of pino's JSON lines, or of lines for people. */
export function createLogger(options: LoggerOptions): Logger {
  return options.format === "json" ? jsonLogger(options) : prettyLogger(options);
}

function jsonLogger({ level, write, now, bound }: LoggerOptions): Logger {
  const log = pino(
    {
      level,
      base: bound ?? null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
    },
    { write },
  );
  return {
    debug: (message, data) => log.debug(data ?? {}, message),
    info: (message, data) => log.info(data ?? {}, message),
    warn: (message, data) => log.warn(data ?? {}, message),
    error: (message, data) => log.error(data ?? {}, message),
  };
}

const COLORS = { debug: "90", info: "36", warn: "33", error: "31" } as const;

/** Width of time and level. */
const INDENT = 19;

/** A remedy stands on a line of its own: it is a sentence, for somebody who is going to do what it says. */
function prettyLogger({ level, color, write, now, bound }: LoggerOptions): Logger {
  const line = (name: keyof typeof COLORS) => {
    if (LOG_LEVELS.indexOf(name) < LOG_LEVELS.indexOf(level)) return () => {};
    return (message: string, data?: Readonly<Record<string, unknown>>) => {
      const time = new Date(now()).toISOString().slice(11, 23);
      const label = name.padEnd(5);
      const shown = color ? `\u001B[${COLORS[name]}m${label}\u001B[0m` : label;
      const { remedy, ...rest } = { ...bound, ...data };
      if (message.startsWith(`${String(rest["code"])}: `)) delete rest["code"];
      const todo = typeof remedy === "string" ? `\n${" ".repeat(INDENT)}${remedy}` : "";
      write(`${time} ${shown} ${message}${fields(rest)}${todo}\n`);
    };
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function fields(data: Readonly<Record<string, unknown>>): string {
  return Object.entries(data)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${fieldText(value)}`)
    .join("");
}

function fieldText(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
