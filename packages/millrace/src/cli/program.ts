/** The command line as a process: its streams, signals and exit code. Importing it runs it. */
import { writeSync } from "node:fs";
import { safeMessage, safeStack } from "../errors/safe-text.ts";
import { parseFailpoints, setFailpointHandler } from "../model/failpoint.ts";
import { systemClock } from "../model/ports.ts";
import { runCommandLine } from "./command-line.ts";
import type { CliSurroundings, Output } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

const DEFAULT_COLUMNS = 80;
/** All is done and said: a server that somebody still waits for keeps the process no longer than this, milliseconds. */
const LAST_MS = 1_000;

function output(stream: NodeJS.WriteStream): Output {
  // A reader that went away (`| head`) is no failure of ours.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return {
    write: (text) => void stream.write(text),
    get isTerminal() {
      return stream.isTTY;
    },
    get columns() {
      return stream.isTTY ? stream.columns : DEFAULT_COLUMNS;
    },
  };
}

const surroundings: CliSurroundings = {
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  env: process.env,
  clock: systemClock,
  onSignal(listener) {
    const heard = (signal: NodeJS.Signals) => listener(signal);
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) process.on(signal, heard);
    return () => {
      for (const signal of signals) process.off(signal, heard);
    };
  },
  exit: (code) => process.exit(code),
};

/** Failpoints are for tests; nothing else in the program reads this variable. */
function setFailpoints(text: string): void {
  if (text === "") return;
  const actions = {
    kill: () => void process.kill(process.pid, "SIGKILL"),
    exit: (code: number) => process.exit(code),
    tell: (line: string) => void writeSync(process.stderr.fd, `${line}\n`),
  };
  setFailpointHandler(parseFailpoints(text, actions));
}

// Node would print such an error with all that it holds: a server's DETAIL, the values of rows.
process.on("uncaughtException", (error) => {
  writeSync(process.stderr.fd, `${safeStack(error)}\n`);
  process.exit(EXIT.failed);
});

try {
  setFailpoints(process.env.MILLRACE_FAILPOINTS ?? "");
  process.exitCode = await runCommandLine(process.argv.slice(2), surroundings);
} catch (error) {
  process.stderr.write(`${safeMessage(error)}\n`);
  process.exitCode = EXIT.invalid;
}

setTimeout(() => {
  // Behind all that was written before, which may be a long way into a slow pipe.
  process.stdout.write("", () => process.exit());
}, LAST_MS).unref();
