import { routerOf } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import { buildSource } from "./build-source.ts";
import { checkServers } from "./check-pipeline.ts";
import type { PipelineFinding } from "./pipeline-finding.ts";
import type { CatalogueEntry } from "./errors/catalogue-entry.ts";
import { CATALOGUE } from "./errors/catalogue.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import { readKnownPipeline, type KnownPipeline } from "./known-pipeline.ts";
import type { Router } from "./model/router.ts";
import type { Sink } from "./model/sink.ts";
import type { ConnectorContext, DiscoveredTable } from "./model/source.ts";
import type { Column, TableId, TableShape, TargetTable } from "./model/table.ts";
import { readPipelineFile, type PipelineFileOptions } from "./pipeline-file.ts";
import { openSinkSession, profileOf } from "./sink-session.ts";
import { readCatalogueTable } from "./sinks/dsql/catalogue.ts";
import { createTableText } from "./sinks/dsql/ddl.ts";
import { leastDpu } from "./sinks/dsql/dpu-estimate.ts";

/** A column on its way. */
export interface PlannedColumn {
  readonly name: string;
  /** Null for a column that Millrace adds. */
  readonly sourceType: string | null;
  readonly targetType: string;
  /** What does not arrive as it is, as a sentence; null where everything does. */
  readonly loss: string | null;
}

/** A target and its table. */
export interface PlannedTarget {
  readonly table: TableId;
  /** The topic that its rows go to; null for sinks of tables. */
  readonly topic: string | null;
  /** Null where nobody can say. */
  readonly exists: boolean | null;
  /** Makes it; null for sinks without DDL. */
  readonly ddl: string | null;
  readonly columns: readonly PlannedColumn[];
}

/** What a run would do with one table. */
export interface PlannedTable {
  readonly table: TableId;
  /** The pipeline has it already, and goes on where it stands. */
  readonly isKnown: boolean;
  /**
   * What comes next of it is gone at the source, as a finding says: by `on-loss` it is loaded again, as if it were not known,
   * or a run ends rather than go on.
   */
  readonly isLost: boolean;
  /** Empty where the sink does not take the table. */
  readonly targets: readonly PlannedTarget[];
  /** Why the sink does not take it, which the findings say too; null where it does. */
  readonly refused: string | null;
  /** What the source says of the table: what is not possible with it, what its columns were made of. */
  readonly notices: readonly string[];
  /** The source's own guess; null where it has none. */
  readonly estimatedRows: number | null;
  /** Of the full load, about; null where nobody can say, 0 where nothing is loaded. */
  readonly chunks: number | null;
  /** What the load costs at least, were all rows small (DSQL); null elsewhere. */
  readonly leastDpu: number | null;
}

/** What a run of a file would do. */
export interface PipelinePlan {
  readonly pipeline: string;
  readonly tables: readonly PlannedTable[];
  /** About how many messages are in the topics that are read; absent where the source is no topic. */
  readonly messages?: number;
  /** What `validate --connect` says: what is in the way, limits that rows may meet. */
  readonly findings: readonly PipelineFinding[];
}

/** What `planPipeline` may be given. */
export type PlanOptions = PipelineFileOptions;

/**
 * What `run` would do: tables, their targets with DDL and types, chunks, cost. Writes nothing.
 * @throws ConfigError where the file cannot be used; MillraceError where the source cannot be asked.
 */
export async function planPipeline(
  input: string | object,
  options: PlanOptions = {},
): Promise<PipelinePlan> {
  const { config, context, extensions } = readPipelineFile(input, options);
  const findings = await checkServers(config, context, extensions);
  // Why the sink cannot be read is among the findings.
  const known = await readKnownPipeline(config, context, extensions).catch(() => null);
  const sink = await buildSink(config.sink, context, null, extensions);
  const way = { config, sink, router: routerOf(config, extensions) };
  const isLost = known !== null && known.log !== null && findings.some(isLoss);
  const again = isLost && config.source.onLoss === "resync";
  const { discovered, messages } = await discover(config, context, known);
  const planned = discovered.map((table) => {
    const isKnown = goesOn(known, table);
    const one = plannedTable(way, table, isKnown && !again);
    return { ...one, isLost: isLost && isKnown };
  });
  const there = await whatExists(planned, config, context, extensions);
  const tables = planned.map((table) => ({
    ...table,
    targets: table.targets.map(({ target, ...one }) => ({ ...one, exists: there(target) })),
  }));
  return { pipeline: config.name, tables, findings, ...(messages === null ? {} : { messages }) };
}

const ENTRIES: Readonly<Record<string, CatalogueEntry>> = CATALOGUE;

/** The log does not go on where the pipeline has read it to. */
function isLoss({ about, code }: PipelineFinding): boolean {
  return about === "source" && code !== undefined && ENTRIES[code]?.class === "loss";
}

/** The pipeline has it, and it is the same one: what was made anew is loaded anew. */
function goesOn(known: KnownPipeline | null, { shape }: DiscoveredTable): boolean {
  return known?.tables.get(shape.id)?.identity === shape.identity;
}

async function discover(
  config: PipelineConfig,
  context: ConnectorContext,
  known: KnownPipeline | null,
): Promise<{ readonly discovered: readonly DiscoveredTable[]; readonly messages: number | null }> {
  const source = await buildSource(config.source, context);
  try {
    source.remember?.([...(known?.tables.values() ?? [])]);
    const discovered = await source.discover();
    return { discovered, messages: (await source.messagesThere?.()) ?? null };
  } finally {
    await source.close();
  }
}

interface Way {
  readonly config: PipelineConfig;
  readonly sink: Pick<Sink, "mapTable" | "placeOf">;
  readonly router: Router;
}

type Unseen = Omit<PlannedTarget, "exists"> & { readonly target: TargetTable };

function plannedTable(
  way: Way,
  { shape, estimatedRows, notices }: DiscoveredTable,
  isKnown: boolean,
): Omit<PlannedTable, "targets" | "isLost"> & { readonly targets: readonly Unseen[] } {
  const { settings, sink: kind } = way.config;
  const { targets, refused } = targetsOf(way, shape);
  const isLoaded = !isKnown && settings.fullLoad && refused === null;
  // Without a key there is nothing to cut a table by.
  const isWhole = shape.key.length === 0;
  const chunks = isWhole
    ? 1
    : estimatedRows === null
      ? null
      : Math.max(1, Math.ceil(estimatedRows / settings.chunkRows));
  const rates = kind.kind === "jsonl" || kind.kind === "kafka" ? null : profileOf(kind).dpu;
  return {
    table: shape.id,
    isKnown,
    targets,
    refused,
    notices,
    estimatedRows,
    chunks: isLoaded ? chunks : 0,
    leastDpu:
      rates === null ? null : leastDpu(rates, isLoaded ? (estimatedRows ?? 0) : 0) * targets.length,
  };
}

/** Where a table's rows go; one that the sink does not take hides no other one. */
function targetsOf(
  { config: { sink: kind }, sink, router }: Way,
  shape: TableShape,
): { readonly targets: readonly Unseen[]; readonly refused: string | null } {
  try {
    const targets = router.plan(shape).map((plan): Unseen => {
      const target = sink.mapTable(plan.shape, plan.target);
      const columns = target.columns.map((column) => {
        const from = plan.shape.columns.find(({ name }) => name === column.name) ?? null;
        const loss = lossOf(column, from);
        const sourceType = from?.sourceType ?? null;
        return { name: column.name, sourceType, targetType: column.type, loss };
      });
      const ddl = kind.kind === "jsonl" || kind.kind === "kafka" ? null : createTableText(target);
      return { table: target.id, topic: sink.placeOf?.(target) ?? null, ddl, columns, target };
    });
    return { targets, refused: null };
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.class === "bug") throw thrown;
    return { targets: [], refused: thrown.detail };
  }
}

/** What of a column's values does not arrive as it is. */
function lossOf(
  { type, logical, refuse }: TargetTable["columns"][number],
  from: Column | null,
): string | null {
  if (from === null) return null;
  if (refuse !== undefined)
    return `a value that ${type} does not hold as it is becomes a dead letter, it is never rounded`;
  if (type === "text" && logical.kind !== "text")
    return `the target has no such type: kept as text, as the source writes it`;
  return from.generated === true ? "computed at the source, a plain column at the target" : null;
}

/** Which targets are there. */
async function whatExists(
  tables: readonly { readonly targets: readonly Unseen[] }[],
  { sink }: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<(target: TargetTable) => boolean | null> {
  if (sink.kind === "jsonl" || sink.kind === "kafka") return () => null;
  const there = new Map<TableId, boolean>();
  try {
    await using session = await openSinkSession(sink, context, extensions);
    for (const { target } of tables.flatMap(({ targets }) => targets))
      there.set(target.id, (await readCatalogueTable(session, target)) !== null);
  } catch {
    // The findings say so.
  }
  return ({ id }) => there.get(id) ?? null;
}
