import { buildSink } from "./build-sink.ts";
import { loadConfig } from "./config/load.ts";
import type { Extensions } from "./extensions.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import type { DeadLetter } from "./model/dead-letter.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";

/** What `readDeadLetters` may be given. */
export interface ReadDeadLettersOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** As they are given to `loadPipeline`. */
  readonly extensions?: Extensions;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * The dead letters of a pipeline as its sink has them, the oldest first, whether a process runs it or not. Only a look:
 * it raises no fence and makes nothing.
 * @throws ConfigError, or MillraceError where the sink cannot be read.
 */
export async function readDeadLetters(
  input: string | object,
  options: ReadDeadLettersOptions = {},
): Promise<readonly DeadLetter[]> {
  const config = loadConfig(input, options.env ?? process.env);
  const { clock = systemClock, random = Math.random, log = silentLogger } = options;
  const context = { pipeline: config.name, clock, random, log };
  const sink = await buildSink(config.sink, context, null, options.extensions);
  try {
    if (sink.readDeadLetters === undefined)
      throw new MillraceError("MR_USAGE", `a sink of type ${sink.kind} cannot be looked into`);
    const letters: DeadLetter[] = [];
    for (const task of (await sink.readTasks?.(config.name)) ?? [ONLY_TASK])
      letters.push(...(await sink.readDeadLetters({ pipeline: config.name, task })));
    return letters.toSorted((a, b) => a.parkedAtMs - b.parkedAtMs);
  } finally {
    await sink.close().catch(() => undefined);
  }
}
