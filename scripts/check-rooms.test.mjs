import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { breachesOf, checkTree, importsOf, mayImport, roomOf } from "./check-rooms.mjs";

const millrace = "packages/millrace/src/";
const breaches = (file, specifier) =>
  breachesOf(millrace + file, `import { x } from "${specifier}";\n`);

describe("importsOf", () => {
  it("finds every way to import, over lines, and no comment", () => {
    const text = `
      import "./a.ts";
      import b, { type B } from './b.ts';
      import type { C } from "./c.ts";
      import {
        d,
        e as f,
      } from "./d.ts";
      import * as g from "./g.ts";
      export * from "./h.ts";
      export { i } from "./i.ts";
      export type { J } from "./j.ts";
      const k = await import("./k.ts");
      type L = import("./l.ts").L;
      // import "./no1.ts";
      /* import "./no2.ts"; */
    `;
    const found = importsOf(text).map((specifier) => specifier.slice(2, 3));
    expect(found.join("")).toBe("abcdghijkl");
  });
});

describe("roomOf", () => {
  it.each([
    ["index.ts", ""],
    ["model/change.ts", "model"],
    ["model/deep/change.ts", "model"],
    ["sources/registry.ts", "sources"],
    ["sources/postgres/decoder.ts", "sources/postgres"],
    ["sources/postgres/deep/decoder.ts", "sources/postgres"],
    ["sinks/sql/writer.ts", "sinks/sql"],
  ])("of %s is %j", (path, room) => {
    expect(roomOf(path)).toBe(room);
  });
});

describe("the rule of rooms", () => {
  it.each([
    ["model/a.ts", "./b.ts"],
    ["schema/a.ts", "../model/b.ts"],
    ["sources/postgres/a.ts", "./deep/b.ts"],
    ["sources/postgres/a.ts", "../../errors/b.ts"],
    ["sources/registry.ts", "./postgres/b.ts"],
    ["sinks/sql/a.ts", "../../formats/b.ts"],
    ["pipeline/a.ts", "../model/b.ts"],
    ["cli/main.ts", "../sources/postgres/b.ts"],
    ["index.ts", "./sinks/registry.ts"],
    ["testkit/a.ts", "../pipeline/b.ts"],
    ["sources/postgres/a.test.ts", "../../../../../test/support/postgres.ts"],
    ["sinks/sql/a.pg.test.ts", "dsql-local"],
    ["model/a.ts", "node:fs"],
  ])("%s may import %s", (file, specifier) => {
    expect(breaches(file, specifier)).toEqual([]);
  });

  it.each([
    ["model/a.ts", "../errors/b.ts"],
    ["schema/a.ts", "../pipeline/b.ts"],
    ["sources/postgres/a.ts", "../mysql/b.ts"],
    ["sources/postgres/a.ts", "../registry.ts"],
    ["sources/postgres/a.ts", "../../sinks/sql/b.ts"],
    ["sources/postgres/a.ts", "../../pipeline/b.ts"],
    ["sinks/sql/a.ts", "../../sources/postgres/b.ts"],
    ["sinks/sql/a.ts", "../jsonl/b.ts"],
    ["pipeline/a.ts", "../sources/registry.ts"],
    ["pipeline/a.ts", "../sinks/sql/b.ts"],
    ["pipeline/a.ts", "../index.ts"],
    ["config/a.ts", "../cli/b.ts"],
    ["helpers/a.ts", "../model/b.ts"],
    ["sinks/sql/a.ts", "dsql-local"],
    ["sinks/sql/a.ts", "../../../../dsql-local/src/index.ts"],
    ["sources/dynamodb/a.ts", "dynamodb-local"],
    ["sources/dynamodb/a.ts", "../../../../dynamodb-local/src/index.ts"],
    ["sinks/sql/a.ts", "../../../../../test/support/postgres.ts"],
    ["cli/a.ts", "millrace/extend"],
  ])("%s may not import %s", (file, specifier) => {
    expect(breaches(file, specifier)).toEqual([
      expect.stringContaining(`${millrace}${file}: imports ${specifier}: `),
    ]);
  });

  it.each(["dsql-local", "dynamodb-local"])(
    "keeps %s and its tests free of millrace",
    (standIn) => {
      const file = `packages/${standIn}/src/gate.test.ts`;
      expect(breachesOf(file, 'import "millrace";')).toHaveLength(1);
      expect(breachesOf(file, 'import "../../millrace/src/model/table.ts";')).toHaveLength(1);
      expect(breachesOf(file, 'import "../../../test/support/postgres.ts";')).toEqual([]);
    },
  );

  it("keeps the baselines of the benchmarks free of the engine, and only them", () => {
    const text = 'import "../../packages/millrace/src/index.ts"; import "millrace";';
    expect(breachesOf("bench/baselines/unnest.ts", text)).toHaveLength(2);
    expect(breachesOf("bench/harness/unnest.ts", text)).toEqual([]);
  });

  it("has no cycle: no two rooms may import each other", () => {
    const rooms = ["model", "errors", "schema", "formats", "transform", "pipeline", "observe"];
    rooms.push("config", "cluster", "sources", "sources/postgres", "sinks", "sinks/sql");
    const mutual = rooms.flatMap((a) =>
      rooms.filter((b) => a < b && mayImport(a, b) && mayImport(b, a)).map((b) => [a, b]),
    );
    expect(mutual).toEqual([]);
  });
});

describe("checkTree", () => {
  let root;
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("reads the files of a checkout and skips what is built or installed", () => {
    root = mkdtempSync(join(tmpdir(), "millrace-rooms-"));
    const put = (path, text) => {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    put(`${millrace}model/bad.ts`, 'export { x } from "../cli/main.ts";\n');
    put(`${millrace}model/good.ts`, 'export { x } from "./other.ts";\n');
    put("packages/millrace/dist/model/bad.js", 'import "../cli/main.js";\n');
    put("packages/millrace/node_modules/p/src/model/bad.ts", 'import "../cli/main.ts";\n');
    expect(checkTree(root)).toEqual([
      `${millrace}model/bad.ts: imports ../cli/main.ts: model may not import cli (allowed: nothing of ours)`,
    ]);
  });
});
