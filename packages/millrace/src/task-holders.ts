import { buildKafkaSink } from "./build-kafka-sink.ts";
import type {
  DsqlSinkConfig,
  KafkaSinkConfig,
  PipelineConfig,
  PostgresSinkConfig,
} from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import type { TaskHolder } from "./model/holder.ts";
import type { Json } from "./model/position.ts";
import type { ConnectorContext } from "./model/source.ts";
import { releasedFence, stateKey } from "./pipeline/state-documents.ts";
import { openSinkSession } from "./sink-session.ts";
import { readDocuments, readHolder, readTasks } from "./sinks/dsql/takeover.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";
import { readTasks as readFileTasks, statePathOf } from "./sinks/jsonl/state-file.ts";

/** Who has the tasks of a pipeline: a look, without taking part in it. @throws MillraceError */
export function readHolders(
  { sink, name }: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<readonly TaskHolder[]> {
  if (sink.kind === "jsonl") return holdersInFiles(statePathOf(sink.path), name);
  if (sink.kind === "kafka") return holdersInTopic(sink, context);
  return holdersInTables(sink, name, context, extensions);
}

async function holdersInFiles(path: string, pipeline: string): Promise<readonly TaskHolder[]> {
  const tasks = await readFileTasks(path, pipeline);
  return tasks.map(({ task, found: { holder = null, state } }) => ({
    task,
    mark: holder,
    releasedFence: releasedFence(state[stateKey.released] ?? null),
  }));
}

async function holdersInTopic(
  config: KafkaSinkConfig,
  context: ConnectorContext,
): Promise<readonly TaskHolder[]> {
  const { pipeline } = context;
  const kafka = await buildKafkaSink(config, context, () => null);
  try {
    const holders: TaskHolder[] = [];
    for (const task of await kafka.readTasks(pipeline)) {
      const { holder: mark, state } = await kafka.readTask({ pipeline, task });
      const released = releasedFence(state.get(stateKey.released) ?? null);
      holders.push({ task, mark, releasedFence: released });
    }
    return holders;
  } finally {
    await kafka.close();
  }
}

async function holdersInTables(
  config: DsqlSinkConfig | PostgresSinkConfig,
  pipeline: string,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<readonly TaskHolder[]> {
  const statements = stateStatements(config.stateSchema);
  await using session = await openSinkSession(config, context, extensions);
  const tasks = await readTasks(session, statements, pipeline);
  if (tasks.length === 0) return [];
  const documents = await readDocuments(session, statements, pipeline, stateKey.released);
  const released = new Map<string, Json>(documents.map(({ task, value }) => [task, value]));
  const holders: TaskHolder[] = [];
  for (const task of tasks) {
    const { mark } = await readHolder(session, statements, { pipeline, task });
    holders.push({ task, mark, releasedFence: releasedFence(released.get(task) ?? null) });
  }
  return holders;
}
