import { loadConfig } from "./config/load.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import type { Metrics } from "./observe/metrics.ts";
import type { ByteBudget } from "./pipeline/byte-budget.ts";
import type { TaskObserver } from "./pipeline/observer.ts";
import type { PipelineFileOptions } from "./pipeline-file.ts";
import { Pipeline } from "./pipeline-handle.ts";
import { processBudget } from "./process-budget.ts";

/** What `loadPipeline` may be given beside the file. */
export interface LoadOptions extends PipelineFileOptions {
  /** Whether events are written to `log` too, as they are by default. False for who reads them from {@link Pipeline.events}. */
  readonly logEvents?: boolean;
  /** Counts what the pipeline does. One serves all pipelines of a process. */
  readonly metrics?: Metrics;
  /** Called beside `metrics`, for each commit and event, on the pipeline's own thread. */
  readonly observers?: readonly TaskObserver[];
  /** The memory that this pipeline shares with others, in bytes; by default that of the process, which its first pipeline sizes. */
  readonly budget?: ByteBudget;
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
