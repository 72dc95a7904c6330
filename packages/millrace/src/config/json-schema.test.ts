import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { pipelineJsonSchema } from "./json-schema.ts";
import { fileWith, GOOD_FILE, sectionWith } from "./pipeline-file.fixture.ts";

const schema = z.fromJSONSchema(pipelineJsonSchema());
const accepts = (file: string): boolean => schema.safeParse(parseYaml(file)).success;

describe("the JSON Schema for editors", () => {
  it("takes a file that is right", () => {
    expect(accepts(GOOD_FILE)).toBe(true);
    expect(
      accepts(`${GOOD_FILE}route:\n  - source-table: public.a\n    sink-table: shop.a\n`),
    ).toBe(true);
  });

  it("takes references where a number or a flag is wanted", () => {
    expect(
      accepts(sectionWith("source", "port: ${env:PORT}", "slot.failover: ${env:FAILOVER:-false}")),
    ).toBe(true);
  });

  it("takes Flink's keys that do nothing", () => {
    expect(
      accepts(sectionWith("source", "debezium.snapshot.mode: never", "chunk-meta.group.size: 5")),
    ).toBe(true);
  });

  it.each([
    ["a misspelt option", fileWith("  hostname: db.internal", "  hostnmae: db.internal")],
    ["a missing option", fileWith("  hostname: db.internal", "")],
    ["an unknown type", fileWith("  type: dsql", "  type: mongodb")],
    ["a port out of range", sectionWith("source", "port: 70000")],
    ["an unknown section", `${GOOD_FILE}sinks: {}\n`],
  ])("refuses %s", (_name, file) => {
    expect(accepts(file)).toBe(false);
  });
});
