// Makes a checkout ready: installs what package-lock.json names, once, and says what it is doing.
// Plain JavaScript without dependencies, since it runs before anything is installed, on any Node ≥ 20.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { explainFailure, isInstalled, obstacles } from "./explain.mjs";
import { makeLinks, postgresPackages } from "./hydrate.mjs";
import { underLock } from "./lock.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));
const nodeModules = join(root, "node_modules");
const stampFile = join(nodeModules, ".millrace-setup");
const lockFile = join(root, "package-lock.json");
const cacheFolder = join(root, ".cache");

/** Node 24 or newer: the one that npm installed here, else the one that runs this, if it is new enough. */
export function findNode() {
  const ours = join(nodeModules, ".bin", "node");
  if (existsSync(ours)) return ours;
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath;
  throw new SetupError(
    "Node 24 was not installed (npm left out optional packages).",
    "run `npm ci --include=optional` in this folder, or use a Node from 24 on",
  );
}

/** A failure that the user can mend. */
class SetupError extends Error {
  constructor(reason, remedy) {
    super(`${reason}\n  What to do: ${remedy}`);
  }
}

/**
 * Installs what is missing. Returns at once where nothing is; ends the process with 1 and an
 * explanation where it cannot be done.
 */
export async function setUp() {
  try {
    if (readText(stampFile) === stamp()) return;
    const waiting = () => say("another command is setting this checkout up; waiting for it …");
    // Two commands started at once on a fresh checkout: the second waits for the first.
    await underLock(join(cacheFolder, "setup.lock"), waiting, async () => {
      if (readText(stampFile) === stamp()) return;
      if (!isInstalled(readJson(lockFile), readJson(join(nodeModules, ".package-lock.json")))) {
        checkMachine();
        await install();
      }
      finish();
    });
  } catch (error) {
    console.error(`\nmillrace: setting up failed: ${error.message}`);
    process.exit(1);
  }
}

/** Changes whenever another installation is needed. */
function stamp() {
  const hash = createHash("sha256").update(readFileSync(lockFile));
  return hash.update(`${process.platform}-${process.arch}`).digest("hex");
}

function checkMachine() {
  const found = obstacles({
    nodeVersion: process.versions.node,
    npmVersion: npmVersion(),
    platform: process.platform,
    arch: process.arch,
    musl: hasMusl(),
    freeBytes: freeBytes(),
  });
  if (found.length > 0) throw new Error(found.join("\n  "));
}

async function install() {
  say("installing dependencies, once (about 250 MB to download, 630 MB on disk) …");
  const started = Date.now();
  // Newer npm runs no install scripts and older ones do: without them it is the same everywhere.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--include=dev"];
  args.push("--include=optional", "--engine-strict=false", "--loglevel=error");
  // A download that stalls is asked for again; npm's own patience is five minutes.
  args.push("--fetch-timeout=60000");
  // npm would try for more than a minute before it says that there is no network.
  args.push("--fetch-retries=3", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000");
  const { code, output } = await runNpm(args);
  if (code !== 0) throw failureOf(output);
  say(`dependencies installed in ${seconds(started)} s.`);
}

/** What does not depend on npm: links, a Node that runs, the stamp. */
function finish() {
  for (const folder of postgresPackages(nodeModules)) makeLinks(folder);
  const node = findNode();
  try {
    execFileSync(node, ["--version"], { stdio: "pipe" });
  } catch (error) {
    throw new SetupError(
      `The installed Node does not run here: ${error.message}`,
      "use a Linux with glibc 2.28 or newer, or macOS 13.5 or newer",
    );
  }
  writeFileSync(stampFile, stamp());
}

function failureOf(output) {
  mkdirSync(cacheFolder, { recursive: true });
  const logFile = join(cacheFolder, "setup.log");
  writeFileSync(logFile, output);
  const known = explainFailure(output);
  const lastLines = output.trim().split("\n").slice(-12).join("\n  ");
  if (known)
    return new SetupError(`${known.reason}.`, `${known.remedy}.\n  npm's words: ${logFile}`);
  return new SetupError(
    `npm said:\n  ${lastLines}`,
    `mend that and run this again (all of it: ${logFile})`,
  );
}

function runNpm(args) {
  const { command, first } = npmCommand();
  return new Promise((resolve) => {
    const child = spawn(command, [...first, ...args], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const keep = (text) => (output += String(text));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const stop = showProgress();
    const done = (code) => {
      stop();
      resolve({ code, output });
    };
    child.on("error", (error) => done((keep(error.message), 1)));
    child.on("close", done);
  });
}

/** A line that grows on a terminal, a line every ten seconds elsewhere. */
function showProgress() {
  const started = Date.now();
  const wanted = Object.keys(readJson(lockFile).packages ?? {}).filter((path) =>
    path.startsWith("node_modules/"),
  );
  const isTerminal = process.stderr.isTTY === true;
  const show = () => {
    const there = wanted.filter((path) => existsSync(join(root, path, "package.json"))).length;
    const line = `  ${seconds(started)} s, ${there} of at most ${wanted.length} packages`;
    process.stderr.write(isTerminal ? `\r${line} ` : `${line}\n`);
  };
  const timer = setInterval(show, isTerminal ? 500 : 10_000);
  return () => {
    clearInterval(timer);
    if (isTerminal) process.stderr.write("\r\u001B[K");
  };
}

/** npm as it was called, else the one on the PATH. */
function npmCommand() {
  const path = process.env.npm_execpath;
  if (path && /npm-cli\.c?js$/.test(path) && existsSync(path)) {
    return { command: process.execPath, first: [path] };
  }
  return { command: "npm", first: [] };
}

function npmVersion() {
  const { command, first } = npmCommand();
  try {
    return execFileSync(command, [...first, "--version"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return undefined;
  }
}

function hasMusl() {
  if (process.platform !== "linux") return false;
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}

function freeBytes() {
  try {
    const { bavail, bsize } = statfsSync(root);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

function readText(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function readJson(path) {
  return JSON.parse(readText(path) ?? "{}");
}

function seconds(since) {
  return Math.round((Date.now() - since) / 1000);
}

function say(text) {
  console.error(`millrace: ${text}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await setUp();
