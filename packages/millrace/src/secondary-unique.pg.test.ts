import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

describe("a target with a unique index besides its key", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query(`CREATE TABLE seats (id int PRIMARY KEY, name text UNIQUE);
      INSERT INTO seats VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
    await target.query("CREATE TABLE seats (id int PRIMARY KEY, name text UNIQUE)");
  });
  afterAll(async () => {
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  const pipelineWith = (parallelism: number) =>
    loadPipeline(
      pipelineBetween(source, target, {
        name: source.database.slice(0, 40),
        tables: "public.\\.*",
        pipeline: { parallelism },
      }),
    );

  it("is told what that means with several lanes", async () => {
    const pipeline = await pipelineWith(3);
    const notices: string[] = [];
    const heard = (async () => {
      for await (const event of pipeline.events())
        if (event.type === "notice") notices.push(event.message);
    })();
    await pipeline.start();
    await pipeline.caughtUp();
    const [table] = pipeline.status().tables;
    await pipeline.stop();
    await heard;
    const advice = expect.stringMatching(
      /^public\.seats has unique indexes .*one of the 3 lanes.*\. Drop them/,
    );
    expect(notices).toEqual([advice]);
    expect(table?.notices).toEqual([expect.stringContaining("on (name)"), advice]);
  });

  it("takes names that change places, in the source's order, with one lane", async () => {
    const pipeline = await pipelineWith(1);
    await pipeline.start();
    await pipeline.caughtUp();
    expect(pipeline.status().tables[0]?.notices).toHaveLength(1);
    await source.query(`BEGIN; UPDATE seats SET name = 'x' WHERE id = 1; UPDATE seats SET name = 'a' WHERE id = 2;
      UPDATE seats SET name = 'b' WHERE id = 1; DELETE FROM seats WHERE id = 3; INSERT INTO seats VALUES (4, 'c'); COMMIT`);
    await pipeline.caughtUp();
    await pipeline.stop();
    expect(pipeline.status().tables[0]?.deadLetters).toBe(0);
    expect(await target.query("SELECT id, name FROM seats ORDER BY id")).toEqual([
      { id: 1, name: "b" },
      { id: 2, name: "a" },
      { id: 4, name: "c" },
    ]);
  });
});
