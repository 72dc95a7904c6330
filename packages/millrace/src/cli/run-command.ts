import type { Pipeline } from "../pipeline-handle.ts";
import { loadConfig } from "../config/load.ts";
import type { PipelineConfig } from "../config/pipeline-config.ts";
import { ConfigError } from "../config/problem.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import { loadPipeline } from "../load-pipeline.ts";
import { createLogger } from "../observe/logger.ts";
import type { LogFormat, LogLevel } from "../observe/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import { ByteBudget } from "../pipeline/byte-budget.ts";
import { deafObserver } from "../pipeline/observer.ts";
import type { TaskObserver } from "../pipeline/observer.ts";
import type { TaskState } from "../pipeline/status.ts";
import { VERSION } from "../version.ts";
import type { ListenOptions, startServer } from "../server/listener.ts";
import type { Display } from "./displays.ts";
import { jsonDisplay, plainDisplay, terminalDisplay } from "./displays.ts";
import { unfinishedText } from "./event-text.ts";
import { exitCodeOf, failureText, tellFailure } from "./failure.ts";
import { reloadText } from "./reload-command.ts";
import { StopSignals } from "./stop-signals.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT, wantsColor } from "./surroundings.ts";

/** How long a stop may take before the process ends anyway; what was not written is read again next time. */
const STOP_DEADLINE_MS = 9500;
const TICK_MS = 500;

/** What `run` was asked for. */
export interface RunOptions {
  readonly files: readonly string[];
  readonly untilCaughtUp: boolean;
  /** Null is off. */
  readonly listen: ListenOptions | null;
  readonly json: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat | null;
}

/** Runs pipelines until they are stopped, have caught up, or have failed. Gives the exit code. */
export async function runCommand(options: RunOptions, io: CliSurroundings): Promise<number> {
  const beside = { logTells: tellsEvents(options, io) };
  const display = options.json
    ? jsonDisplay(io)
    : io.stdout.isTerminal
      ? terminalDisplay(io, beside)
      : plainDisplay(io, beside);
  const serving = options.listen === null ? null : await loadServing(options.listen);
  const told = new Set<string>();
  const pipelines = await loadAll(options, display, serving, told, io);
  const run = new Run(pipelines, options, display, serving, told, io);
  return run.go();
}

/** Whether the log tells each event, to who reads what the display tells: on one terminal, or in one pipe. */
function tellsEvents({ logLevel }: RunOptions, { stdout, stderr }: CliSurroundings): boolean {
  const isTold = logLevel === "info" || logLevel === "debug";
  return isTold && stdout.isTerminal === stderr.isTerminal;
}

/** What is served, and where. */
interface Serving {
  readonly listen: ListenOptions;
  readonly metrics: Metrics;
  readonly start: typeof startServer;
}

/** Loaded only where something listens: it is a tenth of all code, and most of a short run is loading. */
async function loadServing(listen: ListenOptions): Promise<Serving> {
  const { Metrics } = await import("../observe/metrics.ts");
  const { startServer: start } = await import("../server/listener.ts");
  return { listen, metrics: new Metrics(), start };
}

async function loadAll(
  options: RunOptions,
  display: Display,
  serving: Serving | null,
  told: Set<string>,
  io: CliSurroundings,
): Promise<Pipeline[]> {
  const configs = loadConfigs(options.files, io.env);
  const budget = new ByteBudget(
    Math.max(...configs.map(({ memoryBudgetBytes }) => memoryBudgetBytes)),
  );
  const format = options.logFormat ?? (io.stderr.isTerminal ? "pretty" : "json");
  const color = wantsColor(io.stderr, io.env);
  const logger = {
    format,
    level: options.logLevel,
    color,
    write: (line: string) => display.log(line),
    now: () => io.clock.now(),
  };
  const pipelines: Pipeline[] = [];
  for (const [index, { name }] of configs.entries()) {
    const log = createLogger({ ...logger, bound: { pipeline: name } });
    const pipeline = await loadPipeline(options.files[index] ?? "", {
      log,
      budget,
      logEvents: !options.json,
      observers: [keepTold(told)],
      env: io.env,
      ...(serving === null ? {} : { metrics: serving.metrics }),
    });
    for (const notice of pipeline.notices) log.info(notice);
    pipelines.push(pipeline);
  }
  return pipelines;
}

/** Keeps the failures that events have told. */
function keepTold(told: Set<string>): TaskObserver {
  return {
    ...deafObserver,
    event: (event) => {
      if (event.type === "state" && event.error !== undefined) told.add(event.error.message);
    },
  };
}

/** All files at once, so that the problems of all of them are told. */
function loadConfigs(files: readonly string[], env: CliSurroundings["env"]) {
  const problems: ConfigError["problems"][number][] = [];
  const configs = files.flatMap((file) => {
    try {
      return [loadConfig(file, env)];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  const names = new Map<string, string>();
  for (const { name, file, places } of configs) {
    const other = names.get(name);
    names.set(name, file);
    if (other === undefined) continue;
    const place = places.get("pipeline.name") ?? { file, line: null, column: null };
    problems.push({
      place,
      path: "pipeline.name",
      wrong: `"${name}" is the name of ${other} too`,
      remedy: "Give every pipeline a name of its own",
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return configs;
}

/** Its file asks for one copy, and not for what comes behind it. */
function isSnapshot({ source }: PipelineConfig): boolean {
  const isAsked = source.kind === "postgres" || source.kind === "mysql";
  return isAsked && source.startupMode === "snapshot";
}

/** What ends in these says why itself. */
const ENDING: ReadonlySet<TaskState> = new Set(["stopping", "stopped", "failed", "fenced"]);

class Run {
  readonly #pipelines: readonly Pipeline[];
  readonly #options: RunOptions;
  readonly #display: Display;
  readonly #serving: Serving | null;
  readonly #io: CliSurroundings;
  readonly #told: ReadonlySet<string>;
  readonly #signals = new StopSignals();

  constructor(
    pipelines: readonly Pipeline[],
    options: RunOptions,
    display: Display,
    serving: Serving | null,
    told: ReadonlySet<string>,
    io: CliSurroundings,
  ) {
    this.#pipelines = pipelines;
    this.#options = options;
    this.#display = display;
    this.#serving = serving;
    this.#told = told;
    this.#io = io;
  }

  async go(): Promise<number> {
    const server = await this.#serving?.start({
      listen: this.#serving.listen,
      pipelines: this.#pipelines,
      metrics: this.#serving.metrics,
      version: VERSION,
    });
    const ignoreSignals = this.#io.onSignal((signal) => this.#signalled(signal));
    const ticking = setInterval(() => this.#display.tick(this.#pipelines), TICK_MS);
    try {
      const codes = await Promise.all(this.#pipelines.map((pipeline) => this.#one(pipeline)));
      return Math.max(...codes);
    } finally {
      clearInterval(ticking);
      ignoreSignals();
      this.#display.close(this.#pipelines);
      await server?.close();
    }
  }

  async #one(pipeline: Pipeline): Promise<number> {
    const shown = this.#show(pipeline);
    try {
      await pipeline.start();
    } catch (error) {
      return this.#refused(error);
    }
    try {
      const ends = this.#options.untilCaughtUp || isSnapshot(pipeline.config);
      const failure = ends ? await this.#untilCaughtUp(pipeline) : null;
      await pipeline.done;
      if (failure !== null) {
        this.#refused(failure);
        return EXIT.failed;
      }
      return this.#stopped(pipeline);
    } catch {
      // The pipeline has told its failure as an event and in the log.
      return EXIT.failed;
    } finally {
      await shown;
    }
  }

  #stopped(pipeline: Pipeline): number {
    const { unfinished } = pipeline.status();
    if (unfinished === null) return EXIT.done;
    this.#display.log(`${pipeline.name}: ${unfinishedText(unfinished)}\n`);
    return EXIT.failed;
  }

  /** A failure that was told as an event is not told again. */
  #refused(error: unknown): number {
    if (error instanceof MillraceError && this.#told.has(error.message)) return exitCodeOf(error);
    if (this.#options.json) tellFailure(error, true, this.#io);
    else this.#display.log(failureText(error));
    return exitCodeOf(error);
  }

  /** What keeps it from catching up, or a table though the others have; null where nothing does, and where it ends by itself. */
  async #untilCaughtUp(pipeline: Pipeline): Promise<unknown> {
    const caughtUp = pipeline.caughtUp().then(
      () => null,
      (error: unknown) => error,
    );
    // Whichever comes first: a failure or a stop ends the pipeline before it has caught up.
    const failure = await Promise.race([caughtUp, pipeline.done.then(() => null)]);
    if (ENDING.has(pipeline.status().state)) return null;
    await pipeline.stop();
    return failure;
  }

  async #show(pipeline: Pipeline): Promise<void> {
    for await (const event of pipeline.events()) this.#display.show(event);
  }

  /** On a terminal SIGHUP says that it is gone; elsewhere, that the files are to be read again. */
  #signalled(signal: string): void {
    if (signal === "SIGHUP" && !this.#io.stdout.isTerminal) return this.#reloadAll();
    const wish = this.#signals.heard(this.#io.clock.monotonic());
    if (wish === "exit") this.#io.exit(EXIT.failed);
    if (wish !== "stop") return;
    const again =
      signal === "SIGINT" ? "Ctrl-C again ends at once" : "a second signal ends at once";
    this.#display.log(`${signal}: finishing what is under way, at most 10 s; ${again}\n`);
    void this.#stopAll();
  }

  #reloadAll(): void {
    for (const pipeline of this.#pipelines)
      pipeline.reload().then(
        (outcome) => this.#display.log(`${pipeline.name}: ${reloadText(outcome)}\n`),
        (error: unknown) => this.#display.log(`${pipeline.name}: ${failureText(error)}`),
      );
  }

  async #stopAll(): Promise<void> {
    const timer = setTimeout(() => {
      this.#giveUp();
    }, STOP_DEADLINE_MS);
    await Promise.allSettled(this.#pipelines.map((pipeline) => pipeline.stop()));
    clearTimeout(timer);
  }

  /** Servers that do not answer do not keep the process: it says what is not finished, and ends. */
  #giveUp(): void {
    for (const pipeline of this.#pipelines) {
      const { state, unfinished } = pipeline.status();
      if (state !== "stopping") continue;
      const what = unfinished ?? "a server did not answer, so that not everything was finished";
      this.#display.log(`${pipeline.name}: ${unfinishedText(what)}\n`);
    }
    this.#io.exit(EXIT.failed);
  }
}
