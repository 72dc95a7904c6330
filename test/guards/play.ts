import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestName } from "./guard.ts";

/** What a test said. `hung`: it did not end in time, which is red too. `missing`: no test of that name ran. */
export type Outcome = "green" | "red" | "hung" | "missing";

/** What it said, and where it is red the first line of why: a test that only timed out on a busy machine missed nothing. */
export interface Played {
  readonly outcome: Outcome;
  readonly why: string | null;
}

const LIMIT_MS = 600_000;
const LONGEST_WHY = 240;

interface Assertion {
  readonly title: string;
  readonly status: string;
  readonly failureMessages?: readonly string[];
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly Assertion[];
  }[];
}

/** Runs one test of the tree at `folder` by vitest. */
export async function play(folder: string, test: TestName): Promise<Played> {
  const out = mkdtempSync(join(folder, ".outcome-"));
  const report = join(out, "report.json");
  const pattern = test.name.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  const args = ["run", test.file, "-t", pattern, "--reporter=json", `--outputFile.json=${report}`];
  try {
    const ended = await runVitest(folder, args);
    return ended ? read(report, test.name) : { outcome: "hung", why: null };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function runVitest(folder: string, args: readonly string[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const program = join(folder, "node_modules", ".bin", "vitest");
  const child = spawn(program, args, { cwd: folder, stdio: "ignore", detached: true });
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    resolve(false);
  }, LIMIT_MS);
  child.on("close", () => {
    clearTimeout(timer);
    resolve(true);
  });
  return promise;
}

function read(file: string, name: string): Played {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    return { outcome: "missing", why: null }; // it did not even load
  }
  const all = report.testResults.flatMap((result) => result.assertionResults);
  const played = all.filter(
    ({ title, status }) => title.startsWith(name) && (status === "passed" || status === "failed"),
  );
  if (played.length === 0) return { outcome: "missing", why: null };
  const failed = played.find(({ status }) => status === "failed");
  if (failed === undefined) return { outcome: "green", why: null };
  return { outcome: "red", why: firstLines(failed.failureMessages?.[0] ?? "") };
}

/** Enough of a failure's message to tell an expectation from a timeout, in one line. */
function firstLines(message: string): string {
  const [said = ""] = message.split("\n    at ");
  return said.replaceAll(/\s+/g, " ").slice(0, LONGEST_WHY);
}
