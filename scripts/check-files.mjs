// What no linter looks at: no file names the host of a package registry (everybody's npm knows its
// own), the lock file carries no download addresses, no cast goes through `unknown`.
// A long source file is only pointed out.
import { execFileSync } from "node:child_process";
import { readFileSync, existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { projectFiles } from "./project-files.mjs";

const longFileLines = 400;

/** Written in pieces, so that this file does not name what it looks for. */
const registryHosts = [
  ["registry", "npmjs", "org"],
  ["registry", "npmjs", "com"],
  ["registry", "yarnpkg", "com"],
  ["registry", "npmmirror", "com"],
  ["npm", "pkg", "github", "com"],
  ["files", "pythonhosted", "org"],
  ["repo1", "maven", "org"],
  ["repo", "maven", "apache", "org"],
  ["deb", "debian", "org"],
].map((parts) => parts.join("."));

/** The host of the registry that this machine uses, when it is not the machine itself. */
export function registryHost(url) {
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  const isLocal = /^(localhost|127\.|\[::1\])/.test(hostname);
  return isLocal || hostname === "" ? undefined : hostname;
}

/** Sentences about registry hosts in a text. */
export function hostsNamed(file, text, hosts = registryHosts) {
  return hosts
    .filter((host) => text.includes(host))
    .map((host) => `${file}: names the registry ${host}; leave the choice to the user's npm`);
}

/** Sentences about download addresses in a lock file; links between workspaces are no addresses. */
export function addressesInLock(file, text) {
  const packages = Object.entries(JSON.parse(text).packages ?? {});
  return packages
    .filter(([, entry]) => /^[a-z+]+:/.test(entry.resolved ?? ""))
    .map(
      ([name]) =>
        `${file}: ${name} has a "resolved" address; run npm with the .npmrc of this folder`,
    );
}

/** Sentences about casts that switch the type checker off. */
export function doubleCasts(file, text) {
  if (!file.endsWith(".ts")) return [];
  return text
    .split("\n")
    .map((line, index) => ({ line, place: `${file}:${index + 1}` }))
    .filter(({ line }) => /\bas\s+unknown\s+as\b/.test(line))
    .map(({ place }) => `${place}: "as unknown as" hides a hole; narrow the type instead`);
}

/** A note where a source file has grown long. */
export function longFile(file, text) {
  if (!/^packages\/[^/]+\/src\/.*\.ts$/.test(file) || file.endsWith(".test.ts")) return [];
  const lines = text.split("\n").length - 1;
  return lines > longFileLines
    ? [`${file}: ${lines} lines; ${longFileLines} are a lot already`]
    : [];
}

/** Errors and warnings about the files given. */
export function checkFiles(root, files, hosts = registryHosts) {
  const errors = [];
  const warnings = [];
  for (const file of files) {
    const path = join(root, file);
    if (!existsSync(path) || !lstatSync(path).isFile()) continue;
    const text = readFileSync(path, "utf8");
    errors.push(...hostsNamed(file, text, hosts), ...doubleCasts(file, text));
    if (/(^|\/)package-lock\.json$/.test(file)) errors.push(...addressesInLock(file, text));
    warnings.push(...longFile(file, text));
  }
  return { errors, warnings };
}

function configuredRegistry() {
  try {
    return registryHost(
      execFileSync("npm", ["config", "get", "registry"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim(),
    );
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const configured = configuredRegistry();
  const hosts = new Set([...registryHosts, ...(configured ? [configured] : [])]);
  const { errors, warnings } = checkFiles(root, projectFiles(root), [...hosts]);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  for (const error of errors) console.error(error);
  process.exitCode = errors.length > 0 ? 1 : 0;
}
