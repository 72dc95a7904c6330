import { connectorConfig, pipelineOfConnector } from "./connector-file.ts";
import { OTHER_NAMES, SINK_KINDS, SOURCE_KINDS } from "./connector-kinds.ts";
import type { ConnectorKind } from "./connector-kinds.ts";
import { givenOptions } from "./given-options.ts";
import type { Surroundings } from "./interpolate.ts";
import { interpolate } from "./interpolate.ts";
import { nearestName } from "./nearest-name.ts";
import {
  PIPELINE_ACCEPTED,
  PIPELINE_OPTIONS,
  PIPELINE_REFUSED,
} from "./options/pipeline-options.ts";
import type { OptionTable } from "./option.ts";
import type { PipelineConfig, SinkConfig, SourceConfig } from "./pipeline-config.ts";
import { ConfigError, inFileOrder, type Problem } from "./problem.ts";
import { parseColumnChoices, parseRoutes } from "./rules.ts";
import type { Section } from "./section.ts";
import { Findings, parseSection } from "./section.ts";
import { finishSink, type ParsedSink } from "./finish-sink.ts";
import { finishSource } from "./finish-source.ts";
import { taskSettings } from "./task-settings.ts";
import type { MapNode, Node } from "./tree.ts";
import { entryOf, nodeName } from "./tree.ts";

const SECTIONS = ["source", "sink", "route", "transform", "pipeline"];

/**
 * Makes a pipeline of a tree.
 * @throws ConfigError with everything that is wrong, from all sections at once.
 */
export function parsePipeline(
  root: Node,
  file: string,
  surroundings: Surroundings,
): PipelineConfig {
  const findings = new Findings();
  const references = new Map<string, string>();
  const recorded: Surroundings = {
    ...surroundings,
    onReference: (reference, value) => void references.set(value, reference),
  };
  const parser = new PipelineParser(file, recorded, findings);
  const connector = connectorConfig(root);
  const pipeline = connector === null ? root : pipelineOfConnector(connector, recorded, findings);
  const config = pipeline.kind === "map" ? parser.parse(pipeline) : null;
  if (root.kind !== "map") {
    findings.problem(
      root.place,
      "",
      `the file holds ${nodeName(root)} and must be a map`,
      "Write source, sink and pipeline as its keys",
    );
  }
  if (findings.problems.length > 0 || config === null)
    throw new ConfigError(
      findings.problems.map((problem) => withReferences(problem, references)),
      findings.told,
    );
  return config;
}

/** Shorter ones are no secrets, and parts of other words. */
const LEAST_SECRET_CHARS = 6;

/** The problem with each reference in place of what was put in for it: that may be a secret, wherever it was put. */
function withReferences(problem: Problem, references: ReadonlyMap<string, string>): Problem {
  let { wrong, remedy } = problem;
  for (const [value, reference] of references)
    if (value.length >= LEAST_SECRET_CHARS)
      [wrong, remedy] = [
        wrong.replaceAll(value, () => reference),
        remedy.replaceAll(value, () => reference),
      ];
  return { ...problem, wrong, remedy };
}

class PipelineParser {
  readonly #file: string;
  readonly #surroundings: Surroundings;
  readonly #findings: Findings;
  /** What each section knows; empty where nobody knows what it is. */
  #names: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  /** Sections whose names are mistyped, as they were meant. */
  readonly #meant = new Set<string>();

  constructor(file: string, surroundings: Surroundings, findings: Findings) {
    this.#file = file;
    this.#surroundings = surroundings;
    this.#findings = findings;
  }

  parse(root: MapNode): PipelineConfig | null {
    this.#checkKeys(root);
    this.#names = namesOf(root);
    const surroundings = this.#surroundings;
    const findings = this.#findings;
    const pipeline = this.#pipeline(root);
    const source = this.#source(root);
    const sink = this.#sink(root);
    const routes = parseRoutes(entryOf(root, "route")?.value, surroundings, findings);
    const columnChoices = parseColumnChoices(
      entryOf(root, "transform")?.value,
      surroundings,
      findings,
    );
    if (pipeline === null || source === null || sink === null) return null;
    const settings = taskSettings({ pipeline, source, sink, findings });
    const parts = { name: pipeline.values.name, pipeline, settings, surroundings, findings };
    const sourceParts = { ...parts, sink: sink.kind, tellsBefore: tellsBefore(sink) };
    return {
      name: pipeline.values.name,
      file: this.#file,
      source: finishSource(source, sourceParts) satisfies SourceConfig,
      sink: finishSink(sink, { ...parts, source: source.kind }) satisfies SinkConfig,
      routes,
      columnChoices,
      routeMode: pipeline.values.routeMode,
      settings,
      memoryBudgetBytes: pipeline.values.memoryBudgetBytes,
      notices: inFileOrder(findings.told),
      places: findings.places,
      given: givenOptions(root, surroundings),
    };
  }

  #checkKeys(root: MapNode): void {
    for (const { key, keyPlace } of root.entries) {
      if (SECTIONS.includes(key)) continue;
      const nearest = nearestName(key, SECTIONS);
      if (nearest !== null) this.#meant.add(nearest);
      const remedy =
        nearest === null
          ? `Take it out; a pipeline has ${SECTIONS.join(", ")}`
          : `Did you mean ${nearest}?`;
      this.#findings.problem(keyPlace, key, "is not a section of a pipeline", remedy);
    }
  }

  #pipeline(root: MapNode): Section<typeof PIPELINE_OPTIONS> | null {
    const map = this.#map(root, "pipeline", "name: shop");
    if (map === null) return null;
    const mode = entryOf(map, "execution.runtime-mode");
    if (mode !== undefined) {
      this.#findings.fromFlink();
      this.#runtimeMode(mode.value);
    }
    return parseSection(map, PIPELINE_OPTIONS, {
      path: "pipeline",
      surroundings: this.#surroundings,
      findings: this.#findings,
      accepted: PIPELINE_ACCEPTED,
      reserved: ["execution.runtime-mode"],
      elsewhere: PIPELINE_REFUSED,
      others: this.#others("pipeline"),
    });
  }

  #runtimeMode(node: Node): void {
    if (node.kind === "scalar" && node.text.toUpperCase() === "STREAMING") return;
    this.#findings.problem(
      node.place,
      "pipeline.execution.runtime-mode",
      "is not STREAMING",
      "Take it out, and run with --until-caught-up to end after the load",
    );
  }

  #source(root: MapNode) {
    const found = this.#connector(root, "source", SOURCE_KINDS);
    if (found === null) return null;
    switch (found.kind) {
      case "postgres":
        return {
          kind: found.kind,
          section: this.#section(found.map, "source", SOURCE_KINDS.postgres),
        };
      case "mysql":
        return {
          kind: found.kind,
          section: this.#section(found.map, "source", SOURCE_KINDS.mysql),
        };
      case "kafka":
        return {
          kind: found.kind,
          section: this.#section(found.map, "source", SOURCE_KINDS.kafka),
        };
      case "dynamodb":
        return {
          kind: found.kind,
          section: this.#section(found.map, "source", SOURCE_KINDS.dynamodb),
        };
    }
  }

  #sink(root: MapNode) {
    const found = this.#connector(root, "sink", SINK_KINDS);
    if (found === null) return null;
    switch (found.kind) {
      case "dsql":
        return { kind: found.kind, section: this.#section(found.map, "sink", SINK_KINDS.dsql) };
      case "postgres":
        return { kind: found.kind, section: this.#section(found.map, "sink", SINK_KINDS.postgres) };
      case "kafka":
        return { kind: found.kind, section: this.#section(found.map, "sink", SINK_KINDS.kafka) };
      case "jsonl":
        return { kind: found.kind, section: this.#section(found.map, "sink", SINK_KINDS.jsonl) };
    }
  }

  #section<Kind extends ConnectorKind>(
    map: MapNode,
    path: string,
    kind: Kind,
  ): Section<Kind["options"]> {
    return parseSection<Kind["options"]>(map, kind.options, {
      path,
      surroundings: this.#surroundings,
      findings: this.#findings,
      accepted: kind.accepted,
      reserved: ["type"],
      elsewhere: kind.refused,
      others: this.#others(path),
    });
  }

  #others(path: string): ReadonlyMap<string, ReadonlySet<string>> {
    return new Map([...this.#names].filter(([section]) => section !== path));
  }

  #connector<Kinds extends Record<string, ConnectorKind>>(
    root: MapNode,
    role: "source" | "sink",
    kinds: Kinds,
  ): { kind: keyof Kinds & string; map: MapNode } | null {
    const known = Object.keys(kinds) as (keyof Kinds & string)[];
    const map = this.#map(root, role, `type: ${known[0]}`);
    if (map === null) return null;
    const node = entryOf(map, "type")?.value;
    if (node === undefined || node.kind !== "scalar" || node.empty) {
      this.#findings.problem(
        node?.place ?? map.place,
        `${role}.type`,
        "is missing",
        `Write type: ${known.join(" or ")}`,
      );
      return null;
    }
    const filled = interpolate(node.text, this.#surroundings);
    for (const { wrong, remedy } of filled.problems)
      this.#findings.problem(node.place, `${role}.type`, wrong, remedy);
    if (filled.problems.length > 0) return null;
    const kind = known.find((name) => name === filled.text);
    if (kind !== undefined) return { kind, map };
    const nearest = OTHER_NAMES.get(filled.text.toLowerCase()) ?? nearestName(filled.text, known);
    const remedy = nearest === null ? `Write ${known.join(" or ")}` : `Did you mean ${nearest}?`;
    this.#findings.problem(
      node.place,
      `${role}.type`,
      `"${node.text}" is not a ${role} that this version has`,
      remedy,
    );
    // What else is wrong with the block is told at once, by what was probably meant.
    const meant = known.find((name) => name === nearest);
    return meant === undefined ? null : { kind: meant, map };
  }

  #map(root: MapNode, name: string, example: string): MapNode | null {
    const entry = entryOf(root, name);
    if (entry === undefined && this.#meant.has(name)) return null;
    if (entry === undefined) {
      this.#findings.problem(
        root.place,
        name,
        "is missing",
        `Write ${name}: with ${example} and its options under it`,
      );
      return null;
    }
    if (entry.value.kind === "map") return entry.value;
    const what =
      entry.value.kind === "scalar" && entry.value.empty
        ? "is empty"
        : `is ${nodeName(entry.value)}`;
    this.#findings.problem(
      entry.value.place,
      name,
      `${what} and must be a map`,
      `Write ${example} and its options under it, indented`,
    );
    return null;
  }
}

/** The options of the sections, of connectors as far as their types are told. */
function namesOf(root: MapNode): ReadonlyMap<string, ReadonlySet<string>> {
  const names = (table: object) =>
    new Set(Object.values(table as OptionTable).map((option) => option.name));
  const of = (role: string, kinds: Readonly<Record<string, ConnectorKind>>) => {
    const map = entryOf(root, role)?.value;
    const type = map?.kind === "map" ? entryOf(map, "type")?.value : undefined;
    const kind = type?.kind === "scalar" && Object.hasOwn(kinds, type.text) && kinds[type.text];
    return kind ? names(kind.options) : new Set<string>();
  };
  return new Map([
    ["source", of("source", SOURCE_KINDS)],
    ["sink", of("sink", SINK_KINDS)],
    ["pipeline", names(PIPELINE_OPTIONS)],
  ]);
}

/** Whether the sink has a use for the row as it was before a change. */
function tellsBefore(sink: ParsedSink): boolean {
  if (sink.kind !== "kafka") return true;
  const { valueFormat, envelopeAdd } = sink.section.values;
  if (valueFormat === "plain-json") return false;
  return valueFormat !== "dynamodb-envelope" || envelopeAdd?.includes("before") === true;
}
