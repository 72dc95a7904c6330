import { loadConfig } from "../config/load.ts";
import type { PipelineConfig } from "../config/pipeline-config.ts";
import { ConfigError, formatNotice, formatProblem } from "../config/problem.ts";
import type { Notice, Problem } from "../config/problem.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** What `validate` was asked for. */
export interface ValidateOptions {
  readonly files: readonly string[];
  readonly connect: boolean;
  readonly json: boolean;
}

/** What was found about one file. */
interface Verdict {
  readonly file: string;
  readonly pipeline: string | null;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly notices: readonly Notice[];
}

/** Says everything that is wrong with some files. Exit 0 when nothing is, else 2. */
export function validateCommand(options: ValidateOptions, io: CliSurroundings): Promise<number> {
  const verdicts = options.files.map((file) => verdictOf(file, io.env));
  if (options.json) io.stdout.write(`${JSON.stringify({ files: verdicts })}\n`);
  else io.stdout.write(verdicts.map(verdictText).join(""));
  return Promise.resolve(verdicts.every(({ valid }) => valid) ? EXIT.done : EXIT.invalid);
}

function verdictOf(file: string, env: CliSurroundings["env"]): Verdict {
  try {
    const { name, notices }: PipelineConfig = loadConfig(file, env);
    return { file, pipeline: name, valid: true, problems: [], notices };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { file, pipeline: null, valid: false, problems: error.problems, notices: [] };
  }
}

function verdictText({ file, pipeline, valid, problems, notices }: Verdict): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = [
    ...problems.map(formatProblem),
    ...notices.map((notice) => `${formatNotice(notice)} (notice)`),
    valid ? `${file}: pipeline ${pipeline ?? ""} is valid` : `${file}: ${count}`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}
