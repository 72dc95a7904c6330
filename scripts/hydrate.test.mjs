import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeLinks, postgresPackages } from "./hydrate.mjs";

let nodeModules;
const put = (path, content) => {
  mkdirSync(dirname(join(nodeModules, path)), { recursive: true });
  writeFileSync(join(nodeModules, path), content);
};
beforeEach(() => {
  nodeModules = mkdtempSync(join(tmpdir(), "millrace-links-"));
});
afterEach(() => rmSync(nodeModules, { recursive: true, force: true }));

const list = (...links) => JSON.stringify(links.map(([source, target]) => ({ source, target })));

describe("the links of PostgreSQL's packages", () => {
  it("are found in plain, scoped and nested packages", () => {
    put("a/native/pg-symlinks.json", "[]");
    put("@scope/b/native/pg-symlinks.json", "[]");
    put("c/node_modules/@scope/d/native/pg-symlinks.json", "[]");
    put("e/package.json", "{}");
    put(".bin/f/native/pg-symlinks.json", "[]");
    const found = postgresPackages(nodeModules).map((path) => path.slice(nodeModules.length + 1));
    expect(found.sort()).toEqual(["@scope/b", "a", "c/node_modules/@scope/d"]);
  });

  it("are made relative, once", () => {
    put("a/native/lib/libpq.so.5.18", "x");
    put("a/native/pg-symlinks.json", list(["native/lib/libpq.so.5.18", "native/lib/libpq.so.5"]));
    expect(makeLinks(join(nodeModules, "a"))).toBe(1);
    expect(readlinkSync(join(nodeModules, "a/native/lib/libpq.so.5"))).toBe("libpq.so.5.18");
    expect(makeLinks(join(nodeModules, "a"))).toBe(0);
  });

  it("never leave the package", () => {
    put("a/native/pg-symlinks.json", list(["native/x", "../../outside"]));
    expect(makeLinks(join(nodeModules, "a"))).toBe(0);
  });
});
