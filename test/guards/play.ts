import { spawn, type StdioOptions } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { TestName } from "./guard.ts";

/** What a test said. `hung`: it did not end in time, which is red too. `missing`: no test of that name ran. */
export type Outcome = "green" | "red" | "hung" | "missing";

/**
 * What it said, and where it is red the first line of why: a test that only timed out on a busy machine missed nothing. Where no
 * test ran, what vitest said last of an error: servers that did not start on a busy machine look the same as a test that is gone.
 */
export interface Played {
  readonly outcome: Outcome;
  readonly why: string | null;
}

/** Of one test, and of each of many that are run at once. */
const LIMIT_MS = 600_000;
const LIMIT_OF_EACH_MS = 60_000;
const LONGEST_WHY = 240;

interface Assertion {
  readonly title: string;
  readonly status: string;
  readonly failureMessages?: readonly string[];
}

interface Report {
  readonly testResults: readonly {
    /** The path of the file. */
    readonly name: string;
    /** Why none of its tests ran, where that is so. */
    readonly message?: string;
    readonly assertionResults: readonly Assertion[];
  }[];
}

/** With every guard in place a test has to be green, however busy the machine is: no limit of its own speaks against it. */
const PATIENT = "--testTimeout=300000";

/** Runs one test of the tree at `folder` by vitest, without its guard; the first of several of its name that fails is enough. */
export function playWithout(folder: string, test: TestName): Promise<Played> {
  return playOne(folder, test, ["--bail=1"]);
}

/** The same, with every guard in place. */
export function playWhole(folder: string, test: TestName): Promise<Played> {
  return playOne(folder, test, ["--bail=1", PATIENT]);
}

/** Runs many at once, with every guard in place and each of them to its end: what they said, in their order. */
export function playEach(folder: string, tests: readonly TestName[]): Promise<readonly Played[]> {
  const limitMs = LIMIT_MS + tests.length * LIMIT_OF_EACH_MS;
  return run(folder, tests, { args: [PATIENT], limitMs });
}

async function playOne(folder: string, test: TestName, args: readonly string[]): Promise<Played> {
  const [played] = await run(folder, [test], { args, limitMs: LIMIT_MS });
  return played ?? MISSING;
}

const MISSING: Played = { outcome: "missing", why: null };

async function run(
  folder: string,
  tests: readonly TestName[],
  { args, limitMs }: { readonly args: readonly string[]; readonly limitMs: number },
): Promise<readonly Played[]> {
  const out = mkdtempSync(join(folder, ".outcome-"));
  const report = join(out, "report.json");
  const errors = join(out, "errors.txt");
  const files = [...new Set(tests.map(({ file }) => file))];
  const names = [...new Set(tests.map(({ name }) => pattern(name)))].join("|");
  const json = ["--reporter=json", `--outputFile.json=${report}`];
  try {
    const options = ["run", ...files, "-t", names, ...args, ...json];
    const ended = await runVitest(folder, options, { errors, limitMs });
    if (!ended) return tests.map(() => ({ outcome: "hung", why: null }));
    const played = tests.map((test) => read(report, test));
    const said = lastError(readFileSync(errors, "utf8"));
    return played.map((each) => (each === MISSING ? { ...each, why: said } : each));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function pattern(name: string): string {
  return name.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}

/** Whether it ended in time. What it says of errors goes into `errors`: a pipe would be kept open by servers that outlive it. */
function runVitest(
  folder: string,
  args: readonly string[],
  { errors, limitMs }: { readonly errors: string; readonly limitMs: number },
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const program = join(folder, "node_modules", ".bin", "vitest");
  const said = openSync(errors, "w");
  const stdio: StdioOptions = ["ignore", "ignore", said];
  const child = spawn(program, args, { cwd: folder, stdio, detached: true });
  closeSync(said);
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    resolve(false);
  }, limitMs);
  child.on("close", () => {
    clearTimeout(timer);
    resolve(true);
  });
  return promise;
}

/** The last that vitest says of an error outside a test: of servers that did not start. */
function lastError(said: string): string | null {
  const lines = stripVTControlCharacters(said).split("\n");
  const line = lines.findLast((each) => /^\s*\w*Error\b/.test(each));
  return line === undefined ? null : firstLines(line.trim());
}

function read(file: string, { file: path, name }: TestName): Played {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    return MISSING; // it did not even load
  }
  const ofFile = report.testResults.filter((result) => result.name.endsWith(path));
  const all = ofFile.flatMap((result) => result.assertionResults);
  const played = all.filter(
    ({ title, status }) => title.startsWith(name) && (status === "passed" || status === "failed"),
  );
  const [message = ""] = ofFile.flatMap((result) => result.message ?? []);
  if (played.length === 0 && message !== "") return { ...MISSING, why: firstLines(message) };
  if (played.length === 0) return MISSING;
  const failed = played.find(({ status }) => status === "failed");
  if (failed === undefined) return { outcome: "green", why: null };
  return { outcome: "red", why: firstLines(failed.failureMessages?.[0] ?? "") };
}

/** Enough of a failure's message to tell an expectation from a timeout, in one line. */
function firstLines(message: string): string {
  const [said = ""] = message.split("\n    at ");
  return said.replaceAll(/\s+/g, " ").slice(0, LONGEST_WHY);
}
