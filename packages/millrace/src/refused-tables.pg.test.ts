import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { cli, findingErrors } from "./cli/cli.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "./pipeline-between.fixture.ts";

let source: SharedPostgres;
let target: SharedPostgres;
let name: string;

beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  name = source.database.slice(0, 40);
});
afterAll(async () => {
  await dropSlots(source);
  await source.release();
  await target.release();
});

const rowsOf = async (sql: string) => (await target.query(sql)).length;

describe("a table that matches and cannot be captured", () => {
  it("is told with all others, before anything was touched", async () => {
    await source.query(`CREATE SCHEMA odd; CREATE TABLE odd.good (id int PRIMARY KEY);
      CREATE TABLE odd.keyless (a int); CREATE UNLOGGED TABLE odd.fast (id int PRIMARY KEY);
      CREATE VIEW odd.derived AS SELECT 1 AS a`);
    const pipeline = pipelineBetween(source, target, { name, tables: "odd.\\.*" });
    const file = pipelineFileOf(pipeline);
    const run = await cli(["run", file, "--until-caught-up", "--listen", "off"]);
    expect([run.code, run.stderr.split("\n").filter((line) => line.startsWith(file))]).toEqual([
      2,
      [
        expect.stringMatching(
          /:8:\d+: source\.tables: matches odd\.fast, .* unlogged.*\. ALTER TABLE .* SET LOGGED, or .*tables\.exclude/,
        ),
        expect.stringMatching(
          /odd\.keyless, .* no primary key .*\. Give it a primary key, or .*REPLICA IDENTITY FULL, or .*tables\.exclude/,
        ),
      ],
    ]);
    expect(await rowsOf("SELECT FROM pg_namespace WHERE nspname IN ('millrace', 'odd')")).toBe(0);
    expect(await source.query("SELECT pubname FROM pg_publication")).toEqual([]);
    const validate = await cli(["validate", file, "--connect", "--json"]);
    expect(validate.code).toBe(2);
    expect(findingErrors(validate.stdout).map(({ about, what }) => [about, what])).toEqual([
      ["source", expect.stringMatching(/matches odd\.fast, .*unlogged/)],
      ["source", expect.stringMatching(/matches odd\.keyless, .*no primary key/)],
    ]);
    const without = { "tables.exclude": `${source.database}.odd.(fast|keyless)` };
    const excluding = pipelineFileOf({ ...pipeline, source: { ...pipeline.source, ...without } });
    expect((await cli(["validate", excluding, "--connect"])).code).toBe(0);
  });

  it("is one problem with SQL that names all tables where there is no publication at all", async () => {
    await source.query(
      "CREATE SCHEMA bare; CREATE TABLE bare.a (id int PRIMARY KEY); CREATE TABLE bare.b (id int PRIMARY KEY)",
    );
    const never = { "publication.create": "never", "publication.name": "bare" };
    const file = pipelineFileOf(
      pipelineBetween(source, target, { name, tables: "bare.\\.*", source: never }),
    );
    const run = await cli(["run", file, "--until-caught-up", "--listen", "off"]);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/CREATE PUBLICATION "bare" FOR TABLE "bare"\."a", "bare"\."b" WITH/);
    expect(run.stderr).not.toContain("does not have it");
  });

  it("stops a pipeline that captured it until now", async () => {
    await source.query(`CREATE SCHEMA own; CREATE TABLE own.a (id int PRIMARY KEY);
      CREATE TABLE own.b (id int PRIMARY KEY); INSERT INTO own.a VALUES (1);
      CREATE PUBLICATION own FOR TABLE own.a, own.b WITH (publish_via_partition_root = true)`);
    const file = pipelineBetween(source, target, {
      name: `${name}_own`,
      tables: "own.\\.*",
      source: { "publication.create": "never", "publication.name": "own" },
    });
    const pipeline = await loadPipeline(file);
    await pipeline.start();
    await pipeline.caughtUp();
    await source.query("ALTER PUBLICATION own DROP TABLE own.b; INSERT INTO own.b VALUES (2)");
    await source.query(
      "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()",
    );
    await expect(pipeline.done).rejects.toThrow(
      /^MR_SOURCE_REFUSED: own\.b can no longer be captured: the publication does not have it \(ALTER PUBLICATION "own" ADD TABLE "own"\."b"; .*on-loss: resync/,
    );
    const again = cli(["run", pipelineFileOf(file), "--until-caught-up", "--listen", "off"]);
    expect((await again).stderr).toMatch(/matches own\.b, .* ADD TABLE .*on-loss: resync/);
  });
});
