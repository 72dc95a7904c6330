import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** Folders that are made, not written; what .gitignore says, for machines without git. */
const made = new Set(["node_modules", "dist", "coverage", ".cache", ".git", ".millrace"]);

/**
 * The files of the project as paths below `root`, with slashes: what git has or would take, and where
 * there is no git (a slim image, an unpacked archive) everything that is not made.
 */
export function projectFiles(root) {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  try {
    const options = { cwd: root, encoding: "utf8", maxBuffer: 64 * 2 ** 20, stdio: "pipe" };
    return execFileSync("git", args, options).split("\0").filter(Boolean);
  } catch {
    return walk(root, root);
  }
}

function walk(root, folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return made.has(entry.name) ? [] : walk(root, path);
    return [relative(root, path).split(sep).join("/")];
  });
}
