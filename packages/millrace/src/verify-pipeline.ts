import { buildRouter } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import { buildSource, openSourceReader } from "./build-source.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { readKnownPipeline } from "./known-pipeline.ts";
import type { ConnectorContext, DiscoveredTable, RefusedTable, Source } from "./model/source.ts";
import type { TableId } from "./model/table.ts";
import { readPipelineFile, type PipelineFileOptions } from "./pipeline-file.ts";
import { preflight } from "./preflight.ts";
import { openSinkSession } from "./sink-session.ts";
import { classify } from "./sinks/dsql/errors.ts";
import type { SinkConnection } from "./sinks/dsql/sink-connection.ts";
import { settleByFrontier } from "./settle-by-frontier.ts";
import { withStandings, type StandingVerdict } from "./table-standings.ts";
import { readerOver } from "./verify/table-reader.ts";
import type { TableReader } from "./verify/table-reader.ts";
import type { VerifyTable } from "./verify/table-pair.ts";
import { incomparable, isEqual, verifyTables } from "./verify/verify-tables.ts";
import type { TableVerdict, VerifyProgress, VerifyResult } from "./verify/verify-tables.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";

/** Shares of a source that are compared at once, each over a session of its own. */
const SHARES_AT_ONCE = 4;

/** What `verifyPipeline` found. */
export interface VerifyPipelineResult {
  /** Nothing is missing, extra, different or unsettled anywhere. */
  readonly equal: boolean;
  readonly tables: readonly StandingVerdict[];
}

/** What `verifyPipeline` may be given. A router among the extensions is not asked. */
export interface VerifyPipelineOptions extends PipelineFileOptions {
  /** Name the differing rows by key and column, so many per table; none without it. */
  readonly maxRowsNamed?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Is told, once, when the pipeline's position at the sink has stood still while changes were waited for. */
  readonly onStandstill?: () => void;
  /** How long changes may take to reach the sink before a row that differs counts as unsettled; 60 s (DynamoDB: 90 s) unless told. */
  readonly settleMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Compares the source of a pipeline with its target, row by row, while changes flow: a difference counts only if it
 * stays after the lag has passed. Reads only.
 * @throws ConfigError, or MillraceError where a server cannot be reached or the sink cannot be read.
 */
export async function verifyPipeline(
  input: string | object,
  options: VerifyPipelineOptions = {},
): Promise<VerifyPipelineResult> {
  const { config, context, extensions } = readPipelineFile(input, options);
  refuseSink(config);
  await using resources = new AsyncDisposableStack();
  const source = await buildSource(config.source, context);
  resources.defer(() => source.close());
  const asking = { config, context, extensions, options: { ...options, ...toldOnce(options) } };
  const { tables, refused } = await plannedTables(source, asking);
  const found =
    source.openShare === undefined
      ? await compareTables(asking, { source, task: ONLY_TASK, tables })
      : await compareShares(asking, source, { tables, refused });
  const session = await sinkSession(config, context, extensions);
  resources.defer(() => session.close());
  return { equal: found.equal, tables: await withStandings(session, config, found.tables) };
}

/** What a comparison is made with. */
interface Asking {
  readonly config: PipelineConfig;
  readonly context: ConnectorContext;
  readonly extensions: Extensions;
  readonly options: VerifyPipelineOptions;
}

/** Of several shares that stand still, one says so. */
function toldOnce({
  onStandstill,
}: VerifyPipelineOptions): Pick<VerifyPipelineOptions, "onStandstill"> {
  let isTold = false;
  return {
    onStandstill: () => {
      if (!isTold) onStandstill?.();
      isTold = true;
    },
  };
}

function refuseSink({ sink: { kind } }: PipelineConfig): void {
  if (kind === "jsonl" || kind === "kafka")
    throw new MillraceError(
      "MR_USAGE",
      `a ${kind} sink cannot be compared with its source; verify needs type: dsql or postgres`,
    );
}

/** What is to be compared, and what of it nobody can read now. */
interface PlannedTables {
  readonly tables: readonly VerifyTable[];
  readonly refused: readonly RefusedTable[];
}

/** Each share by its own log: a table waits for no other one's. */
async function compareShares(
  asking: Asking,
  estate: Source,
  { tables, refused }: PlannedTables,
): Promise<VerifyResult> {
  const shares = Map.groupBy(tables, ({ source }) => estate.shareOf?.(source) ?? ONLY_TASK);
  const found = new Map<string, readonly TableVerdict[]>();
  const failed = new AbortController();
  const { signal } = asking.options;
  const options = {
    ...asking.options,
    signal: signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]),
  };
  const queue = [...shares];
  const next = async (): Promise<void> => {
    for (let share = queue.shift(); share !== undefined; share = queue.shift()) {
      const [task, own] = share;
      const source = estate.openShare?.(task);
      if (source === undefined) continue;
      try {
        const { tables: verdicts } = await compareTables(
          { ...asking, options },
          { source, task, tables: own },
        );
        found.set(task, verdicts);
      } finally {
        await source.close();
      }
    }
  };
  await Promise.all(
    Array.from({ length: SHARES_AT_ONCE }, () => next().catch((error) => failed.abort(error))),
  );
  failed.signal.throwIfAborted();
  const verdicts = [...shares.keys()].flatMap((share) => found.get(share) ?? []);
  const all = [...verdicts, ...refused.map(notRead)];
  return { equal: all.every(isEqual), tables: all };
}

function notRead({ id, why, remedy }: RefusedTable): TableVerdict {
  const toDo = `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`;
  return incomparable({ table: id, target: id }, `it ${why}. ${toDo}`);
}

/** Tables of one task, by its log. */
async function compareTables(
  { config, context, extensions, options }: Asking,
  { source, task, tables }: { source: Source; task: string; tables: readonly VerifyTable[] },
): Promise<VerifyResult> {
  await using resources = new AsyncDisposableStack();
  const rows = await openSourceReader(config.source, source, context);
  resources.defer(() => rows.close());
  const session = await sinkSession(config, context, extensions);
  resources.defer(() => session.close());
  return await verifyTables({
    source: rows.rows,
    target: readerOf(session, config.sink.kind === "dsql" ? "dsql" : "postgres"),
    tables,
    settle: await settleByFrontier({
      config,
      source,
      task,
      session,
      clock: context.clock,
      settleMs: options.settleMs,
      onStandstill: options.onStandstill ?? (() => {}),
    }),
    maxRowsNamed: options.maxRowsNamed ?? 0,
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** What is to be compared; of a source that is shared out, also what the pipeline has and nobody can read now. */
async function plannedTables(
  source: Source,
  { config, context, extensions }: Asking,
): Promise<PlannedTables> {
  const router = buildRouter(config);
  const sink = await buildSink(config.sink, context, null, extensions);
  // Newcomers that wait are not at the sink: `status` and `validate --connect` name them.
  const known = (await readKnownPipeline(config, context, extensions))?.tables ?? null;
  source.remember?.([...(known?.values() ?? [])]);
  const isKnown = (id: TableId) => known?.has(id) ?? true;
  const stops = source.openShare === undefined ? isKnown : () => false;
  const discovered = await preflight(config, source, stops);
  const tableOf = ({ shape }: DiscoveredTable): readonly VerifyTable[] =>
    router
      .plan(shape)
      .map((plan) => ({ source: shape, plan, target: sink.mapTable(plan.shape, plan.target) }));
  if (source.openShare === undefined) return { tables: discovered.flatMap(tableOf), refused: [] };
  const tables: VerifyTable[] = [];
  const refused = ((await source.refusals?.()) ?? []).filter(({ id }) => isKnown(id));
  for (const table of discovered) {
    try {
      tables.push(...tableOf(table));
    } catch (error) {
      // Its task stands still, and the others do not.
      if (!(error instanceof MillraceError)) throw error;
      const { detail, remedy } = error;
      refused.push({ id: table.shape.id, why: `has no place at the sink: ${detail}`, remedy });
    }
  }
  return { tables, refused };
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
    (error) => classify(error, { doing: "compare rows at the sink" }),
  );
}
