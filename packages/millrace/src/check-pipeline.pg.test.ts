import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { pipelineBetween } from "./pipeline-between.fixture.ts";

describe("a pipeline that is checked before its start", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query(`CREATE TABLE good (id int PRIMARY KEY, v text);
      CREATE TABLE narrow (id int PRIMARY KEY, v text); CREATE TABLE seats (id int PRIMARY KEY, name text)`);
    await target.query(`CREATE TABLE narrow (id int PRIMARY KEY, v int);
      CREATE TABLE seats (id int PRIMARY KEY, name text UNIQUE)`);
  });
  afterAll(async () => {
    await source.release();
    await target.release();
  });

  it("is told what both servers and the file have against it, at once, and nothing is touched", async () => {
    const pipeline = pipelineBetween(source, target, { name: "checked", tables: "public.\\.*" });
    const route = [{ "source-table": "public.nope", "sink-table": "a.b" }];
    await source.query("CREATE TABLE keyless (a int)");
    const findings = await checkPipeline({ ...pipeline, route });
    const errors = findings.filter(({ severity }) => severity === "error");
    expect(errors.map(({ about, what }) => [about, what])).toEqual([
      ["source", expect.stringContaining("matches public.keyless, which cannot be captured")],
      ["file", expect.stringContaining("route[0].source-table")],
      ["sink", "public.narrow: column v is integer, which does not hold text."],
    ]);
    expect(findings).toContainEqual(
      expect.objectContaining({
        about: "sink",
        severity: "notice",
        what: expect.stringContaining("public.seats has unique indexes") as string,
        remedy: "Drop them until the cut-over where that is too slow.",
      }),
    );
    const made = "SELECT nspname FROM pg_namespace WHERE nspname = 'millrace'";
    expect(await target.query(made)).toEqual([]);
    expect(await source.query("SELECT pubname FROM pg_publication")).toEqual([]);
    await source.query("DROP TABLE keyless");
  });

  it("is told of a sink that cannot be asked", async () => {
    const pipeline = pipelineBetween(source, target, {
      name: "checked",
      tables: "public.\\.*",
      sink: { password: "wrong" },
    });
    const findings = await checkPipeline(pipeline);
    expect(findings.filter(({ about }) => about === "sink")).toEqual([
      expect.objectContaining({
        severity: "error",
        what: expect.stringContaining("sink.password: the server refuses role") as string,
      }),
    ]);
  });
});
