import { buildKafkaSink } from "./build-kafka-sink.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import type { Json, Position } from "./model/position.ts";
import type { TableId } from "./model/table.ts";
import { loadState } from "./pipeline/state-documents.ts";
import { openSinkSession, type SessionPorts } from "./sink-session.ts";
import { readState, stateFileOf, statePathOf } from "./sinks/jsonl/state-file.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";

/** What a pipeline that has begun once has at its sink. */
export interface KnownPipeline {
  /** Of the source that it began with. */
  readonly identity: Json;
  /** What it captures; others that match are newcomers, which wait where something stands against them. */
  readonly tables: ReadonlySet<TableId>;
  /** Up to where the source's log is durable at the sink, and which log that is; null before the first of it is. */
  readonly log: { readonly position: Position; readonly history: Json | null } | null;
}

/**
 * Reads who a pipeline is without taking part in it; null where it has never begun, or nobody may see that.
 * @throws MillraceError where the sink cannot be reached.
 */
export async function readKnownPipeline(
  config: PipelineConfig,
  ports: SessionPorts,
  extensions: Extensions,
): Promise<KnownPipeline | null> {
  const { pipeline, tables, frontier, history } = loadState(
    await stateOf(config, ports, extensions),
  );
  if (pipeline === null) return null;
  const live = [...tables].filter(([, { removed }]) => removed !== true);
  return {
    identity: pipeline.identity,
    tables: new Set(live.map(([id]) => id)),
    log: frontier === null ? null : { position: frontier.position, history: history?.log ?? null },
  };
}

async function stateOf(
  { sink, name }: PipelineConfig,
  ports: SessionPorts,
  extensions: Extensions,
): Promise<ReadonlyMap<string, Json>> {
  if (sink.kind === "jsonl")
    return new Map(
      Object.entries(
        (await readState(stateFileOf(statePathOf(sink.path), { pipeline: name, task: ONLY_TASK })))
          .state,
      ),
    );
  if (sink.kind === "kafka") {
    const kafka = await buildKafkaSink(sink, { ...ports, pipeline: name }, () => null);
    try {
      return (await kafka.readTask({ pipeline: name, task: ONLY_TASK })).state;
    } finally {
      await kafka.close();
    }
  }
  await using session = await openSinkSession(sink, ports, extensions);
  try {
    const rows = await session.query(stateStatements(sink.stateSchema).readState, [
      name,
      ONLY_TASK,
    ]);
    return new Map(rows.map(([key, text]) => [key ?? "", JSON.parse(text ?? "null") as Json]));
  } catch {
    // No such table, or no right to read it: who checks the sink says which.
    return new Map();
  }
}
