import { buildSink } from "./build-sink.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import type { DeadLetter } from "./model/dead-letter.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";
import { readPipelineFile, type PipelineFileOptions } from "./pipeline-file.ts";

/** What `readDeadLetters` may be given. */
export type ReadDeadLettersOptions = PipelineFileOptions;

/**
 * The dead letters of a pipeline as its sink has them, the oldest first, whether a process runs it or not. Only a look:
 * it raises no fence and makes nothing.
 * @throws ConfigError, or MillraceError where the sink cannot be read.
 */
export async function readDeadLetters(
  input: string | object,
  options: ReadDeadLettersOptions = {},
): Promise<readonly DeadLetter[]> {
  const { config, context, extensions } = readPipelineFile(input, options);
  const sink = await buildSink(config.sink, context, null, extensions);
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
