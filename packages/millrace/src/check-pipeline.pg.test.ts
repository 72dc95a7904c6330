import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

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

describe("a pipeline that runs and is checked", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query("CREATE TABLE t (id int PRIMARY KEY)");
  });
  afterAll(async () => {
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  it("is told which process a run would end, and not that it would wait for a slot", async () => {
    const file = pipelineBetween(source, target, { name: "runs", tables: "public.\\.*" });
    const told = async () =>
      (await checkPipeline(file)).filter(({ what }) => /runs this pipeline|being read/.test(what));
    const pipeline = await loadPipeline(file);
    await pipeline.start();
    await pipeline.caughtUp();
    try {
      expect(await told()).toEqual([
        {
          about: "sink",
          severity: "warning",
          what: expect.stringMatching(
            new RegExp(`^process ${process.pid} on .+, started .+ runs this pipeline\\.$`),
          ) as string,
          whatFollows:
            "A run takes it over: that process writes nothing more and ends with MR_FENCED.",
          remedy: expect.stringContaining("pipeline.name") as string,
        },
      ]);
    } finally {
      await pipeline.stop();
    }
    expect(await told()).toEqual([]);
  });
});

describe("a pipeline that has run and is checked again", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
  });
  afterAll(async () => {
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  const fileWith = (onLoss: string) =>
    pipelineBetween(source, target, {
      name: "again",
      tables: "public.\\.*",
      source: { "on-loss": onLoss, "publication.name": "again" },
    });
  const found = async (onLoss: string) =>
    (await checkPipeline(fileWith(onLoss)))
      .filter(({ code, severity }) => code !== undefined || severity === "notice")
      .map(({ severity, code, what, whatFollows }) => [severity, code, what, whatFollows]);

  it("is told which tables the log has left out, what was made anew, and what would come of it", async () => {
    const pipeline = await loadPipeline(fileWith("fail"));
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.stop();
    expect(await found("fail")).toEqual([]);
    await source.query("ALTER PUBLICATION again DROP TABLE t; ALTER PUBLICATION again ADD TABLE t");
    const left =
      "public.t left the publication for a while, or its row filter or column list was changed.";
    expect(await found("fail")).toEqual([
      ["error", "MR_SOURCE_TABLE_LEFT", left, "The pipeline would not start."],
    ]);
    await expect((await loadPipeline(fileWith("fail"))).start()).rejects.toMatchObject({
      code: "MR_SOURCE_TABLE_LEFT",
    });
    await source.query("DROP TABLE u; CREATE TABLE u (id int PRIMARY KEY)");
    expect(await found("resync")).toEqual([
      [
        "warning",
        "MR_SOURCE_TABLE_LEFT",
        left,
        "The table would be loaded again (on-loss: resync).",
      ],
      ["notice", undefined, "public.u was made anew at the source.", "It would be loaded again."],
    ]);
  });
});
