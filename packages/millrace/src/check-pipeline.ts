import { routerOf } from "./build-router.ts";
import { buildSource, checkSource } from "./build-source.ts";
import { checkByTable } from "./check-by-table.ts";
import { checkHolder } from "./check-holder.ts";
import { checkLeftTables } from "./check-left-tables.ts";
import { checkSink } from "./check-sink.ts";
import { checkTableTopics } from "./check-table-topics.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { placeOfOption } from "./config/placed-error.ts";
import { ConfigError } from "./config/problem.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { NOTHING_ELSE_CHECKED } from "./errors/unreachable.ts";
import type { Extensions } from "./extensions.ts";
import { readKnownPipeline, type KnownLog, type KnownPipeline } from "./known-pipeline.ts";
import type { Json } from "./model/position.ts";
import type { ConnectorContext, DiscoveredTable, Source } from "./model/source.ts";
import type { TableId } from "./model/table.ts";
import { NEWCOMER_WAITS } from "./model/uncaptured.ts";
import { otherSource } from "./pipeline/other-source.ts";
import { readPipelineFile, type PipelineFileOptions } from "./pipeline-file.ts";
import { findingsOf, type PipelineFinding } from "./pipeline-finding.ts";
import { ruleProblems } from "./preflight.ts";

/** What `checkPipeline` may be given. */
export type CheckPipelineOptions = PipelineFileOptions;

/**
 * What the servers say about a pipeline before it is started: rights, settings, keys, limits. Writes nothing.
 * @throws ConfigError where the file cannot be used.
 */
export async function checkPipeline(
  input: string | object,
  options: CheckPipelineOptions = {},
): Promise<PipelineFinding[]> {
  const { config, context, extensions } = readPipelineFile(input, options);
  return checkServers(config, context, extensions);
}

/** What the servers say about a pipeline whose file was read. Writes nothing. */
export async function checkServers(
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<PipelineFinding[]> {
  // Why the sink cannot be read is said below, by its own check.
  const pipeline = await readKnownPipeline(config, context, extensions).catch(() => null);
  const known = pipeline === null ? null : new Set(pipeline.tables.keys());
  const source = await checkSource(config.source, context, known);
  const reachable = !source.some(({ whatFollows }) => whatFollows === NOTHING_ELSE_CHECKED);
  const { tables, findings, identity } = reachable
    ? await checkTables(config, context, pipeline)
    : { tables: [], findings: [], identity: null };
  const held = pipeline === null ? [] : await checkHolder(config, context, extensions);
  const isRun = held.some(({ severity }) => severity === "warning");
  return [
    ...source
      // Its log is read by whoever runs the pipeline, from whom a run takes both. Who only may run it need not be who reads it.
      .filter(({ code }) => !isRun || code !== "MR_SOURCE_SLOT_BUSY")
      .map((finding) => ({ ...finding, about: "source" as const })),
    ...held,
    ...findings,
    ...(await checkSinkOf(config, tables, { context, extensions, known })),
    ...checkTableTopics(config, tables, routerOf(config, extensions)),
    ...checkIdentity(pipeline, identity),
  ].map((finding: PipelineFinding) =>
    finding.option === undefined
      ? finding
      : { ...finding, place: placeOfOption(finding.option, config) },
  );
}

/** The same of one that has nothing at its sink yet, without what the source alone was asked for. */
export async function checkNewPipeline(
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<PipelineFinding[]> {
  const { tables, findings } = await checkTables(config, context, null);
  return [
    ...findings,
    ...(await checkSinkOf(config, tables, { context, extensions, known: null })),
    ...checkTableTopics(config, tables, routerOf(config, extensions)),
  ];
}

interface Asked {
  readonly context: ConnectorContext;
  readonly extensions: Extensions;
  readonly known: ReadonlySet<TableId> | null;
}

/** Of a pipeline that has begun, newcomers whose targets do not fit wait; the others are as they have to be. */
async function checkSinkOf(
  config: PipelineConfig,
  tables: readonly DiscoveredTable[],
  { context, extensions, known }: Asked,
): Promise<PipelineFinding[]> {
  const isKnown = ({ shape }: DiscoveredTable) => known === null || known.has(shape.id);
  const check = (some: readonly DiscoveredTable[]) => checkSink(config, some, context, extensions);
  if (config.source.kind === "dynamodb") return checkByTable(tables, check);
  const findings = await check(tables.filter(isKnown));
  const came = tables.filter((table) => !isKnown(table));
  if (came.length === 0) return findings;
  const told = new Set(findings.map(({ what }) => what));
  const more = await check(came);
  return [
    ...findings,
    ...more
      .filter(({ what }) => !told.has(what))
      .map((finding) =>
        finding.severity === "error"
          ? { ...finding, severity: "warning" as const, whatFollows: NEWCOMER_WAITS }
          : finding,
      ),
  ];
}

/** Whether the rules match what the source has; the source's own findings have said what its patterns match. */
async function checkTables(
  config: PipelineConfig,
  context: ConnectorContext,
  pipeline: KnownPipeline | null,
): Promise<{
  tables: readonly DiscoveredTable[];
  findings: PipelineFinding[];
  identity: Json | null;
}> {
  const source = await buildSource(config.source, context);
  const known = pipeline?.tables ?? null;
  try {
    source.remember?.([...(known?.values() ?? [])]);
    const tables = await source.discover();
    const refused = known === null ? [] : ((await source.refusals?.()) ?? []);
    const waiting = refused.map(({ id }) => id).filter((id) => known?.has(id) !== true);
    const problems = ruleProblems(config, tables, waiting);
    const findings = problems.length === 0 ? [] : findingsOf(new ConfigError(problems), "file");
    const identity = await source.identity();
    // Where another source's log stands says nothing.
    const isOther = pipeline !== null && otherSource(pipeline.identity, identity) !== null;
    return {
      tables,
      findings: [
        ...findings,
        ...(source.cautions?.() ?? []).map((found) => ({ ...found, about: "source" as const })),
        ...(isOther ? [] : await checkLogs(config, source, { pipeline, tables })),
        ...(isOther || pipeline === null
          ? []
          : await checkLeftTables(config, source, pipeline, tables)),
      ],
      identity,
    };
  } catch (error) {
    return { tables: [], findings: findingsOf(error, "file"), identity: null };
  } finally {
    await source.close();
  }
}

/** Shares whose logs are asked about at once. */
const SHARES_AT_ONCE = 8;

/** Whether each log goes on where the pipeline has read it to; where it does not, the policy for losses decides. */
async function checkLogs(
  { source: { onLoss } }: PipelineConfig,
  source: Source,
  { pipeline, tables }: { pipeline: KnownPipeline | null; tables: readonly DiscoveredTable[] },
): Promise<PipelineFinding[]> {
  if (pipeline === null) return [];
  const { log, shareLogs } = pipeline;
  const all = "All tables would be loaded again (on-loss: resync).";
  if (log !== null) return checkLog(source, log, onLoss === "resync" ? all : null);
  const found: PipelineFinding[] = [];
  const queue =
    source.openPart === undefined
      ? tablesLogs(source, shareLogs, tables)
      : partLogs(source, shareLogs);
  const next = async (): Promise<void> => {
    for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
      const { own, left, again } = each;
      try {
        found.push(...(await checkLog(own, left, onLoss === "resync" ? again : null)));
      } finally {
        await own.close();
      }
    }
  };
  await Promise.all(Array.from({ length: SHARES_AT_ONCE }, next));
  // All partitions of a topic that was made anew are lost by the same.
  return [...new Map(found.map((finding) => [finding.what, finding])).values()];
}

/** The log of a share, and what follows where it is lost and `on-loss` is resync. */
interface ShareLog {
  readonly own: Source;
  readonly left: KnownLog;
  readonly again: string;
}

function tablesLogs(
  source: Source,
  shareLogs: KnownPipeline["shareLogs"],
  tables: readonly DiscoveredTable[],
): ShareLog[] {
  return tables.flatMap(({ shape }) => {
    const share = source.shareOf?.(shape);
    const left = share === undefined ? undefined : shareLogs.get(share);
    if (share === undefined || left === undefined) return [];
    const again = `Table ${shape.id} would be loaded again (on-loss: resync).`;
    const own = source.openShare?.(share);
    return own === undefined ? [] : [{ own, left, again }];
  });
}

/** Those that the file does not read any more are nobody's. */
function partLogs(source: Source, shareLogs: KnownPipeline["shareLogs"]): ShareLog[] {
  return [...shareLogs].flatMap(([share, left]) => {
    const own = source.openPart?.(share) ?? null;
    const again =
      "The oldest message that there is would be read next (on-loss: resync); rows that lost messages deleted stay at the sink.";
    return own === null ? [] : [{ own, left, again }];
  });
}

/** `whatFollows`: null where a loss stops the pipeline. */
async function checkLog(
  source: Source,
  log: KnownLog,
  whatFollows: string | null,
): Promise<PipelineFinding[]> {
  try {
    await source.checkLog?.(log.position, log.history);
    return [];
  } catch (error) {
    const found = findingsOf(error, "source");
    // All else, such as a missing right, the source's own findings have told.
    if (!(error instanceof MillraceError) || error.class !== "loss") return [];
    if (whatFollows === null) return found;
    return found.map((finding) => ({ ...finding, severity: "warning", whatFollows }));
  }
}

/** Whether the state at the sink is this source's; a sink that cannot be asked has said so. */
function checkIdentity(pipeline: KnownPipeline | null, identity: Json | null): PipelineFinding[] {
  if (pipeline === null || identity === null) return [];
  const other = otherSource(pipeline.identity, identity);
  return other === null ? [] : findingsOf(other, "source");
}
