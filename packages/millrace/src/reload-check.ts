import { routerOf } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import { buildSource } from "./build-source.ts";
import { checkSink } from "./check-sink.ts";
import { differing, fixedDifferences } from "./config/given-options.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { refusal } from "./first-start.ts";
import { readKnownPipeline } from "./known-pipeline.ts";
import type { MakerParts } from "./make-task.ts";
import type { ConnectorContext, DiscoveredTable, Source } from "./model/source.ts";
import { tableParts, type TableId, type TableShape } from "./model/table.ts";
import { targetsOf, waysOf } from "./pipeline/routes.ts";
import { preflight } from "./preflight.ts";
import { tableFilter } from "./source-options.ts";

/** What a file that is read again changes. */
export interface ReloadOutcome {
  /** Tables that are captured from now on. */
  readonly came: readonly TableId[];
  /** Tables that are let go of; their targets stay as they are. */
  readonly left: readonly TableId[];
  /** Tables whose rows go elsewhere, or arrive there in another way: they are loaded again. */
  readonly rerouted: readonly TableId[];
  /** The same of a source whose log is all there is (topics): what was read before stays where and as it is. */
  readonly redirected: readonly TableId[];
  /** Whether anything is done at all. */
  readonly changed: boolean;
}

/** What the pipeline has when its file is read again. */
interface Captured {
  readonly tables: readonly TableId[];
  /** Shares that have begun and not told their tables yet: what those have stands at the sink. */
  readonly beginning: readonly string[];
}

/**
 * Says what the file as it is now would change, or what is against it; nothing is touched. Newcomers that the file before
 * matches too have nothing to do with it: as far as something stands against them they go on waiting (newcomers.ts).
 * @throws ConfigError, MillraceError with all that is wrong at once.
 */
export async function checkReload(
  before: PipelineConfig,
  after: PipelineConfig,
  has: Captured,
  parts: MakerParts,
): Promise<ReloadOutcome> {
  refuseOthers(before, after);
  const { clock, random, log } = parts;
  const context = { pipeline: after.name, clock, random, log };
  const source = await buildSource(after.source, context);
  try {
    const asked = { ...context, extensions: parts.extensions };
    const known = await knownShapes(source, after, asked);
    const captured = [...has.tables, ...(await untold(source, before, has, asked))];
    const isNewcomer = newcomersOf(before, after, captured);
    const matching = await preflight(after, source, (id) => !isNewcomer(id));
    const tables = await withFitting(matching, isNewcomer, { after, source, parts });
    const waysBefore = await waysIn(before, parts);
    const waysAfter = await waysIn(after, parts);
    const isMoved = (shape: TableShape) =>
      waysBefore(shape).join("\n") !== waysAfter(shape).join("\n");
    const isNew = ({ id }: TableShape) => !captured.includes(id);
    const isRemade = ({ id, identity }: TableShape) =>
      (known.get(id)?.identity ?? identity) !== identity;
    const shapes = tables.map(({ shape }) => shape);
    const came = shapes.filter(isNew);
    const rerouted = shapes.filter((each) => !isNew(each) && (isMoved(each) || isRemade(each)));
    // A table that only gets other columns has its own target, which is given them as it is loaded again.
    const arriving = tables.filter(({ shape }) => isNew(shape) || isMoved(shape));
    await refuseTargets(after, arriving, parts);
    const isTouched = came.length + rerouted.length > 0;
    return {
      came: idsOf(came),
      left: captured.filter((id) => !shapes.some((shape) => shape.id === id)),
      ...elsewhere(source, idsOf(rerouted)),
      changed: isTouched || differing(before.given, after.given).length > 0,
    };
  } finally {
    await source.close().catch(() => undefined);
  }
}

/** Whether what was read before goes the new way too. */
function elsewhere(
  { isLogOnly }: Pick<Source, "isLogOnly">,
  tables: readonly TableId[],
): Pick<ReloadOutcome, "rerouted" | "redirected"> {
  return isLogOnly === true
    ? { rerouted: [], redirected: tables }
    : { rerouted: tables, redirected: [] };
}

function idsOf(shapes: readonly TableShape[]): readonly TableId[] {
  return shapes.map(({ id }) => id);
}

/** What the pipeline has of tables whose shapes the file decides (DynamoDB's columns); else nothing. */
async function knownShapes(
  source: Source,
  config: PipelineConfig,
  { extensions, ...ports }: ConnectorContext & Pick<MakerParts, "extensions">,
): Promise<ReadonlyMap<TableId, TableShape>> {
  if (source.openShare === undefined) return new Map();
  const known = (await readKnownPipeline(config, ports, extensions))?.tables ?? new Map();
  source.remember?.([...known.values()]);
  return known;
}

/** Tables that the pipeline has, and that the shares which are beginning have not told of yet. */
async function untold(
  source: Source,
  before: PipelineConfig,
  { tables, beginning }: Captured,
  { extensions, ...ports }: ConnectorContext & Pick<MakerParts, "extensions">,
): Promise<readonly TableId[]> {
  if (beginning.length === 0) return [];
  const known = await readKnownPipeline(before, ports, extensions);
  const shapes = [...(known?.tables.values() ?? [])];
  const matched = source.shareOf === undefined ? tableFilter(before.source) : null;
  const isTheirs = (shape: TableShape): boolean =>
    matched?.(shape.schema, shape.name) ?? beginning.includes(source.shareOf?.(shape) ?? "");
  return idsOf(shapes.filter((shape) => isTheirs(shape) && !tables.includes(shape.id)));
}

/** Tables that the file before matches too, and that nevertheless are not captured. */
function newcomersOf(
  before: PipelineConfig,
  after: PipelineConfig,
  captured: readonly TableId[],
): (id: TableId) => boolean {
  const matched = isNamed(after) ? namesOf(before) : tableFilter(before.source);
  return (id: TableId): boolean => {
    const { schema, name } = tableParts(id);
    return !captured.includes(id) && matched(schema, name);
  };
}

/** Of DynamoDB's tables those that a file names are wanted; others only carry tags, as tables do that nobody meant. */
function isNamed({ source }: PipelineConfig): boolean {
  return source.kind === "dynamodb" && source.whitelist !== null;
}

function namesOf({ source }: PipelineConfig): (schema: string, name: string) => boolean {
  const names = new Set(source.kind === "dynamodb" ? source.whitelist : null);
  return (_schema, name) => names.has(name);
}

interface Asked {
  readonly after: PipelineConfig;
  readonly source: Pick<Source, "check">;
  readonly parts: MakerParts;
}

/** All tables but newcomers that something stands against. @throws MillraceError where that is one of the others. */
async function withFitting(
  matching: readonly DiscoveredTable[],
  isNewcomer: (table: TableId) => boolean,
  { after, source, parts }: Asked,
): Promise<readonly DiscoveredTable[]> {
  const tables = matching.filter(({ shape }) => !isNewcomer(shape.id));
  const shapes = tables.map(({ shape }) => shape);
  await source.check?.(shapes);
  const fits = async (table: DiscoveredTable): Promise<boolean> => {
    const toLoad = after.settings.fullLoad ? [table.shape] : [];
    await source.check?.([...shapes, table.shape], { toLoad });
    await refuseTargets(after, [table], parts);
    return true;
  };
  for (const table of matching.filter(({ shape }) => isNewcomer(shape.id)))
    if (await fits(table).catch(standsAgainst)) tables.push(table);
  return tables;
}

/** What lasts stands against a newcomer; anything else against the reload. */
function standsAgainst(error: unknown): false {
  if (error instanceof MillraceError && (error.class === "config" || error.class === "schema"))
    return false;
  throw error;
}

/** @throws MillraceError MR_RELOAD_REFUSED naming every option that may not change while the pipeline runs. */
function refuseOthers(before: PipelineConfig, after: PipelineConfig): void {
  const others = fixedDifferences(before.given, after.given);
  const database =
    before.source.database === after.source.database ? [] : ["the database in source.tables"];
  const all = [...others, ...database];
  if (all.length === 0) return;
  const what = `${all.join(", ")} ${all.length === 1 ? "differs" : "differ"} from what the pipeline runs with`;
  throw new MillraceError("MR_RELOAD_REFUSED", `${what}; nothing was changed`);
}

async function waysIn(config: PipelineConfig, { extensions, ...parts }: MakerParts) {
  const context = { pipeline: config.name, ...parts };
  const sink = await buildSink(config.sink, context, null, extensions);
  const router = routerOf(config, extensions);
  return (shape: TableShape): string[] => waysOf(targetsOf(shape, router, sink));
}

/** Targets of tables that come or are loaded again have to be as a first start would want them. */
async function refuseTargets(
  config: PipelineConfig,
  tables: readonly DiscoveredTable[],
  { clock, random, log, extensions }: MakerParts,
): Promise<void> {
  if (tables.length === 0) return;
  const context = { pipeline: config.name, clock, random, log };
  const findings = await checkSink(config, tables, context, extensions);
  const against = findings.filter(({ severity }) => severity === "error");
  if (against.length > 0) throw refusal(against);
}
