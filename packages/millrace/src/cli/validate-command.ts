import { checkPipeline } from "../check-pipeline.ts";
import type { PipelineFinding } from "../pipeline-finding.ts";
import { loadConfig } from "../config/load.ts";
import type { PipelineConfig } from "../config/pipeline-config.ts";
import { ConfigError, ended, formatNotice, formatPlace, formatProblem } from "../config/problem.ts";
import type { Notice, Problem } from "../config/problem.ts";
import { interruptible } from "./interrupted.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** What `validate` was asked for. */
export interface ValidateOptions {
  readonly files: readonly string[];
  readonly connect: boolean;
  readonly json: boolean;
}

/** What was found about one file. */
export interface Verdict {
  readonly file: string;
  readonly pipeline: string | null;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly notices: readonly Notice[];
  /** What the servers say, with `--connect`. */
  readonly findings?: readonly PipelineFinding[];
}

/** Says everything that is wrong with some files. Exit 0 when nothing is, else 2. */
export async function validateCommand(
  options: ValidateOptions,
  io: CliSurroundings,
): Promise<number> {
  const verdicts: Verdict[] = [];
  for (const file of options.files) verdicts.push(await verdictOf(file, options.connect, io));
  if (options.json) io.stdout.write(`${JSON.stringify({ files: verdicts })}\n`);
  else io.stdout.write(verdicts.map(verdictText).join(""));
  return verdicts.every(({ valid }) => valid) ? EXIT.done : EXIT.invalid;
}

async function verdictOf(file: string, connect: boolean, io: CliSurroundings): Promise<Verdict> {
  let config: PipelineConfig;
  try {
    config = loadConfig(file, io.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems, notices } = error;
    return { file, pipeline: null, valid: false, problems, notices };
  }
  const verdict = {
    file,
    pipeline: config.name,
    valid: true,
    problems: [],
    notices: config.notices,
  };
  if (!connect) return verdict;
  const left = "not everything was looked at, and nothing was written";
  const findings = await interruptible(io, { left }, () =>
    checkPipeline(file, { env: io.env, clock: io.clock }),
  );
  return { ...verdict, valid: findings.every(({ severity }) => severity !== "error"), findings };
}

/** What is found about a file, as lines: what stops it first, then risks, then what is worth knowing. */
export function verdictText({
  file,
  pipeline,
  valid,
  problems,
  notices,
  findings,
}: Verdict): string {
  const ofKind = (kind: PipelineFinding["severity"]) =>
    (findings ?? []).filter(({ severity }) => severity === kind);
  const [errors, warnings, more] = [ofKind("error"), ofKind("warning"), ofKind("notice")];
  const counts = [
    ...counted(problems.length + errors.length, "problem"),
    ...counted(warnings.length, "warning"),
    ...counted(notices.length + more.length, "notice"),
  ];
  const isFileAlone = valid && findings === undefined;
  const unasked = isFileAlone ? "; no server was asked: validate --connect does" : "";
  const lines = [
    ...problems.map(formatProblem),
    ...errors.map(findingText),
    ...warnings.map(findingText),
    ...notices.map((notice) => `${formatNotice(notice)} (notice)`),
    ...more.map(findingText),
    `${file}: ${[...(valid ? [`pipeline ${pipeline ?? ""} is valid`] : []), ...counts].join(", ")}${unasked}`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function counted(count: number, what: string): string[] {
  if (count === 0) return [];
  return [count === 1 ? `1 ${what}` : `${count} ${what}s`];
}

/** A finding as a line. */
export function findingText(finding: PipelineFinding): string {
  const { about, place, severity, what, whatFollows, remedy } = finding;
  const where = place === undefined ? about : formatPlace(place);
  const said = about === "file" ? [what] : [`${where}: ${ended(what)}`, whatFollows, ended(remedy)];
  return `${said.join(" ")}${severity === "error" ? "" : ` (${severity})`}`;
}
