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

interface Sections {
  readonly pipeline: Section<typeof PIPELINE_OPTIONS>;
  readonly source: ParsedSource["section"];
  readonly sink: ParsedSink;
  readonly findings: Findings;
}

/** What the sections come to for the task, with what contradicts itself between them. */
export function taskSettings(parsed: Parsed): TaskSettings {
  const sections: Sections = { ...parsed, source: parsed.source.section };
  const { pipeline, source, sink } = sections;
  const tags = schemaChangeTags(sink.section, sections.findings);
  const sinkValues: Section<typeof SINK_OPTIONS>["values"] = sink.section.values;
  return {
    parallelism: pipeline.values.parallelism,
    schemaChangeBehavior: schemaChangeBehavior(sections),
    dropTables: tags.dropTables,
    create: createTables(sink, tags, sections.findings),
    sharedTargets: sink.kind === "jsonl" ? false : sink.section.values.shared,
    compaction: sinkValues.compaction,
    batchRows: sinkValues.batchRows,
    flushIntervalMs: sinkValues.flushIntervalMs,
    chunkRows: source.values.chunkRows,
    snapshotParallelism: snapshotParallelism(sections),
    maxRowsPerSecond: source.values.maxRowsPerSecond,
    maxBytesPerSecond: source.values.maxBytesPerSecond,
    ...retention(parsed.source),
    fullLoad: fullLoad(sections),
    onLoss: source.values.onLoss,
    deadLetters: sinkValues.deadLetters,
    maxDeadLetters: sinkValues.maxDeadLetters,
    maxDeadLetterShare: sinkValues.maxDeadLetterShare,
  };
}

/** Only a slot keeps the log for as long as its reader needs it. */
function retention(
  source: ParsedSource,
): Pick<TaskSettings, "maxRetainedBytes" | "maxRetainedAction"> {
  if (source.kind !== "postgres") return { maxRetainedBytes: null, maxRetainedAction: "warn" };
  const { maxRetainedBytes, maxRetainedAction } = source.section.values;
  return { maxRetainedBytes, maxRetainedAction };
}

function schemaChangeBehavior({
  pipeline,
  source,
  findings,
}: Sections): TaskSettings["schemaChangeBehavior"] {
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
  if (!wanted && source.given.has("scan.startup.mode") && source.values.startupMode === "initial") {
    contradiction(
      source,
      findings,
      "scan.startup.mode",
      "is initial, but sink.enable-full-load is false",
      "Take out one of the two",
    );
  }
  if (
    wanted &&
    sink.section.given.has("enable-full-load") &&
    source.values.startupMode !== "initial"
  ) {
    contradiction(
      source,
      findings,
      "scan.startup.mode",
      `is ${source.values.startupMode}, but sink.enable-full-load is true`,
      "Take out one of the two",
    );
  }
  return wanted && source.values.startupMode === "initial";
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
