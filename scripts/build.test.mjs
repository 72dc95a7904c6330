import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { publishedManifest } from "./build.mjs";

describe("the published package.json", () => {
  it("has no path into the sources, no scripts and no development dependencies", () => {
    const published = publishedManifest({
      name: "x",
      private: true,
      scripts: { a: "b" },
      devDependencies: { c: "1" },
      dependencies: { d: "1" },
      exports: {
        ".": { source: "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
      },
    });
    expect(published).toEqual({
      name: "x",
      dependencies: { d: "1" },
      exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    });
  });

  it.each(["millrace", "dsql-local", "dynamodb-local"])(
    "of %s depends on exact versions and wants Node 24",
    (name) => {
      const path = new URL(`../packages/${name}/package.json`, import.meta.url);
      const { dependencies, engines } = publishedManifest(JSON.parse(readFileSync(path, "utf8")));
      const loose = Object.values(dependencies).filter(
        (version) => !/^\d+\.\d+\.\d+/.test(version),
      );
      expect(loose).toEqual([]);
      expect(engines).toEqual({ node: ">=24" });
    },
  );
});
