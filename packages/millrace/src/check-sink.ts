import { buildKafkaSink } from "./build-kafka-sink.ts";
import { routerOf } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import { buildSource } from "./build-source.ts";
import type { KafkaSinkConfig, PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import { isShared } from "./known-pipeline.ts";
import type { ConnectorContext, DiscoveredTable } from "./model/source.ts";
import type { TableId, TargetTable } from "./model/table.ts";
import { orderNotice } from "./pipeline/order-notice.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";
import { findingsOf, type PipelineFinding } from "./pipeline-finding.ts";
import { openSinkSession, profileOf } from "./sink-session.ts";
import type { SinkRequest } from "./sinks/dsql/sink-request.ts";
import { validateSqlSink } from "./sinks/dsql/validate.ts";

/** Whether every table can be mapped to the sink, and what its server says. */
export async function checkSink(
  config: PipelineConfig,
  tables: readonly DiscoveredTable[],
  context: ConnectorContext,
  extensions: Extensions,
): Promise<PipelineFinding[]> {
  const sink = await buildSink(config.sink, context, null, extensions);
  const router = routerOf(config, extensions);
  const targets: TargetTable[] = [];
  const sources = new Map<TableId, TableId[]>();
  const findings = tables.flatMap(({ shape }) => {
    try {
      for (const plan of router.plan(shape)) {
        const target = sink.mapTable(plan.shape, plan.target);
        targets.push(target);
        sources.set(target.id, [...(sources.get(target.id) ?? []), shape.id]);
      }
      return [];
    } catch (error) {
      return findingsOf(error, "sink");
    }
  });
  const server = await checkServer(config, targets, context, extensions);
  return [...findings, ...sharedTargets(sources), ...server];
}

/** Rows of two tables meet in one target: as somebody may mean it, who has one table in many shards. */
function sharedTargets(sources: ReadonlyMap<TableId, readonly TableId[]>): PipelineFinding[] {
  return [...sources]
    .filter(([, tables]) => tables.length > 1)
    .map(([target, tables]) => ({
      about: "sink",
      severity: "warning",
      atStart: true,
      what: `${tables.join(" and ")} go to one target, ${target}.`,
      whatFollows: "A row of one takes the place of a row of the other that has the same key.",
      remedy: "Nothing where their keys differ; else give each a sink-table of its own by a route",
    }));
}

/** What the sink's server says: rights, limits, tables that are there already, other pipelines. */
async function checkServer(
  config: PipelineConfig,
  targets: readonly TargetTable[],
  context: ConnectorContext,
  extensions: Extensions,
): Promise<PipelineFinding[]> {
  const { sink, settings } = config;
  if (sink.kind === "jsonl") return [];
  if (sink.kind === "kafka") return checkKafka(sink, config, targets, context);
  const request: SinkRequest = {
    profile: profileOf(sink),
    pipeline: config.name,
    targets,
    stateSchema: sink.stateSchema,
    create: settings.create,
    shared: settings.sharedTargets,
    fullLoad: settings.fullLoad,
    isLogOnly: config.source.kind === "kafka",
    evolve: settings.schemaChangeBehavior === "evolve",
    orderNotice: (target, check) => orderNotice(target, check, settings.parallelism),
  };
  try {
    await using session = await openSinkSession(sink, context, extensions);
    const retry = { ...context, signal: new AbortController().signal };
    const findings = await validateSqlSink(session, request, retry);
    return findings.map((finding) => ({ ...finding, about: "sink" }));
  } catch (error) {
    return findingsOf(error, "sink");
  }
}

/** Rights are of all tasks whose names begin with the pipeline's. */
const ANY_SHARE = "any";

/** A registry is asked about the very schemas that the run would write, and those tell of the source. */
async function checkKafka(
  sinkConfig: KafkaSinkConfig,
  { name: pipeline, source: sourceConfig, settings: { create, dropTables: drops } }: PipelineConfig,
  targets: readonly TargetTable[],
  context: ConnectorContext,
): Promise<PipelineFinding[]> {
  const source = await buildSource(sourceConfig, context);
  const sink = await buildKafkaSink(sinkConfig, context, (names) => source.origin?.(names) ?? null);
  try {
    const { validateKafka } = await import("./sinks/kafka/validate.ts");
    const tasks = [isShared(sourceConfig) ? ANY_SHARE : ONLY_TASK];
    const findings = await validateKafka(sink, { pipeline, tasks, targets, create, drops });
    return findings.map((finding) => ({ ...finding, about: "sink" }));
  } catch (error) {
    return findingsOf(error, "sink");
  } finally {
    await sink.close();
    await source.close();
  }
}
