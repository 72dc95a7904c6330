/**
 * The command line within our own process: what a test of rows needs, in a quarter of the time. A process of its own takes
 * a second of the machine to load what it runs; it is for tests that kill it, or look at it from outside.
 */
import { runCommandLine } from "../../packages/millrace/src/cli/command-line.ts";
import type { CliSurroundings, Output } from "../../packages/millrace/src/cli/surroundings.ts";
import { systemClock } from "../../packages/millrace/src/model/ports.ts";
import { type Ending, MillraceRun } from "./millrace-run.ts";

const stopTimeoutMs = 15_000;

/** One run of `millrace ARGS` here. */
export class MillraceCall extends MillraceRun {
  readonly ended: Promise<Ending>;
  readonly #signalled = new Set<(signal: string) => void>();
  readonly #exit = Promise.withResolvers<Ending>();

  constructor(args: readonly string[]) {
    super();
    const whole = runCommandLine(args, this.#surroundings()).then((code) => ended(code));
    this.ended = Promise.race([whole, this.#exit.promise]).then((ending) => this.note(ending));
  }

  override stop(): Promise<Ending> {
    for (const listener of this.#signalled) listener("SIGTERM");
    return this.wait(stopTimeoutMs);
  }

  /** Nobody can kill a part of a process: it is asked to stop, and no longer waited for. */
  protected override giveUp(): void {
    for (const listener of this.#signalled) listener("SIGTERM");
    this.#exit.resolve({ code: null, signal: "SIGKILL" });
  }

  #surroundings(): CliSurroundings {
    return {
      stdout: this.#output(),
      stderr: this.#output(),
      env: process.env,
      clock: systemClock,
      onSignal: (listener) => {
        this.#signalled.add(listener);
        return () => this.#signalled.delete(listener);
      },
      exit: (code) => this.#exit.resolve(ended(code)),
    };
  }

  #output(): Output {
    let rest = "";
    return {
      write: (text) => {
        const lines = `${rest}${text}`.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.take(line);
      },
      isTerminal: false,
      columns: 80,
    };
  }
}

function ended(code: number): Ending {
  return { code, signal: null };
}

/** Runs to the end and demands that the exit code is 0. */
export async function callToEnd(args: readonly string[]): Promise<MillraceCall> {
  const run = new MillraceCall(args);
  const { code } = await run.wait();
  if (code !== 0) throw new Error(`millrace ${args.join(" ")} ended with ${code}:\n${run.tail()}`);
  return run;
}
