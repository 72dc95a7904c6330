// npm test: every check and every test; the last line is `N passed, N failed`.
// With arguments (`npm test -- frontier`) only the tests whose path contains one of them.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { run } from "./run.mjs";
import { bringServers } from "./servers.mjs";
import { findNode, root, setUp } from "./setup.mjs";
import { countTests, lastLine, slowestFiles } from "./test-counts.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);
const resultFile = join(root, ".cache", "test-results.json");

/** Every check counts as one; a name, and the command that exits 0 where all is well. */
const checks = [
  ["format (oxfmt)", () => [bin("oxfmt"), "--check", "."]],
  ["lint (oxlint, type-aware)", () => [bin("oxlint"), "--type-aware"]],
  ["types (tsc)", () => [bin("tsc"), "-p", "tsconfig.json"]],
  ["rooms (imports)", () => [findNode(), "scripts/check-rooms.mjs"]],
  ["files (hosts, lock, casts)", () => [findNode(), "scripts/check-files.mjs"]],
  ["docs (links, index)", () => [findNode(), "scripts/check-docs.mjs"]],
  ["invariants (their files and tests)", () => [findNode(), "scripts/check-invariants.mjs"]],
  [
    "unused code and dependencies (knip)",
    () => [bin("knip"), "--no-progress", "--no-config-hints"],
  ],
  ["build and pack", () => [findNode(), "scripts/build.mjs", "--quiet"]],
  ["packages (publint)", () => publint()],
];

function publint() {
  const folder = join(root, "dist", "packages");
  const each = readdirSync(folder).map(
    (name) => `${bin("publint")} --strict ${join(folder, name)}`,
  );
  return ["/bin/sh", "-c", each.join(" && ")];
}

/** Runs one check; its output is shown where it fails or warns. */
async function runCheck([name, command]) {
  const started = performance.now();
  const { passed, output } = await attempt(command);
  const took = seconds(started);
  console.log(`${passed ? "✓" : "✗"} ${name} ${took} s`);
  const notable = passed ? linesWith(output, /warning/i) : output.trimEnd();
  if (notable) console.log(notable.replace(/^/gm, "    "));
  return { name, passed };
}

async function attempt(command) {
  try {
    const [program, ...args] = command();
    return await capture(program, args);
  } catch (error) {
    return { passed: false, output: String(error) };
  }
}

function capture(program, args) {
  const path = `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`;
  const env = { ...process.env, PATH: path, NO_COLOR: "1" };
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (text) => (output += String(text)));
    child.stderr.on("data", (text) => (output += String(text)));
    child.on("error", (error) => resolve({ passed: false, output: String(error) }));
    child.on("close", (code) => resolve({ passed: code === 0, output }));
  });
}

function linesWith(output, pattern) {
  return output
    .split("\n")
    .filter(
      (line) => pattern.test(line) && !/\b0 warnings\b/.test(line) && !line.startsWith("npm warn"),
    )
    .join("\n");
}

/** All tests by vitest, whose own report is shown as it comes. */
async function runTests(filters, env) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  rmSync(resultFile, { force: true });
  const args = ["run", ...filters, "--reporter=default", "--reporter=json"];
  const { code } = await run(bin("vitest"), [...args, `--outputFile.json=${resultFile}`], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const report = readResults();
  if (filters.length === 0) {
    const slowest = slowestFiles(report, 15).map(
      ({ name, seconds: took }) => `  ${took.toFixed(1)} s ${name.replace(`${root}/`, "")}`,
    );
    console.log(`\nThe files that took longest:\n${slowest.join("\n")}`);
  }
  return countTests(report, code ?? 1);
}

function readResults() {
  try {
    return JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    return undefined;
  }
}

function seconds(since) {
  return ((performance.now() - since) / 1000).toFixed(1);
}

async function main(filters) {
  await setUp();
  const started = performance.now();
  // While the checks run. With arguments the tests that need a server bring it themselves.
  const servers = filters.length > 0 ? {} : bringServers();
  const outcomes = [];
  for (const check of filters.length > 0 ? [] : checks) outcomes.push(await runCheck(check));
  const tests = await runTests(filters, await servers);
  console.log(`\nEverything took ${seconds(started)} s.`);
  for (const { name } of outcomes.filter(({ passed }) => !passed)) console.log(`failed: ${name}`);
  for (const name of tests.failures) console.log(`failed: ${name.replace(root, "")}`);
  const passed = outcomes.filter((outcome) => outcome.passed).length + tests.passed;
  const failed = outcomes.filter((outcome) => !outcome.passed).length + tests.failed;
  console.log(lastLine(passed, failed));
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await main(process.argv.slice(2));
