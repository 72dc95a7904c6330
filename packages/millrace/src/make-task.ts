import type { OriginOf } from "./build-kafka-sink.ts";
import { routerOf } from "./build-router.ts";
import { buildSink, thisHolder } from "./build-sink.ts";
import { buildSharedSource, buildSource, checkSource } from "./build-source.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { withPlace } from "./config/placed-error.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { withTopicRemedy } from "./errors/topic-remedy.ts";
import type { Extensions } from "./extensions.ts";
import { cautionsOfStart, checkFirstStart, refusal, withAllElse } from "./first-start.ts";
import { openKnownPipeline, readKnownPipeline, type KnownPipeline } from "./known-pipeline.ts";
import type { Holder } from "./model/holder.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import type { SharedSource } from "./model/shared-source.ts";
import type { ConnectorContext, DiscoveredTable, Source } from "./model/source.ts";
import type { Sink } from "./model/sink.ts";
import type { TableId } from "./model/table.ts";
import type { ConnectionObserver } from "./observe/connection-metrics.ts";
import { allOf } from "./observe/observers.ts";
import type { ByteBudget } from "./pipeline/byte-budget.ts";
import type { ChangeCounts } from "./pipeline/change-counts.ts";
import { FirstAlone } from "./pipeline/first-alone.ts";
import { LoadRate } from "./pipeline/load-rate.ts";
import { LoadTurns } from "./pipeline/load-turns.ts";
import { deafObserver, type TaskObserver } from "./pipeline/observer.ts";
import type { TaskEvent } from "./pipeline/status.ts";
import { type MadeTask, ONLY_TASK } from "./pipeline/task-api.ts";
import { TaskSet } from "./pipeline/task-set.ts";
import { createTask } from "./pipeline/task.ts";
import { preflight } from "./preflight.ts";
import { ShareEnds } from "./share-ends.ts";
import { statusBeforeStart } from "./status-before-start.ts";

/** What a task is made with, beside the pipeline's file. */
export interface MakerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly budget: ByteBudget;
  readonly observers: readonly TaskObserver[];
  readonly connections: ConnectionObserver | null;
  readonly extensions: Extensions;
  readonly tell: (event: TaskEvent) => void;
  /** Of the start that this is a task of. */
  readonly changeCounts?: ChangeCounts;
}

/**
 * Asks the servers what they have against the file, then makes the task; nothing is written. A source that cannot be
 * reached stops a first start; where it is made `again`, the task goes on trying.
 * @throws ConfigError when the source contradicts the file. MillraceError otherwise.
 */
export async function makeTask(
  config: PipelineConfig,
  parts: MakerParts,
  again: boolean,
): Promise<MadeTask> {
  const { clock, random, log, tell } = parts;
  const context = { pipeline: config.name, clock, random, log };
  const observer = allOf([{ ...deafObserver, event: tell }, ...parts.observers]);
  const asking = { ...parts, context, observer, again };
  const shared = await buildSharedSource(config.source, context, parts.connections?.dynamodb);
  if (shared !== null) {
    if (!again) {
      await refuseSource(config, context, shared);
      // Beside what the shares begin with.
      const looked = cautionsOfStart(config, context, parts.extensions).then((notices) => {
        for (const message of notices) tell({ type: "notice", message });
      });
      looked.catch(() => undefined); // a fault of our own, which each share ends with
      return taskOfShares(config, { ...asking, looked }, shared);
    }
    return taskOfShares(config, asking, shared);
  }
  return taskOver(config, asking, await buildSource(config.source, context), ONLY_TASK);
}

interface Asking extends MakerParts {
  readonly context: ConnectorContext;
  readonly observer: TaskObserver;
  readonly again: boolean;
  /** Who this process is to the sink, where a task is made more than once. */
  readonly holder?: Holder;
  readonly loadRate?: LoadRate;
  readonly loadTurns?: LoadTurns;
  readonly firstAlone?: FirstAlone;
  /** See {@link TaskParts.looked}. */
  readonly looked?: Promise<void>;
}

/** A first start that the source has something against says all of it. */
async function refuseSource(
  config: PipelineConfig,
  context: ConnectorContext,
  shared: SharedSource,
): Promise<void> {
  const found = await checkSource(config.source, context, null);
  const against = found.filter(({ severity }) => severity === "error");
  if (against.length === 0) return;
  await shared.close();
  throw refusal(against.map((finding) => ({ ...finding, about: "source" })));
}

/** A task for each share that this process is given, told as one (design/008). */
function taskOfShares(config: PipelineConfig, asking: Asking, shared: SharedSource): MadeTask {
  const { clock, random, budget, observer, looked } = asking;
  const close = async () => {
    await shared.close();
    // Nothing goes on behind a stop.
    await looked?.catch(() => undefined);
  };
  // What a source may be asked for is asked for by all of its shares together.
  const { maxRowsPerSecond, maxBytesPerSecond, loadGivesWay } = config.settings;
  const loadRate = new LoadRate({ maxRowsPerSecond, maxBytesPerSecond }, clock);
  // And what one of them loads is in the way of the changes of all.
  const loadTurns = new LoadTurns(clock, loadGivesWay);
  const firstAlone = new FirstAlone();
  const elsewhere = () =>
    new ShareEnds({
      ends: () => shared.ends?.() ?? Promise.resolve(new Map()),
      comparePositions: (a, b) => shared.comparePositions?.(a, b) ?? -1,
      open: () => openKnownPipeline(config, asking.context, asking.extensions),
    });
  const task = new TaskSet({
    clock,
    random,
    observer,
    shares: (signal, reached) => shared.shares(signal, reached),
    moves: shared.moves,
    waits: () => shared.waits?.() ?? [],
    lost: (share) => shared.lost?.(share),
    tables: (share) => shared.tables?.(share) ?? [],
    holder: () => thisHolder(random),
    open: (share, { observer: shareObserver, holder }) => {
      const own = { ...asking, observer: shareObserver, holder, loadRate, loadTurns, firstAlone };
      return taskOver(config, own, shared.open(share), share);
    },
    ...(shared.ends === undefined ? {} : { elsewhere }),
    empty: statusBeforeStart(config, budget),
    close,
  });
  return { task, close };
}

function sinkFor(
  { sink }: PipelineConfig,
  { context, connections, extensions, holder }: Asking,
  source: Source,
): Promise<Sink> {
  const origin: OriginOf = (names) => source.origin?.(names) ?? null;
  return buildSink(sink, context, connections, extensions, origin, holder);
}

async function taskOver(
  config: PipelineConfig,
  asking: Asking,
  source: Source,
  name: string,
): Promise<MadeTask> {
  const { context, budget, extensions, tell, again, observer } = asking;
  const { changeCounts, loadRate, loadTurns, firstAlone, looked } = asking;
  try {
    // What a share has is told by its log; each takeover of one would ask the servers about all of the file.
    const tables = name === ONLY_TASK ? await ask(config, source, asking) : [];
    if (!again) tellNotices(tables, tell);
    const sink = await sinkFor(config, asking, source);
    const { errorHandler } = extensions;
    const task = createTask({
      ...context,
      task: name,
      source,
      sink,
      router: routerOf(config, extensions),
      settings: config.settings,
      budget,
      observer,
      explain: (error) =>
        withPlace(source.isLogOnly === true ? withTopicRemedy(error) : error, config),
      ...(errorHandler === undefined ? {} : { errorHandler }),
      ...(loadRate === undefined ? {} : { loadRate }),
      ...(loadTurns === undefined ? {} : { loadTurns }),
      ...(firstAlone === undefined ? {} : { firstAlone }),
      ...(looked === undefined ? {} : { looked }),
      // Shares come and go within a task set: each counts for itself.
      ...(changeCounts === undefined || name !== ONLY_TASK ? {} : { changeCounts }),
    });
    const close = async () => {
      await Promise.allSettled([source.close(), sink.close()]);
    };
    return { task, close };
  } catch (error) {
    await source.close().catch(() => {});
    throw error;
  }
}

async function ask(
  config: PipelineConfig,
  source: Source,
  { context, again, extensions, tell }: Asking,
): Promise<readonly DiscoveredTable[]> {
  try {
    const known = await knownBy(config, { context, again, extensions });
    const isKnown = (id: TableId) => known === null || known.tables.has(id);
    // The source stops at the first kind of thing that it has against the file.
    const orAll = async (refused: unknown): Promise<never> => {
      throw again ? refused : await withAllElse(refused, config, context, extensions);
    };
    const stops = known === null ? undefined : isKnown;
    const tables = await preflight(config, source, stops).catch(orAll);
    const notices = again ? [] : await checkFirstStart(config, context, extensions);
    for (const message of notices) tell({ type: "notice", message });
    const shapes = tables.map(({ shape }) => shape).filter(({ id }) => isKnown(id));
    await source.check?.(shapes).catch(orAll);
    return tables;
  } catch (error) {
    if (again && error instanceof MillraceError && error.class === "transient") return [];
    throw error;
  }
}

/** A first start that cannot reach the sink says so after what it has to say of the source. */
async function knownBy(
  config: PipelineConfig,
  { context, again, extensions }: Pick<Asking, "context" | "again" | "extensions">,
): Promise<KnownPipeline | null> {
  try {
    return await readKnownPipeline(config, context, extensions);
  } catch (error) {
    if (again) throw error;
    return null;
  }
}

function tellNotices(tables: readonly DiscoveredTable[], tell: MakerParts["tell"]): void {
  for (const { shape, notices } of tables)
    for (const message of notices)
      tell({ type: "notice", table: shape.id, message, level: "info" });
}
