// docs/invariants.md speaks of files and tests that are there, and of every invariant.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const INVARIANTS = 11;
/** Where paths of the page may begin. */
const starts = ["", "packages/millrace/src/"];
const PATH = /^[\w./-]+\.(?:ts|mjs|md)$/;

/** The tests that the page names: rows that begin with a file, and promises (`file` · name). */
function namedTests(text) {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (.+?) \|/gm)];
  const promises = [...text.matchAll(/`([^`]+)` · (.+?) \|/g)];
  return [...rows, ...promises].map(([, file, name]) => ({ file, name }));
}

/** Every path of the page, wherever it stands. */
function namedFiles(text) {
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, path]) => path);
  return [...new Set(quoted.filter((path) => PATH.test(path) && path.includes("/")))];
}

/** Sentences about what the page says and the checkout has not; `read` gives a file's text, or null. */
export function untruths(text, read) {
  const find = (path) =>
    starts.map((start) => read(start + path)).find((found) => found !== null) ?? null;
  const files = namedFiles(text)
    .filter((file) => find(file) === null)
    .map((file) => `there is no ${file}`);
  const tests = namedTests(text)
    .filter(({ file, name }) => !hasTest(find(file), name))
    .map(({ file, name }) => `${file} has no test "${name}"`);
  return [...files, ...tests, ...withoutTests(text)];
}

/** A test's name stands in its file as it is, or is made there by a template: `seed ${seed} holds`. */
function hasTest(text, name) {
  if (text === null || text.includes(name)) return true;
  const templates = [...text.matchAll(/\bit\(`([^`]*\$\{[^`]*)`/g)].map(([, title]) => title);
  return templates.some((title) => {
    const parts = title
      .split(/\$\{[^}]*\}/)
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const beginning = parts
      .slice(0, -1)
      .join(".+")
      .replace(/[:\s]+$/, "");
    return new RegExp(`^${beginning}`).test(name);
  });
}

function withoutTests(text) {
  const sections = text.split(/^## /m).slice(1);
  return Array.from({ length: INVARIANTS }, (_, index) => index + 1)
    .filter((number) => {
      const section = sections.find((part) => part.startsWith(`${number}. `)) ?? "";
      return namedTests(section).length === 0;
    })
    .map((number) => `invariant ${number} names no test`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const read = (path) =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : null;
  const problems = untruths(read("docs/invariants.md") ?? "", read);
  for (const problem of problems) console.error(`docs/invariants.md: ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
