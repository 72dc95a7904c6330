import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestName } from "./guard.ts";

/** What a test said. `hung`: it did not end in time, which is red too. `missing`: no test of that name ran. */
export type Outcome = "green" | "red" | "hung" | "missing";

const LIMIT_MS = 240_000;

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/** Runs one test of the tree at `folder` by vitest. */
export async function play(folder: string, test: TestName): Promise<Outcome> {
  const out = mkdtempSync(join(folder, ".outcome-"));
  const report = join(out, "report.json");
  const pattern = test.name.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  const args = ["run", test.file, "-t", pattern, "--reporter=json", `--outputFile.json=${report}`];
  try {
    const ended = await runVitest(folder, args);
    return ended ? read(report, test.name) : "hung";
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

function read(file: string, name: string): Outcome {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    return "missing"; // it did not even load
  }
  const all = report.testResults.flatMap((result) => result.assertionResults);
  const played = all.filter(
    ({ title, status }) => title.startsWith(name) && (status === "passed" || status === "failed"),
  );
  if (played.length === 0) return "missing";
  return played.some(({ status }) => status === "failed") ? "red" : "green";
}
