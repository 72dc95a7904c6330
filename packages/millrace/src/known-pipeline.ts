import { buildKafkaSink } from "./build-kafka-sink.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import type { Json, Position } from "./model/position.ts";
import type { TaskDocument } from "./model/sink.ts";
import type { TableStanding } from "./model/source.ts";
import type { TableId, TableShape } from "./model/table.ts";
import {
  hasNotBegun,
  isFollowed,
  type LoadedState,
  loadState,
} from "./pipeline/state-documents.ts";
import { openSinkSession, type SessionPorts } from "./sink-session.ts";
import { readDocuments, statePathOf } from "./sinks/jsonl/state-file.ts";
import { classify } from "./sinks/dsql/errors.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";

/** Up to where a log is durable at the sink, and which log that is. */
export interface KnownLog {
  readonly position: Position;
  readonly history: Json | null;
}

/** A table whose load has begun, and how it stood besides its rows. */
export interface FollowedTable {
  readonly shape: TableShape;
  readonly standing: TableStanding;
}

/** What a pipeline that has begun once has at its sink. */
export interface KnownPipeline {
  /** Of the source that it began with. */
  readonly identity: Json;
  /**
   * What it captures, in the shape that it has of each; others that match are newcomers, which wait where something stands
   * against them.
   */
  readonly tables: ReadonlyMap<TableId, TableShape>;
  /** Of these the ones whose changes the one task has followed, as it left them; none of a source that is shared out. */
  readonly followed: readonly FollowedTable[];
  /** Of the one task; null before anything of it is durable, and of a source that is shared out. */
  readonly log: KnownLog | null;
  /** The same of each share of a source that is shared out, by its name. */
  readonly shareLogs: ReadonlyMap<string, KnownLog>;
}

/** Reads who a pipeline is, as often as it is asked, over what it has opened. */
export interface KnownReader extends AsyncDisposable {
  read(): Promise<KnownPipeline | null>;
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
  await using documents = await openDocuments(config, ports, extensions);
  // No table of ours, or no right to read it: who checks the sink says which.
  const found = await documents.read().catch((thrown: unknown) => {
    if (config.sink.kind === "kafka" || config.sink.kind === "jsonl") throw thrown;
    return [];
  });
  return knownBy(config, found);
}

/** As {@link readKnownPipeline}, for who asks again and again; what is refused is thrown. */
export async function openKnownPipeline(
  config: PipelineConfig,
  ports: SessionPorts,
  extensions: Extensions,
): Promise<KnownReader> {
  const documents = await openDocuments(config, ports, extensions);
  return {
    read: async () => knownBy(config, await documents.read()),
    [Symbol.asyncDispose]: () => documents[Symbol.asyncDispose](),
  };
}

function knownBy(
  { source }: PipelineConfig,
  documents: readonly TaskDocument[],
): KnownPipeline | null {
  const hasShares = isShared(source);
  const tasks = new Map<string, LoadedState>();
  for (const [task, state] of byTask(documents))
    // Another kind of source may have had the pipeline's name before: its state is none of this one's.
    if ((task !== ONLY_TASK) === hasShares) tasks.set(task, loadState(state));
  const begun = [...tasks.values()].find(({ pipeline }) => pipeline !== null)?.pipeline ?? null;
  if (begun === null) return null;
  const tables = new Map<TableId, TableShape>();
  for (const state of tasks.values())
    for (const [id, { shape, removed }] of state.tables)
      if (removed !== true) tables.set(id, shape);
  const logs = new Map(
    [...tasks].flatMap(([task, { frontier, history }]): [string, KnownLog][] =>
      frontier === null
        ? []
        : [[task, { position: frontier.position, history: history?.log ?? null }]],
    ),
  );
  const log = logs.get(ONLY_TASK) ?? null;
  const followed = log === null ? [] : followedIn(tasks.get(ONLY_TASK));
  return {
    identity: begun.identity,
    tables,
    followed,
    log,
    shareLogs: hasShares ? logs : new Map(),
  };
}

/** As a start holds them against the source: what is paused comes with its resume, what has not begun lacks nothing. */
function followedIn(state: LoadedState | undefined): readonly FollowedTable[] {
  return [...(state?.tables.values() ?? [])]
    .filter((table) => isFollowed(table) && !hasNotBegun(table))
    .map(({ shape, carrier = null }) => ({ shape, standing: { carrier, parts: null } }));
}

/** A source whose tasks are named by what can be shared out of it (design/008). */
export function isShared({ kind }: PipelineConfig["source"]): boolean {
  return kind === "kafka" || kind === "dynamodb";
}

function byTask(
  documents: readonly TaskDocument[],
): ReadonlyMap<string, ReadonlyMap<string, Json>> {
  const tasks = new Map<string, Map<string, Json>>();
  for (const { task, key, value } of documents) {
    const state = tasks.get(task) ?? new Map<string, Json>();
    tasks.set(task, state.set(key, value));
  }
  return tasks;
}

/** What the pipeline keeps, whichever task. */
interface Documents extends AsyncDisposable {
  read(): Promise<readonly TaskDocument[]>;
}

async function openDocuments(
  { sink, name }: PipelineConfig,
  ports: SessionPorts,
  extensions: Extensions,
): Promise<Documents> {
  if (sink.kind === "jsonl")
    return {
      read: () => readDocuments(statePathOf(sink.path), name, ""),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  if (sink.kind === "kafka") {
    const kafka = await buildKafkaSink(sink, { ...ports, pipeline: name }, () => null);
    return {
      read: () => kafka.readDocuments(name, ""),
      [Symbol.asyncDispose]: () => kafka.close(),
    };
  }
  const session = await openSinkSession(sink, ports, extensions);
  const { readDocuments: text } = stateStatements(sink.stateSchema);
  return {
    read: () => session.query(text, [name, ""]).then((rows) => rows.map(documentOf), refused),
    [Symbol.asyncDispose]: () => session.close(),
  };
}

function documentOf([task, key, text]: readonly (string | null)[]): TaskDocument {
  return { task: task ?? "", key: key ?? "", value: JSON.parse(text ?? "null") as Json };
}

function refused(thrown: unknown): never {
  throw classify(thrown, { doing: "reading the pipeline's state" });
}
