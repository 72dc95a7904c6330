import { loadConfig } from "./config/load.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import type { ConnectorContext } from "./model/source.ts";

/** What every function that takes a pipeline file may be given beside it. */
export interface PipelineFileOptions {
  /** Variables for `${env:NAME}`; those of the process by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Parts of your own in place of ours. Give every function the same ones. */
  readonly extensions?: Extensions;
  /** Where log lines go; nowhere by default. */
  readonly log?: Logger;
  /** The system's clock by default. */
  readonly clock?: Clock;
  /** `Math.random` by default. */
  readonly random?: Random;
}

/** A pipeline file that was read, and what sources and sinks are built with. */
export interface PipelineFile {
  readonly config: PipelineConfig;
  readonly context: ConnectorContext;
  readonly extensions: Extensions;
}

/**
 * Reads a pipeline file, or an object of the same shape. Opens no connection.
 * @throws ConfigError with every problem of the file.
 */
export function readPipelineFile(
  input: string | object,
  options: PipelineFileOptions,
): PipelineFile {
  const config = loadConfig(input, options.env ?? process.env);
  const {
    clock = systemClock,
    random = Math.random,
    log = silentLogger,
    extensions = {},
  } = options;
  return { config, context: { pipeline: config.name, clock, random, log }, extensions };
}
