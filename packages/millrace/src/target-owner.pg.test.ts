import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { cli } from "./cli/cli.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "./pipeline-between.fixture.ts";

describe("two pipelines with one target table", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query(`CREATE SCHEMA eu; CREATE TABLE eu.orders (id int PRIMARY KEY);
      CREATE TABLE eu.alone (id int PRIMARY KEY); INSERT INTO eu.orders VALUES (1);
      CREATE SCHEMA us; CREATE TABLE us.orders (id int PRIMARY KEY); INSERT INTO us.orders VALUES (2)`);
  });
  afterAll(async () => {
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  /** The pipeline of one region; its tables go to the schema `shop`. */
  const pipelineOf = (region: string, sink: object = {}, exclude?: string) => ({
    ...pipelineBetween(source, target, {
      name: `${region}_${source.database.slice(0, 40)}`,
      tables: `${region}.\\.*`,
      sink: { ...sink },
      source: exclude === undefined ? {} : { "tables.exclude": `${source.database}.${exclude}` },
    }),
    route: [{ "source-table": `${region}.\\.*`, "sink-table": "shop.<>", "replace-symbol": "<>" }],
  });
  const rowsOf = async (table: string) =>
    (await target.query(`SELECT id FROM shop.${table} ORDER BY id`)).map(({ id }) => id);
  const runToEnd = async (pipeline: object) =>
    cli(["run", pipelineFileOf(pipeline), "--until-caught-up", "--listen", "off"]);

  it("is refused to the second, which touches nothing, until the first lets go of it", async () => {
    expect((await runToEnd(pipelineOf("eu"))).code).toBe(0);
    const refused = await runToEnd(pipelineOf("us"));
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining(
        `MR_TARGET_OWNED: shop.orders belongs to pipeline eu_${source.database.slice(0, 40)}`,
      ),
    ]);
    expect(await rowsOf("orders")).toEqual([1]);
    const slots = await source.query(
      "SELECT 1 FROM pg_replication_slots WHERE database = current_database()",
    );
    expect(slots).toHaveLength(1);
    expect((await runToEnd(pipelineOf("eu", {}, "eu.orders"))).code).toBe(0);
    expect((await runToEnd(pipelineOf("us"))).code).toBe(0);
    expect(await rowsOf("orders")).toEqual([1, 2]);
    await target.query("DELETE FROM millrace.owner");
  });

  it("belongs to both where both say so, and neither removes rows of the other", async () => {
    const shared = { shared: true };
    const eu = await loadPipeline(pipelineOf("eu", shared));
    await eu.start();
    await eu.caughtUp();
    expect((await runToEnd(pipelineOf("us", shared))).code).toBe(0);
    expect(await rowsOf("orders")).toEqual([1, 2]);
    await eu.resync("eu.orders");
    await eu.caughtUp();
    expect(await rowsOf("orders")).toEqual([1, 2]);
    await source.query("TRUNCATE eu.orders");
    await expect(eu.done).rejects.toThrow(/TRUNCATE of eu\.orders would remove rows/);
    expect(await rowsOf("orders")).toEqual([1, 2]);
  });
});
