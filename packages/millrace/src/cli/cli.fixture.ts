import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ChildProcess } from "node:child_process";
import { systemClock } from "../model/ports.ts";
import type { CliSurroundings } from "./surroundings.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

/** How a command line ended. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that is running in a process of its own. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly result: Promise<CliResult>;
  /** Resolves once stdout holds this text; rejects when the process ends without it. */
  waitFor(text: string): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Ends what a failed test left running; for `afterEach`. */
export function endLeftovers(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Starts the command line with only these variables beside PATH, and where compiled code is kept between tests. */
export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RunningCli {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, ["--conditions=source", MAIN, ...args], {
    env: { PATH, NODE_COMPILE_CACHE, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.on("close", () => running.delete(child));
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
    for (const look of waiting) look();
  });
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  const result = new Promise<CliResult>((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return {
    child,
    result,
    waitFor: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!stdout.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void result.then(() => reject(new Error(`ended without "${text}":\n${stdout}\n${stderr}`)));
      }),
  };
}

/** Runs the command line to its end. */
export function cli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  return startCli(args, env).result;
}

/** The errors among the findings that `validate --connect --json` printed. */
export function findingErrors(
  stdout: string,
): { readonly about: string; readonly severity: string; readonly what: string }[] {
  const { files } = JSON.parse(stdout) as {
    files: { findings: { about: string; severity: string; what: string }[] }[];
  };
  return files.flatMap(({ findings }) => findings).filter(({ severity }) => severity === "error");
}

/** Surroundings that keep what is written, for displays. */
export function writtenSurroundings(options: {
  isTerminal: boolean;
  env?: Record<string, string>;
}): {
  readonly io: CliSurroundings;
  readonly written: string[];
} {
  const written: string[] = [];
  const output = {
    write: (text: string) => void written.push(text),
    isTerminal: options.isTerminal,
    columns: 100,
  };
  return {
    written,
    io: {
      stdout: output,
      stderr: output,
      env: options.env ?? {},
      clock: systemClock,
      onSignal: () => () => {},
      exit: () => {},
    },
  };
}
