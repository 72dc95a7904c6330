import { checkNewPipeline, checkServers } from "./check-pipeline.ts";
import type { PipelineFinding } from "./pipeline-finding.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { ConfigError, ended, formatPlace } from "./config/problem.ts";
import { CATALOGUE } from "./errors/catalogue.ts";
import type { ErrorCode } from "./errors/catalogue.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { isBug } from "./errors/own-fault.ts";
import type { Extensions } from "./extensions.ts";
import { readKnownPipeline } from "./known-pipeline.ts";
import { silentLogger } from "./model/ports.ts";
import type { ConnectorContext } from "./model/source.ts";

/**
 * Asks the sink before anything is touched. A pipeline that has never written to it is held against everything that
 * `validate --connect` looks at; one that has knows its way, and its targets may lag behind the source's shapes.
 * @returns what the operator should know before the first load.
 * @throws MillraceError where a server cannot be reached, or has something against a first start.
 */
export async function checkFirstStart(
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<readonly string[]> {
  const unseen = await unseenState(config, context, extensions);
  if (unseen === "known") return [];
  // What the check's own source and sink would log, those of the run log.
  const findings = await checkServers(config, { ...context, log: silentLogger }, extensions);
  const against = inTheWay(config, findings);
  if (against.length > 0) throw refusal(against);
  if (unseen !== "new") throw unseen;
  return cautionsIn(findings);
}

/**
 * What the operator should know before a first start of topics. What stands against it each share says for itself.
 * @returns nothing of a pipeline that has begun, or that nobody can ask about.
 */
export async function cautionsOfStart(
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<readonly string[]> {
  if (config.source.kind !== "kafka") return [];
  try {
    if (await isKnown(config, context, extensions)) return [];
    return cautionsIn(
      await checkNewPipeline(config, { ...context, log: silentLogger }, extensions),
    );
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    return [];
  }
}

function cautionsIn(findings: readonly PipelineFinding[]): readonly string[] {
  return findings
    .filter(({ atStart }) => atStart === true)
    .map(({ what, whatFollows, remedy }) => `${what} ${whatFollows} ${remedy}`);
}

/**
 * A start that the source refuses, with all else that `validate --connect` has against it, so that nobody mends one thing
 * only to be told of the next. What a sink says of a pipeline that has begun is left out: its targets may lag behind the
 * source's shapes.
 */
export async function withAllElse(
  refused: unknown,
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<unknown> {
  if (!(refused instanceof MillraceError)) return refused;
  try {
    const [hasBegun, findings] = [
      await isKnown(config, context, extensions).catch(() => false),
      await checkServers(config, context, extensions),
    ];
    const against = inTheWay(config, findings).filter(({ about }) => !hasBegun || about !== "sink");
    const told = refused instanceof ConfigError ? refused.problems.length : 1;
    return against.length > told ? refusal(against) : refused;
  } catch {
    return refused;
  }
}

/** What keeps the pipeline from starting. */
function inTheWay(
  config: PipelineConfig,
  findings: readonly PipelineFinding[],
): readonly PipelineFinding[] {
  return findings.filter(
    ({ severity, code }) => severity === "error" && !isMetByPolicy(config, code),
  );
}

/** Whether the pipeline has begun; who may not see that is told it with all else. @throws MillraceError of a sink that cannot be asked. */
async function unseenState(
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<"known" | "new" | MillraceError> {
  try {
    return (await isKnown(config, context, extensions)) ? "known" : "new";
  } catch (thrown) {
    if (thrown instanceof MillraceError && thrown.class === "config") return thrown;
    throw thrown;
  }
}

/** Lane rows say nothing: `cleanup --state` leaves them, for the fence. */
async function isKnown(
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<boolean> {
  return (await readKnownPipeline(config, context, extensions)) !== null;
}

/** A slot that lost its log is made anew where the policy says so. */
function isMetByPolicy({ source }: PipelineConfig, code: string | undefined): boolean {
  return code === "MR_SOURCE_SLOT_LOST" && source.onLoss === "resync";
}

/** All that is in the way, as one error. */
export function refusal(against: readonly PipelineFinding[]): MillraceError {
  const [first, ...others] = against;
  const code = codeOf(first);
  if (first !== undefined && others.length === 0)
    return new MillraceError(code, sentence(first), { class: "config", remedy: first.remedy });
  const lines = against.map((finding) => `\n  ${lineOf(finding)}`);
  return new MillraceError(
    code,
    `${against.length} things are in the way, and nothing was touched:${lines.join("")}`,
    { class: "config", remedy: "Mend all of them; `millrace validate --connect` shows them too." },
  );
}

/** What is about the file is a whole sentence with its place and its remedy. */
function lineOf(finding: PipelineFinding): string {
  const { about, place, what, remedy } = finding;
  if (about === "file") return what;
  return `${place === undefined ? `${about}: ` : ""}${sentence(finding)} ${remedy}`;
}

function sentence({ place, what, whatFollows }: PipelineFinding): string {
  return `${place === undefined ? "" : `${formatPlace(place)}: `}${ended(what)} ${whatFollows}`;
}

function codeOf(finding: PipelineFinding | undefined): ErrorCode {
  const code = finding?.code;
  if (code !== undefined && isErrorCode(code)) return code;
  return finding?.about === "sink" ? "MR_SINK_REFUSED" : "MR_SOURCE_REFUSED";
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(CATALOGUE, code);
}
