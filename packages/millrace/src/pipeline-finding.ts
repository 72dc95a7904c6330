import { ConfigError, formatProblem } from "./config/problem.ts";
import type { Place, Problem } from "./config/problem.ts";
import { finalRemedy } from "./errors/final-remedy.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import type { Finding } from "./model/finding.ts";

/** A finding, and which server it is about. */
export interface PipelineFinding extends Finding {
  readonly about: "source" | "sink" | "file";
  /** Where the option stands that it is about. */
  readonly place?: Place;
}

/** What is about the file is a whole sentence; of a server's it has its place, and its remedy, beside it. */
function saidOf(problem: Problem, about: PipelineFinding["about"]) {
  const { place, path, wrong } = problem;
  return about === "file" ? { what: formatProblem(problem) } : { what: `${path}: ${wrong}`, place };
}

/** An error that a start would end with, as findings. Throws what is no MillraceError. */
export function findingsOf(error: unknown, about: PipelineFinding["about"]): PipelineFinding[] {
  if (!(error instanceof MillraceError)) throw error;
  const whatFollows = "The pipeline would not start.";
  if (error instanceof ConfigError) {
    return error.problems.map((problem) => ({
      about,
      severity: "error",
      ...saidOf(problem, about),
      whatFollows,
      remedy: problem.remedy,
    }));
  }
  const { code, detail: what } = error;
  const remedy = finalRemedy(error);
  const option = error.facts["option"];
  const named = typeof option === "string" ? { option } : {};
  return [{ about, severity: "error", what, whatFollows, remedy, code, ...named }];
}
