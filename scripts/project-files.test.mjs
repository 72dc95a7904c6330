import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { projectFiles } from "./project-files.mjs";

describe("projectFiles", () => {
  it("names this file and nothing that is made", () => {
    const files = projectFiles(fileURLToPath(new URL("..", import.meta.url)));
    expect(files).toContain("scripts/project-files.test.mjs");
    expect(files.filter((file) => file.includes("node_modules/"))).toEqual([]);
  });

  it("works without git", () => {
    const root = mkdtempSync(join(tmpdir(), "millrace-no-git-"));
    try {
      for (const path of ["a.md", "src/b.ts", "node_modules/c.js", "packages/p/dist/d.js"]) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), "");
      }
      expect(projectFiles(root).sort()).toEqual(["a.md", "src/b.ts"]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
