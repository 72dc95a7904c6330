import { buildKafkaSink } from "./build-kafka-sink.ts";
import { access, rm } from "node:fs/promises";
import { isThere } from "./build-sink.ts";
import { buildSource } from "./build-source.ts";
import type { KafkaSinkConfig, PipelineConfig } from "./config/pipeline-config.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import type { Extensions } from "./extensions.ts";
import { keptTopics } from "./kept-topics.ts";
import { type KnownPipeline, readKnownPipeline } from "./known-pipeline.ts";
import { holderText, isHeld, type TaskHolder } from "./model/holder.ts";
import { readHolders } from "./task-holders.ts";
import type { CleanedUp } from "./model/clean-up.ts";
import type { Json } from "./model/position.ts";
import type { ConnectorContext } from "./model/source.ts";
import { otherSource } from "./pipeline/other-source.ts";
import { readPipelineFile, type PipelineFileOptions } from "./pipeline-file.ts";
import { openSinkSession } from "./sink-session.ts";
import { readCatalogueTable } from "./sinks/dsql/catalogue.ts";
import { forgetPipeline } from "./sinks/dsql/forget-pipeline.ts";
import { untilDone } from "./sinks/dsql/retry.ts";
import { readTasks } from "./sinks/dsql/takeover.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";
import { stateFileOf, statePathOf } from "./sinks/jsonl/state-file.ts";
import { postgresOptions } from "./source-options.ts";
import { cleanUpPostgres } from "./sources/postgres/clean-up.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";

/** What `cleanUp` may be given. */
export interface CleanUpOptions extends PipelineFileOptions {
  /** Also what the sink keeps of the pipeline: positions, dead letters, which targets are its own. */
  readonly state?: boolean;
  /** That also where the state says that a process has it; one that runs all the same ends with MR_FENCED. */
  readonly force?: boolean;
  /** Also the event trigger of `schema-change.messages`, which all pipelines of the source's database share. */
  readonly eventTrigger?: boolean;
}

/**
 * Drops what a pipeline that is to run no more has at its source and, where that is asked for, its state at the sink.
 * Targets and their rows stay. Done again it comes to the same.
 * @throws ConfigError where the file cannot be used; MillraceError where the pipeline runs, its state is another
 * source's, or a server cannot be reached.
 */
export async function cleanUp(
  input: string | object,
  options: CleanUpOptions = {},
): Promise<readonly CleanedUp[]> {
  const { config, context, extensions } = readPipelineFile(input, options);
  const { state = false, eventTrigger = false, force = false } = options;
  const { known, looked } = await refuseOther(config, context, { extensions, isNeeded: state });
  if (state && !force) refuseHeld(config.name, await readHolders(config, context, extensions));
  const atSource = await cleanUpSource(config, context, eventTrigger);
  const topics = known === null ? [] : await keptTopics(known, config, context, extensions);
  const left = known === null ? [] : stateLeft(config, atSource);
  const atSink = state ? [await cleanUpState(config, context, extensions)] : left;
  return [...looked, ...atSource, ...topics, ...atSink];
}

/** Before anything is dropped. @throws MillraceError MR_STATE_HELD where a process has the pipeline, or may have it. */
function refuseHeld(pipeline: string, holders: readonly TaskHolder[]): void {
  const found = holders.map((holder) => ({ ...holder, runs: isHeld(holder, isThere) }));
  const [held] = found.filter(({ runs }) => runs !== false).toSorted(bySureness);
  if (held === undefined) return;
  const why =
    held.runs === true
      ? "it runs still"
      : "it did not say that it stopped, and from here nobody can tell";
  throw new MillraceError("MR_STATE_HELD", `${holderText(held.mark)} has ${pipeline}: ${why}`);
}

function bySureness(a: { readonly runs: boolean | null }, b: typeof a): number {
  return Number(b.runs) - Number(a.runs);
}

/** What a run comes to whose state at the sink goes on from a slot that is gone. */
function stateLeft(
  { name, source: { onLoss } }: PipelineConfig,
  atSource: readonly CleanedUp[],
): CleanedUp[] {
  const isGone = atSource.some(({ what, outcome }) => what === "slot" && outcome !== "kept");
  if (!isGone) return [];
  const hasPublication = atSource.some(
    ({ what, outcome }) => what === "publication" && (outcome === "kept" || outcome === "refused"),
  );
  const missing = hasPublication ? "" : " or MR_SOURCE_PUBLICATION_MISSING";
  const why =
    onLoss === "resync"
      ? "its log is gone, and the next run loads the tables again (on-loss: resync)"
      : `a run would end with MR_SOURCE_SLOT_MISSING${missing}; with \`on-loss: resync\` in the source, or once \`cleanup --state\` took the state away too, it loads the tables anew`;
  return [{ what: "state", name, outcome: "kept", why }];
}

/** A name that leads to another server than the pipeline began with must not cost that one its slot. */
async function refuseOther(
  config: PipelineConfig,
  context: ConnectorContext,
  { extensions, isNeeded }: { readonly extensions: Extensions; readonly isNeeded: boolean },
): Promise<{ readonly known: KnownPipeline | null; readonly looked: readonly CleanedUp[] }> {
  try {
    const known = await readKnownPipeline(config, context, extensions);
    if (known === null) return { known, looked: [] };
    const identity = await identityOf(config, context);
    const other = identity === null ? null : otherSource(known.identity, identity);
    if (other === null) return { known, looked: [] };
    throw other;
  } catch (error) {
    const isGone = error instanceof MillraceError && error.code.startsWith("MR_SINK_");
    if (isNeeded || !isGone) throw error;
    const why = `the sink could not be asked whose it is: ${error.detail}`;
    const kept: CleanedUp = { what: "state", name: config.name, outcome: "kept", why };
    return { known: null, looked: [kept] };
  }
}

/** Null where a server that keeps nothing for a pipeline is gone: that is no reason to keep what the sink has of it. */
async function identityOf(
  { source: of }: PipelineConfig,
  context: ConnectorContext,
): Promise<Json | null> {
  const source = await buildSource(of, context);
  try {
    return await source.identity();
  } catch (error) {
    const isGone = error instanceof MillraceError && error.class === "transient";
    if (of.kind !== "postgres" && isGone) return null;
    throw error;
  } finally {
    await source.close();
  }
}

async function cleanUpSource(
  config: PipelineConfig,
  context: ConnectorContext,
  eventTrigger: boolean,
): Promise<CleanedUp[]> {
  switch (config.source.kind) {
    case "postgres": {
      const options = postgresOptions(config.source, context.clock);
      return cleanUpPostgres(options, context, { eventTrigger });
    }
    case "mysql": {
      const why = "nothing is kept there for a pipeline: the server keeps its log by its own rules";
      return [{ what: "source", name: config.source.hostname, outcome: "kept", why }];
    }
    case "kafka": {
      const why =
        "the consumer group's offsets are only shown; brokers forget them by their own rules";
      return [{ what: "source", name: config.source.groupId, outcome: "kept", why }];
    }
    case "dynamodb": {
      const why =
        "nothing is kept there for a pipeline: streams are read, and hold no reader's place";
      return [{ what: "source", name: config.source.region, outcome: "kept", why }];
    }
  }
}

async function cleanUpState(
  { sink, name }: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<CleanedUp> {
  const done = (was: boolean): CleanedUp => {
    return { what: "state", name, outcome: was ? "dropped" : "absent", why: null };
  };
  if (sink.kind === "jsonl") {
    const path = stateFileOf(statePathOf(sink.path), { pipeline: name, task: ONLY_TASK });
    const was = await access(path).then(
      () => true,
      () => false,
    );
    await rm(path, { force: true });
    return done(was);
  }
  if (sink.kind === "kafka") {
    return done(await forgetTopics(sink, context));
  }
  const retry = { ...context, signal: new AbortController().signal };
  const statements = stateStatements(sink.stateSchema);
  const forget = async (): Promise<boolean> => {
    await using session = await openSinkSession(sink, context, extensions);
    const owner = { schema: sink.stateSchema, name: "owner" };
    if ((await readCatalogueTable(session, owner)) === null) return false;
    let was = false;
    for (const task of await readTasks(session, statements, name))
      if (await forgetPipeline(session, statements, { pipeline: name, task })) was = true;
    return was;
  };
  return done(await untilDone(forget, retry, "forgetting the pipeline"));
}

async function forgetTopics(config: KafkaSinkConfig, context: ConnectorContext): Promise<boolean> {
  const kafka = await buildKafkaSink(config, context, () => null);
  try {
    const { pipeline } = context;
    let was = false;
    const kept = await kafka.readTasks(pipeline);
    // Where all of it is gone nobody is named, and what was lost is given up all the same.
    const tasks = kept.length === 0 && (await kafka.hasLostState(pipeline)) ? [ONLY_TASK] : kept;
    for (const task of tasks) if (await kafka.forgetTask({ pipeline, task })) was = true;
    return was;
  } finally {
    await kafka.close();
  }
}
