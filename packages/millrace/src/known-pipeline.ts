import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import type { Json } from "./model/position.ts";
import type { TableId } from "./model/table.ts";
import { loadState } from "./pipeline/state-documents.ts";
import { openSinkSession, type SessionPorts } from "./sink-session.ts";
import { readState, stateFileOf, statePathOf } from "./sinks/jsonl/state-file.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";

/** The task whose state every pipeline has. */
const TASK = "0";

/** What a pipeline that has begun once has at its sink. */
export interface KnownPipeline {
  /** Of the source that it began with. */
  readonly identity: Json;
  /** What it captures; others that match are newcomers, which wait where something stands against them. */
  readonly tables: ReadonlySet<TableId>;
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
  const { pipeline, tables } = loadState(await stateOf(config, ports, extensions));
  if (pipeline === null) return null;
  const live = [...tables].filter(([, { removed }]) => removed !== true);
  return { identity: pipeline.identity, tables: new Set(live.map(([id]) => id)) };
}

async function stateOf(
  { sink, name }: PipelineConfig,
  ports: SessionPorts,
  extensions: Extensions,
): Promise<ReadonlyMap<string, Json>> {
  if (sink.kind === "jsonl")
    return new Map(
      Object.entries(
        (await readState(stateFileOf(statePathOf(sink.path), { pipeline: name, task: TASK })))
          .state,
      ),
    );
  await using session = await openSinkSession(sink, ports, extensions);
  try {
    const rows = await session.query(stateStatements(sink.stateSchema).readState, [name, TASK]);
    return new Map(rows.map(([key, text]) => [key ?? "", JSON.parse(text ?? "null") as Json]));
  } catch {
    // No such table, or no right to read it: who checks the sink says which.
    return new Map();
  }
}
