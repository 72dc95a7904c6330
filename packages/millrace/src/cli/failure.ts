import { ConfigError, formatProblem } from "../config/problem.ts";
import { finalRemedy } from "../errors/final-remedy.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import { safeStack } from "../errors/safe-text.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** A failure as `--json` shows it. */
export function failureDocument(error: unknown): Record<string, unknown> {
  const failure = toMillraceError(error, "MR_BUG");
  return {
    error: {
      code: failure.code,
      message: failure.detail,
      remedy: finalRemedy(failure),
      ...(failure instanceof ConfigError ? { problems: failure.problems } : {}),
    },
  };
}

/** Tells a failure: its place, reason and remedy, as lines or as one JSON document. */
export function tellFailure(error: unknown, json: boolean, io: CliSurroundings): void {
  if (json) io.stdout.write(`${JSON.stringify(failureDocument(error))}\n`);
  else io.stderr.write(failureText(error));
}

/** A failure as lines: its place, reason and remedy. */
export function failureText(error: unknown): string {
  if (error instanceof ConfigError) {
    const { code, problems } = error;
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const lines = [...problems.map(formatProblem), `${code}: ${count}; nothing was touched.`];
    return lines.map((line) => `${line}\n`).join("");
  }
  const failure = toMillraceError(error, "MR_BUG");
  const stack = failure.class === "bug" ? `${stackOf(failure)}\n` : "";
  return `${failure.code}: ${failure.detail}\n  ${finalRemedy(failure)}\n${stack}`;
}

function stackOf(failure: MillraceError): string {
  return safeStack(failure.cause instanceof Error ? failure.cause : failure);
}

/**
 * The exit code of a failure before the work began: what the operator must change, or a server that is not there, is
 * invalid input (2); all else has failed (1).
 */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof MillraceError) || error.code === "MR_ANSWER_LATE") return EXIT.failed;
  return error.class === "config" || error.class === "transient" ? EXIT.invalid : EXIT.failed;
}
