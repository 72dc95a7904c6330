// Links between the project's own pages lead somewhere, and the index of docs/ names every page.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { projectFiles } from "./project-files.mjs";

/** The relative links of a Markdown text, without anchors; what stands in code is no link. */
export function linksOf(text) {
  const prose = text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].map((match) => match[1]);
  return targets
    .filter((target) => !/^[a-z][a-z+.-]*:/i.test(target) && !target.startsWith("#"))
    .map((target) => decodeURI(target.replace(/#.*/, "")));
}

/** Sentences about links that lead nowhere. */
export function brokenLinks(file, text, exists) {
  return linksOf(text)
    .filter((target) => !exists(normalize(join(dirname(file), target))))
    .map((target) => `${file}: the link to ${target} leads nowhere`);
}

/** Sentences about pages of docs/ that its index does not name. */
export function unlistedPages(pages, indexText) {
  const listed = new Set(linksOf(indexText).map((target) => normalize(join("docs", target))));
  return pages
    .filter((page) => page.startsWith("docs/") && page !== "docs/README.md" && !listed.has(page))
    .map((page) => `docs/README.md: does not name ${page}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const pages = projectFiles(root).filter(
    (file) => file.endsWith(".md") && existsSync(join(root, file)),
  );
  const textOf = (page) => readFileSync(join(root, page), "utf8");
  const exists = (path) => existsSync(join(root, path));
  const problems = pages.flatMap((page) => brokenLinks(page, textOf(page), exists));
  problems.push(...unlistedPages(pages, textOf("docs/README.md")));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
