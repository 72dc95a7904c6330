// Python for the tests that compare with programs written in it, and what pip brings for them: the machine's Python where it
// has pip, else one out of Debian's (or Ubuntu's) packages. Without dependencies, on any Node ≥ 20.
import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { programCommand } from "./debian-packages.mjs";

const runFile = promisify(execFile);
const leastPython = [3, 9];
const ownProgram = "usr/bin/python3";
const ownAuthorities = "ca-certificates.crt";
const machineAuthorities = "/etc/ssl/certs/ca-certificates.crt";
const wheels = "usr/share/python-wheels";

/** In a folder of packages: the Python that they were brought for, since some of them run with its version only. */
const recordName = "millrace-python.json";

/** A Python that is missing, too old, or without pip. */
export class NoPython extends Error {}

/** pip ran, and did not bring what was wanted. */
export class PipFailed extends Error {}

/** The machine's Python, where it is new enough and has pip. Throws {@link NoPython}. */
export function findPython(environment = process.env) {
  const found = (environment.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "python3"))
    .find((path) => existsSync(path));
  if (found === undefined) throw new NoPython("python3 is missing");
  const python = askPython(found);
  if (python === undefined) throw new NoPython("python3 does not run");
  const [major = 0, minor = 0] = python.version.split(".").map(Number);
  const [leastMajor, leastMinor] = leastPython;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor))
    throw new NoPython(`python3 is ${python.version}, and ${leastPython.join(".")} is wanted`);
  if (said(python.program, ["-m", "pip", "--version"]) === undefined)
    throw new NoPython("python3 has no pip");
  return python;
}

/** Its own path, behind what chooses among several, and its version without the patch. */
function askPython(program) {
  const question = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])";
  const [path, version] = said(program, ["-c", question])?.trim().split("\n") ?? [];
  return path && version ? { program: path, version } : undefined;
}

function said(program, args) {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}

/**
 * Fills an empty `target` with packages and what they need. `bringOwn` gives the folder of a Python of ours, and is told why
 * the machine's will not do.
 * @param {string} target
 * @param {readonly string[]} requirements
 * @param {(reason: string) => Promise<string>} bringOwn
 */
export async function bringPackages(target, requirements, bringOwn) {
  const python = await choosePython(bringOwn);
  const { command, environment } = pipOf(python);
  const [program, ...first] = command;
  const args = ["install", "--quiet", "--disable-pip-version-check", "--no-compile"];
  const env = { ...process.env, ...environment };
  try {
    await runFile(program, [...first, ...args, "--target", target, ...requirements], { env });
  } catch (error) {
    throw new PipFailed(`pip failed: ${lastLines(error.stderr)}`, { cause: error });
  }
  writeFileSync(join(target, recordName), JSON.stringify(python));
}

async function choosePython(bringOwn) {
  let reason;
  try {
    return findPython();
  } catch (error) {
    if (!(error instanceof NoPython)) throw error;
    reason = error.message;
  }
  return { home: await bringOwn(reason) };
}

function pipOf(python) {
  const { command, environment } = startOf(python);
  if (python.home === undefined) return { command: [...command, "-m", "pip"], environment };
  const folder = join(python.home, wheels);
  const wheel = readdirSync(folder).find((name) => /^pip-.*\.whl$/.test(name)) ?? "";
  const run = existsSync(machineAuthorities) ? ["-m", "pip"] : ["-c", trusting(python.home)];
  return {
    command: [...command, ...run],
    environment: { ...environment, PYTHONPATH: join(folder, wheel) },
  };
}

/** Debian's pip trusts the machine's authorities, of which a bare machine has none, and does not start without their file. */
function trusting(home) {
  return [
    "import runpy",
    "from pip._vendor import certifi",
    `certifi.where = lambda: ${JSON.stringify(join(home, ownAuthorities))}`,
    'runpy.run_module("pip", run_name="__main__")',
  ].join("\n");
}

function startOf({ program, home }) {
  if (home === undefined) return { command: [program], environment: {} };
  return {
    command: programCommand(home, ownProgram),
    environment: { PYTHONHOME: join(home, "usr") },
  };
}

/**
 * How a program that wants the packages of a folder is started.
 * @param {string} folder
 */
export function pythonOf(folder) {
  const { command, environment } = startOf(readRecord(folder));
  return { command, environment: { ...environment, PYTHONPATH: folder } };
}

/**
 * Whether the Python that a folder's packages were brought for is there still.
 * @param {string} folder
 */
export function packagesStand(folder) {
  const { program, version, home } = readRecord(folder);
  if (home !== undefined) return existsSync(join(home, ownProgram));
  return askPython(program)?.version === version;
}

function readRecord(folder) {
  return JSON.parse(readFileSync(join(folder, recordName), "utf8"));
}

/**
 * Readies an unpacked Python: its program under the name that is the same in all versions, the authorities in one file.
 * @param {string} target
 */
export function settlePython(target) {
  const program = join(target, ownProgram);
  const real = realpathSync(program);
  rmSync(program);
  renameSync(real, program);
  const authorities = join(target, "usr/share/ca-certificates/mozilla");
  if (!existsSync(authorities)) return;
  const each = readdirSync(authorities).map((name) => readFileSync(join(authorities, name)));
  writeFileSync(join(target, ownAuthorities), Buffer.concat(each));
}

/** The last thing is that nothing was found; why is said before it. */
function lastLines(text) {
  return String(text ?? "")
    .trim()
    .split("\n")
    .slice(-3)
    .join("\n    ");
}
