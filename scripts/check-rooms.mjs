// Which room may import which (CONTRIBUTING.md, "Rooms"). Run as a program it checks the tree and exits 1 on a breach.
// Tests are free to import what they need; so they are not looked at, except for `dsql-local`
// and `dynamodb-local`, which must stay useful to people who never heard of Millrace.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const everything = "*";

/**
 * Room of packages/millrace/src → rooms that it may import besides itself. A connector
 * (sources/x, sinks/x) is a room of its own: it never sees another one.
 * @type {Record<string, readonly string[] | "*">}
 */
export const allowed = {
  model: [],
  errors: ["model"],
  schema: ["model", "errors"],
  formats: ["model", "errors", "schema"],
  transform: ["model", "errors", "schema"],
  // What several sources share: sessions, bytes of a connection, batches of a log, keys and ranges of tables.
  sessions: ["model", "errors"],
  bytes: ["model", "errors"],
  "change-log": ["model", "errors"],
  tables: ["model", "errors"],
  "sources/*": [
    "model",
    "errors",
    "schema",
    "sessions",
    "bytes",
    "change-log",
    "tables",
    "kafka",
    "formats",
  ],
  // What Kafka's sink and source share.
  kafka: ["model", "errors", "bytes"],
  "sinks/*": ["model", "errors", "schema", "formats", "kafka"],
  // The files directly in sources/ and sinks/ are the registries: they alone know every connector.
  sources: ["model", "errors", "schema", "sources/*"],
  sinks: ["model", "errors", "schema", "sinks/*"],
  pipeline: ["model", "errors", "schema", "transform"],
  verify: ["model", "errors", "schema", "transform"],
  observe: ["model", "errors", "pipeline"],
  config: ["model", "errors", "schema", "transform", "pipeline"],
  cluster: ["model", "errors", "schema", "pipeline", "observe"],
  server: everything,
  // Connectors and the pipeline between models of servers.
  simulation: everything,
  cli: everything,
  testkit: everything,
  // src/*.ts: the library, which composes.
  "": everything,
};

const importPattern =
  /(?:^|[^.\w])(?:import|export)\s*(?:type\s+)?(?:[\w*\s{},$]*?\sfrom\s*)?["']([^"'\n]+)["']|\bimport\s*\(\s*["']([^"'\n]+)["']\s*[,)]/gm;

/** The specifiers that a source text imports or re-exports; comments are not looked at. */
export function importsOf(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(importPattern)].map((match) => match[1] ?? match[2]);
}

/** The room of a file, given by its path below packages/millrace/src. */
export function roomOf(path) {
  const parts = path.split("/");
  if (parts.length === 1) return "";
  const [room, connector] = parts;
  const isConnector = (room === "sources" || room === "sinks") && parts.length > 2;
  return isConnector ? `${room}/${connector}` : room;
}

/** Whether code of room `from` may import from room `to`. An unknown room may import nothing and says so. */
export function mayImport(from, to) {
  if (from === to) return true;
  const rule = allowed[from] ?? allowed[from.replace(/\/.*/, "/*")];
  if (rule === undefined) return false;
  return rule === everything || rule.includes(to) || rule.includes(to.replace(/\/.*/, "/*"));
}

/**
 * What is wrong with the imports of one file; each breach as a sentence.
 * @param {string} file path below the root of the checkout, with slashes
 * @param {string} text
 */
export function breachesOf(file, text) {
  return importsOf(text)
    .map((specifier) => breach(file, specifier))
    .filter((sentence) => sentence !== undefined);
}

function breach(file, specifier) {
  const target = specifier.startsWith(".") ? resolveIn(file, specifier) : specifier;
  const shown = `${file}: imports ${specifier}`;
  const standIn = /^packages\/(dsql-local|dynamodb-local)\//.exec(file)?.[1];
  if (standIn !== undefined) {
    const ours = target === "millrace" || target.startsWith("millrace/");
    if (ours || target.startsWith("packages/millrace/")) {
      return `${shown}: ${standIn} stands on its own and knows nothing of millrace`;
    }
  }
  if (isTest(file)) return undefined;
  if (file.startsWith("bench/baselines/")) {
    if (
      target.startsWith("packages/") ||
      /^(millrace|dsql-local|dynamodb-local)(\/|$)/.test(target)
    ) {
      return `${shown}: a baseline shares no code with what it is compared to`;
    }
  }
  if (!file.startsWith("packages/")) return undefined;
  return packageBreach(file, target, shown);
}

function packageBreach(file, target, shown) {
  if (/^(test|bench|demo|examples|scripts)\//.test(target)) {
    return `${shown}: a package imports nothing from outside of the packages`;
  }
  const source = "packages/millrace/src/";
  if (!file.startsWith(source)) return undefined;
  if (/^(packages\/)?(dsql-local|dynamodb-local)(\/|$)/.test(target)) {
    return `${shown}: a connector must not share a mistake with its emulator`;
  }
  if (/^millrace(\/|$)/.test(target)) return `${shown}: use a relative path inside of the package`;
  if (!target.startsWith(source)) return undefined;
  const [from, to] = [roomOf(file.slice(source.length)), roomOf(target.slice(source.length))];
  if (mayImport(from, to)) return undefined;
  return `${shown}: ${from} may not import ${to || "the library"} (allowed: ${describe(from)})`;
}

function describe(room) {
  const rule = allowed[room] ?? allowed[room.replace(/\/.*/, "/*")];
  if (rule === undefined) return `unknown room, add it to scripts/check-rooms.mjs`;
  return rule.length === 0 ? "nothing of ours" : rule.join(", ");
}

function isTest(file) {
  return (
    /\.(test|fixture|bench)\.(ts|mjs)$/.test(file) || /\/(testdata|fixtures|golden)\//.test(file)
  );
}

function resolveIn(file, specifier) {
  const absolute = resolve("/", dirname(file), specifier);
  return absolute.split(sep).filter(Boolean).join("/");
}

/** All TypeScript and .mjs files below `folder`, without what is installed or built. */
export function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return ["node_modules", "dist"].includes(entry.name) ? [] : sourceFiles(path);
    }
    return /\.(ts|tsx|mjs)$/.test(entry.name) && !entry.name.endsWith(".d.ts") ? [path] : [];
  });
}

/** Every breach in the checkout at `root`. */
export function checkTree(root) {
  return ["packages", "bench"]
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap(sourceFiles)
    .flatMap((path) => {
      const file = relative(root, path).split(sep).join("/");
      return breachesOf(file, readFileSync(path, "utf8"));
    });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const breaches = checkTree(fileURLToPath(new URL("..", import.meta.url)));
  for (const sentence of breaches) console.error(sentence);
  process.exitCode = breaches.length > 0 ? 1 : 0;
}
