/** `millrace` as a process of its own, as an operator would run it, so that it can be killed at any moment. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { type Ending, MillraceRun } from "./millrace-run.ts";

const program = fileURLToPath(new URL("../../packages/millrace/src/cli/main.ts", import.meta.url));
/** A process that lives for seconds would spend the first of them on compiling what the last one compiled too. */
const compileCache = fileURLToPath(new URL("../../.cache/compiled", import.meta.url));

/** For its report. */
const REPORT_MS = 10_000;

/** One run of the program. */
export class MillraceProcess extends MillraceRun {
  readonly ended: Promise<Ending>;
  /** Failpoints that were reached, each with its phase ("lane.after-commit SYNC"); `*=tell` tells all of them. */
  readonly reached = new Set<string>();
  /** Where a failpoint killed it. */
  killedAt: { readonly failpoint: string; readonly phase: string } | null = null;
  readonly #child: ChildProcess;
  readonly #log: string | undefined;

  /** Starts `millrace ARGS`; `failpoints` goes into MILLRACE_FAILPOINTS, and every line that is said, with its time, into the file `log`. */
  constructor(args: readonly string[], failpoints?: string, log?: string) {
    super();
    this.#log = log;
    this.#noteLine(`millrace ${args.join(" ")}, ${failpoints ?? "no failpoints"}`);
    const { MILLRACE_FAILPOINTS: _, ...outer } = process.env;
    const env = { NODE_COMPILE_CACHE: compileCache, ...outer };
    const options = [...sourceCondition, ...reporting(log), program, ...args];
    this.#child = spawn(process.execPath, options, {
      stdio: ["ignore", "pipe", "pipe"],
      env: failpoints === undefined ? env : { ...env, MILLRACE_FAILPOINTS: failpoints },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", (line) => this.take(line));
    }
    // A test run that is given up leaves nobody who would stop it.
    const leaveNothing = (): void => void this.#child.kill("SIGKILL");
    process.once("exit", leaveNothing);
    this.ended = once(this.#child, "close").then(([code, signal]: unknown[]) => {
      process.off("exit", leaveNothing);
      this.#noteLine(`ended with ${String(code ?? signal)}`);
      return this.note({
        code: typeof code === "number" ? code : null,
        signal: typeof signal === "string" ? (signal as NodeJS.Signals) : null,
      });
    });
  }

  /** 0 where it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  override async stop(): Promise<Ending> {
    this.#child.kill("SIGTERM");
    return this.wait(60_000);
  }

  /** What holds it is written down first ({@link reporting}). */
  protected override giveUp(): void {
    if (this.#log === undefined) return this.kill();
    this.#noteLine("given up");
    this.#child.kill("SIGUSR2");
    setTimeout(() => this.kill(), REPORT_MS);
  }

  protected override take(line: string): void {
    this.#noteLine(line);
    const [, failpoint, phase, action] = /^failpoint (\S+) (\S+)( kill)?$/.exec(line) ?? [];
    if (failpoint === undefined || phase === undefined) return super.take(line);
    this.reached.add(`${failpoint} ${phase}`);
    if (action !== undefined) this.killedAt = { failpoint, phase };
  }

  #noteLine(line: string): void {
    if (this.#log !== undefined) appendFileSync(this.#log, `${new Date().toISOString()} ${line}\n`);
  }
}

/** Workspace packages are used from their sources. */
const sourceCondition = ["--conditions=source"];

/** Node writes its stacks and handles into a file beside the log, where it is asked to. */
function reporting(log: string | undefined): readonly string[] {
  if (log === undefined) return [];
  const file = [`--report-directory=${dirname(log)}`, `--report-filename=${basename(log)}.json`];
  return [
    "--report-on-signal",
    "--report-signal=SIGUSR2",
    "--report-exclude-env",
    "--report-exclude-network",
    ...file,
  ];
}

/** Runs to the end and demands that it exits with 0. */
export async function runToEnd(
  args: readonly string[],
  timeoutMs?: number,
  failpoints?: string,
  log?: string,
): Promise<MillraceProcess> {
  const run = new MillraceProcess(args, failpoints, log);
  const ending = await run.wait(timeoutMs);
  if (ending.code !== 0) {
    throw new Error(
      `millrace ${args.join(" ")} ended with ${JSON.stringify(ending)}:\n${run.tail()}`,
    );
  }
  return run;
}
