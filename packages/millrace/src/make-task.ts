import { buildRouter } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import { buildSource } from "./build-source.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { withPlace } from "./config/placed-error.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import type { Extensions } from "./extensions.ts";
import { checkFirstStart, withAllElse } from "./first-start.ts";
import { readKnownPipeline, type KnownPipeline } from "./known-pipeline.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import type { ConnectorContext, DiscoveredTable, Source } from "./model/source.ts";
import type { TableId } from "./model/table.ts";
import type { ConnectionObserver } from "./observe/connection-metrics.ts";
import { allOf } from "./observe/observers.ts";
import type { ByteBudget } from "./pipeline/byte-budget.ts";
import { deafObserver, type TaskObserver } from "./pipeline/observer.ts";
import type { TaskEvent } from "./pipeline/status.ts";
import type { Task } from "./pipeline/task-api.ts";
import { createTask } from "./pipeline/task.ts";
import { preflight } from "./preflight.ts";

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
): Promise<{ readonly task: Task; readonly close: () => Promise<void> }> {
  const { clock, random, log, budget, extensions, tell } = parts;
  const context = { pipeline: config.name, clock, random, log };
  const source = await buildSource(config.source, context);
  try {
    const tables = await ask(config, source, { ...parts, context, again });
    if (!again) tellNotices(tables, tell);
    const sink = buildSink(config.sink, context, parts.connections, extensions);
    const own = buildRouter(config);
    const { errorHandler } = extensions;
    const task = createTask({
      ...context,
      source,
      sink,
      router: extensions.router?.(own) ?? own,
      settings: config.settings,
      budget,
      observer: allOf([{ ...deafObserver, event: tell }, ...parts.observers]),
      explain: (error) => withPlace(error, config),
      ...(errorHandler === undefined ? {} : { errorHandler }),
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

interface Asking extends MakerParts {
  readonly context: ConnectorContext;
  readonly again: boolean;
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
    const tables = await preflight(config, source, isKnown).catch(orAll);
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
