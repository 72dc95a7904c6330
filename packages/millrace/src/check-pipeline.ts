import { buildRouter } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import { buildSource, postgresSourceOptions } from "./build-source.ts";
import { loadConfig } from "./config/load.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { ConfigError, formatProblem } from "./config/problem.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import type { Finding } from "./model/finding.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import type { ConnectorContext, DiscoveredTable } from "./model/source.ts";
import { ruleProblems } from "./preflight.ts";
import { openSinkSession } from "./sink-session.ts";
import { SOURCE_CHECKS } from "./sources/registry.ts";

/** A finding, and which server it is about. */
export interface PipelineFinding extends Finding {
  readonly about: "source" | "sink" | "file";
}

/** What `checkPipeline` may be given. */
export interface CheckPipelineOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * What the servers say about a pipeline before it is started: rights, settings, keys, limits. Writes nothing.
 * @throws ConfigError where the file cannot be used.
 */
export async function checkPipeline(
  input: string | object,
  options: CheckPipelineOptions = {},
): Promise<PipelineFinding[]> {
  const config = loadConfig(input, options.env ?? process.env);
  const { clock = systemClock, random = Math.random, log = silentLogger } = options;
  const context = { pipeline: config.name, clock, random, log };
  const check = SOURCE_CHECKS[config.source.kind];
  const source = await check(postgresSourceOptions(config.source), context);
  const reachable = !source.some(({ whatFollows }) => whatFollows === UNREACHABLE);
  const { tables, findings } = reachable
    ? await checkTables(config, context)
    : { tables: [], findings: [] };
  return [
    ...source.map((finding) => ({ ...finding, about: "source" as const })),
    ...findings,
    ...(await checkSink(config, tables, context)),
  ];
}

/** What the source's findings say when its server could not be asked. */
const UNREACHABLE = "Nothing else could be checked.";

/** Whether the rules match what the source has; the source's own findings have said what its patterns match. */
async function checkTables(
  config: PipelineConfig,
  context: ConnectorContext,
): Promise<{ tables: readonly DiscoveredTable[]; findings: PipelineFinding[] }> {
  const source = buildSource(config.source, context);
  try {
    const tables = await source.discover();
    const problems = ruleProblems(config, tables);
    const findings = problems.length === 0 ? [] : findingsOf(new ConfigError(problems), "file");
    return { tables, findings };
  } catch (error) {
    return { tables: [], findings: findingsOf(error, "file") };
  } finally {
    await source.close();
  }
}

/** Whether the sink can be reached, and every table mapped to it. */
async function checkSink(
  config: PipelineConfig,
  tables: readonly DiscoveredTable[],
  context: ConnectorContext,
): Promise<PipelineFinding[]> {
  const sink = buildSink(config.sink, context, null);
  const router = buildRouter(config);
  const findings = tables.flatMap(({ shape }) => {
    try {
      for (const plan of router.plan(shape)) sink.mapTable(plan.shape, plan.target);
      return [];
    } catch (error) {
      return findingsOf(error, "sink");
    }
  });
  return [...findings, ...(await checkConnection(config, context))];
}

async function checkConnection(
  { sink }: PipelineConfig,
  context: ConnectorContext,
): Promise<PipelineFinding[]> {
  if (sink.kind === "jsonl") return [];
  try {
    const session = await openSinkSession(sink, context);
    await session.close();
    return [];
  } catch (error) {
    return findingsOf(error, "sink");
  }
}

function findingsOf(error: unknown, about: PipelineFinding["about"]): PipelineFinding[] {
  if (!(error instanceof MillraceError)) throw error;
  const whatFollows = "The pipeline would not start.";
  if (error instanceof ConfigError) {
    return error.problems.map((problem) => ({
      about,
      severity: "error",
      what: formatProblem(problem),
      whatFollows,
      remedy: problem.remedy,
    }));
  }
  return [{ about, severity: "error", what: error.message, whatFollows, remedy: error.remedy }];
}
