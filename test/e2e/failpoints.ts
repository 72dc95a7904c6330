import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const sources = fileURLToPath(new URL("../../packages/millrace/src", import.meta.url));

/**
 * Every failpoint that stands in the sources, but those of folders that are left out. A call without a literal name would
 * escape the kill matrix.
 */
export function namedFailpoints(leftOut: readonly string[] = []): readonly string[] {
  const names: string[] = [];
  for (const path of readdirSync(sources, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts") || path.includes(".test.") || path === join("model", "failpoint.ts"))
      continue;
    if (leftOut.some((folder) => path.startsWith(join(folder, "/")))) continue;
    const text = readFileSync(join(sources, path), "utf8");
    for (const [, argument = ""] of text.matchAll(/\bfailpoint\(([^)]*)\)/g)) {
      const name = /^"([\w.-]+)"$/.exec(argument.trim())?.[1];
      if (name === undefined)
        throw new Error(`${path}: failpoint(${argument}) has no literal name`);
      names.push(name);
    }
  }
  return names.toSorted();
}
