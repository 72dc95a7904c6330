import type { Clock } from "../model/ports.ts";

/** One of the process' two outputs. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Width in characters. */
  readonly columns: number;
}

/** What the command line has around it; a parameter, so that commands can be tested without a process. */
export interface CliSurroundings {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Calls `listener` on SIGINT, SIGTERM and SIGHUP until the answer is called. */
  onSignal(listener: (signal: string) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** The exit codes of docs/operations/running.md. */
export const EXIT = { done: 0, failed: 1, invalid: 2, different: 3 } as const;

/** Colours are for terminals whose user did not say no (no-color.org). */
export function wantsColor(output: Output, env: CliSurroundings["env"]): boolean {
  return output.isTerminal && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}
