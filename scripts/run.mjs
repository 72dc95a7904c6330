// Runs a program of this checkout with Node 24, from its sources, as if the caller had started it itself:
// same standard streams, same signals, same exit code.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { existsSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { findNode, root, setUp } from "./setup.mjs";

/** Signals that are meant for the program, not for us. */
const passedOn = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"];

/** Sets the checkout up, runs `file` (below the root) with the arguments of this command, and ends as it ends. */
export async function runProgram(file, args = process.argv.slice(2)) {
  await setUp();
  if (!existsSync(join(root, file))) {
    console.error(`millrace: ${file} is not there: this checkout is not complete.`);
    process.exit(1);
  }
  const { code, signal } = await run(
    findNode(),
    ["--conditions=source", join(root, file), ...args],
    { cwd: callersFolder(process.env, process.cwd()) },
  );
  if (signal === null) process.exit(code ?? 1);
  endBy(signal);
}

/**
 * Where the caller stands: npm goes to the root of the checkout before it runs a script, but file names in the arguments
 * count from the folder in which they were typed.
 * @param {Record<string, string | undefined>} env
 * @param {string} cwd
 */
export function callersFolder(env, cwd) {
  const { npm_lifecycle_event: script, INIT_CWD: folder } = env;
  const byNpm = script !== undefined && relative(root, cwd) === "";
  return byNpm && folder !== undefined && existsSync(folder) ? folder : cwd;
}

/** Runs a command, passes signals on to it, and gives how it ended. Its PATH begins with our Node and tools. */
export function run(command, args, options = {}) {
  const path = `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`;
  const child = spawn(command, args, {
    stdio: "inherit",
    ...options,
    env: { ...process.env, ...options.env, PATH: path },
  });
  const stopWatching = watchNpm(() => child.kill("SIGTERM"));
  const handlers = passedOn.map((signal) => [signal, () => passOn(child, signal)]);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      for (const [name, handler] of handlers) process.off(name, handler);
      stopWatching();
      resolve({ code, signal });
    });
  });
}

/**
 * On a terminal Ctrl-C reaches the program without us; passing it on would make two of it, and a
 * second one means "at once".
 */
function passOn(child, signal) {
  if (signal === "SIGINT" && process.stdin.isTTY) return;
  child.kill(signal);
}

/** npm that is killed (not asked to end) tells nobody; without it the program would run on, unseen. */
function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return () => undefined;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== npm) onGone();
  }, 1000);
  return () => clearInterval(timer);
}

/** Ends this process by the signal that ended the program, so that the caller's shell sees the same. */
function endBy(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 1000);
}
