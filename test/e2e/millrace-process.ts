/** `millrace` as a process of its own, as an operator would run it, so that it can be killed at any moment. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";

const program = fileURLToPath(new URL("../../packages/millrace/src/cli/main.ts", import.meta.url));
/** A process that lives for seconds would spend the first of them on compiling what the last one compiled too. */
const compileCache = fileURLToPath(new URL("../../.cache/compiled", import.meta.url));

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One line of `--json`. */
export type ReportedEvent = Readonly<Record<string, unknown>>;

/** One run of the program. */
export class MillraceProcess {
  /** What was printed, newest last, for messages of failed tests. */
  readonly output: string[] = [];
  readonly ended: Promise<Ending>;
  /** Resolves when the pipeline reads its log, or has ended. */
  readonly running: Promise<void>;
  /** Failpoints that were reached, each with its phase ("lane.after-commit SYNC"); `*=tell` tells all of them. */
  readonly reached = new Set<string>();
  /** Where a failpoint killed it. */
  killedAt: { readonly failpoint: string; readonly phase: string } | null = null;
  readonly #child: ChildProcess;
  readonly #isReading: () => void;
  readonly #tableStates = new Map<string, string>();
  readonly #watchers = new Set<() => void>();
  #ending: Ending | null = null;

  /** Starts `millrace ARGS`; `failpoints` goes into MILLRACE_FAILPOINTS. */
  constructor(args: readonly string[], failpoints?: string) {
    const { MILLRACE_FAILPOINTS: _, ...outer } = process.env;
    const env = { NODE_COMPILE_CACHE: compileCache, ...outer };
    const running = Promise.withResolvers<void>();
    this.running = running.promise;
    this.#isReading = running.resolve;
    this.#child = spawn(process.execPath, [...sourceCondition, program, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: failpoints === undefined ? env : { ...env, MILLRACE_FAILPOINTS: failpoints },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", (line) => this.#take(line));
    }
    // A test run that is given up leaves nobody who would stop it.
    const leaveNothing = (): void => void this.#child.kill("SIGKILL");
    process.once("exit", leaveNothing);
    this.ended = once(this.#child, "close").then(([code, signal]: unknown[]) => {
      this.#ending = {
        code: typeof code === "number" ? code : null,
        signal: typeof signal === "string" ? (signal as NodeJS.Signals) : null,
      };
      process.off("exit", leaveNothing);
      this.#wake();
      this.#isReading();
      return this.#ending;
    });
  }

  /** 0 where it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#ending === null;
  }

  /** No table that it has told about is anything but SYNC. */
  get isSettled(): boolean {
    return [...this.#tableStates.values()].every((state) => state === "SYNC");
  }

  /** Waits until so many tables are known and each is in SYNC; rejects with what was printed when that fails. */
  async waitForSync(tables: number, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const states = [...this.#tableStates.values()];
      if (states.length >= tables && states.every((state) => state === "SYNC")) return;
      if (!this.isRunning)
        throw new Error(`millrace ended before all was in SYNC:\n${this.tail()}`);
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) {
        const late = JSON.stringify([...this.#tableStates].filter(([, state]) => state !== "SYNC"));
        throw new Error(`Not all in SYNC within ${timeoutMs} ms: ${late}\n${this.tail()}`);
      }
      await this.#next(leftMs);
    }
  }

  /** Waits for the end; kills and rejects when it takes too long. */
  async wait(timeoutMs = 90_000): Promise<Ending> {
    const timer = setTimeout(() => this.kill(), timeoutMs);
    const ending = await this.ended;
    clearTimeout(timer);
    if (ending.signal === "SIGKILL" && this.#killedByUs) {
      throw new Error(`millrace did not end within ${timeoutMs} ms:\n${this.tail()}`);
    }
    return ending;
  }

  #killedByUs = false;

  kill(): void {
    this.#killedByUs = true;
    this.#child.kill("SIGKILL");
  }

  /** Asks it to stop, as SIGTERM does, and waits for the end. */
  async stop(): Promise<Ending> {
    this.#child.kill("SIGTERM");
    return this.wait(15_000);
  }

  /** The last lines that were printed. */
  tail(): string {
    return this.output.slice(-40).join("\n");
  }

  #take(line: string): void {
    const [, failpoint, phase, action] = /^failpoint (\S+) (\S+)( kill)?$/.exec(line) ?? [];
    if (failpoint !== undefined && phase !== undefined) {
      this.reached.add(`${failpoint} ${phase}`);
      if (action !== undefined) this.killedAt = { failpoint, phase };
      return;
    }
    this.output.push(line);
    if (this.output.length > 2000) this.output.splice(0, 1000);
    if (!line.startsWith("{")) return;
    try {
      const event: unknown = JSON.parse(line);
      if (typeof event === "object" && event !== null) this.#note({ ...event });
    } catch {
      // A line that only looks like JSON is in the output all the same.
    }
    this.#wake();
  }

  #note(event: ReportedEvent): void {
    const { type, table, state } = event;
    if (type === "state" && state === "running") this.#isReading();
    if (type === "table" && typeof table === "string" && typeof state === "string") {
      this.#tableStates.set(table, state);
    }
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }

  #next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#watchers.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** Workspace packages are used from their sources. */
const sourceCondition = ["--conditions=source"];

/** Runs to the end and demands that it exits with 0. */
export async function runToEnd(
  args: readonly string[],
  timeoutMs?: number,
  failpoints?: string,
): Promise<MillraceProcess> {
  const run = new MillraceProcess(args, failpoints);
  const ending = await run.wait(timeoutMs);
  if (ending.code !== 0) {
    throw new Error(
      `millrace ${args.join(" ")} ended with ${JSON.stringify(ending)}:\n${run.tail()}`,
    );
  }
  return run;
}
