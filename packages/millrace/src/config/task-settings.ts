import type { TaskSettings } from "../pipeline/settings.ts";
import type { PIPELINE_OPTIONS } from "./options/pipeline-options.ts";
import type { SINK_OPTIONS } from "./options/sink-options.ts";
import { chooseTags, expandTags } from "./schema-change-tags.ts";
import type { TagChoice } from "./schema-change-tags.ts";
import type { Findings, Section } from "./section.ts";
import type { ParsedSink } from "./finish-sink.ts";
import type { ParsedSource } from "./finish-source.ts";

/** Chunks read at once where nobody says how many. */
const DEFAULT_SNAPSHOT_PARALLELISM = 4;

interface Parsed {
  readonly pipeline: Section<typeof PIPELINE_OPTIONS>;
  readonly source: ParsedSource;
  readonly sink: ParsedSink;
  readonly findings: Findings;
}

/** A source of a database with one log, whose tables are loaded beside it. */
type LoadedSource = Exclude<ParsedSource, { readonly kind: "kafka" | "dynamodb" }>;
/** A source whose tables are loaded. */
type TableSource = Exclude<ParsedSource, { readonly kind: "kafka" }>;

interface Sections {
  readonly pipeline: Section<typeof PIPELINE_OPTIONS>;
  readonly source: TableSource["section"];
  readonly sink: ParsedSink;
  readonly findings: Findings;
}

/** What the sections come to for the task, with what contradicts itself between them. */
export function taskSettings(parsed: Parsed): TaskSettings {
  const { source, pipeline } = parsed;
  if (source.kind === "kafka") {
    const behavior = pipeline.values.schemaChangeBehavior;
    // Partitions are what is done at once: lanes within each would be many.
    const parallelism = pipeline.given.has("parallelism") ? pipeline.values.parallelism : 1;
    return { ...sharedSettings(parsed, behavior), ...LOG_ONLY, parallelism };
  }
  const sections: Sections = { ...parsed, source: source.section };
  if (source.kind === "dynamodb")
    return {
      ...sharedSettings(parsed, pipeline.values.schemaChangeBehavior),
      ...loadSettings(sections),
      ...NOTHING_RETAINED,
      chunkRows: SEGMENT_ROWS,
    };
  return {
    ...sharedSettings(parsed, schemaChangeBehavior({ ...parsed, source: source.section })),
    ...loadSettings(sections),
    ...retention(source),
    chunkRows: source.section.values.chunkRows,
  };
}

/** A chunk of a Scan is a segment, however many rows it has. */
const SEGMENT_ROWS = 1_000_000;

const NOTHING_RETAINED = { maxRetainedBytes: null, maxRetainedAction: "warn" } as const;

function loadSettings(sections: Sections) {
  return {
    snapshotParallelism: snapshotParallelism(sections),
    maxRowsPerSecond: sections.source.values.maxRowsPerSecond,
    maxBytesPerSecond: sections.source.values.maxBytesPerSecond,
    loadGivesWay: sections.source.values.loadGivesWay,
    fullLoad: fullLoad(sections),
  };
}

/** What is about loads, of a source that has none. */
const LOG_ONLY = {
  chunkRows: 1,
  snapshotParallelism: 1,
  maxRowsPerSecond: null,
  maxBytesPerSecond: null,
  loadGivesWay: false,
  maxRetainedBytes: null,
  maxRetainedAction: "warn",
  fullLoad: false,
} as const;

/** What does not depend on the kind of source. */
function sharedSettings(
  { pipeline, source, sink, findings }: Parsed,
  behavior: TaskSettings["schemaChangeBehavior"],
): Omit<TaskSettings, keyof typeof LOG_ONLY> {
  const tags = schemaChangeTags(sink.section, findings);
  const sinkValues: Section<typeof SINK_OPTIONS>["values"] = sink.section.values;
  return {
    parallelism: pipeline.values.parallelism,
    schemaChangeBehavior: behavior,
    dropTables: tags.dropTables,
    create: createTables(sink, tags, findings),
    sharedTargets: "shared" in sink.section.values ? sink.section.values.shared : false,
    compaction: sinkValues.compaction,
    batchRows: sinkValues.batchRows,
    flushIntervalMs: sinkValues.flushIntervalMs,
    // A source that goes on after a loss does so by itself, and says so.
    onLoss: source.section.values.onLoss === "resync" ? "resync" : "fail",
    deadLetters: sinkValues.deadLetters,
    maxDeadLetters: sinkValues.maxDeadLetters,
    maxDeadLetterShare: sinkValues.maxDeadLetterShare,
  };
}

/** Only a slot keeps the log for as long as its reader needs it. */
function retention(
  source: LoadedSource,
): Pick<TaskSettings, "maxRetainedBytes" | "maxRetainedAction"> {
  if (source.kind !== "postgres") return NOTHING_RETAINED;
  const { maxRetainedBytes, maxRetainedAction } = source.section.values;
  return { maxRetainedBytes, maxRetainedAction };
}

function schemaChangeBehavior({
  pipeline,
  source,
  findings,
}: Pick<Parsed, "pipeline" | "findings"> & {
  readonly source: LoadedSource["section"];
}): TaskSettings["schemaChangeBehavior"] {
  const behavior = pipeline.values.schemaChangeBehavior;
  if (source.values.schemaChangeEnabled) return behavior;
  if (pipeline.given.has("schema.change.behavior") && behavior !== "ignore") {
    contradiction(
      source,
      findings,
      "schema-change.enabled",
      `is false, but pipeline.schema.change.behavior is ${behavior}`,
      "Take out one of the two",
    );
  }
  return "ignore";
}

function fullLoad({ source, sink, findings }: Sections): boolean {
  const wanted = sink.section.values.fullLoad;
  if (!wanted && source.given.has("scan.startup.mode") && loads(source.values.startupMode)) {
    contradiction(
      source,
      findings,
      "scan.startup.mode",
      `is ${source.values.startupMode}, but sink.enable-full-load is false`,
      "Take out one of the two",
    );
  }
  if (wanted && sink.section.given.has("enable-full-load") && !loads(source.values.startupMode)) {
    contradiction(
      source,
      findings,
      "scan.startup.mode",
      `is ${source.values.startupMode}, but sink.enable-full-load is true`,
      "Take out one of the two",
    );
  }
  return wanted && loads(source.values.startupMode);
}

/** All other modes begin in the log. */
function loads(mode: LoadedSource["section"]["values"]["startupMode"]): boolean {
  return mode === "initial" || mode === "snapshot";
}

function snapshotParallelism({ source, sink, findings }: Sections): number {
  const fromSource = source.values.snapshotParallelism;
  const fromSink = sink.section.values.snapshotParallelism;
  if (fromSource !== null && fromSink !== null && fromSource !== fromSink) {
    contradiction(
      source,
      findings,
      "scan.snapshot.parallelism",
      `is ${fromSource}, but sink.parallelism is ${fromSink}`,
      "Take out one of the two; both say how many chunks are read at once",
    );
  }
  return fromSource ?? fromSink ?? DEFAULT_SNAPSHOT_PARALLELISM;
}

function createTables(
  sink: ParsedSink,
  tags: TagChoice,
  findings: Findings,
): TaskSettings["create"] {
  const wanted = sink.kind === "jsonl" ? "if-missing" : sink.section.values.create;
  if (tags.createTables || wanted === "never") return wanted;
  const place = sink.section.given.get("create");
  if (place !== undefined) {
    findings.problem(
      place,
      "sink.create",
      "is if-missing, but exclude.schema.changes leaves out create.table",
      "Take out one of the two",
    );
  }
  return "never";
}

function schemaChangeTags(section: Section<typeof SINK_OPTIONS>, findings: Findings): TagChoice {
  const include = expand(
    section,
    "include.schema.changes",
    section.values.includeSchemaChanges,
    findings,
  );
  const exclude = expand(
    section,
    "exclude.schema.changes",
    section.values.excludeSchemaChanges,
    findings,
  );
  const choice = chooseTags(include, exclude);
  if ("dropTables" in choice) return choice;
  const name = exclude === null ? "include.schema.changes" : "exclude.schema.changes";
  contradiction(section, findings, name, choice.wrong, choice.remedy, "sink");
  return { dropTables: false, createTables: true };
}

function expand(
  section: Section<typeof SINK_OPTIONS>,
  name: string,
  words: readonly string[] | null,
  findings: Findings,
): ReadonlySet<string> | null {
  if (words === null) return null;
  const tags = expandTags(words);
  if (!("wrong" in tags)) return tags;
  contradiction(section, findings, name, tags.wrong, tags.remedy, "sink");
  return null;
}

function contradiction(
  section: { place: Section<never>["place"]; given: Section<never>["given"] },
  findings: Findings,
  name: string,
  wrong: string,
  remedy: string,
  path = "source",
): void {
  findings.problem(section.given.get(name) ?? section.place, `${path}.${name}`, wrong, remedy);
}
