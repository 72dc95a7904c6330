// How many tests passed and failed, from vitest's JSON report. What did not run did not pass.

/**
 * @param {object | undefined} report vitest's JSON; undefined where it ended before it wrote one
 * @param {number} exitCode vitest's
 * @returns {{ passed: number, failed: number, failures: string[] }} counts, and the names of what failed
 */
export function countTests(report, exitCode) {
  if (report === undefined)
    return { passed: 0, failed: 1, failures: [`vitest (exit code ${exitCode})`] };
  const failures = report.testResults.flatMap(failuresOf);
  // An error outside of any test (an unhandled rejection, a failed set-up) shows in the exit code alone.
  if (exitCode !== 0 && failures.length === 0) failures.push(`vitest (exit code ${exitCode})`);
  return { passed: report.numPassedTests, failed: failures.length, failures };
}

/** A file that could not be loaded counts as one; so does every test that failed or was skipped. */
function failuresOf(file) {
  const bad = file.assertionResults
    .filter(({ status }) => status !== "passed")
    .map(
      ({ status, fullName }) =>
        `${file.name}: ${fullName}${status === "failed" ? "" : ` (${status})`}`,
    );
  if (bad.length === 0 && file.status !== "passed")
    return [`${file.name}: ${firstLine(file.message)}`];
  return bad;
}

function firstLine(text = "") {
  return text.split("\n")[0] || "could not be run";
}

/**
 * The files that took longest, so that a run stays short.
 * @param {object | undefined} report vitest's JSON
 * @returns {{ name: string, seconds: number }[]} at most `count`, the slowest first
 */
export function slowestFiles(report, count) {
  return (report?.testResults ?? [])
    .map(({ name, startTime, endTime }) => ({ name, seconds: (endTime - startTime) / 1000 }))
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, count);
}

/** The line that `npm test` ends with. */
export function lastLine(passed, failed) {
  return `${passed} passed, ${failed} failed`;
}
