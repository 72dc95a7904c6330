import { buildRouter } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import { buildSource, openSourceReader } from "./build-source.ts";
import { loadConfig } from "./config/load.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { toMillraceError } from "./errors/to-millrace-error.ts";
import { readKnownPipeline } from "./known-pipeline.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import type { Position } from "./model/position.ts";
import type { ConnectorContext, Source } from "./model/source.ts";
import { preflight } from "./preflight.ts";
import { openSinkSession } from "./sink-session.ts";
import type { SinkConnection } from "./sinks/dsql/sink-connection.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";
import type { Settle } from "./verify/settle.ts";
import { readerOver } from "./verify/table-reader.ts";
import type { TableReader } from "./verify/table-reader.ts";
import type { VerifyTable } from "./verify/table-pair.ts";
import { verifyTables } from "./verify/verify-tables.ts";
import type { VerifyProgress, VerifyResult } from "./verify/verify-tables.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";

/** How long changes may take to reach the sink before a row counts as unsettled. */
const SETTLE_MS = 60_000;
/** The frontier is written at most once a second; asking twice as often finds it soon. */
const SETTLE_PAUSE_MS = 500;
/** A position that stands for so long while there are changes is worth a word. */
const STANDSTILL_MS = 3_000;

/** What `verifyPipeline` may be given. */
export interface VerifyPipelineOptions {
  /** Name the differing rows by key and column, so many per table; none without it. */
  readonly maxRowsNamed?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Is told, once, when the pipeline's position at the sink has stood still while changes were waited for. */
  readonly onStandstill?: () => void;
  /** How long changes may take to reach the sink before a row that differs counts as unsettled; 60 s unless told. */
  readonly settleMs?: number;
  readonly signal?: AbortSignal;
  /** As they are given to `loadPipeline`; a router of your own is not asked. */
  readonly extensions?: Extensions;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Compares the source of a pipeline with its target, row by row, while changes flow: a difference counts only if it
 * stays after the lag has passed. Reads only.
 * @throws ConfigError, or MillraceError where a server cannot be reached or the sink cannot be read.
 */
export async function verifyPipeline(
  input: string | object,
  options: VerifyPipelineOptions = {},
): Promise<VerifyResult> {
  const config = loadConfig(input, options.env ?? process.env);
  const { clock = systemClock, random = Math.random, log = silentLogger } = options;
  const { extensions = {} } = options;
  const context = { pipeline: config.name, clock, random, log };
  await using resources = new AsyncDisposableStack();
  const source = await buildSource(config.source, context);
  resources.defer(() => source.close());
  const tables = await plannedTables(config, source, context, extensions);
  const rows = await openSourceReader(config.source, source, context);
  resources.defer(() => rows.close());
  const session = await sinkSession(config, context, extensions);
  resources.defer(() => session.close());
  return await verifyTables({
    source: rows.rows,
    target: readerOf(session, config.sink.kind === "dsql" ? "dsql" : "postgres"),
    tables,
    settle: await settleBy({
      config,
      source,
      session,
      clock,
      settleMs: options.settleMs ?? SETTLE_MS,
      onStandstill: options.onStandstill ?? (() => {}),
    }),
    maxRowsNamed: options.maxRowsNamed ?? 0,
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

async function plannedTables(
  config: PipelineConfig,
  source: Source,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<VerifyTable[]> {
  const router = buildRouter(config);
  const sink = await buildSink(config.sink, context, null, extensions);
  // Newcomers that wait are not at the sink: `status` and `validate --connect` name them.
  const known = (await readKnownPipeline(config, context, extensions))?.tables ?? null;
  const discovered = await preflight(config, source, (id) => known?.has(id) ?? true);
  return discovered.flatMap(({ shape }) =>
    router
      .plan(shape)
      .map((plan) => ({ source: shape, plan, target: sink.mapTable(plan.shape, plan.target) })),
  );
}

async function sinkSession(
  { sink }: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<SinkConnection> {
  if (sink.kind !== "jsonl" && sink.kind !== "kafka")
    return openSinkSession(sink, context, extensions);
  throw new MillraceError(
    "MR_USAGE",
    `a ${sink.kind} sink cannot be compared with its source; verify needs type: dsql or postgres`,
  );
}

/** A reader of text rows over a session of the sink. */
function readerOf(session: SinkConnection, dialect: TableReader["dialect"]): TableReader {
  return readerOver(
    { query: async ({ text, values }) => ({ rows: await session.query(text, values) }) },
    dialect,
  );
}

interface SettleParts {
  readonly config: PipelineConfig;
  readonly source: Source;
  readonly session: SinkConnection;
  readonly clock: Clock;
  readonly settleMs: number;
  readonly onStandstill: () => void;
}

/** Waits by the frontier that the pipeline writes at its sink; null where no pipeline has ever written one. */
async function settleBy(parts: SettleParts): Promise<Settle> {
  if ((await frontierOf(parts)) === null) return null;
  let stands = false;
  let isTold = false;
  const tellOnce = () => {
    if (!isTold) parts.onStandstill();
    isTold = true;
  };
  return async (signal) => {
    // A pipeline that did not get there in a minute is not running; asking again for every round tells nothing new.
    if (stands) return false;
    const { source, clock } = parts;
    const end = await source.logEnd((await frontierOf(parts)) ?? undefined);
    await source.nudge();
    let last = "";
    let sinceMs = clock.monotonic();
    const deadlineMs = clock.monotonic() + parts.settleMs;
    while (clock.monotonic() < deadlineMs) {
      const frontier = await frontierOf(parts);
      if (frontier !== null && source.comparePositions(frontier, end) >= 0) return true;
      const place = JSON.stringify(frontier);
      if (place !== last) [last, sinceMs] = [place, clock.monotonic()];
      else if (clock.monotonic() - sinceMs >= STANDSTILL_MS) tellOnce();
      await clock.sleep(SETTLE_PAUSE_MS, signal);
    }
    stands = true;
    return false;
  };
}

async function frontierOf({ config, session }: SettleParts): Promise<Position | null> {
  if (config.sink.kind === "jsonl" || config.sink.kind === "kafka") return null;
  const { readState } = stateStatements(config.sink.stateSchema);
  try {
    const rows = await session.query(readState, [config.name, ONLY_TASK]);
    const value = rows.find(([key]) => key === "frontier/log")?.[1] ?? null;
    return value === null ? null : positionIn(JSON.parse(value));
  } catch (error) {
    if (isMissingTable(error)) return null;
    throw toMillraceError(error, "MR_SINK_LOST_CONNECTION");
  }
}

function positionIn(document: unknown): Position | null {
  if (typeof document !== "object" || document === null || !("position" in document)) return null;
  return document.position as Position;
}

/** No schema or no table of that name: nothing has ever run into this sink. */
function isMissingTable(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "42P01" || error.code === "3F000")
  );
}
