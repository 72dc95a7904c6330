import { expect, it } from "vitest";
import { differing, fixedDifferences, givenOptions } from "./given-options.ts";
import { treeOfObject } from "./tree.ts";

const given = (value: object, env: Record<string, string> = {}) => {
  const { root } = treeOfObject(value, "f");
  if (root === null) throw new Error("no tree");
  return givenOptions(root, { env, resolvePath: (path) => path, readFile: () => "" });
};

const FILE = {
  source: { tables: "a.b.c", password: "${env:PASSWORD}" },
  route: [{ "source-table": "b.c", "sink-table": "x.y" }],
  pipeline: { name: "shop" },
};

it("tells which options of two readings differ, also by what they refer to, and holds none of their values", () => {
  const before = given(FILE, { PASSWORD: "old" });
  expect(differing(before, given(FILE, { PASSWORD: "old" }))).toEqual([]);
  expect(differing(before, given(FILE, { PASSWORD: "new" }))).toEqual(["source.password"]);
  expect(JSON.stringify([...before])).not.toContain("old");
});

it("takes tables, routes and transforms as they are now, and nothing else", () => {
  const source = { ...FILE.source, tables: "a.b.*", "tables.exclude": "a.b.d", port: 1 };
  const transform = [{ "source-table": "b.c", "exclude-columns": "v" }];
  const after = given(
    { ...FILE, source, route: undefined, transform, pipeline: {} },
    { PASSWORD: "" },
  );
  const before = given(FILE, { PASSWORD: "" });
  expect(fixedDifferences(before, after)).toEqual(["pipeline.name", "source.port"]);
});
