import { loadConfig } from "./config/load.ts";
import type { Extensions } from "./extensions.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import type { Metrics } from "./observe/metrics.ts";
import type { ByteBudget } from "./pipeline/byte-budget.ts";
import type { TaskObserver } from "./pipeline/observer.ts";
import { Pipeline } from "./pipeline-handle.ts";
import { processBudget } from "./process-budget.ts";

/** What `loadPipeline` may be given beside the file. */
export interface LoadOptions {
  /** Where log lines go; nowhere without it. */
  readonly log?: Logger;
  /** Whether events are written to `log` too; yes, unless you read them from {@link Pipeline.events}. */
  readonly logEvents?: boolean;
  /** Counts what the pipeline does; one for all pipelines of a process. */
  readonly metrics?: Metrics;
  /** Other listeners. */
  readonly observers?: readonly TaskObserver[];
  /** The memory that this pipeline shares with others; the process' own without it. */
  readonly budget?: ByteBudget;
  /** Variables for `${env:NAME}`; the process' own without it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Parts of your own in place of ours. */
  readonly extensions?: Extensions;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Reads a pipeline from a YAML file, or from an object of the same shape. Nothing is opened before `start`.
 * @throws ConfigError with every problem of the file.
 */
export async function loadPipeline(
  input: string | object,
  options: LoadOptions = {},
): Promise<Pipeline> {
  const env = options.env ?? process.env;
  const config = loadConfig(input, env);
  const { metrics, observers = [] } = options;
  const pipeline = new Pipeline(config, {
    read: (again) => loadConfig(again ?? input, env),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    log: options.log ?? silentLogger,
    logEvents: options.logEvents ?? true,
    budget: options.budget ?? processBudget(config.memoryBudgetBytes),
    observers: metrics === undefined ? observers : [metrics.observer(config.name), ...observers],
    extensions: options.extensions ?? {},
    connections: metrics?.connections(config.name) ?? null,
  });
  metrics?.watch(pipeline);
  return pipeline;
}
